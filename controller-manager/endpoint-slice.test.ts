import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Endpoint, Pod, Service } from '#api/generated/types.ts';
import type { Action } from '#client/apply-actions.ts';
import { type EndpointSliceSnapshot, reconcileEndpointSlices } from './endpoint-slice.ts';
import { reconcileEndpoints } from './endpoints.ts';
import { aPod, aService, aSlice, describeActions, secondsAgo } from './testing/builders.ts';

const service = aService();
const first = aPod('first', { node: 'worker-1', ip: '10.244.1.2', readySince: secondsAgo(9) });
const second = aPod('second', { node: 'worker-2', ip: '10.244.2.2' });

function snapshotOf(more: Partial<EndpointSliceSnapshot>): EndpointSliceSnapshot {
  return { service, pods: [], slices: [], zones: new Map(), ...more };
}

function endpointsIn(actions: readonly Action[]): readonly Endpoint[] {
  const written = actions.flatMap((action) => (action.verb === 'create' || action.verb === 'update' ? [action.object] : []));
  return written.flatMap((object) => ('endpoints' in object && Array.isArray(object.endpoints) ? object.endpoints : []));
}

function endpointOf(pod: Pod, of: Service = service): Endpoint | undefined {
  return endpointsIn(reconcileEndpointSlices(snapshotOf({ service: of, pods: [pod] })))[0];
}

test('an endpoint says who it is, where, and in which state', () => {
  const zones = new Map([['worker-1', 'zone-a']]);
  const [endpoint] = endpointsIn(reconcileEndpointSlices(snapshotOf({ pods: [first], zones })));
  assert.deepEqual(endpoint, {
    addresses: ['10.244.1.2'],
    conditions: { ready: true, serving: true, terminating: false },
    nodeName: 'worker-1',
    targetRef: { kind: 'Pod', namespace: 'default', name: 'first', uid: 'uid-first' },
    zone: 'zone-a',
  });
});

const going = { ...first, metadata: { ...first.metadata, deletionTimestamp: secondsAgo(1) } };
const states: readonly { it: string; pod: Pod; of?: Service; conditions: Endpoint['conditions'] | undefined }[] = [
  { it: 'a pod that is not ready is listed as such', pod: second, conditions: { ready: false, serving: false, terminating: false } },
  { it: 'a pod on its way out still serves but is not ready', pod: going, conditions: { ready: false, serving: true, terminating: true } },
  {
    it: 'an unready pod counts as ready when the Service publishes all',
    pod: second,
    of: aService({ publishNotReadyAddresses: true }),
    conditions: { ready: true, serving: false, terminating: false },
  },
  { it: 'a pod that ended is left out', pod: aPod('p', { ip: '10.244.1.9', phase: 'Succeeded' }), conditions: undefined },
  { it: 'a pod without an address is left out', pod: aPod('p'), conditions: undefined },
];
for (const { it, pod, of, conditions } of states) {
  test(it, () => assert.deepEqual(endpointOf(pod, of)?.conditions, conditions));
}

test('what is right already is not written again', () => {
  const [created] = reconcileEndpointSlices(snapshotOf({ pods: [first, second] }));
  assert.equal(created?.verb, 'create');
  if (created?.verb !== 'create') return;
  const slice = {
    ...aSlice('web-1', service),
    ...created.object,
    metadata: { ...aSlice('web-1', service).metadata, ...created.object.metadata },
  };
  assert.deepEqual(reconcileEndpointSlices(snapshotOf({ pods: [second, first], slices: [slice] })), []);
});

test('a Service without pods keeps one empty slice, and reuses the one it had', () => {
  const full = aSlice('web-1', service, { endpoints: endpointsIn(reconcileEndpointSlices(snapshotOf({ pods: [first] }))) });
  assert.deepEqual(describeActions(reconcileEndpointSlices(snapshotOf({}))), ['create endpointslices']);
  const emptied = reconcileEndpointSlices(snapshotOf({ slices: [full] }));
  assert.deepEqual(describeActions(emptied), ['update endpointslices web-1']);
  assert.deepEqual(endpointsIn(emptied), []);
});

test('endpoints are spread over slices of a hundred, and a new one takes a free place', () => {
  const pods = Array.from({ length: 250 }, (_, index) => aPod(`p${index}`, { ip: `10.244.${index >> 7}.${index & 127}` }));
  const created = reconcileEndpointSlices(snapshotOf({ pods }));
  assert.deepEqual(describeActions(created), ['create endpointslices', 'create endpointslices', 'create endpointslices']);
  const slices = created.map((action, index) => aSlice(`web-${index}`, service, { endpoints: endpointsIn([action]) }));
  const more = [...pods, aPod('late', { ip: '10.244.9.9' })];
  assert.deepEqual(describeActions(reconcileEndpointSlices(snapshotOf({ pods: more, slices }))), ['update endpointslices web-2']);
  const fewer = pods.filter((pod) => pod.metadata.name !== 'p5');
  assert.deepEqual(describeActions(reconcileEndpointSlices(snapshotOf({ pods: fewer, slices }))), ['update endpointslices web-0']);
});

test('pods whose named port is another number get a slice of their own', () => {
  const named = aService({ ports: [{ name: 'http', port: 80, targetPort: 'web', protocol: 'TCP' }] });
  const listening = (name: string, containerPort: number) =>
    aPod(name, {
      ip: `10.244.1.${containerPort % 100}`,
      spec: { containers: [{ name: 'web', image: 'web', ports: [{ name: 'web', containerPort, protocol: 'TCP' }] }] },
    });
  const actions = reconcileEndpointSlices(
    snapshotOf({ service: named, pods: [listening('a', 8080), listening('b', 9090), aPod('none', { ip: '10.244.1.3' })] }),
  );
  assert.equal(actions.length, 2);
  assert.equal(endpointsIn(actions).length, 2);
});

test('a headless Service is marked, and may have no ports at all', () => {
  const headless = aService({ clusterIP: 'None', ports: [] });
  const [created] = reconcileEndpointSlices(snapshotOf({ service: headless, pods: [first] }));
  assert.equal(created?.verb === 'create' && created.object.metadata.labels?.['service.kubernetes.io/headless'], '');
  assert.equal(endpointOf(first, headless)?.addresses[0], '10.244.1.2');
});

test('a Service without a selector, or one that is a name only, has none of our slices', () => {
  const { selector: _selector, ...spec } = service.spec;
  assert.deepEqual(reconcileEndpointSlices(snapshotOf({ service: { ...service, spec } })), []);
  const external = aService({ type: 'ExternalName', externalName: 'example.org' });
  assert.deepEqual(describeActions(reconcileEndpointSlices(snapshotOf({ service: external, slices: [aSlice('web-1', service)] }))), [
    'delete endpointslices web-1',
  ]);
});

test('Endpoints tell ready from unready addresses and go with their Service', () => {
  const key = { namespace: 'default', name: 'web' };
  const [created] = reconcileEndpoints({ key, service, pods: [first, second], existing: undefined });
  assert.equal(created?.verb, 'create');
  if (created?.verb !== 'create') return;
  const text = JSON.stringify(created.object);
  assert.match(text, /"addresses":\[{"ip":"10.244.1.2"/);
  assert.match(text, /"notReadyAddresses":\[{"ip":"10.244.2.2"/);
  assert.match(text, /"ports":\[{"name":"http","port":8080,"protocol":"TCP"}\]/);
});
