/** What people ask for by mistake, and several controller managers and schedulers where one would do. */
import { deployments, pods, replicasets, replicationcontrollers } from '#api/generated/resources.ts';
import type { Deployment, ReplicaSet, ReplicationController } from '#api/generated/types.ts';
import type { Draft } from '#api/meta/resource-type.ts';
import type { Cluster } from '../../../in-process/index.ts';
import type { Scenario } from '../simulate.ts';
import { allOf, isReady, only } from '../world.ts';
import {
  aDeployment,
  change,
  checkPods,
  create,
  deletePod,
  isTrue,
  labels,
  livePodsOf,
  metadata,
  selector,
  templateOf,
  unlike,
  wait,
} from './common.ts';

function aReplicaSet(name: string, replicas: number): Draft<ReplicaSet> {
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: { name, namespace: 'default' },
    spec: { replicas, selector, template: templateOf('app:v1') },
  };
}

/** Both select every pod; each keeps to its own. */
const overlapping: Scenario = {
  name: 'replica-sets-with-one-selector',
  nodes: 2,
  acts: [
    create<ReplicaSet>(replicasets, aReplicaSet('web', 3)),
    create<ReplicaSet>(replicasets, aReplicaSet('other', 2)),
    deletePod(0),
    deletePod(4),
  ],
  createCheck: () => (world) => [
    ...checkPods(world),
    ...allOf(world, replicasets)
      .filter((set) => livePodsOf(world, set) > (set.spec?.replicas ?? 0))
      .map(({ metadata: { name } }) => `${name} has more pods than it was asked for`),
  ],
  unfinished: (world) =>
    allOf(world, replicasets).flatMap((set) => [
      ...unlike(`pods of ${set.metadata.name}`, livePodsOf(world, set), set.spec?.replicas),
      ...unlike(`status.readyReplicas of ${set.metadata.name}`, set.status?.readyReplicas, set.spec?.replicas),
    ]),
};

const nowhere: Scenario = {
  name: 'template-that-fits-nowhere',
  nodes: 2,
  acts: [
    create<Deployment>(
      deployments,
      aDeployment({
        replicas: 3,
        progressDeadlineSeconds: 60,
        template: { ...templateOf('app:v1'), spec: { ...templateOf('app:v1').spec, nodeSelector: { disk: 'golden' } } },
      }),
    ),
    wait(180_000),
  ],
  createCheck: () => (world) => {
    const bound = allOf(world, pods).filter(({ spec }) => spec.nodeName !== undefined).length;
    const made = allOf(world, pods).length;
    return [...(bound > 0 ? [`${bound} pods have a node`] : []), ...(made > 3 ? [`${made} pods of 3`] : [])];
  },
  unfinished: (world) => {
    const deployment = only(world, deployments);
    const progressing = deployment?.status?.conditions?.find(({ type }) => type === 'Progressing');
    const waiting = allOf(world, pods).filter(({ status }) =>
      status?.conditions?.some(({ type, reason }) => type === 'PodScheduled' && reason === 'Unschedulable'),
    );
    return [...unlike('pods that wait', waiting.length, 3), ...unlike('reason', progressing?.reason, 'ProgressDeadlineExceeded')];
  },
};

const replicationController: Scenario = {
  name: 'replication-controller-scales',
  nodes: 2,
  acts: [
    create<ReplicationController>(replicationcontrollers, {
      apiVersion: 'v1',
      kind: 'ReplicationController',
      metadata,
      spec: { replicas: 3, selector: labels, template: templateOf('app:v1') },
    }),
    change(replicationcontrollers, { replicas: 5 }),
    deletePod(1),
    change(replicationcontrollers, { replicas: 2 }),
  ],
  createCheck: () => (world) => {
    const controller = only(world, replicationcontrollers);
    const live = controller === undefined ? 0 : livePodsOf(world, controller);
    return [...checkPods(world), ...(live > 5 ? [`${live} pods, of five at most`] : [])];
  },
  unfinished: (world) => {
    const controller = only(world, replicationcontrollers);
    return [
      ...unlike('pods', allOf(world, pods).length, 2),
      ...unlike('status.readyReplicas', controller?.status?.readyReplicas, 2),
      ...unlike('status.observedGeneration', controller?.status?.observedGeneration, controller?.metadata.generation),
    ];
  },
};

/** That only the leader writes is checked for every scenario with several. */
const several: Scenario = {
  name: 'one-of-several-managers-acts',
  nodes: 2,
  candidates: 2,
  acts: [
    create<Deployment>(deployments, aDeployment()),
    async ({ crash }: Cluster) => crash('controller-manager'),
    change(deployments, { replicas: 6 }),
    async ({ crash }: Cluster) => crash('scheduler'),
    deletePod(1),
  ],
  createCheck: () => (world) => {
    const doubled = allOf(world, replicasets).filter((set) => livePodsOf(world, set) > 6);
    return [...checkPods(world), ...doubled.map(({ metadata: { name } }) => `${name} has more pods than it was ever asked for`)];
  },
  unfinished: (world) => [
    ...unlike('ready pods', allOf(world, pods).filter(isReady).length, 6),
    ...unlike('pods', allOf(world, pods).length, 6),
    ...unlike('Available', isTrue(only(world, deployments), 'Available'), true),
  ],
};

export const awkwardScenarios: readonly Scenario[] = [overlapping, nowhere, replicationController, several];
