/** ConfigMaps and Secrets as pods take them into their environment, and as objects. The two are alike but for where the values are kept. */
import assert from 'node:assert/strict';
import type { Json } from '../../cluster.ts';
import type { ConformanceTest, TestScope } from '../framework/conformance-test.ts';
import { expectRefusal } from '../framework/expect.ts';
import { aCommand, expectLines, outputOf } from '../framework/run-pod.ts';

interface Source {
  readonly kind: 'ConfigMap' | 'Secret';
  readonly resource: string;
  /** Of `valueFrom`, and of `envFrom`. */
  readonly keyRef: string;
  readonly ref: string;
  /** As the object keeps a value. */
  encode(value: string): string;
}

const configMap: Source = {
  kind: 'ConfigMap',
  resource: 'v1/configmaps',
  keyRef: 'configMapKeyRef',
  ref: 'configMapRef',
  encode: (value) => value,
};

const secret: Source = {
  kind: 'Secret',
  resource: 'v1/secrets',
  keyRef: 'secretKeyRef',
  ref: 'secretRef',
  encode: (value) => Buffer.from(value).toString('base64'),
};

const VALUES: Readonly<Record<string, string>> = { 'data-1': 'value-1', 'data-2': 'value-2', data_3: 'value-3' };

const anObject = ({ kind, encode }: Source, name: string, values: Readonly<Record<string, string>>, labels: Json = {}): Json => ({
  apiVersion: 'v1',
  kind,
  metadata: { name, labels },
  data: Object.fromEntries(Object.entries(values).map(([key, value]) => [key, encode(value)])),
});

/** Makes the object, and a pod that prints its environment. */
async function environmentOf(t: TestScope, source: Source, container: (name: string) => Json): Promise<string> {
  const name = `env-${t.suffix}`;
  await t.resource(source.resource).create(anObject(source, name, VALUES));
  return outputOf(t, aCommand('pod-env', ['env'], { container: container(name) }));
}

const takesOneValue = (source: Source) => async (t: TestScope) => {
  const output = await environmentOf(t, source, (name) => ({
    env: [{ name: 'ONE_VALUE', valueFrom: { [source.keyRef]: { name, key: 'data-1' } } }],
  }));
  expectLines(output, ['ONE_VALUE=value-1']);
};

const takesAllValues = (source: Source) => async (t: TestScope) => {
  const output = await environmentOf(t, source, (name) => ({
    envFrom: [{ [source.ref]: { name } }, { prefix: 'p-', [source.ref]: { name } }],
  }));
  for (const prefix of ['', 'p-'])
    expectLines(
      output,
      Object.entries(VALUES).map(([key, value]) => `${prefix}${key}=${value}`),
    );
};

/** Letters, digits and what else can be printed, but for the `=` that ends a name. */
const PREFIXES = ['p_', '1-', 'a.b-', '$_', '!"#%&\'()*+,-./:;<>?@[]^`{|}~ '];

const takesAnyPrefix = (source: Source) => async (t: TestScope) => {
  const output = await environmentOf(t, source, (name) => ({ envFrom: PREFIXES.map((prefix) => ({ prefix, [source.ref]: { name } })) }));
  for (const prefix of PREFIXES)
    expectLines(
      output,
      Object.entries(VALUES).map(([key, value]) => `${prefix}${key}=${value}`),
    );
};

const refusesEmptyKey = (source: Source) => async (t: TestScope) => {
  await expectRefusal(t.resource(source.resource).create(anObject(source, 'empty-key', { '': 'value-1' })), { reason: 'Invalid' });
};

async function updatesConfigMap(t: TestScope): Promise<void> {
  const configMaps = t.resource('v1/configmaps');
  await configMaps.create(anObject(configMap, 'updated', {}));
  await configMaps.change('updated', (object) => {
    object.data = { data: 'value' };
  });
  assert.deepEqual((await configMaps.get('updated')).data, { data: 'value' });
}

async function livesConfigMap(t: TestScope): Promise<void> {
  const configMaps = t.resource('v1/configmaps');
  const labelSelector = `test-configmap-static=${t.suffix}`;
  const list = await t.resource('v1/configmaps', '').list({ labelSelector });
  const watch = await t.resource('v1/configmaps', '').watch({ labelSelector, resourceVersion: list.metadata.resourceVersion });
  await configMaps.create(anObject(configMap, 'lives', { valueName: 'value' }, { 'test-configmap-static': t.suffix }));
  await watch.expect('ADDED', 'the creation');
  await configMaps.patch('lives', { metadata: { labels: { 'test-configmap': 'patched' } }, data: { valueName: 'value1' } });
  await watch.until('the patch', ({ type, object }) => type === 'MODIFIED' && object.metadata.labels['test-configmap'] === 'patched');
  const patched = await configMaps.get('lives');
  assert.equal(patched.data.valueName, 'value1');
  assert.equal(patched.metadata.labels['test-configmap'], 'patched');
  const { items } = await t.resource('v1/configmaps', '').list({ labelSelector });
  const found = items.find(({ metadata }: Json) => metadata.name === 'lives' && metadata.namespace === t.namespace);
  assert.deepEqual([found?.metadata.labels['test-configmap'], found?.data.valueName], ['patched', 'value1']);
  await configMaps.deleteCollection({ labelSelector });
  await watch.until('the deletion', ({ type }) => type === 'DELETED');
  assert.deepEqual((await configMaps.list({ labelSelector })).items, []);
}

async function patchesSecret(t: TestScope): Promise<void> {
  const secrets = t.resource('v1/secrets');
  const everywhere = t.resource('v1/secrets', '');
  const labelSelector = `testsecret-constant=${t.suffix}`;
  assert.deepEqual((await everywhere.list({ labelSelector })).items, []);
  await secrets.create(anObject(secret, 'patched', { key: 'value' }, { 'testsecret-constant': t.suffix }));
  const listed = (await everywhere.list({ labelSelector })).items.find(({ metadata }: Json) => metadata.name === 'patched');
  assert.equal(listed?.data.key, secret.encode('value'));
  await secrets.patch(
    'patched',
    { metadata: { labels: { testsecret: 'true' } }, data: { key: secret.encode('value1') } },
    { type: 'strategic' },
  );
  const found = await secrets.get('patched');
  assert.equal(found.metadata.labels.testsecret, 'true');
  assert.equal(found.data.key, secret.encode('value1'));
  await secrets.deleteCollection({ labelSelector });
  const left = (await everywhere.list({ labelSelector })).items;
  assert.deepEqual(left, []);
}

export const configurationTests: readonly ConformanceTest[] = [
  {
    name: '[sig-node] ConfigMap should be consumable via environment variable [Conformance] [NodeConformance]',
    run: takesOneValue(configMap),
  },
  { name: '[sig-node] ConfigMap should be consumable via the environment [Conformance] [NodeConformance]', run: takesAllValues(configMap) },
  {
    name: '[sig-node] ConfigMap should be consumable as environment variable names with various prefixes [Conformance]',
    run: takesAnyPrefix(configMap),
  },
  { name: '[sig-node] ConfigMap should fail to create ConfigMap with empty key [Conformance]', run: refusesEmptyKey(configMap) },
  { name: '[sig-node] ConfigMap should update ConfigMap successfully [Conformance] [NodeConformance]', run: updatesConfigMap },
  { name: '[sig-node] ConfigMap should run through a ConfigMap lifecycle [Conformance]', run: livesConfigMap },
  { name: '[sig-node] Secrets should be consumable from pods in env vars [Conformance] [NodeConformance]', run: takesOneValue(secret) },
  { name: '[sig-node] Secrets should be consumable via the environment [Conformance] [NodeConformance]', run: takesAllValues(secret) },
  {
    name: '[sig-node] Secrets should be consumable as environment variable names variable names with various prefixes [Conformance]',
    run: takesAnyPrefix(secret),
  },
  { name: '[sig-node] Secrets should fail to create secret due to empty secret key [Conformance]', run: refusesEmptyKey(secret) },
  { name: '[sig-node] Secrets should patch a secret [Conformance]', run: patchesSecret },
];
