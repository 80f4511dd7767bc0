/** Custom resources in two versions that a webhook converts: read, listed, and selected by fields of either. */
import assert from 'node:assert/strict';
import type { Json } from '../../cluster.ts';
import type { ConformanceTest, TestScope } from '../framework/conformance-test.ts';
import { aDefinition, DEFINITIONS, type Defined, define } from '../framework/definition.ts';
import { eventually } from '../framework/expect.ts';
import type { Watch } from '../framework/watch.ts';
import { startWebhookServer } from '../framework/webhook.ts';

const text = { type: 'string' } as const;
const withProperties = (properties: Json): Json => ({ openAPIV3Schema: { type: 'object', properties } });

const VERSIONS: readonly Json[] = [
  { name: 'v1', schema: withProperties({ hostPort: text }), selectableFields: [{ jsonPath: '.hostPort' }] },
  {
    name: 'v2',
    storage: false,
    schema: withProperties({ host: text, port: text }),
    selectableFields: [{ jsonPath: '.host' }, { jsonPath: '.port' }],
  },
];

/** Defined with the conversion webhook, which is waited for until an object can be had in the version it is not stored in. */
async function defineConverted(t: TestScope): Promise<Defined> {
  const server = await startWebhookServer(t);
  const webhook = { clientConfig: server.clientConfig('/crdconvert'), conversionReviewVersions: ['v1'] };
  const spec = { conversion: { strategy: 'Webhook', webhook }, preserveUnknownFields: false };
  const defined = await define(t, aDefinition(t, { group: 'stable', kind: 'Converted', versions: VERSIONS, spec }));
  const objects = defined.objects();
  await objects.create({ apiVersion: defined.apiVersion(), kind: defined.kind, metadata: { name: 'marker' }, hostPort: 'marker:1' });
  await eventually('the webhook converts', async () => (await defined.objects('v2').get('marker')).host === 'marker');
  await objects.delete('marker');
  return defined;
}

const anObject = (defined: Defined, version: string, name: string, fields: Json): Json => ({
  apiVersion: defined.apiVersion(version),
  kind: defined.kind,
  metadata: { name },
  ...fields,
});

async function convertsRead(t: TestScope): Promise<void> {
  const defined = await defineConverted(t);
  await defined.objects().create(anObject(defined, 'v1', 'cr-v1', { hostPort: 'localhost:8080' }));
  const converted = await defined.objects('v2').get('cr-v1');
  assert.equal(converted.apiVersion, defined.apiVersion('v2'));
  assert.deepEqual([converted.host, converted.port, converted.hostPort], ['localhost', '8080', undefined]);
}

async function convertsList(t: TestScope): Promise<void> {
  const defined = await defineConverted(t);
  await defined.objects('v1').create(anObject(defined, 'v1', 'cr-v1', { hostPort: 'localhost:8080' }));
  await t.resource(DEFINITIONS, '').change(defined.definition.metadata.name, ({ spec }) => {
    for (const version of spec.versions) version.storage = version.name === 'v2';
  });
  await defined.objects('v2').create(anObject(defined, 'v2', 'cr-v2', { host: 'localhost', port: '8080' }));
  for (const [version, fields] of [
    ['v2', { host: 'localhost', port: '8080' }],
    ['v1', { hostPort: 'localhost:8080' }],
  ] as const) {
    const { items } = await defined.objects(version).list();
    assert.deepEqual(
      items.map(({ metadata, apiVersion, kind: _kind, ...rest }: Json) => [metadata.name, apiVersion, rest]),
      ['cr-v1', 'cr-v2'].map((name) => [name, defined.apiVersion(version), fields]),
    );
  }
}

/** Reads on until the watch has told of exactly these additions and deletions. */
async function expectTold(watch: Watch, type: 'ADDED' | 'DELETED', names: readonly string[]): Promise<void> {
  const told = new Set<string>();
  while (told.size < names.length) {
    const event = await watch.until(`${type} of ${names.join()}`, (found) => found.type !== 'MODIFIED');
    assert.equal(event.type, type);
    told.add(event.object.metadata.name);
  }
  assert.deepEqual([...told].sort(), names.toSorted());
}

async function selectsByFields(t: TestScope): Promise<void> {
  const defined = await defineConverted(t);
  const [v1, v2] = [defined.objects('v1'), defined.objects('v2')];
  const byHost = { fieldSelector: 'host=host1' };
  const byBoth = { fieldSelector: 'host=host1,port=80' };
  const byHostPort = { fieldSelector: 'hostPort=host1:80' };
  const [hosts, both, hostPorts] = await Promise.all([v2.watch(byHost), v2.watch(byBoth), v1.watch(byHostPort)]);
  const [a, b, c] = ['cr-a', 'cr-b', 'cr-c'] as const;
  await v2.create(anObject(defined, 'v2', a, { host: 'host1', port: '80' }));
  await v2.create(anObject(defined, 'v2', b, { host: 'host1', port: '8080' }));
  await v2.create(anObject(defined, 'v2', c, { host: 'host2' }));
  const namesIn = async (objects: typeof v1, query: { readonly fieldSelector: string }) =>
    (await objects.list(query)).items.map(({ metadata }: Json) => metadata.name);
  assert.deepEqual(await namesIn(v2, byHost), [a, b]);
  assert.deepEqual(await namesIn(v2, byBoth), [a]);
  assert.deepEqual(await namesIn(v1, byHostPort), [a]);
  assert.deepEqual(await namesIn(v1, { fieldSelector: 'hostPort=host1:8080' }), [b]);
  await expectTold(hosts, 'ADDED', [a, b]);
  await expectTold(both, 'ADDED', [a]);
  await expectTold(hostPorts, 'ADDED', [a]);
  await v2.deleteCollection(byBoth, { gracePeriodSeconds: 0 });
  await v2.change(b, (object) => {
    object.host = 'host2';
  });
  assert.deepEqual(await namesIn(v2, byHost), []);
  assert.deepEqual(await namesIn(v2, byBoth), []);
  await expectTold(hosts, 'DELETED', [a, b]);
  await expectTold(both, 'DELETED', [a]);
  await expectTold(hostPorts, 'DELETED', [a]);
}

export const conversionTests: readonly ConformanceTest[] = [
  {
    name: '[sig-api-machinery] CustomResourceConversionWebhook [Privileged:ClusterAdmin] should be able to convert from CR v1 to CR v2 [Conformance]',
    run: convertsRead,
  },
  {
    name: '[sig-api-machinery] CustomResourceConversionWebhook [Privileged:ClusterAdmin] should be able to convert a non homogeneous list of CRs [Conformance]',
    run: convertsList,
  },
  {
    name: '[sig-api-machinery] CustomResourceFieldSelectors [Privileged:ClusterAdmin] CustomResourceFieldSelectors MUST list and watch custom resources matching the field selector [Conformance]',
    run: selectsByFields,
  },
];
