/** Owners and what they own: three ways to delete, owners that are not there, namespaces with all that is in them. */
import { clusterroles, configmaps, deployments, namespaces, pods, replicasets, serviceaccounts } from '#api/generated/resources.ts';
import type { ClusterRole, ConfigMap, Deployment } from '#api/generated/types.ts';
import type { Cluster } from '../../../in-process/index.ts';
import type { Scenario } from '../simulate.ts';
import { allOf, orphans } from '../world.ts';
import { aDeployment, checkPods, create, remove, unlike } from './common.ts';

const foreground: Scenario = {
  name: 'foreground-deletion-leaves-nothing',
  nodes: 2,
  acts: [create<Deployment>(deployments, aDeployment()), remove(deployments, 'Foreground')],
  // Dependants go first: a ReplicaSet that was itself deleted in the foreground has left no pod behind.
  createCheck:
    () =>
    (world, { type, item }) => {
      const isSetGone =
        type === 'delete' && item.key.startsWith('/registry/apps/replicasets/') && item.bytes.includes('"deletionTimestamp"');
      return [
        ...checkPods(world),
        ...(isSetGone ? orphans(world, allOf(world, pods)).map((name) => `${name} outlived its ReplicaSet`) : []),
      ];
    },
  unfinished: (world) => [
    ...unlike('pods', allOf(world, pods).length, 0),
    ...unlike('ReplicaSets', allOf(world, replicasets).length, 0),
    ...unlike('Deployments', allOf(world, deployments).length, 0),
  ],
};

const background: Scenario = {
  name: 'background-deletion-leaves-nothing',
  nodes: 2,
  acts: [create<Deployment>(deployments, aDeployment()), remove(deployments, 'Background')],
  createCheck: () => checkPods,
  unfinished: foreground.unfinished,
};

const orphaning: Scenario = {
  name: 'orphaning-keeps-what-was-owned',
  nodes: 2,
  acts: [create<Deployment>(deployments, aDeployment()), ({ clock }) => clock.advance(120_000), remove(deployments, 'Orphan')],
  createCheck:
    () =>
    (world, { type, item }) => [
      ...checkPods(world),
      ...(type === 'delete' && item.key.startsWith('/registry/apps/replicasets/') ? ['a ReplicaSet went with its Deployment'] : []),
    ],
  unfinished: (world) => {
    const sets = allOf(world, replicasets);
    return [
      ...unlike('Deployments', allOf(world, deployments).length, 0),
      ...unlike('ReplicaSets', sets.length, 1),
      ...unlike('owners of the ReplicaSet', (sets[0]?.metadata.ownerReferences ?? []).length, 0),
      ...unlike('pods', allOf(world, pods).length, 4),
    ];
  },
};

const NOBODY = '00000000-0000-4000-8000-000000000000';

/** One is owned by nobody there is, the other also by somebody who stays. */
async function createOwned({ client }: Cluster): Promise<void> {
  const { metadata } = await client
    .resource(configmaps)
    .create({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'owner', namespace: 'default' } });
  const absent = { apiVersion: 'v1', kind: 'ConfigMap', name: 'nobody', uid: NOBODY };
  const present = { apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid: metadata.uid };
  for (const [name, ownerReferences] of [['alone', [absent]] as const, ['kept', [absent, present]] as const]) {
    await client
      .resource(configmaps)
      .create({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default', ownerReferences } });
  }
}

const missingOwners: Scenario = {
  name: 'owners-that-do-not-exist',
  nodes: 1,
  acts: [createOwned],
  createCheck:
    () =>
    (world, { type, item }) =>
      type === 'delete' && item.key.endsWith('/kept') && world.has('/registry/core/configmaps/default/owner')
        ? ['kept has an owner, and went']
        : [],
  unfinished: (world) => {
    const found = allOf(world, configmaps).filter(({ metadata: { name } }) => name !== 'kube-root-ca.crt');
    const kept = found.find(({ metadata: { name } }) => name === 'kept');
    return [
      ...unlike(
        'ConfigMaps',
        found
          .map(({ metadata: { name } }) => name)
          .toSorted()
          .join(' '),
        'kept owner',
      ),
      ...unlike('owners of kept', (kept?.metadata.ownerReferences ?? []).map(({ name }) => name).join(' '), 'owner'),
    ];
  },
};

const PLACE = 'place';

const namespace: Scenario = {
  name: 'namespace-goes-with-all-that-is-in-it',
  nodes: 2,
  acts: [
    ({ client }) => client.resource(namespaces).create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: PLACE }, spec: {} }),
    ({ clock }) => clock.advance(30_000),
    ({ client }) => client.resource(deployments).create({ ...aDeployment(), metadata: { name: 'web', namespace: PLACE } }),
    ({ client }) =>
      client.resource(configmaps).create({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'data', namespace: PLACE } }),
    ({ client }) => client.resource(namespaces).delete({ namespace: '', name: PLACE }),
  ],
  createCheck:
    () =>
    (world, { type, item }) => {
      if (type !== 'delete' || item.key !== `/registry/core/namespaces/${PLACE}`) return [];
      return [...world.keys()]
        .filter((key) => key.includes(`/${PLACE}/`) && !key.includes('/events/'))
        .map((key) => `${key} outlived its namespace`);
    },
  unfinished: (world) => [
    ...unlike('namespaces', allOf(world, namespaces, '').filter(({ metadata }) => metadata.name === PLACE).length, 0),
    ...[...world.keys()].filter((key) => key.includes(`/${PLACE}/`) && !key.includes('/events/')).map((key) => `${key} is still there`),
  ],
};

/** What every namespace has, and gets back. */
const furnishings: Scenario = {
  name: 'namespaces-have-an-account-and-the-root-certificate',
  nodes: 1,
  acts: [
    ({ client }) => client.resource(namespaces).create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: PLACE }, spec: {} }),
    ({ client }) => client.resource(serviceaccounts).delete({ namespace: 'default', name: 'default' }),
    ({ client }) => client.resource(configmaps).delete({ namespace: 'default', name: 'kube-root-ca.crt' }),
    ({ client }) =>
      client.resource(configmaps).patch({ namespace: 'kube-public', name: 'kube-root-ca.crt' }, 'merge', { data: { 'ca.crt': 'mine' } }),
  ],
  createCheck: () => () => [],
  unfinished: (world) =>
    ['default', 'kube-public', PLACE].flatMap((name) => {
      const certificate = allOf<ConfigMap>(world, configmaps, name).find(({ metadata }) => metadata.name === 'kube-root-ca.crt');
      return [
        ...unlike(`accounts of ${name}`, allOf(world, serviceaccounts, name).length, 1),
        ...unlike(`certificate of ${name}`, certificate?.data?.['ca.crt']?.startsWith('-----BEGIN'), true),
      ];
    }),
};

function aRole(name: string, role: Partial<ClusterRole>, labels: Readonly<Record<string, string>> = {}) {
  return ({ client }: Cluster) =>
    client
      .resource(clusterroles)
      .create({ apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name, labels }, ...role });
}

const aggregation: Scenario = {
  name: 'cluster-roles-are-aggregated',
  nodes: 1,
  acts: [
    aRole('sum', { aggregationRule: { clusterRoleSelectors: [{ matchLabels: { part: 'yes' } }] }, rules: [] }),
    ...['a', 'b'].map((name) =>
      aRole(`part-${name}`, { rules: [{ apiGroups: [''], resources: [name], verbs: ['get'] }] }, { part: 'yes' }),
    ),
    ({ client }) => client.resource(clusterroles).delete({ namespace: '', name: 'part-a' }),
  ],
  createCheck: () => () => [],
  unfinished: (world) => {
    const sum = allOf(world, clusterroles, '').find(({ metadata }) => metadata.name === 'sum');
    return unlike('rules', (sum?.rules ?? []).flatMap(({ resources }) => resources ?? []).join(' '), 'b');
  },
};

export const ownershipScenarios: readonly Scenario[] = [
  foreground,
  background,
  orphaning,
  missingOwners,
  namespace,
  furnishings,
  aggregation,
];
