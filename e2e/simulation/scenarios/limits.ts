/** What nobody may go beyond: budgets, quotas, claims that are in use. */
import { deployments, persistentvolumeclaims, poddisruptionbudgets, pods, replicasets, resourcequotas } from '#api/generated/resources.ts';
import type { Deployment, ResourceQuota } from '#api/generated/types.ts';
import { isReason } from '#api/meta/status.ts';
import type { Cluster } from '../../../in-process/index.ts';
import type { Scenario } from '../simulate.ts';
import { allOf, isLive, isReady, only } from '../world.ts';
import { aDeployment, change, checkPods, create, deletePod, isTrue, metadata, selector, unlike, wait } from './common.ts';

const MIN_AVAILABLE = 3;

/** As `kubectl drain` does, once: what the budget refuses is left. */
async function evictAll({ client, clock }: Cluster): Promise<void> {
  for (const { metadata: pod } of (await client.resource(pods).list({ namespace: 'default' })).items) {
    const key = { namespace: 'default', name: pod.name };
    try {
      await client.resource(pods).createSubresource(key, 'eviction', { apiVersion: 'policy/v1', kind: 'Eviction', metadata: key });
    } catch (error) {
      if (!isReason(error, 'TooManyRequests', 'NotFound')) throw error;
    }
    await clock.advance(500);
  }
}

const budget: Scenario = {
  name: 'evictions-keep-the-budget',
  nodes: 3,
  conduct: (random) => ({ readyAfterMs: 1_000 + random.next() * 20_000 }),
  acts: [
    create<Deployment>(deployments, aDeployment()),
    ({ client }) =>
      client
        .resource(poddisruptionbudgets)
        .create({ apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', metadata, spec: { minAvailable: MIN_AVAILABLE, selector } }),
    wait(60_000),
    evictAll,
    evictAll,
    wait(30_000),
    evictAll,
  ],
  // Nothing but evictions disturbs these pods: once enough were there, enough are always there.
  createCheck: () => {
    let wereThere = false;
    return (world) => {
      const healthy = allOf(world, pods).filter(isReady).length;
      wereThere ||= healthy >= MIN_AVAILABLE;
      return [...checkPods(world), ...(wereThere && healthy < MIN_AVAILABLE ? [`${healthy} healthy pods of ${MIN_AVAILABLE}`] : [])];
    };
  },
  unfinished: (world) => {
    const status = only(world, poddisruptionbudgets)?.status;
    return [
      ...unlike('ready pods', allOf(world, pods).filter(isReady).length, 4),
      ...unlike('status.currentHealthy', status?.currentHealthy, 4),
      ...unlike('status.disruptionsAllowed', status?.disruptionsAllowed, 1),
      ...unlike('status.disruptedPods', Object.keys(status?.disruptedPods ?? {}).length, 0),
    ];
  },
};

function untilQuotaIsKnown({ client, clock }: Cluster) {
  const isKnown = async () => (await client.resource(resourcequotas).get({ namespace: 'default', name: 'web' })).status?.hard !== undefined;
  return clock.advanceUntil(isKnown, { virtualMsMax: 60 * 60_000 });
}

function setQuota(pods: string) {
  return change(resourcequotas, { hard: { pods } });
}

const quota: Scenario = {
  name: 'quota-is-never-exceeded',
  nodes: 2,
  acts: [
    create<ResourceQuota>(resourcequotas, { apiVersion: 'v1', kind: 'ResourceQuota', metadata, spec: { hard: { pods: '0' } } }),
    untilQuotaIsKnown,
    create<Deployment>(deployments, aDeployment({ replicas: 6, progressDeadlineSeconds: 60 })),
    setQuota('3'),
    deletePod(0),
    wait(120_000),
    setQuota('5'),
    deletePod(2),
  ],
  // As upstream, admission goes by what the controller has put into the status; it is only ever raised here.
  createCheck: () => {
    let highest = 0;
    return (world) => {
      const hard = only(world, resourcequotas)?.status?.hard?.pods;
      if (hard === undefined) return [];
      highest = Math.max(highest, Number(hard));
      const there = allOf(world, pods).filter(({ status }) => status?.phase !== 'Succeeded' && status?.phase !== 'Failed').length;
      return [...checkPods(world), ...(there > highest ? [`${there} pods under a quota of ${highest}`] : [])];
    };
  },
  unfinished: (world) => {
    const status = only(world, resourcequotas)?.status;
    const set = allOf(world, replicasets)[0];
    const progressing = only(world, deployments)?.status?.conditions?.find(({ type }) => type === 'Progressing');
    return [
      ...unlike('reason', progressing?.reason, 'ProgressDeadlineExceeded'),
      ...unlike('pods', allOf(world, pods).filter(isLive).length, 5),
      ...unlike('status.used', status?.used?.pods, '5'),
      ...unlike('status.hard', status?.hard?.pods, '5'),
      ...unlike('ReplicaFailure', isTrue(set, 'ReplicaFailure'), true),
      ...unlike('status.replicas of the ReplicaSet', set?.status?.replicas, 5),
    ];
  },
};

const claim: Scenario = {
  name: 'claims-in-use-stay',
  nodes: 1,
  acts: [
    ({ client }) =>
      client.resource(persistentvolumeclaims).create({
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata,
        spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
      }),
    ({ client }) =>
      client.resource(pods).create({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata,
        spec: {
          nodeName: 'node-1',
          containers: [{ name: 'app', image: 'app:v1' }],
          volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'web' } }],
        },
      }),
    wait(30_000),
    ({ client }) => client.resource(persistentvolumeclaims).delete({ namespace: 'default', name: 'web' }),
    wait(60_000),
    deletePod(0),
  ],
  createCheck:
    () =>
    (world, { type, item }) => {
      const isGone = type === 'delete' && item.key.startsWith('/registry/core/persistentvolumeclaims/');
      return isGone && allOf(world, pods).length > 0 ? ['a claim was removed under a pod that uses it'] : [];
    },
  unfinished: (world) => [
    ...unlike('claims', allOf(world, persistentvolumeclaims).length, 0),
    ...unlike('pods', allOf(world, pods).length, 0),
  ],
};

export const limitScenarios: readonly Scenario[] = [budget, quota, claim];
