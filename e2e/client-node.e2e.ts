/** `@kubernetes/client-node`, unchanged, as programs use it: typed APIs, objects of any kind, server-side apply, watches and informers. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import {
  ApiException,
  AppsV1Api,
  BatchV1Api,
  CoreV1Api,
  CustomObjectsApi,
  Health,
  KubeConfig,
  KubernetesObjectApi,
  Metrics,
  makeInformer,
  PatchStrategy,
  setHeaderOptions,
  type V1ConfigMap,
  VersionApi,
  Watch,
} from '@kubernetes/client-node';
import { aNamespace, applyManifest, eventually, kubeconfigPath, kubectl } from './cluster.ts';

const kubeConfig = new KubeConfig();
kubeConfig.loadFromFile(kubeconfigPath);
const core = kubeConfig.makeApiClient(CoreV1Api);

const configMap = (namespace: string, name: string, data: Record<string, string> = {}) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace, labels: { test: 'yes' } },
  data,
});

/** The call fails with this code and a Status of this reason. */
async function refused(call: Promise<unknown>, code: number, reason: string): Promise<void> {
  await assert.rejects(call, (error) => {
    assert.ok(error instanceof ApiException, String(error));
    const status = typeof error.body === 'string' ? JSON.parse(error.body) : error.body;
    assert.deepEqual([error.code, status.reason], [code, reason]);
    return true;
  });
}

test('typed APIs of core, apps and batch speak with the server', async (t) => {
  const namespace = await aNamespace(t);
  const created = await core.createNamespacedConfigMap({ namespace, body: configMap(namespace, 'a', { k: 'v' }) });
  assert.ok(created.metadata?.creationTimestamp instanceof Date);
  const { items, metadata } = await core.listNamespacedConfigMap({ namespace, labelSelector: 'test=yes', limit: 1 });
  assert.deepEqual([items.map((item) => item.metadata?.name), typeof metadata?.resourceVersion], [['a'], 'string']);
  const replaced = await core.replaceNamespacedConfigMap({ namespace, name: 'a', body: { ...created, data: { k: 'w' } } });
  assert.deepEqual(replaced.data, { k: 'w' });
  await refused(core.replaceNamespacedConfigMap({ namespace, name: 'a', body: created }), 409, 'Conflict');
  await refused(core.createNamespacedConfigMap({ namespace, body: configMap(namespace, 'a') }), 409, 'AlreadyExists');
  await refused(core.createNamespacedConfigMap({ namespace, body: configMap(namespace, 'No') }), 422, 'Invalid');
  await refused(core.readNamespacedConfigMap({ namespace, name: 'b' }), 404, 'NotFound');

  const apps = kubeConfig.makeApiClient(AppsV1Api);
  const containers = [{ name: 'web', image: 'nginx', resources: { limits: { cpu: '100m' } } }];
  const template = { metadata: { labels: { app: 'web' } }, spec: { containers } };
  const spec = { replicas: 0, selector: { matchLabels: { app: 'web' } }, template };
  await apps.createNamespacedDeployment({ namespace, body: { metadata: { name: 'web' }, spec } });
  const scaled = await apps.patchNamespacedDeploymentScale(
    { namespace, name: 'web', body: { spec: { replicas: 0 } } },
    setHeaderOptions('Content-Type', PatchStrategy.MergePatch),
  );
  assert.equal(scaled.spec?.replicas ?? 0, 0);
  const status = await apps.readNamespacedDeploymentStatus({ namespace, name: 'web' });
  assert.equal(status.spec?.template.spec?.containers[0]?.resources?.limits?.cpu, '100m');

  const batch = kubeConfig.makeApiClient(BatchV1Api);
  const job = { suspend: true, template: { spec: { restartPolicy: 'Never', containers: [{ name: 'x', image: 'nginx' }] } } };
  await batch.createNamespacedJob({ namespace, body: { metadata: { name: 'once' }, spec: job } });
  assert.equal((await batch.readNamespacedJob({ namespace, name: 'once' })).spec?.backoffLimit, 6);
  assert.equal((await batch.deleteNamespacedJob({ namespace, name: 'once', propagationPolicy: 'Background' })).status, 'Success');
});

test('a list comes page by page', async (t) => {
  const namespace = await aNamespace(t);
  for (const name of ['a', 'b', 'c']) await core.createNamespacedConfigMap({ namespace, body: configMap(namespace, name) });
  const names: (string | undefined)[] = [];
  let next: string | undefined;
  do {
    const page = await core.listNamespacedConfigMap({ namespace, labelSelector: 'test', limit: 2, ...(next ? { _continue: next } : {}) });
    names.push(...page.items.map((item) => item.metadata?.name));
    next = page.metadata?._continue;
  } while (next);
  assert.deepEqual(names, ['a', 'b', 'c']);
});

test('objects of any kind are created, read, listed, patched in every way, applied, replaced and deleted', async (t) => {
  const namespace = await aNamespace(t);
  const objects = KubernetesObjectApi.makeApiClient(kubeConfig);
  const spec: V1ConfigMap & { metadata: { name: string; namespace: string } } = configMap(namespace, 'any', { a: '1' });
  const header = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'any', namespace } };
  assert.equal((await objects.create(spec)).metadata?.name, 'any');
  assert.deepEqual((await objects.read<V1ConfigMap>(header)).data, { a: '1' });
  const { items } = await objects.list<V1ConfigMap>(
    'v1',
    'ConfigMap',
    namespace,
    undefined,
    undefined,
    undefined,
    'metadata.name=any',
    'test=yes',
  );
  assert.equal(items.length, 1);
  const patch = (body: object, strategy: PatchStrategy, manager?: string, isForced?: boolean) =>
    objects.patch<V1ConfigMap>({ ...header, ...body }, undefined, undefined, manager, isForced, strategy);
  assert.deepEqual((await patch({ data: { b: '2' } }, PatchStrategy.StrategicMergePatch)).data, { a: '1', b: '2' });
  assert.deepEqual((await patch({ data: { c: '3' } }, PatchStrategy.MergePatch)).data, { a: '1', b: '2', c: '3' });
  await refused(patch({ data: { a: '9' } }, PatchStrategy.ServerSideApply, 'me'), 409, 'Conflict');
  const applied = await patch({ data: { a: '9' } }, PatchStrategy.ServerSideApply, 'me', true);
  assert.equal(applied.data?.a, '9');
  assert.ok(applied.metadata?.managedFields?.some(({ manager, operation }) => manager === 'me' && operation === 'Apply'));
  const withdrawn = await patch({ data: {} }, PatchStrategy.ServerSideApply, 'me');
  assert.deepEqual(withdrawn.data, { b: '2', c: '3' });
  const json = [{ op: 'add', path: '/data/d', value: '4' }];
  const changed = await core.patchNamespacedConfigMap(
    { namespace, name: 'any', body: json },
    setHeaderOptions('Content-Type', PatchStrategy.JsonPatch),
  );
  assert.equal(changed.data?.d, '4');
  assert.deepEqual((await objects.replace({ ...spec, data: {} })).data ?? {}, {});
  assert.equal((await objects.delete(spec)).status, 'Success');
  await refused(objects.read(header), 404, 'NotFound');
});

test('custom objects have a typed road of their own', async (t) => {
  const namespace = await aNamespace(t);
  const group = `${namespace}.example.org`;
  t.after(() => kubectl('delete', 'crd', `things.${group}`));
  const version = {
    name: 'v1',
    served: true,
    storage: true,
    schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
    subresources: { status: {} },
  };
  const names = { plural: 'things', kind: 'Thing' };
  const crd = { apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', metadata: { name: `things.${group}` } };
  await applyManifest('', JSON.stringify({ ...crd, spec: { group, scope: 'Namespaced', names, versions: [version] } }));
  await kubectl('wait', '--for=condition=Established', `crd/things.${group}`, '--timeout=20s');
  const custom = kubeConfig.makeApiClient(CustomObjectsApi);
  const where = { group, version: 'v1', namespace, plural: 'things' };
  const body = { apiVersion: `${group}/v1`, kind: 'Thing', metadata: { name: 'one' }, size: 1 };
  assert.equal((await custom.createNamespacedCustomObject({ ...where, body })).size, 1);
  const merge = setHeaderOptions('Content-Type', PatchStrategy.MergePatch);
  assert.equal((await custom.patchNamespacedCustomObject({ ...where, name: 'one', body: { size: 2 } }, merge)).size, 2);
  const status = { status: { seen: true } };
  await custom.patchNamespacedCustomObjectStatus({ ...where, name: 'one', body: status }, merge);
  assert.deepEqual((await custom.getNamespacedCustomObject({ ...where, name: 'one' })).status, { seen: true });
  assert.equal((await custom.listNamespacedCustomObject(where)).items.length, 1);
  assert.equal((await custom.deleteNamespacedCustomObject({ ...where, name: 'one' })).status, 'Success');
});

test('a watch tells of what happens, and ends when its time is over', async (t) => {
  const namespace = await aNamespace(t);
  const { metadata } = await core.listNamespacedConfigMap({ namespace });
  const seen: string[] = [];
  const ended = Promise.withResolvers<unknown>();
  const query = { resourceVersion: metadata?.resourceVersion, labelSelector: 'test=yes', timeoutSeconds: 3, allowWatchBookmarks: true };
  const path = `/api/v1/namespaces/${namespace}/configmaps`;
  await new Watch(kubeConfig).watch(path, query, (phase, object) => seen.push(`${phase} ${object.metadata.name}`), ended.resolve);
  await core.createNamespacedConfigMap({ namespace, body: configMap(namespace, 'w') });
  await core.replaceNamespacedConfigMap({ namespace, name: 'w', body: configMap(namespace, 'w', { a: '1' }) });
  await core.deleteNamespacedConfigMap({ namespace, name: 'w' });
  assert.equal(await ended.promise, null);
  assert.deepEqual(
    seen.filter((entry) => !entry.startsWith('BOOKMARK')),
    ['ADDED w', 'MODIFIED w', 'DELETED w'],
  );
});

interface Seen {
  readonly entries: string[];
  until(entry: string): Promise<unknown>;
}

type Informer = Pick<ReturnType<typeof makeInformer<V1ConfigMap>>, 'on' | 'start' | 'stop'>;

/** Runs the informer until the test ends and writes down what it tells. */
async function observe(t: TestContext, informer: Informer): Promise<Seen> {
  const entries: string[] = [];
  for (const verb of ['add', 'update', 'delete'] as const) {
    informer.on(verb, ({ metadata, data }) => entries.push(`${verb} ${metadata?.name} ${data?.v ?? ''}`.trim()));
  }
  informer.on('error', (error) => entries.push(`error ${error}`));
  t.after(() => informer.stop());
  await informer.start();
  return { entries, until: (entry) => eventually(entry, async () => entries.includes(entry)) };
}

test('an informer keeps up with its objects, also when its watch is cut again and again', async (t) => {
  const namespace = await aNamespace(t);
  await core.createNamespacedConfigMap({ namespace, body: configMap(namespace, 'first') });
  // The server ends this watch every second; the informer goes on from where it was.
  const path = `/api/v1/namespaces/${namespace}/configmaps?timeoutSeconds=1`;
  const list = () => core.listNamespacedConfigMap({ namespace, labelSelector: 'test=yes' });
  const informer = makeInformer<V1ConfigMap>(kubeConfig, path, list, 'test=yes');
  const seen = await observe(t, informer);
  const connections = once(connectionsOf(informer), 'third');
  await seen.until('add first');
  for (const round of ['1', '2', '3']) {
    await core.createNamespacedConfigMap({ namespace, body: configMap(namespace, `cm-${round}`, { v: round }) });
    await seen.until(`add cm-${round} ${round}`);
    await core.replaceNamespacedConfigMap({
      namespace,
      name: `cm-${round}`,
      body: configMap(namespace, `cm-${round}`, { v: `${round}!` }),
    });
    await seen.until(`update cm-${round} ${round}!`);
  }
  await connections;
  await core.deleteNamespacedConfigMap({ namespace, name: 'first' });
  await seen.until('delete first');
  const rounds = ['1', '2', '3'].flatMap((round) => [`add cm-${round} ${round}`, `update cm-${round} ${round}!`]);
  assert.deepEqual(seen.entries, ['add first', ...rounds, 'delete first']);
  assert.deepEqual(
    informer
      .list(namespace)
      .map(({ metadata }) => metadata?.name)
      .sort(),
    ['cm-1', 'cm-2', 'cm-3'],
  );
});

/** Says `third` when the informer has connected for the third time. */
function connectionsOf(informer: Informer): EventTarget {
  const target = new EventTarget();
  let connections = 0;
  informer.on('connect', () => {
    connections++;
    if (connections === 3) target.dispatchEvent(new Event('third'));
  });
  return target;
}

test('it asks whether the server is well, which it is, and what its nodes use', async () => {
  const health = new Health(kubeConfig);
  assert.deepEqual([await health.readyz({}), await health.livez({})], [true, true]);
  assert.equal((await kubeConfig.makeApiClient(VersionApi).getCode()).major, '1');
  const { items } = await new Metrics(kubeConfig).getNodeMetrics();
  assert.deepEqual(items.map(({ metadata }) => metadata.name).sort(), ['control-plane', 'worker-1', 'worker-2']);
});
