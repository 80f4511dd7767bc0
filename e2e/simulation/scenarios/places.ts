/** Nodes that fail and come back, and the addresses that Services lead to. */
import { deployments, endpoints, endpointslices, nodes, pods, services } from '#api/generated/resources.ts';
import type { Deployment, Service } from '#api/generated/types.ts';
import type { Scenario, World } from '../simulate.ts';
import { allOf, isReady } from '../world.ts';
import { aDeployment, change, checkPods, create, deletePod, isTrue, labels, metadata, unlike, wait } from './common.ts';

const MINUTE_MS = 60_000;

function sharedRanges(world: World): readonly string[] {
  const byRange = Map.groupBy(allOf(world, nodes, ''), ({ spec }) => spec.podCIDR ?? '');
  return [...byRange].filter(([range, holders]) => range !== '' && holders.length > 1).map(([range]) => `two nodes have ${range}`);
}

const failingNode: Scenario = {
  name: 'node-fails-and-comes-back',
  nodes: 3,
  acts: [
    create<Deployment>(deployments, aDeployment()),
    wait(30_000),
    async ({ nodes: simulated }) => simulated.stop('node-1'),
    async ({ nodes: simulated }) => simulated.add({ name: 'late' }),
    wait(8 * MINUTE_MS),
    async ({ nodes: simulated }) => simulated.start('node-1'),
  ],
  createCheck: () => (world) => [...checkPods(world), ...sharedRanges(world)],
  unfinished: (world) => {
    const known = allOf(world, nodes, '');
    return [
      ...unlike('ready pods', allOf(world, pods).filter(isReady).length, 4),
      ...unlike('pods', allOf(world, pods).length, 4),
      ...unlike('Ready nodes', known.filter((node) => isTrue(node, 'Ready')).length, 4),
      ...unlike('taints', known.flatMap(({ spec }) => spec.taints ?? []).length, 0),
      ...unlike('nodes with a range', known.filter(({ spec }) => spec.podCIDR !== undefined).length, 4),
    ];
  },
};

/** A node that is gone for good takes its pods along, as far as the API tells. */
const removedNode: Scenario = {
  name: 'node-is-removed-with-its-pods',
  nodes: 2,
  acts: [
    create<Deployment>(deployments, aDeployment()),
    wait(30_000),
    async ({ nodes: simulated }) => simulated.stop('node-1'),
    ({ client }) => client.resource(nodes).delete({ namespace: '', name: 'node-1' }),
  ],
  createCheck: () => checkPods,
  unfinished: (world) => [
    ...unlike('ready pods', allOf(world, pods).filter(isReady).length, 4),
    ...unlike('pods of the node that is gone', allOf(world, pods).filter(({ spec }) => spec.nodeName === 'node-1').length, 0),
  ],
};

function readyAddresses(world: World): string {
  return allOf(world, pods)
    .filter(isReady)
    .map(({ status }) => status?.podIP ?? '')
    .toSorted()
    .join(' ');
}

const service: Scenario = {
  name: 'endpoints-follow-the-pods',
  nodes: 2,
  conduct: (random) => ({ readyAfterMs: random.next() * 10_000 }),
  acts: [
    create<Service>(services, {
      apiVersion: 'v1',
      kind: 'Service',
      metadata,
      spec: { selector: labels, ports: [{ port: 80, targetPort: 8080 }] },
    }),
    create<Deployment>(deployments, aDeployment()),
    change(deployments, { replicas: 6 }),
    deletePod(2),
    change(deployments, { template: { spec: { containers: [{ name: 'app', image: 'app:v2' }] } } }),
  ],
  createCheck: () => (world) => {
    const addresses = allOf(world, endpointslices).flatMap((slice) => (slice.endpoints ?? []).flatMap((endpoint) => endpoint.addresses));
    const twice = addresses.length > 100 ? ['more than a hundred endpoints for six pods'] : [];
    return [...checkPods(world), ...twice];
  },
  unfinished: (world) => {
    const slices = allOf(world, endpointslices).filter(({ metadata: { labels: own } }) => own?.['kubernetes.io/service-name'] === 'web');
    const inSlices = slices.flatMap((slice) =>
      (slice.endpoints ?? []).filter(({ conditions }) => conditions?.ready).flatMap(({ addresses }) => addresses),
    );
    const inEndpoints = allOf(world, endpoints)
      .filter(({ metadata: { name } }) => name === 'web')
      .flatMap(({ subsets }) => (subsets ?? []).flatMap((subset) => (subset.addresses ?? []).map(({ ip }) => ip)));
    return [
      ...unlike('ready pods', allOf(world, pods).filter(isReady).length, 6),
      ...unlike('slices', slices.length, 1),
      ...unlike('addresses in slices', inSlices.toSorted().join(' '), readyAddresses(world)),
      ...unlike('addresses in endpoints', inEndpoints.toSorted().join(' '), readyAddresses(world)),
    ];
  },
};

export const placeScenarios: readonly Scenario[] = [failingNode, removedNode, service];
