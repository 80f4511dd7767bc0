/** Endpoints and EndpointSlices: those that controllers keep for Services, and those that somebody writes by hand. */
import assert from 'node:assert/strict';
import type { Json } from '../../cluster.ts';
import type { ConformanceTest, TestScope } from '../framework/conformance-test.ts';
import { aPod, untilRunning } from '../framework/pods.ts';
import { aService, HTTP_PORT, NAME_PORT, serverPods, startCaller } from './network-pods.ts';

const SLICES = 'discovery.k8s.io/v1/endpointslices';
const ENDPOINTS = 'v1/endpoints';

const ofService = (name: string) => ({ labelSelector: `kubernetes.io/service-name=${name}` });

/** `address:port` of each that is ready, in order. */
function addressesOf(endpoints: Json | undefined): readonly string[] {
  return (endpoints?.subsets ?? [])
    .flatMap(({ addresses = [], ports = [] }: Json) => addresses.flatMap(({ ip }: Json) => ports.map(({ port }: Json) => `${ip}:${port}`)))
    .toSorted();
}

function sliceAddressesOf(slices: readonly Json[]): readonly string[] {
  return slices
    .flatMap(({ endpoints, ports }) =>
      (endpoints ?? [])
        .filter(({ conditions }: Json) => conditions?.ready !== false)
        .flatMap(({ addresses }: Json) => (ports ?? []).map(({ port }: Json) => `${addresses[0]}:${port}`)),
    )
    .toSorted();
}

const equals = (one: readonly string[], other: readonly string[]): boolean => one.join() === other.toSorted().join();

/** Waits until both kinds say that the Service leads to these and to nothing else. */
async function untilLeadsTo(t: TestScope, service: string, expected: readonly string[]): Promise<void> {
  const what = `${service} leads to ${expected.join(', ') || 'nothing'}`;
  await t.resource(ENDPOINTS).until(service, what, (found) => found !== undefined && equals(addressesOf(found), expected));
  await t.resource(SLICES).untilAll(ofService(service), what, (items) => equals(sliceAddressesOf(items), expected));
}

const withPorts = (...ports: readonly Json[]): Json => ({ container: { ports } });

async function servesBasic(t: TestScope): Promise<void> {
  const pods = t.resource('v1/pods');
  const labels = { app: 'basic' };
  await t.resource('v1/services').create(aService('basic', { selector: labels, ports: [{ port: 80, targetPort: HTTP_PORT }] }));
  await untilLeadsTo(t, 'basic', []);
  const serverPod = await serverPods(t);
  const first = await serverPod('pod1', labels);
  await untilLeadsTo(t, 'basic', [`${first.status.podIP}:${HTTP_PORT}`]);
  const caller = await startCaller(t);
  await caller.untilAnswered('the first pod answers', ['http', 'basic', 80], ([answer]) => answer === 'pod1');
  const second = await serverPod('pod2', labels);
  await untilLeadsTo(
    t,
    'basic',
    [first, second].map(({ status }) => `${status.podIP}:${HTTP_PORT}`),
  );
  await caller.untilAnswered('both pods answer', ['http', 'basic', 80, 25], (answers) => new Set(answers).size === 2);
  await pods.delete('pod1');
  await untilLeadsTo(t, 'basic', [`${second.status.podIP}:${HTTP_PORT}`]);
  await caller.untilAnswered('the second pod answers', ['http', 'basic', 80, 10], (answers) =>
    answers.every((answer) => answer === 'pod2'),
  );
  await pods.delete('pod2');
  await untilLeadsTo(t, 'basic', []);
}

/** Each pod has one of the two ports, by its name. */
async function servesMultiport(t: TestScope): Promise<void> {
  const pods = t.resource('v1/pods');
  const labels = { app: 'multi' };
  const ports = ['portname1', 'portname2'].map((targetPort, index) => ({ name: targetPort, port: 80 + index, targetPort }));
  await t.resource('v1/services').create(aService('multi', { selector: labels, ports }));
  await untilLeadsTo(t, 'multi', []);
  const addresses: string[] = [];
  for (const [index, containerPort] of [100, 101].entries()) {
    const name = `pod${index + 1}`;
    await pods.create(aPod(name, { labels, ...withPorts({ name: `portname${index + 1}`, containerPort }) }));
    const { status } = await untilRunning(pods, name);
    addresses.push(`${status.podIP}:${containerPort}`);
    await untilLeadsTo(t, 'multi', addresses);
  }
  await pods.delete('pod1');
  await untilLeadsTo(t, 'multi', addresses.slice(1));
  await pods.delete('pod2');
  await untilLeadsTo(t, 'multi', []);
}

/** Empty ones are made for a Service whose pods are not there, and go with it. */
async function followsEmptyService(t: TestScope): Promise<void> {
  const services = t.resource('v1/services');
  const spec = { selector: { app: 'nobody' }, ports: [{ name: 'example', port: 80, targetPort: 80 }] };
  await services.create(aService('empty', spec));
  await untilLeadsTo(t, 'empty', []);
  await t.resource(SLICES).untilAll(ofService('empty'), 'there is an empty slice', (items) => items.length > 0);
  await services.delete('empty');
  await t.resource(ENDPOINTS).untilGone('empty');
  await t.resource(SLICES).untilAll(ofService('empty'), 'the slice is gone', (items) => items.length === 0);
}

/** Two pods with a port each that a Service calls by name; a second Service selects one of them alone. */
async function followsPods(t: TestScope): Promise<void> {
  const pods = t.resource('v1/pods');
  const services = t.resource('v1/services');
  const named: Json = { name: 'example-name', containerPort: 3000, protocol: 'TCP' };
  await pods.create(aPod('pod1', { labels: { foo: 'bar', baz: 'qux' }, ...withPorts(named) }));
  await pods.create(
    aPod('pod2', { labels: { foo: 'bar' }, ...withPorts({ ...named, containerPort: 3001 }, { name: 'other-port', containerPort: 3002 }) }),
  );
  const [first, second] = await Promise.all(['pod1', 'pod2'].map(async (name) => (await untilRunning(pods, name)).status.podIP));
  const toNamed = { name: 'example', port: 80, targetPort: 'example-name', protocol: 'TCP' };
  await services.create(aService('one', { selector: { foo: 'bar', baz: 'qux' }, publishNotReadyAddresses: true, ports: [toNamed] }));
  const ports = [toNamed, { name: 'other', port: 81, targetPort: 3002, protocol: 'TCP' }];
  await services.create(aService('both', { selector: { foo: 'bar' }, publishNotReadyAddresses: true, ports }));
  await untilLeadsTo(t, 'one', [`${first}:3000`]);
  await untilLeadsTo(t, 'both', [`${first}:3000`, `${first}:3002`, `${second}:3001`, `${second}:3002`]);
  await services.delete('one');
  await services.delete('both');
  for (const name of ['one', 'both']) {
    await t.resource(ENDPOINTS).untilGone(name);
    await t.resource(SLICES).untilAll(ofService(name), `the slices of ${name} are gone`, (items) => items.length === 0);
  }
}

const aSlice = (name: string, service: string, rest: Json): Json => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { name, labels: { 'kubernetes.io/service-name': service, 'endpointslice.kubernetes.io/managed-by': 'e2e-test' } },
  addressType: 'IPv4',
  ...rest,
});

/** A Service without a selector, whose two slices somebody wrote: one for each of its ports. */
const leadsBySlices = (pods: readonly [first: string, second: string]) => async (t: TestScope) => {
  const serverPod = await serverPods(t);
  const addresses: Record<string, string> = {};
  for (const name of new Set(pods)) addresses[name] = (await serverPod(name)).status.podIP;
  const targets = [HTTP_PORT, NAME_PORT];
  const ports = targets.map((targetPort, index) => ({ name: `port${index}`, port: 80 + index, targetPort, protocol: 'TCP' }));
  const { spec } = await t.resource('v1/services').create(aService('custom', { ports }));
  for (const [index, pod] of pods.entries()) {
    const endpoints = [{ addresses: [addresses[pod]] }];
    const slicePorts = [{ name: `port${index}`, port: targets[index], protocol: 'TCP' }];
    await t.resource(SLICES).create(aSlice(`custom-${index}`, 'custom', { endpoints, ports: slicePorts }));
  }
  const caller = await startCaller(t);
  await caller.untilAnswered('the first port leads to its pod', ['http', spec.clusterIP, 80], ([answer]) => answer === pods[0]);
  await caller.untilAnswered('the second port leads to its pod', ['tcp', spec.clusterIP, 81], ([answer]) => answer === pods[1]);
};

const someEndpoints = (ip: string, port: number): Json => ({
  subsets: [{ addresses: [{ ip }], ports: [{ name: 'http', port, protocol: 'TCP' }] }],
});

async function mirrorsEndpoints(t: TestScope): Promise<void> {
  const endpoints = t.resource(ENDPOINTS);
  const slices = t.resource(SLICES);
  await t.resource('v1/services').create(aService('mirrored', { ports: [{ name: 'http', port: 80, protocol: 'TCP' }] }));
  const untilMirrored = (what: string, expected: readonly string[]) =>
    slices.untilAll(ofService('mirrored'), what, (items) => equals(sliceAddressesOf(items), expected) && items);
  await endpoints.create({ apiVersion: 'v1', kind: 'Endpoints', metadata: { name: 'mirrored' }, ...someEndpoints('10.1.2.3', 80) });
  const [slice] = await untilMirrored('what was created is mirrored', ['10.1.2.3:80']);
  assert.equal(slice?.metadata.labels['endpointslice.kubernetes.io/managed-by'], 'endpointslicemirroring-controller.k8s.io');
  await endpoints.change('mirrored', (object) => Object.assign(object, someEndpoints('10.2.3.4', 9080)));
  await untilMirrored('what was updated is mirrored', ['10.2.3.4:9080']);
  await endpoints.delete('mirrored');
  await slices.untilAll(ofService('mirrored'), 'what was deleted is gone', (items) => items.length === 0);
}

async function livesEndpoints(t: TestScope): Promise<void> {
  const endpoints = t.resource(ENDPOINTS);
  const labelSelector = `test-endpoint-static=${t.suffix}`;
  const watch = await endpoints.watch({ labelSelector });
  const metadata = { name: 'testservice', labels: { 'test-endpoint-static': t.suffix } };
  await endpoints.create({ apiVersion: 'v1', kind: 'Endpoints', metadata, ...someEndpoints('10.0.0.24', 80) });
  await watch.expect('ADDED', 'the creation');
  const all = (await t.resource(ENDPOINTS, '').list({ labelSelector })).items;
  assert.deepEqual(
    all.map((item: Json) => item.metadata.name),
    ['testservice'],
  );
  await endpoints.change('testservice', (object) => {
    object.metadata.labels['test-service'] = 'updated';
  });
  const updated = await watch.expect('MODIFIED', 'the update');
  assert.equal(updated.metadata.labels['test-service'], 'updated');
  assert.equal((await endpoints.get('testservice')).metadata.labels['test-service'], 'updated');
  await endpoints.patch('testservice', someEndpoints('10.0.0.25', 8080), { type: 'strategic' });
  const patched = await watch.expect('MODIFIED', 'the patch');
  assert.deepEqual(addressesOf(patched), ['10.0.0.25:8080']);
  assert.deepEqual(addressesOf(await endpoints.get('testservice')), ['10.0.0.25:8080']);
  await endpoints.deleteCollection({ labelSelector });
  await watch.until('the deletion', ({ type }) => type === 'DELETED');
  assert.deepEqual((await endpoints.list({ labelSelector })).items, []);
}

const SLICE = '[sig-network] EndpointSlice should';
const CONTROLLER = '[sig-network] EndpointsController should';

export const endpointTests: readonly ConformanceTest[] = [
  { name: '[sig-network] Services should serve a basic endpoint from pods [Conformance]', run: servesBasic },
  { name: '[sig-network] Services should serve multiport endpoints from pods [Conformance]', run: servesMultiport },
  { name: '[sig-network] Endpoints should test the lifecycle of an Endpoint [Conformance]', run: livesEndpoints },
  {
    name: `${CONTROLLER} create and delete Endpoints for a Service with a selector that matches no pods [Conformance]`,
    run: followsEmptyService,
  },
  { name: `${CONTROLLER} create Endpoints for Pods matching a Service [Conformance]`, run: followsPods },
  {
    name: `${SLICE} create and delete EndpointSlices for a Service with a selector that matches no pods [Conformance]`,
    run: followsEmptyService,
  },
  { name: `${SLICE} create Endpoints and EndpointSlices for Pods matching a Service [Conformance]`, run: followsPods },
  {
    name: `${SLICE} support a Service with multiple ports specified in multiple EndpointSlices [Conformance]`,
    run: leadsBySlices(['pod1', 'pod1']),
  },
  {
    name: `${SLICE} support a Service with multiple endpoint IPs specified in multiple EndpointSlices [Conformance]`,
    run: leadsBySlices(['pod1', 'pod2']),
  },
  {
    name: '[sig-network] EndpointSliceMirroring should mirror a custom Endpoints resource through create update and delete [Conformance]',
    run: mirrorsEndpoints,
  },
];
