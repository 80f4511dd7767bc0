/** Files that tell a pod of itself: downwardAPI volumes by themselves and projected, and a projection of everything at once. */
import { parseQuantity, quantityToNumber } from '#api/meta/quantity.ts';
import type { Json } from '../../cluster.ts';
import type { ConformanceTest, TestScope } from '../framework/conformance-test.ts';
import { aScript, expectLines, outputOf } from '../framework/run-pod.ts';
import { expectChange, expectFiles, mountsOf } from './files.ts';
import { createObject, sources } from './sources.ts';

interface Source {
  readonly title: 'Downward API volume' | 'Projected downwardAPI';
  volume(items: readonly Json[], options?: { readonly defaultMode?: number }): Json;
}

const downwardSources: readonly Source[] = [
  { title: 'Downward API volume', volume: (items, options = {}) => ({ downwardAPI: { items, ...options } }) },
  {
    title: 'Projected downwardAPI',
    volume: (items, options = {}) => ({ projected: { sources: [{ downwardAPI: { items } }], ...options } }),
  },
];

const ofField = (path: string, fieldPath: string): Json => ({ path, fieldRef: { apiVersion: 'v1', fieldPath } });
const ofResource = (path: string, resource: string): Json => ({ path, resourceFieldRef: { containerName: 'main', resource } });

const tellsName =
  ({ volume }: Source, mode: string, options: { readonly defaultMode?: number; readonly mode?: number } = {}) =>
  async (t: TestScope) => {
    const { mode: itemMode, ...volumeOptions } = options;
    const item = { ...ofField('podname', 'metadata.name'), ...(itemMode === undefined ? {} : { mode: itemMode }) };
    await expectFiles(t, { info: volume([item], volumeOptions) }, { 'info/podname': { content: 'reader', mode } });
  };

const RESOURCES: Json = { requests: { cpu: '250m', memory: '32Mi' }, limits: { cpu: '1250m', memory: '64Mi' } };
const MIB = 2 ** 20;

/** What one file tells of a container that has these resources. */
async function resourceOf(t: TestScope, { volume }: Source, resource: string, resources: Json): Promise<string> {
  const spec = { volumes: [{ name: 'info', ...volume([ofResource('value', resource)]) }] };
  const container = { resources, volumeMounts: mountsOf(['info']) };
  return outputOf(t, aScript('reader', 'cat /volumes/info/value; echo', { spec, container }));
}

const tellsResource = (source: Source, resource: string, expected: number) => async (t: TestScope) => {
  expectLines(await resourceOf(t, source, resource, RESOURCES), [String(expected)]);
};

const tellsAllocatable = (source: Source, resource: 'cpu' | 'memory') => async (t: TestScope) => {
  const output = await resourceOf(t, source, `limits.${resource}`, {});
  const { spec } = await t.resource('v1/pods').get('reader');
  const { allocatable } = (await t.resource('v1/nodes', '').get(spec.nodeName)).status;
  expectLines(output, [String(Math.ceil(quantityToNumber(parseQuantity(allocatable[resource]))))]);
};

const tellsChange =
  ({ volume }: Source, field: 'labels' | 'annotations') =>
  async (t: TestScope) => {
    const has = (key: string, value: string) => `grep -qx '${key}="${value}"' /volumes/info/${field}`;
    const seen = { before: [has('key1', 'value1'), has('key2', 'value2')], after: { main: has('key3', 'value3') } };
    const volumes = { info: volume([ofField(field, `metadata.${field}`)]) };
    const metadata = { [field]: { key1: 'value1', key2: 'value2' } };
    await expectChange(t, { volumes, metadata, ...seen }, () =>
      t.resource('v1/pods').patch('watcher', { metadata: { [field]: { key3: 'value3' } } }),
    );
  };

async function projectsEverything(t: TestScope): Promise<void> {
  await createObject(t, sources.configMap, 'config', { 'config-data': 'config-value' });
  await createObject(t, sources.secret, 'hidden', { 'secret-data': 'secret-value' });
  const resources = ['limits.cpu', 'requests.cpu', 'limits.memory', 'requests.memory'];
  const items = [ofField('podname', 'metadata.name'), ...resources.map((resource) => ofResource(resource, resource))];
  const projected = { sources: [{ secret: { name: 'hidden' } }, { configMap: { name: 'config' } }, { downwardAPI: { items } }] };
  const script = 'cd /volumes/all; for file in *; do echo "$file $(cat $file)"; done';
  const container = { resources: RESOURCES, volumeMounts: mountsOf(['all']) };
  const output = await outputOf(t, aScript('everything', script, { spec: { volumes: [{ name: 'all', projected }] }, container }));
  expectLines(output, [
    'config-data config-value',
    'secret-data secret-value',
    'podname everything',
    'limits.cpu 2',
    'requests.cpu 1',
    `limits.memory ${64 * MIB}`,
    `requests.memory ${32 * MIB}`,
  ]);
}

const testsOf = (source: Source): readonly ConformanceTest[] => {
  const should = `[sig-storage] ${source.title} should`;
  const allocatable = (resource: 'cpu' | 'memory') => ({
    name: `${should} provide node allocatable (${resource}) as default ${resource} limit if the limit is not set [Conformance] [NodeConformance]`,
    run: tellsAllocatable(source, resource),
  });
  const ofContainer = (what: string, resource: string, expected: number) => ({
    name: `${should} provide container's ${what} [Conformance] [NodeConformance]`,
    run: tellsResource(source, resource, expected),
  });
  return [
    { name: `${should} provide podname only [Conformance] [NodeConformance]`, run: tellsName(source, '-rw-r--r--') },
    {
      name: `${should} set DefaultMode on files [LinuxOnly] [Conformance] [NodeConformance]`,
      run: tellsName(source, '-r--------', { defaultMode: 0o400 }),
    },
    {
      name: `${should} set mode on item file [LinuxOnly] [Conformance] [NodeConformance]`,
      run: tellsName(source, '-r--------', { mode: 0o400 }),
    },
    { name: `${should} update labels on modification [Conformance] [NodeConformance]`, run: tellsChange(source, 'labels') },
    { name: `${should} update annotations on modification [Conformance] [NodeConformance]`, run: tellsChange(source, 'annotations') },
    ofContainer('cpu limit', 'limits.cpu', 2),
    ofContainer('memory limit', 'limits.memory', 64 * MIB),
    ofContainer('cpu request', 'requests.cpu', 1),
    ofContainer('memory request', 'requests.memory', 32 * MIB),
    allocatable('cpu'),
    allocatable('memory'),
  ];
};

export const downwardVolumeTests: readonly ConformanceTest[] = [
  ...downwardSources.flatMap(testsOf),
  {
    name: '[sig-storage] Projected combined should project all components that make up the projection API [Projection] [Conformance] [NodeConformance]',
    run: projectsEverything,
  },
];
