/** Volumes of ConfigMaps and Secrets, by themselves and projected: the same tests for each, as far as upstream has them. */
import assert from 'node:assert/strict';
import type { ConformanceTest, TestScope } from '../framework/conformance-test.ts';
import { expectRefusal } from '../framework/expect.ts';
import { outputOf } from '../framework/run-pod.ts';
import { aReader, expectChange, expectFiles, type Who } from './files.ts';
import { anObject, createObject, type Source, sources, type VolumeOptions } from './sources.ts';

const VALUES = { 'data-1': 'value-1', 'data-2': 'value-2', 'data-3': 'value-3' };

interface Reading extends VolumeOptions {
  readonly file?: string;
  readonly content?: string;
  readonly mode?: string;
  readonly who?: Who;
}

const isRead =
  (source: Source, { file = 'data-1', content = 'value-1', mode = '-rw-r--r--', who = {}, ...options }: Reading) =>
  async (t: TestScope) => {
    await createObject(t, source, 'object', VALUES);
    await expectFiles(t, { volume: source.volume('object', options) }, { [`volume/${file}`]: { content, mode } }, who);
  };

const isReadTwice = (source: Source) => async (t: TestScope) => {
  await createObject(t, source, 'object', VALUES);
  const files = { 'first/data-1': { content: 'value-1' }, 'second/data-1': { content: 'value-1' } };
  await expectFiles(t, { first: source.volume('object'), second: source.volume('object') }, files);
};

const has = (file: string, value: string): string => `[ "$(cat /volumes/${file})" = ${value} ]`;

const isUpdated = (source: Source) => async (t: TestScope) => {
  await createObject(t, source, 'object', { 'data-1': 'value-1' });
  const volumes = { volume: source.volume('object') };
  const seen = { before: [has('volume/data-1', 'value-1')], after: { main: has('volume/data-1', 'value-2') } };
  await expectChange(t, { volumes, ...seen }, () =>
    t.resource(source.resource).update(anObject(source, 'object', { 'data-1': 'value-2' })),
  );
};

const isUpdatedWhenOptional = (source: Source) => async (t: TestScope) => {
  const objects = t.resource(source.resource);
  for (const name of ['deleted', 'updated']) await createObject(t, source, name, { 'data-1': 'value-1' });
  const names = ['created', 'updated', 'deleted'];
  const volumes = Object.fromEntries(names.map((name) => [name, source.volume(name, { optional: true })]));
  const before = ['[ ! -e /volumes/created/data-1 ]', has('updated/data-1', 'value-1'), has('deleted/data-1', 'value-1')];
  const after = {
    create: has('created/data-1', 'value-1'),
    update: `${has('updated/data-3', 'value-3')} && [ ! -e /volumes/updated/data-1 ]`,
    delete: '! cat /volumes/deleted/data-1',
  };
  await expectChange(t, { volumes, before, after }, async () => {
    await objects.delete('deleted');
    await objects.update(anObject(source, 'updated', { 'data-3': 'value-3' }));
    await createObject(t, source, 'created', { 'data-1': 'value-1' });
  });
};

const isImmutable = (source: Source) => async (t: TestScope) => {
  const objects = t.resource(source.resource);
  const data = (value: string) => anObject(source, '', { 'data-1': value }).data;
  await createObject(t, source, 'object', { 'data-1': 'value-1' });
  await objects.patch('object', { data: data('value-2') });
  await objects.patch('object', { immutable: true });
  await expectRefusal(objects.patch('object', { data: data('value-3') }), { reason: 'Invalid' });
  await expectRefusal(objects.patch('object', { immutable: false }), { reason: 'Invalid' });
  const labelled = await objects.patch('object', { metadata: { labels: { changed: 'yes' } } });
  assert.deepEqual([labelled.metadata.labels, labelled.data], [{ changed: 'yes' }, data('value-2')]);
  await objects.delete('object');
  await expectRefusal(objects.get('object'), { reason: 'NotFound' });
};

async function holdsBinaryData(t: TestScope): Promise<void> {
  const bytes = Buffer.from([0xde, 0xca, 0xfe, 0xba, 0xd0, 0xfe, 0xff]).toString('base64');
  const object = anObject(sources.configMap, 'object', { 'data-1': 'value-1' });
  await t.resource('v1/configmaps').create({ ...object, binaryData: { 'dump.bin': bytes } });
  const script = 'cat /volumes/volume/data-1; echo; base64 /volumes/volume/dump.bin';
  const output = await outputOf(t, aReader('reader', script, { volume: sources.configMap.volume('object') }));
  assert.equal(output, `value-1\n${bytes}\n`);
}

async function readsItsNamespace(t: TestScope): Promise<void> {
  const other = await t.createNamespace('secret-namespace');
  await createObject(t, sources.secret, 'object', { 'data-1': 'of another' }, other);
  await isRead(sources.secret, {})(t);
}

const NON_ROOT: Who = { user: 1000 };
const MAPPED: Reading = { file: 'path/to/data-2', content: 'value-2', items: [{ key: 'data-2', path: 'path/to/data-2' }] };
const MAPPED_MODE: Reading = { ...MAPPED, items: [{ key: 'data-2', path: 'path/to/data-2', mode: 0o400 }], mode: '-r--------' };
const OF_GROUP: Reading = { defaultMode: 0o440, mode: '-r--r-----', who: { user: 1000, fsGroup: 1001 } };

const testsOfAll = (source: Source): readonly ConformanceTest[] => {
  const isSecret = source.kind === 'Secret';
  const should = `[sig-storage] ${source.title} should be consumable`;
  const inVolume = `${should} from pods in volume`;
  return [
    { name: `${inVolume} [Conformance] [NodeConformance]`, run: isRead(source, {}) },
    {
      name: `${inVolume} with defaultMode set [LinuxOnly] [Conformance] [NodeConformance]`,
      run: isRead(source, { defaultMode: 0o400, mode: '-r--------' }),
    },
    { name: `${inVolume} with mappings [Conformance] [NodeConformance]`, run: isRead(source, MAPPED) },
    {
      name: `${inVolume} with mappings and Item ${isSecret ? 'Mode' : 'mode'} set [LinuxOnly] [Conformance] [NodeConformance]`,
      run: isRead(source, MAPPED_MODE),
    },
    {
      name: `${should} in multiple volumes in ${isSecret ? 'a' : 'the same'} pod [Conformance] [NodeConformance]`,
      run: isReadTwice(source),
    },
    {
      name: `[sig-storage] ${source.title} optional updates should be reflected in volume [Conformance] [NodeConformance]`,
      run: isUpdatedWhenOptional(source),
    },
  ];
};

const testsOfConfigMaps = (source: Source): readonly ConformanceTest[] => {
  const inVolume = `[sig-storage] ${source.title} should be consumable from pods in volume`;
  return [
    { name: `${inVolume} as non-root [Conformance] [NodeConformance]`, run: isRead(source, { who: NON_ROOT }) },
    { name: `${inVolume} with mappings as non-root [Conformance] [NodeConformance]`, run: isRead(source, { ...MAPPED, who: NON_ROOT }) },
    {
      name: `[sig-storage] ${source.title} updates should be reflected in volume [Conformance] [NodeConformance]`,
      run: isUpdated(source),
    },
  ];
};

const testsOfSecrets = (source: Source): readonly ConformanceTest[] => [
  {
    name: `[sig-storage] ${source.title} should be consumable from pods in volume as non-root with defaultMode and fsGroup set [LinuxOnly] [Conformance] [NodeConformance]`,
    run: isRead(source, OF_GROUP),
  },
];

export const configVolumeTests: readonly ConformanceTest[] = [
  ...Object.values(sources).flatMap(testsOfAll),
  ...[sources.configMap, sources.projectedConfigMap].flatMap(testsOfConfigMaps),
  ...[sources.secret, sources.projectedSecret].flatMap(testsOfSecrets),
  {
    name: '[sig-storage] ConfigMap should be immutable if `immutable` field is set [Conformance]',
    run: isImmutable(sources.configMap),
  },
  { name: '[sig-storage] Secrets should be immutable if `immutable` field is set [Conformance]', run: isImmutable(sources.secret) },
  { name: '[sig-storage] ConfigMap binary data should be reflected in volume [Conformance] [NodeConformance]', run: holdsBinaryData },
  {
    name: '[sig-storage] Secrets should be able to mount in a volume regardless of a different secret existing with same name in different namespace [Conformance] [NodeConformance]',
    run: readsItsNamespace,
  },
];
