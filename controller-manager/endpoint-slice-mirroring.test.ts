import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { endpointslices, endpoints as endpointsType, services } from '#api/generated/resources.ts';
import type { EndpointSlice, EndpointSubset, Endpoints, Service } from '#api/generated/types.ts';
import { createCluster } from '../in-process/create-cluster.ts';
import { type MirroringSnapshot, reconcileMirroring } from './endpoint-slice-mirroring.ts';
import { aService, describeActions, metadataOf } from './testing/builders.ts';

const { selector: _selector, ...unselected } = aService().spec;
const service: Service = { ...aService(), spec: unselected };
const subset: EndpointSubset = {
  addresses: [{ ip: '10.1.2.3' }],
  notReadyAddresses: [{ ip: '10.1.2.4' }],
  ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
};

function anEndpoints(subsets: readonly EndpointSubset[], metadata: Partial<Endpoints['metadata']> = {}): Endpoints {
  return { apiVersion: 'v1', kind: 'Endpoints', metadata: metadataOf('web', metadata), subsets };
}

/** What the controller makes of the Endpoints, as the server would keep it. */
function slicesOf(endpoints: Endpoints): readonly EndpointSlice[] {
  return reconcileMirroring({ endpoints, service, slices: [] }).flatMap((action, index) => {
    if (action.verb !== 'create') return [];
    const { metadata, ...rest } = action.object;
    return [{ addressType: '', ...rest, metadata: metadataOf(`web-${index}`, metadata) }];
  });
}

const mirrored = slicesOf(anEndpoints([subset]));

const cases: readonly { it: string; given: MirroringSnapshot; actions: readonly string[] }[] = [
  { it: 'makes a slice', given: { endpoints: anEndpoints([subset]), service, slices: [] }, actions: ['create endpointslices'] },
  { it: 'leaves a slice that says the same', given: { endpoints: anEndpoints([subset]), service, slices: mirrored }, actions: [] },
  {
    it: 'changes the slice when an address comes',
    given: { endpoints: anEndpoints([{ ...subset, addresses: [{ ip: '10.1.2.3' }, { ip: '10.1.2.5' }] }]), service, slices: mirrored },
    actions: ['update endpointslices web-0'],
  },
  {
    it: 'changes the slice when a label comes',
    given: { endpoints: anEndpoints([subset], { labels: { tier: 'front' } }), service, slices: mirrored },
    actions: ['update endpointslices web-0'],
  },
  {
    it: 'replaces the slice when ports change',
    given: { endpoints: anEndpoints([{ ...subset, ports: [{ port: 9090 }] }]), service, slices: mirrored },
    actions: ['create endpointslices', 'delete endpointslices web-0'],
  },
  {
    it: 'removes the slice with its Endpoints',
    given: { endpoints: undefined, service, slices: mirrored },
    actions: ['delete endpointslices web-0'],
  },
  {
    it: 'removes the slice with its Service',
    given: { endpoints: anEndpoints([subset]), service: undefined, slices: mirrored },
    actions: ['delete endpointslices web-0'],
  },
  {
    it: 'leaves a Service with a selector to others',
    given: { endpoints: anEndpoints([subset]), service: aService(), slices: mirrored },
    actions: ['delete endpointslices web-0'],
  },
  {
    it: 'does not mirror what says so',
    given: { endpoints: anEndpoints([subset], { labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } }), service, slices: [] },
    actions: [],
  },
  {
    it: 'does not mirror a leader’s lock',
    given: { endpoints: anEndpoints([subset], { annotations: { 'control-plane.alpha.kubernetes.io/leader': '{}' } }), service, slices: [] },
    actions: [],
  },
  {
    it: 'makes a slice per address family',
    given: { endpoints: anEndpoints([{ ...subset, addresses: [{ ip: 'fd00::1' }] }]), service, slices: [] },
    actions: ['create endpointslices', 'create endpointslices'],
  },
  {
    it: 'tells of addresses that are too many',
    given: {
      endpoints: anEndpoints([{ addresses: Array.from({ length: 1_001 }, (_, index) => ({ ip: `10.2.${index >> 8}.${index & 255}` })) }]),
      service,
      slices: [],
    },
    actions: ['event TooManyAddressesToMirror', 'create endpointslices'],
  },
];
for (const { it, given, actions } of cases) {
  test(`mirroring Endpoints ${it}`, () => assert.deepEqual(describeActions(reconcileMirroring(given)), actions));
}

test('a mirrored slice says who is ready', () => {
  assert.deepEqual(mirrored[0]?.endpoints, [
    { addresses: ['10.1.2.3'], conditions: { ready: true } },
    { addresses: ['10.1.2.4'], conditions: { ready: false } },
  ]);
});

test('Endpoints of a Service without a selector are mirrored as they come, change and go', async () => {
  await using cluster = await createCluster();
  const { client } = cluster;
  const key = { namespace: 'default', name: 'web' };
  await client.resource(services).create({ apiVersion: 'v1', kind: 'Service', metadata: key, spec: { ports: [{ port: 80 }] } });
  const written = await client.resource(endpointsType).create({ ...anEndpoints([subset]), metadata: key });
  const addresses = async () => {
    const { items } = await client.resource(endpointslices).list({ namespace: 'default', labelSelector: 'kubernetes.io/service-name=web' });
    return items.flatMap(({ endpoints = [] }) => endpoints.flatMap((endpoint) => endpoint.addresses)).sort();
  };
  const become = (wanted: readonly string[]) =>
    cluster.clock.advanceUntil(async () => isDeepStrictEqual(await addresses(), wanted), { virtualMsMax: 30_000 });
  await become(['10.1.2.3', '10.1.2.4']);
  await client.resource(endpointsType).update({ ...written, subsets: [{ ...subset, addresses: [{ ip: '10.1.2.9' }] }] });
  await become(['10.1.2.4', '10.1.2.9']);
  await client.resource(endpointsType).delete(key);
  await become([]);
});
