/**
 * What is simulated: one scenario per kind of workload, each with what may never happen to it. Bounds are those of the documentation of each kind; a pod counts as
 * there from its creation to its deletion's beginning, as controllers count.
 */
import { daemonsets, deployments, jobs, nodes, pods, replicasets, statefulsets } from '#api/generated/resources.ts';
import type { DaemonSet, Deployment, Job, Pod, StatefulSet } from '#api/generated/types.ts';
import type { Scenario } from '../simulate.ts';
import { allOf, isLive, isReady, only, orphans } from '../world.ts';
import { change, checkPods, create, deletePod, livePodsOf, metadata, selector, templateOf, unlike } from './common.ts';

const MAX_SURGE = 1;
const MAX_UNAVAILABLE = 1;

const rollingDeployment: Scenario = {
  name: 'deployment-rolls',
  nodes: 3,
  conduct: (random) => ({ readyAfterMs: random.next() * 10_000 }),
  acts: [
    create<Deployment>(deployments, {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata,
      spec: {
        replicas: 5,
        selector,
        template: templateOf('app:v1'),
        strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: MAX_SURGE, maxUnavailable: MAX_UNAVAILABLE } },
      },
    }),
    change(deployments, { template: { spec: { containers: [{ name: 'app', image: 'app:v2' }] } } }),
    deletePod(1),
    change(deployments, { template: { spec: { containers: [{ name: 'app', image: 'app:v3' }] } } }),
    deletePod(3),
  ],
  // The bound is on what is asked for, as upstream's: a ReplicaSet that was told to shrink may be a little late.
  createCheck: () => (world) => {
    const sets = allOf(world, replicasets);
    const asked = sets.reduce((sum, { spec }) => sum + (spec?.replicas ?? 0), 0);
    const doubled = sets
      .filter((set) => livePodsOf(world, set) > 5 + MAX_SURGE)
      .map(({ metadata: { name } }) => `${name} has more pods than it was ever asked for`);
    return [...checkPods(world), ...doubled, ...(asked > 5 + MAX_SURGE ? [`${asked} pods asked for of 5, surge ${MAX_SURGE}`] : [])];
  },
  unfinished: (world) => {
    const deployment = only(world, deployments);
    if (deployment === undefined) return ['there is no Deployment'];
    const { status = {} } = deployment;
    const current = allOf(world, pods).filter((pod) => pod.spec.containers[0]?.image === 'app:v3' && isReady(pod)).length;
    return [
      ...unlike('ready pods of the last template', current, 5),
      ...unlike('pods', allOf(world, pods).length, 5),
      ...unlike('status.readyReplicas', status.readyReplicas, 5),
      ...unlike('status.updatedReplicas', status.updatedReplicas, 5),
      ...unlike('status.observedGeneration', status.observedGeneration, deployment.metadata.generation),
      ...orphans(world, [...allOf(world, pods), ...allOf(world, replicasets)]).map((name) => `${name} is an orphan`),
    ];
  },
};

const scaledStatefulSet: Scenario = {
  name: 'stateful-set-scales-in-order',
  nodes: 2,
  conduct: (random) => ({ readyAfterMs: random.next() * 8_000 }),
  acts: [
    create<StatefulSet>(statefulsets, {
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata,
      spec: { replicas: 3, serviceName: 'web', selector, template: templateOf('app:v1') },
    }),
    change(statefulsets, { replicas: 5 }),
    deletePod(0),
    change(statefulsets, { replicas: 2, template: { spec: { containers: [{ name: 'app', image: 'app:v2' }] } } }),
  ],
  // The first of each ordinal comes after the first of the one before; later a deletion by somebody else may cross with a decision that was made before it.
  createCheck: () => {
    const made = new Set<string>();
    return (world, { type, item }) => {
      const pod = type === 'put' && item.key.startsWith('/registry/core/pods/default/') ? world.get(item.key)?.metadata.name : undefined;
      const ordinal = Number(pod?.split('-').at(-1) ?? 0);
      if (pod !== undefined) made.add(pod);
      return [
        ...checkPods(world),
        ...(ordinal > 0 && !made.has(`web-${ordinal - 1}`) ? [`${pod} was made before web-${ordinal - 1}`] : []),
      ];
    };
  },
  unfinished: (world) => {
    const set = only(world, statefulsets);
    const names = allOf(world, pods).map((pod) => pod.metadata.name);
    const current = allOf(world, pods).filter((pod) => pod.spec.containers[0]?.image === 'app:v2' && isReady(pod)).length;
    return [
      ...unlike('pods', names.toSorted().join(' '), 'web-0 web-1'),
      ...unlike('ready pods of the last template', current, 2),
      ...unlike('status.readyReplicas', set?.status?.readyReplicas, 2),
      ...unlike('status.observedGeneration', set?.status?.observedGeneration, set?.metadata.generation),
    ];
  },
};

const COMPLETIONS = 6;

const indexedJob: Scenario = {
  name: 'indexed-job-completes-each-index-once',
  nodes: 2,
  conduct: (random) => ({ exit: { afterMs: 1_000 + random.next() * 5_000, code: 0 } }),
  acts: [
    create<Job>(jobs, {
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata,
      spec: {
        completions: COMPLETIONS,
        parallelism: 3,
        completionMode: 'Indexed',
        backoffLimit: 1_000,
        template: { spec: { restartPolicy: 'Never', containers: [{ name: 'task', image: 'task:v1' }] } },
      },
    }),
    deletePod(0),
    change(jobs, { parallelism: 2 }),
    deletePod(1),
  ],
  createCheck: () => (world) => {
    const live = allOf(world, pods).filter(isLive);
    const byIndex = Map.groupBy(live, (pod) => pod.metadata.annotations?.['batch.kubernetes.io/job-completion-index'] ?? '');
    const twice = [...byIndex].filter(([, sharers]) => sharers.length > 1).map(([index]) => `index ${index} runs twice`);
    const succeeded = only(world, jobs)?.status?.succeeded ?? 0;
    return [...checkPods(world), ...twice, ...(succeeded > COMPLETIONS ? [`${succeeded} of ${COMPLETIONS} succeeded`] : [])];
  },
  unfinished: (world) => {
    const status = only(world, jobs)?.status;
    const finalized = allOf(world, pods).filter((pod) => (pod.metadata.finalizers ?? []).length > 0).length;
    return [
      ...unlike('status.succeeded', status?.succeeded, COMPLETIONS),
      ...unlike('status.completedIndexes', status?.completedIndexes, `0-${COMPLETIONS - 1}`),
      ...unlike('Complete', status?.conditions?.find(({ type }) => type === 'Complete')?.status, 'True'),
      ...unlike('pods with a finalizer', finalized, 0),
    ];
  },
};

const daemonSet: Scenario = {
  name: 'daemon-set-one-pod-a-node',
  nodes: 3,
  conduct: (random) => ({ readyAfterMs: random.next() * 5_000 }),
  acts: [
    create<DaemonSet>(daemonsets, {
      apiVersion: 'apps/v1',
      kind: 'DaemonSet',
      metadata,
      spec: { selector, template: templateOf('app:v1') },
    }),
    async ({ nodes: simulated }) => simulated.add({ name: 'late' }),
    deletePod(1),
    change(daemonsets, { template: { spec: { containers: [{ name: 'app', image: 'app:v2' }] } } }),
  ],
  createCheck: () => (world) => {
    const byNode = Map.groupBy(allOf(world, pods).filter(isLive), nodeOf);
    const doubled = [...byNode].filter(([, sharers]) => sharers.length > 1).map(([node]) => `two pods for ${node}`);
    return [...checkPods(world), ...doubled];
  },
  unfinished: (world) => {
    const set = only(world, daemonsets);
    const wanted = allOf(world, nodes, '').length;
    const current = allOf(world, pods).filter((pod) => pod.spec.containers[0]?.image === 'app:v2' && isReady(pod)).length;
    return [
      ...unlike('nodes', wanted, 4),
      ...unlike('ready pods of the last template', current, wanted),
      ...unlike('pods', allOf(world, pods).length, wanted),
      ...unlike('status.numberReady', set?.status?.numberReady, wanted),
    ];
  },
};

/** Where a DaemonSet's pod is meant to be, which it says before it is bound. */
function nodeOf({ spec }: Pod): string {
  const terms = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  return terms?.[0]?.matchFields?.[0]?.values?.[0] ?? spec.nodeName ?? '';
}

export const workloadScenarios: readonly Scenario[] = [rollingDeployment, scaledStatefulSet, indexedJob, daemonSet];
