/**
 * Why a pod has no node, node by node and plugin by plugin: the scheduler's own plugins asked once more, about lists of objects rather than
 * a cluster that is being followed. `keelson why` prints it. Decides and changes nothing.
 */

import { classOf } from '#api/core/v1/volume-matching.ts';
import type {
  CSIDriver,
  CSINode,
  CSIStorageCapacity,
  Namespace,
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  PodDisruptionBudget,
  Service,
  StorageClass,
} from '#api/generated/types.ts';
import { formatKey, keyOf } from '#api/meta/object-key.ts';
import type { ApiObject } from '#api/meta/resource-type.ts';
import type { Client } from '#client/client.ts';
import type { Clock } from '#component/clock.ts';
import type { Random } from '#component/random.ts';
import { askPostFilters } from './ask-post-filters.ts';
import { chooseNode } from './choose-node.ts';
import { type ClusterCache, createClusterCache } from './cluster-cache.ts';
import type { SchedulerConfiguration } from './configuration/configuration.ts';
import { createProfile } from './configuration/profile-plan.ts';
import { failureMessage } from './failure-message.ts';
import { createNominations, type Nominations } from './nominations.ts';
import { type PodCycle, preparePodCycle } from './pod-cycle.ts';
import { podInfoOf } from './pod-info.ts';
import { findLikePods } from './pod-likeness.ts';
import { DEFAULT_SCHEDULER_NAME, type Profile } from './profile.ts';
import { createStorage, type Storage } from './volumes/storage.ts';

export interface ClusterObjects {
  readonly nodes: readonly Node[];
  readonly pods: readonly Pod[];
  readonly services: readonly Service[];
  readonly namespaces: readonly Namespace[];
  readonly budgets: readonly PodDisruptionBudget[];
  readonly claims: readonly PersistentVolumeClaim[];
  readonly volumes: readonly PersistentVolume[];
  readonly classes: readonly StorageClass[];
  readonly csiNodes: readonly CSINode[];
  readonly drivers: readonly CSIDriver[];
  readonly capacities: readonly CSIStorageCapacity[];
}

export type Explanation =
  /** No profile has the pod's scheduler name. */
  | { readonly kind: 'foreign'; readonly schedulerName: string }
  /** A plugin says that it may not be tried yet. */
  | { readonly kind: 'held-back'; readonly reasons: readonly string[] }
  | {
      readonly kind: 'judged';
      /** As in the pod's event; empty when a node would do. */
      readonly message: string;
      readonly nodes: readonly NodeVerdict[];
      /** The pods that would have to leave, by `namespace/name`, and where. */
      readonly preemption?: { readonly nodeName: string; readonly victims: readonly string[] };
    };

export interface NodeVerdict {
  readonly nodeName: string;
  /** None: the node would do. */
  readonly rejections: readonly { readonly plugin: string; readonly reasons: readonly string[] }[];
}

export interface ExplanationDeps {
  /** Plugins are made with it; nothing is asked of it. */
  readonly client: Client;
  readonly clock: Clock;
  readonly random: Random;
  readonly configuration: SchedulerConfiguration;
}

export function explainPod(pod: Pod, objects: ClusterObjects, deps: ExplanationDeps): Explanation {
  const schedulerName = pod.spec.schedulerName ?? DEFAULT_SCHEDULER_NAME;
  const profile = findProfile(schedulerName, objects, deps);
  if (profile === undefined) return { kind: 'foreign', schedulerName };
  const heldBack = profile.points.preEnqueue.flatMap(({ plugin }) => {
    const verdict = plugin.preEnqueue?.(pod);
    return verdict?.fits === false ? verdict.reasons : [];
  });
  if (heldBack.length > 0) return { kind: 'held-back', reasons: heldBack };
  const { cache, nominations } = fillCache(pod, objects);
  const cycle = preparePodCycle(podInfoOf(pod), profile, cache.snapshot(), nominations);
  const choice = chooseNode(cycle, 0, deps.random);
  const nodes = cycle.snapshot.nodes
    .map((node) => judgeNode(node.name, cycle))
    .sort((left, right) => left.nodeName.localeCompare(right.nodeName));
  if (choice.fits) return { kind: 'judged', message: '', nodes };
  const outcome = askPostFilters(cycle, choice.diagnosis);
  const message = failureMessage(choice.diagnosis, outcome.message);
  if (outcome.nomination === undefined) return { kind: 'judged', message, nodes };
  const victims = outcome.nomination.victims.map((victim) => formatKey(keyOf(victim.pod)));
  return { kind: 'judged', message, nodes, preemption: { nodeName: outcome.nomination.nodeName, victims } };
}

function judgeNode(nodeName: string, cycle: PodCycle): NodeVerdict {
  const { preFilter, snapshot } = cycle;
  const node = snapshot.find(nodeName);
  const before =
    'rejection' in preFilter
      ? [preFilter.rejection]
      : preFilter.nodeNames === undefined || preFilter.nodeNames.has(nodeName)
        ? []
        : [{ verdict: preFilter.others, by: preFilter.by.join(', ') }];
  const rejections = node === undefined ? before : [...before, ...cycle.rejectionsOf(node)];
  // What is promised to other pods is not among the reasons of any one plugin.
  const promised = node === undefined || rejections.length > 0 ? undefined : cycle.rejectionOf(node);
  const all = promised === undefined ? rejections : [promised];
  return { nodeName, rejections: all.map(({ verdict, by }) => ({ plugin: by, reasons: verdict.reasons })) };
}

function fillCache(pod: Pod, { nodes, pods }: ClusterObjects): { readonly cache: ClusterCache; readonly nominations: Nominations } {
  const cache = createClusterCache();
  const nominations = createNominations();
  for (const node of nodes) cache.setNode(node);
  for (const other of pods) {
    if (other.metadata.uid === pod.metadata.uid || other.status?.phase === 'Succeeded' || other.status?.phase === 'Failed') continue;
    if ((other.spec.nodeName ?? '') === '') nominations.follow(other, undefined);
    else cache.setPod(other);
  }
  return { cache, nominations };
}

function findProfile(schedulerName: string, objects: ClusterObjects, { configuration, ...deps }: ExplanationDeps): Profile | undefined {
  const plan = configuration.profiles.find((one) => one.schedulerName === schedulerName);
  const namespaceOf = byName(objects.namespaces);
  return (
    plan &&
    createProfile(plan, {
      ...deps,
      findLike: (pod) =>
        findLikePods(
          pod,
          objects.services.filter(({ metadata }) => metadata.namespace === pod.metadata.namespace),
        ),
      namespaceLabels: (name) => namespaceOf(name)?.metadata.labels,
      listBudgets: () => objects.budgets,
      storage: storageOf(objects),
      onStorageChange: () => () => undefined,
    })
  );
}

function storageOf({ claims, volumes, classes, csiNodes, drivers, capacities }: ClusterObjects): Storage {
  const claimByKey = new Map(claims.map((claim) => [formatKey(keyOf(claim)), claim]));
  return createStorage({
    findClaim: (key) => claimByKey.get(key),
    findVolume: byName(volumes),
    listVolumes: (className) => volumes.filter((volume) => classOf(volume) === className),
    findClass: byName(classes),
    findCsiNode: byName(csiNodes),
    findDriver: byName(drivers),
    listCapacities: (className) => capacities.filter(({ storageClassName }) => storageClassName === className),
  });
}

function byName<T extends ApiObject>(objects: readonly T[]): (name: string) => T | undefined {
  const found = new Map(objects.map((object) => [object.metadata.name, object]));
  return (name) => found.get(name);
}
