/** The default policy as it is written and then asked: what each process and user of a new cluster may do, and that changes take effect. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { silentLogger } from '#component/logger.ts';
import { seededRandom } from '#component/random.ts';
import { createFakeClock } from '#component/testing/fake-clock.ts';
import { createMemoryStorage } from '../storage/memory-storage.ts';
import { createWatchCache } from '../storage/watch-cache.ts';
import { type BootstrapDeps, bootstrapPolicy } from './bootstrap-policy.ts';
import { createRbacAuthorizer } from './rbac-authorizer.ts';
import type { Subject } from './rbac-policy.ts';
import { aClusterRole, aClusterRoleBinding, aRequest, aRule } from './testing/rbac-objects.ts';

const ROLES = '/registry/rbac.authorization.k8s.io/clusterroles/';
const BINDINGS = '/registry/rbac.authorization.k8s.io/clusterrolebindings/';
const never = new AbortController().signal;
const turns = async () => {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
};

async function open(context: TestContext, prepare: (deps: BootstrapDeps) => Promise<void> = bootstrapPolicy) {
  const clock = createFakeClock();
  const storage = createMemoryStorage();
  const deps = { storage, clock, random: seededRandom(1), log: silentLogger };
  const cache = createWatchCache({ ...deps, fieldsOf: () => ({}) });
  const authorizer = createRbacAuthorizer({ cache, log: silentLogger });
  const stop = new AbortController();
  const running = cache.run(stop.signal);
  await prepare(deps);
  await cache.waitUntilCurrent(never);
  const authorizing = authorizer.run(stop.signal);
  context.after(async () => {
    stop.abort();
    await Promise.all([running, authorizing]);
  });
  const settle = async () => {
    await cache.waitUntilCurrent(never);
    await turns();
  };
  await settle();
  return { authorizer, storage, deps, settle };
}

const authenticated = (name: string, ...groups: readonly string[]): Subject => ({ name, groups: [...groups, 'system:authenticated'] });
const node = authenticated('system:node:worker-1', 'system:nodes');
const scheduler = authenticated('system:kube-scheduler');
const controllerManager = authenticated('system:kube-controller-manager');
const proxy = authenticated('system:kube-proxy', 'system:node-proxiers');
const dns = authenticated('system:dns');
const kubeletClient = authenticated('kube-apiserver-kubelet-client', 'keelson:kubelet-api-admins');
const anonymous = { name: 'system:anonymous', groups: ['system:unauthenticated'] };
const jane = authenticated('jane');

const asks = [
  {
    who: node,
    may: true,
    what: aRequest({ verb: 'update', group: 'coordination.k8s.io', resource: 'leases', namespace: 'kube-node-lease', name: 'worker-1' }),
  },
  { who: node, may: true, what: aRequest({ verb: 'patch', resource: 'nodes', subresource: 'status', namespace: '', name: 'worker-1' }) },
  { who: node, may: true, what: aRequest({ verb: 'watch', namespace: '' }) },
  { who: node, may: true, what: aRequest({ verb: 'patch', subresource: 'status' }) },
  { who: node, may: true, what: aRequest({ verb: 'watch', resource: 'secrets', name: 'token' }) },
  { who: node, may: false, what: aRequest({ verb: 'update' }) },
  { who: scheduler, may: true, what: aRequest({ verb: 'create', subresource: 'binding' }) },
  {
    who: scheduler,
    may: true,
    what: aRequest({ verb: 'update', group: 'coordination.k8s.io', resource: 'leases', name: 'kube-scheduler' }),
  },
  { who: scheduler, may: false, what: aRequest({ verb: 'update', group: 'coordination.k8s.io', resource: 'leases', name: 'other' }) },
  { who: scheduler, may: false, what: aRequest({ verb: 'create' }) },
  { who: controllerManager, may: true, what: aRequest({ verb: 'create' }) },
  { who: controllerManager, may: true, what: aRequest({ verb: 'delete', group: 'example.com', resource: 'widgets' }) },
  { who: controllerManager, may: true, what: aRequest({ verb: 'update', group: 'apps', resource: 'deployments', subresource: 'status' }) },
  { who: controllerManager, may: false, what: aRequest({ verb: 'create', group: 'rbac.authorization.k8s.io', resource: 'clusterroles' }) },
  { who: proxy, may: true, what: aRequest({ verb: 'watch', group: 'discovery.k8s.io', resource: 'endpointslices', namespace: '' }) },
  { who: proxy, may: false, what: aRequest({ verb: 'watch', resource: 'secrets', namespace: '' }) },
  { who: dns, may: true, what: aRequest({ verb: 'watch', resource: 'namespaces', namespace: '' }) },
  { who: dns, may: false, what: aRequest({ verb: 'watch', namespace: '' }) },
  { who: kubeletClient, may: true, what: aRequest({ verb: 'create', resource: 'nodes', subresource: 'proxy', namespace: '' }) },
  { who: jane, may: false, what: aRequest() },
  { who: jane, may: true, what: { isResource: false, verb: 'get', path: '/openapi/v3' } as const },
  {
    who: jane,
    may: true,
    what: aRequest({ verb: 'create', group: 'authorization.k8s.io', resource: 'selfsubjectaccessreviews', namespace: '' }),
  },
  { who: anonymous, may: true, what: { isResource: false, verb: 'get', path: '/version' } as const },
  { who: anonymous, may: false, what: { isResource: false, verb: 'get', path: '/api' } as const },
];

test('the default policy lets each identity do its work and no more', async (context) => {
  const { authorizer } = await open(context);
  for (const { who, may, what } of asks) {
    const { allowed, reason } = authorizer.authorize(who, what);
    assert.equal(allowed, may, `${who.name} ${JSON.stringify(what)}: ${reason}`);
  }
});

test('bootstrapping again writes nothing', async (context) => {
  const { deps, storage } = await open(context);
  const before = await storage.currentRevision();
  await bootstrapPolicy(deps);
  assert.equal(await storage.currentRevision(), before);
});

test('bootstrapping gives back what was taken from a default role, and keeps what was added', async (context) => {
  const { deps, storage, authorizer, settle } = await open(context);
  const key = `${ROLES}system:kube-dns`;
  const { revision } = (await storage.get(key)) ?? assert.fail();
  await storage.update(key, revision, aClusterRole('system:kube-dns', [aRule({ resources: ['configmaps'] })]));
  await settle();
  const mayWatch = () => authorizer.authorize(dns, aRequest({ verb: 'watch', resource: 'services', namespace: '' })).allowed;
  assert.equal(mayWatch(), false);
  await bootstrapPolicy(deps);
  await settle();
  assert.equal(mayWatch(), true);
  assert.equal(authorizer.authorize(dns, aRequest({ resource: 'configmaps' })).allowed, true);
});

test('bootstrapping leaves a role alone that says so', async (context) => {
  const { deps, storage } = await open(context);
  const key = `${ROLES}system:kube-dns`;
  const { revision } = (await storage.get(key)) ?? assert.fail();
  const role = aClusterRole('system:kube-dns', []);
  const metadata = { ...role.metadata, annotations: { 'rbac.authorization.kubernetes.io/autoupdate': 'false' } };
  const updated = await storage.update(key, revision, { ...role, metadata });
  await bootstrapPolicy(deps);
  assert.equal((await storage.get(key))?.revision, updated.revision);
});

test('a new binding takes effect, and so does its removal', async (context) => {
  const { authorizer, storage, settle } = await open(context);
  const { revision } = await storage.create(`${BINDINGS}jane`, aClusterRoleBinding('jane', 'view', { kind: 'User', name: 'jane' }));
  await settle();
  assert.equal(authorizer.authorize(jane, aRequest()).allowed, true);
  assert.equal(authorizer.authorize(jane, aRequest({ resource: 'secrets' })).allowed, false);
  await storage.delete(`${BINDINGS}jane`, revision);
  await settle();
  assert.equal(authorizer.authorize(jane, aRequest()).allowed, false);
});

test('a stored role that cannot be read grants nothing and breaks nothing', async (context) => {
  const { authorizer, storage, settle } = await open(context);
  await storage.create(`${ROLES}odd`, { ...aClusterRole('odd', []), rules: 'all' });
  await settle();
  assert.equal(authorizer.authorize(scheduler, aRequest()).allowed, true);
});

test('rbac-authorizer is ready once the whole default policy is there', async (context) => {
  const { authorizer, storage, deps, settle } = await open(context, async () => {});
  assert.equal(authorizer.isReady(), false);
  await storage.create(`${ROLES}cluster-admin`, aClusterRole('cluster-admin', []));
  await settle();
  assert.equal(authorizer.isReady(), false);
  await bootstrapPolicy(deps);
  await settle();
  assert.equal(authorizer.isReady(), true);
});
