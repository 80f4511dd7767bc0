/** Services as traffic finds them: by name, cluster IP and node port, with and without affinity, through changes of their type and ports. */
import assert from 'node:assert/strict';
import type { Json } from '../../cluster.ts';
import type { ConformanceTest, TestScope } from '../framework/conformance-test.ts';
import { shell } from '../framework/exec.ts';
import { eventually } from '../framework/expect.ts';
import { isReady } from '../framework/pods.ts';
import { createProgram } from '../framework/program.ts';
import type { Resource } from '../framework/resource.ts';
import { addressOf, aService, type Caller, HTTP_PORT, NAME_PORT, READINESS, serverPods, startCaller } from './network-pods.ts';

const LABELS: Json = { app: 'server' };
const PORT = 80;
const SERVERS = ['server-1', 'server-2'];
/** As many as make it certain that each of a few servers has been asked. */
const DIALS = 25;

const toServers = (type: string, rest: Json = {}): Json => ({
  type,
  selector: LABELS,
  ports: [{ name: 'http', port: PORT, targetPort: HTTP_PORT }],
  ...rest,
});

async function startServers(t: TestScope): Promise<void> {
  const serverPod = await serverPods(t);
  await Promise.all(SERVERS.map((name) => serverPod(name, LABELS)));
}

/** Asserts that all of the servers answer, wherever the Service is to be found: by name, cluster IP, and on each node if it has node ports. */
async function expectReachable(t: TestScope, caller: Caller, { metadata, spec }: Json): Promise<void> {
  const answered = (hosts: readonly string[], port: number) =>
    caller.untilAnswered(`all servers answer at ${hosts} on ${port}`, ['http', hosts.join(','), port, DIALS], (answers) =>
      hosts.every((_, index) => {
        const ofHost = answers.slice(index * DIALS, (index + 1) * DIALS);
        return SERVERS.every((name) => ofHost.includes(name));
      }),
    );
  await answered([metadata.name, spec.clusterIP], PORT);
  const [{ nodePort }] = spec.ports;
  if (nodePort === undefined) return;
  const { items } = await t.resource('v1/nodes', '').list();
  const addresses = items.flatMap((node: Json) => ['InternalIP', 'ExternalIP'].flatMap((type) => addressOf(node, type) ?? []));
  await answered(addresses, nodePort);
}

async function offersNodePort(t: TestScope): Promise<void> {
  const service = await t.resource('v1/services').create(aService('nodeport-test', toServers('NodePort')));
  await startServers(t);
  await expectReachable(t, await startCaller(t), service);
}

const becomesInternal = (type: 'ClusterIP' | 'NodePort') => async (t: TestScope) => {
  const services = t.resource('v1/services');
  await startServers(t);
  const made = await services.create(aService('external', { type: 'ExternalName', externalName: 'example.com' }));
  assert.equal(made.spec.clusterIP ?? '', '');
  const changed = await services.change('external', (service) => {
    service.spec = toServers(type);
  });
  assert.notEqual(changed.spec.clusterIP ?? '', '');
  assert.equal(changed.spec.ports[0].nodePort !== undefined, type === 'NodePort');
  await expectReachable(t, await startCaller(t), changed);
};

/** The external name is that of another Service, whose address tells that it was followed. */
const becomesExternal = (type: 'ClusterIP' | 'NodePort') => async (t: TestScope) => {
  const services = t.resource('v1/services');
  await startServers(t);
  const caller = await startCaller(t);
  const made = await services.create(aService('internal', toServers(type)));
  assert.notEqual(made.spec.clusterIP ?? '', '');
  if (type === 'NodePort') await expectReachable(t, caller, made);
  const target = await services.create(aService('target', toServers('ClusterIP')));
  const changed = await services.change('internal', (service) => {
    service.spec = { type: 'ExternalName', externalName: `target.${t.namespace}.svc.cluster.local` };
  });
  assert.equal(changed.spec.clusterIP ?? '', '');
  assert.deepEqual((changed.spec.ports ?? []).map(({ nodePort }: Json) => nodePort).filter(Boolean), []);
  await eventually('the name leads to the other Service', async () => {
    const [address] = (await shell(t, 'caller', `getent hosts internal.${t.namespace}.svc.cluster.local`)).split(/\s/);
    return address === target.spec.clusterIP;
  });
};

const REPLICAS = 3;

/** A Deployment of servers behind a Service with affinity; gives where to dial it. */
async function startAffine(t: TestScope, type: 'ClusterIP' | 'NodePort'): Promise<readonly [host: string, port: number]> {
  const specOf = await createProgram(t, 'web-server');
  const template = { metadata: { labels: LABELS }, spec: specOf([String(HTTP_PORT)], { readinessProbe: READINESS }) };
  const spec = { replicas: REPLICAS, selector: { matchLabels: LABELS }, template };
  await t.resource('apps/v1/deployments').create({ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'servers' }, spec });
  const service = await t.resource('v1/services').create(aService('affine', toServers(type, { sessionAffinity: 'ClientIP' })));
  await t
    .resource('v1/pods')
    .untilAll({ labelSelector: 'app=server' }, 'all servers are ready', (pods) => pods.filter(isReady).length === REPLICAS);
  if (type === 'ClusterIP') return [service.spec.clusterIP, PORT];
  const [node] = (await t.resource('v1/nodes', '').list()).items;
  return [addressOf(node, 'InternalIP') ?? '', service.spec.ports[0].nodePort];
}

const isOne = (answers: readonly string[]): boolean => new Set(answers).size === 1;
const areSeveral = (answers: readonly string[]): boolean => new Set(answers).size > 1;

const keepsAffinity = (type: 'ClusterIP' | 'NodePort') => async (t: TestScope) => {
  const [host, port] = await startAffine(t, type);
  const caller = await startCaller(t);
  await caller.untilAnswered('one server answers every time', ['http', host, port, DIALS], isOne);
  await caller.untilAnswered('the Service is found by its name', ['http', 'affine', PORT]);
};

const switchesAffinity = (type: 'ClusterIP' | 'NodePort') => async (t: TestScope) => {
  const [host, port] = await startAffine(t, type);
  const caller = await startCaller(t);
  const services = t.resource('v1/services');
  await caller.untilAnswered('one server answers every time', ['http', host, port, DIALS], isOne);
  await services.patch('affine', { spec: { sessionAffinity: 'None' } });
  await caller.untilAnswered('several servers answer', ['http', host, port, DIALS], areSeveral);
  await services.patch('affine', { spec: { sessionAffinity: 'ClientIP' } });
  await caller.untilAnswered('one server answers every time again', ['http', host, port, DIALS], isOne);
  await caller.untilAnswered('the Service is found by its name', ['http', 'affine', PORT]);
};

async function separatesProtocols(t: TestScope): Promise<void> {
  await startServers(t);
  const caller = await startCaller(t);
  const services = t.resource('v1/services');
  const aPort = (protocol: 'TCP' | 'UDP'): Json => ({ name: protocol.toLowerCase(), protocol, port: PORT, targetPort: NAME_PORT });
  const made = await services.create(aService('multiprotocol', { selector: LABELS, ports: [aPort('TCP'), aPort('UDP')] }));
  const at = (protocol: 'tcp' | 'udp') => [protocol, made.spec.clusterIP, PORT] as const;
  const isServer = ([answer]: readonly string[]) => SERVERS.includes(answer ?? '');
  for (const protocol of ['tcp', 'udp'] as const) await caller.untilAnswered(`${protocol} is answered`, [...at(protocol)], isServer);
  for (const [kept, dropped] of [
    ['tcp', 'udp'],
    ['udp', 'tcp'],
  ] as const) {
    await services.patch('multiprotocol', { spec: { ports: [aPort(kept === 'tcp' ? 'TCP' : 'UDP')] } });
    await caller.untilSilent(`${dropped} is no longer answered`, [...at(dropped)]);
    await caller.untilAnswered(`${kept} is answered`, [...at(kept)], isServer);
  }
}

async function findsKubernetes(t: TestScope): Promise<void> {
  const { items } = await t.resource('v1/services', '').list();
  assert.ok(
    items.some(({ metadata }: Json) => metadata.name === 'kubernetes' && metadata.namespace === 'default'),
    'the Service kubernetes is in the namespace default',
  );
}

async function offersKubernetes(t: TestScope): Promise<void> {
  const { spec } = await t.resource('v1/services', 'default').get('kubernetes');
  assert.ok(
    spec.ports.some(({ name, port }: Json) => name === 'https' && port === 443),
    'it is HTTPS',
  );
}

async function pointsToServers(t: TestScope): Promise<void> {
  const { subsets } = await t.resource('v1/endpoints', 'default').get('kubernetes');
  const slices = await t
    .resource('discovery.k8s.io/v1/endpointslices', 'default')
    .list({ labelSelector: 'kubernetes.io/service-name=kubernetes' });
  const ofEndpoints = subsets.flatMap(({ addresses, ports }: Json) =>
    addresses.flatMap(({ ip }: Json) => ports.map(({ port }: Json) => `${ip}:${port}`)),
  );
  const ofSlices = slices.items.flatMap(({ endpoints, ports }: Json) =>
    endpoints.flatMap(({ addresses }: Json) => ports.map(({ port }: Json) => `${addresses[0]}:${port}`)),
  );
  assert.notEqual(ofEndpoints.length, 0);
  assert.deepEqual(ofSlices.toSorted(), ofEndpoints.toSorted());
}

const listed = async (services: Resource, labelSelector: string): Promise<readonly string[]> =>
  (await services.list({ labelSelector })).items.map(({ metadata }: Json) => metadata.name);

async function deletesCollection(t: TestScope): Promise<void> {
  const services = t.resource('v1/services');
  const labelled = (name: string, purpose: string) =>
    aService(name, { ports: [{ port: PORT, targetPort: HTTP_PORT }] }, { 'e2e-service': t.suffix, purpose });
  await services.create(labelled('service-1', 'deleted'));
  await services.create(labelled('service-2', 'deleted'));
  await services.create(labelled('service-3', 'kept'));
  const all = `e2e-service=${t.suffix}`;
  assert.deepEqual(await listed(services, all), ['service-1', 'service-2', 'service-3']);
  await services.deleteCollection({ labelSelector: `${all},purpose=deleted` });
  await services.untilAll({ labelSelector: `${all},purpose=deleted` }, 'the collection is deleted', (items) => items.length === 0);
  assert.deepEqual(await listed(services, all), ['service-3']);
}

async function takesStatus(t: TestScope): Promise<void> {
  const services = t.resource('v1/services');
  const labelSelector = 'test-service-static=true';
  const watch = await services.watch({ labelSelector });
  const spec = { type: 'LoadBalancer', ports: [{ name: 'http', protocol: 'TCP', port: PORT, targetPort: PORT }] };
  const made = aService('status', spec, { 'test-service-static': 'true' });
  await services.create({ ...made, spec: { ...spec, loadBalancerClass: 'example.com/nobodys' } });
  await watch.expect('ADDED', 'the creation');
  assert.equal((await services.get('status', 'status')).metadata.name, 'status');
  const ingress = [{ ip: '203.0.113.1', ipMode: 'VIP' }];
  const patch = { metadata: { annotations: { patchedstatus: 'true' } }, status: { loadBalancer: { ingress } } };
  const patched = await services.patch('status', patch, { subresource: 'status' });
  assert.deepEqual(patched.status.loadBalancer.ingress, ingress);
  await watch.until('the status is patched', ({ object }) => object.status.loadBalancer.ingress?.[0]?.ip === '203.0.113.1');
  const condition = {
    type: 'StatusUpdate',
    status: 'True',
    reason: 'E2E',
    message: 'Set from e2e test',
    lastTransitionTime: '2026-01-01T00:00:00Z',
  };
  await services.change(
    'status',
    ({ status }) => {
      status.conditions = [...(status.conditions ?? []), condition];
    },
    'status',
  );
  await watch.until('the status is updated', ({ object }) => object.status.conditions?.some(({ type }: Json) => type === 'StatusUpdate'));
  await services.patch('status', { metadata: { labels: { 'test-service': 'patched' } } }, { type: 'strategic' });
  await watch.until('the Service is patched', ({ object }) => object.metadata.labels['test-service'] === 'patched');
  await services.delete('status');
  await watch.until('the deletion', ({ type }) => type === 'DELETED');
}

const ITERATIONS = 100;
const AT_ONCE = 5;
const MEDIAN_MS_MAX = 20_000;
const TAIL_MS_MAX = 50_000;

async function hasEndpointsSoon(t: TestScope): Promise<void> {
  const services = t.resource('v1/services');
  const endpoints = t.resource('v1/endpoints');
  await (await serverPods(t))('server', LABELS);
  const durations: number[] = [];
  const names = Array.from({ length: ITERATIONS }, (_, index) => `latency-${index}`);
  const work = async () => {
    for (let name = names.shift(); name !== undefined; name = names.shift()) {
      const startedAt = performance.now();
      await services.create(aService(name, toServers('ClusterIP')));
      await endpoints.until(name, `${name} has endpoints`, (found) => found?.subsets?.[0]?.addresses?.length > 0);
      durations.push(performance.now() - startedAt);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  const sorted = durations.toSorted((one, other) => one - other);
  assert.equal(sorted.length, ITERATIONS);
  assert.ok((sorted[ITERATIONS * 0.5] ?? Number.NaN) < MEDIAN_MS_MAX, `the median is ${sorted[ITERATIONS * 0.5]} ms`);
  assert.ok((sorted[ITERATIONS * 0.9] ?? Number.NaN) < TAIL_MS_MAX, `nine in ten take ${sorted[ITERATIONS * 0.9]} ms`);
}

const PREFIX = '[sig-network] Services should';

export const serviceTests: readonly ConformanceTest[] = [
  { name: '[sig-network] API Server should provide secure master service [Conformance]', run: offersKubernetes },
  { name: '[sig-network] API Server should have Endpoints and EndpointSlices pointing to API Server [Conformance]', run: pointsToServers },
  { name: `${PREFIX} find a service from listing all namespaces [Conformance]`, run: findsKubernetes },
  { name: `${PREFIX} be able to create a functioning NodePort service [Conformance]`, run: offersNodePort },
  { name: `${PREFIX} be able to change the type from ExternalName to ClusterIP [Conformance]`, run: becomesInternal('ClusterIP') },
  { name: `${PREFIX} be able to change the type from ExternalName to NodePort [Conformance]`, run: becomesInternal('NodePort') },
  { name: `${PREFIX} be able to change the type from ClusterIP to ExternalName [Conformance]`, run: becomesExternal('ClusterIP') },
  { name: `${PREFIX} be able to change the type from NodePort to ExternalName [Conformance]`, run: becomesExternal('NodePort') },
  {
    name: `${PREFIX} have session affinity work for service with type clusterIP [LinuxOnly] [Conformance]`,
    run: keepsAffinity('ClusterIP'),
  },
  { name: `${PREFIX} have session affinity work for NodePort service [LinuxOnly] [Conformance]`, run: keepsAffinity('NodePort') },
  {
    name: `${PREFIX} be able to switch session affinity for service with type clusterIP [LinuxOnly] [Conformance]`,
    run: switchesAffinity('ClusterIP'),
  },
  {
    name: `${PREFIX} be able to switch session affinity for NodePort service [LinuxOnly] [Conformance]`,
    run: switchesAffinity('NodePort'),
  },
  { name: `${PREFIX} serve endpoints on same port and different protocols [Conformance]`, run: separatesProtocols },
  { name: `${PREFIX} complete a service status lifecycle [Conformance]`, run: takesStatus },
  { name: `${PREFIX} delete a collection of services [Conformance]`, run: deletesCollection },
  { name: '[sig-network] Service endpoints latency should not be very high [Conformance]', run: hasEndpointsSoon },
];
