/**
 * The ReplicationController controller: the older way to keep a number of pods. It is looked at as a ReplicaSet whose selector is a plain set of labels, and does
 * what `replica-set.ts` does; only its status is written back as its own. Upstream: pkg/controller/replication, an adapter of the same kind.
 */
import { replicationcontrollers } from '#api/generated/resources.ts';
import type { Pod, ReplicaSet, ReplicaSetStatus, ReplicationController, ReplicationControllerStatus } from '#api/generated/types.ts';
import { compileLabelSelector } from '#api/meta/label-selector.ts';
import { keyOf, type ObjectKey } from '#api/meta/object-key.ts';
import { controllerOf } from '#api/meta/owner-reference.ts';
import { type Action, updateStatus } from '#client/apply-actions.ts';
import { type ActionFailure, type ControllerDefinition, onChange, onOwnedChange, onRelatedChange } from '#client/controller.ts';
import { randomSuffix } from '#component/random.ts';
import { isAdoptable } from './claim-objects.ts';
import { isActive } from './pod-readiness.ts';
import { describeFailure, planReplicas, type ReplicaSetSnapshot } from './replica-set.ts';
import { controlledBy, isNamespaceGoing, isStillThere, type SharedCaches } from './shared-caches.ts';

/** As upstream's --concurrent-rc-syncs. */
const WORKERS = 5;

export interface ReplicationControllerSnapshot extends ReplicaSetSnapshot {
  readonly controller: ReplicationController;
}

export function replicationControllerController(caches: SharedCaches): ControllerDefinition<ReplicationControllerSnapshot> {
  const { replicationControllers, pods } = caches;
  return {
    name: 'replication-controller',
    informers: [replicationControllers, pods, caches.namespaces],
    triggers: [
      onChange(replicationControllers),
      onOwnedChange(pods, 'ReplicationController'),
      onRelatedChange(pods, (pod) => takersOf(pod, caches)),
    ],
    snapshot: (key, lastFailure) => snapshotReplicationController(key, lastFailure, caches),
    reconcile: reconcileReplicationController,
    workers: WORKERS,
  };
}

async function snapshotReplicationController(
  key: ObjectKey,
  lastFailure: ActionFailure | undefined,
  caches: SharedCaches,
): Promise<ReplicationControllerSnapshot | undefined> {
  const controller = caches.replicationControllers.store.find(key);
  if (controller === undefined) return undefined;
  const replicaSet = asReplicaSet(controller);
  const candidates = controlledBy(caches.pods, controller);
  const matches = compileLabelSelector(replicaSet.spec.selector);
  const hasOrphans = candidates.some((pod) => isActive(pod) && isAdoptable(controller, pod, matches));
  return {
    controller,
    replicaSet,
    candidates,
    siblings: candidates.filter((pod) => controllerOf(pod)?.uid === controller.metadata.uid && isActive(pod)),
    mayAdopt: hasOrphans && (await isStillThere(caches.client, replicationcontrollers, controller)),
    mayCreate: !isNamespaceGoing(caches, controller),
    nowMs: caches.clock.now(),
    suffix: () => randomSuffix(caches.random),
    failure: describeFailure(lastFailure),
  };
}

export function reconcileReplicationController(snapshot: ReplicationControllerSnapshot): readonly Action[] {
  const { changes, status, later } = planReplicas(snapshot, replicationcontrollers);
  const told = status === undefined ? [] : [updateStatus(replicationcontrollers, { ...snapshot.controller, status: ownStatus(status) })];
  return [...changes, ...told, ...later];
}

/** Says of itself what it is: events and owner references name the ReplicationController. */
export function asReplicaSet({ apiVersion, kind, metadata, spec, status }: ReplicationController): ReplicaSet {
  const { selector, ...rest } = spec;
  return {
    apiVersion,
    kind,
    metadata,
    spec: { ...rest, selector: { matchLabels: selector ?? {} } },
    ...(status === undefined ? {} : { status }),
  };
}

/** It does not tell how many are on their way out. */
function ownStatus({ terminatingReplicas: _, ...status }: ReplicaSetStatus): ReplicationControllerStatus {
  return status;
}

/** Those that would take a pod without a controller. */
function takersOf(pod: Pod, { replicationControllers }: SharedCaches): readonly ObjectKey[] {
  if (controllerOf(pod) !== undefined) return [];
  return replicationControllers.store
    .list(pod.metadata.namespace)
    .filter(({ spec }) => compileLabelSelector({ matchLabels: spec.selector ?? {} })(pod.metadata.labels))
    .map(keyOf);
}
