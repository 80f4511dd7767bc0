/**
 * The StatefulSet controller: keeps pods that are told apart, `<name>-0`, `<name>-1` and so on, each with claims of its own, and brings them up to
 * date one after the other. Its templates are ControllerRevisions; a pod below the update's partition is made from the one before. Woken by its own changes,
 * those of its pods and revisions, and by claims that go. Upstream: pkg/controller/statefulset.
 */
import { isDeepStrictEqual } from 'node:util';
import { controllerrevisions, pods, statefulsets } from '#api/generated/resources.ts';
import type { ControllerRevision, PersistentVolumeClaim, Pod, StatefulSet } from '#api/generated/types.ts';
import { compileLabelSelector } from '#api/meta/label-selector.ts';
import type { ObjectKey } from '#api/meta/object-key.ts';
import { controllerOf } from '#api/meta/owner-reference.ts';
import { type Action, updateStatus } from '#client/apply-actions.ts';
import { type ControllerDefinition, onChange, onOwnedChange, onRelatedChange } from '#client/controller.ts';
import { claimObjects, isAdoptable, onOrphanChange } from './claim-objects.ts';
import { observeRevision, type Revision, removeOldRevisions, revisionName, templateOf } from './controller-revisions.ts';
import { availabilityCheckAfterMs } from './pod-readiness.ts';
import { controlledBy, isNamespaceGoing, isStillThere, type SharedCaches } from './shared-caches.ts';
import { ordinalOf, parsePodName, revisionOf } from './stateful-set/identity.ts';
import { planReplicas, type Replicas } from './stateful-set/replica-plan.ts';
import { summarizeReplicas } from './stateful-set/stateful-set-status.ts';

/** StatefulSets synced at once, as upstream's --concurrent-statefulset-syncs. */
const WORKERS = 5;
/** On a revision: the hash of its template. */
const HASH_LABEL = 'controller.kubernetes.io/hash';

export interface StatefulSetSnapshot {
  readonly set: StatefulSet;
  /** Pods it controls, and those without a controller that are named after it. */
  readonly candidates: readonly Pod[];
  /** Revisions it controls, and those without a controller in its namespace. */
  readonly revisions: readonly ControllerRevision[];
  /** What already bears the name that the template's revision gets. */
  readonly namesake: ControllerRevision | undefined;
  /** A claim in its namespace, by its name. */
  readonly findClaim: (name: string) => PersistentVolumeClaim | undefined;
  readonly mayAdopt: boolean;
  /** The server refuses new objects in a namespace that is being deleted. */
  readonly mayCreate: boolean;
  readonly nowMs: number;
}

export function statefulSetController(caches: SharedCaches): ControllerDefinition<StatefulSetSnapshot> {
  return {
    name: 'statefulset',
    informers: [caches.statefulSets, caches.controllerRevisions, caches.pods, caches.persistentVolumeClaims, caches.namespaces],
    triggers: [
      onChange(caches.statefulSets),
      onOwnedChange(caches.pods, 'StatefulSet'),
      onOwnedChange(caches.controllerRevisions, 'StatefulSet'),
      onOrphanChange(caches.pods, caches.statefulSets),
      onRelatedChange(caches.persistentVolumeClaims, awaitingSets),
    ],
    snapshot: (key) => snapshotStatefulSet(key, caches),
    reconcile: reconcileStatefulSet,
    workers: WORKERS,
  };
}

export async function snapshotStatefulSet(key: ObjectKey, caches: SharedCaches): Promise<StatefulSetSnapshot | undefined> {
  const set = caches.statefulSets.store.find(key);
  if (set === undefined) return undefined;
  const isNamed = ({ metadata }: Pod) => parsePodName(metadata.name)?.parent === set.metadata.name;
  const candidates = controlledBy(caches.pods, set).filter((pod) => controllerOf(pod) !== undefined || isNamed(pod));
  const revisions = controlledBy(caches.controllerRevisions, set);
  const matches = compileLabelSelector(set.spec.selector);
  const hasOrphans = [...candidates, ...revisions].some((object) => isAdoptable(set, object, matches));
  return {
    set,
    candidates,
    revisions,
    namesake: caches.controllerRevisions.store.find({ ...key, name: revisionName(set) }),
    findClaim: (name) => caches.persistentVolumeClaims.store.find({ ...key, name }),
    mayAdopt: hasOrphans && (await isStillThere(caches.client, statefulsets, set)),
    mayCreate: !isNamespaceGoing(caches, set),
    nowMs: caches.clock.now(),
  };
}

export function reconcileStatefulSet(snapshot: StatefulSetSnapshot): readonly Action[] {
  const { set, mayAdopt, namesake, mayCreate } = snapshot;
  const claim = { owner: set, ownerType: statefulsets, selector: set.spec.selector, mayAdopt };
  const ownPods = claimObjects({ ...claim, type: pods, candidates: snapshot.candidates });
  const ownRevisions = claimObjects({ ...claim, type: controllerrevisions, candidates: snapshot.revisions });
  // What was adopted or released has a new version, which the next sync works with.
  if (ownPods.actions.length + ownRevisions.actions.length > 0) return [...ownPods.actions, ...ownRevisions.actions];
  const revisions = ownRevisions.claimed;
  const revision = observeRevision({ owner: set, ownerType: statefulsets, hashLabel: HASH_LABEL, revisions, namesake });
  const isGoing = set.metadata.deletionTimestamp !== undefined;
  switch (revision.state) {
    case 'name taken': {
      const collisionCount = (set.status?.collisionCount ?? 0) + 1;
      return isGoing ? [] : [updateStatus(statefulsets, { ...set, status: { replicas: 0, ...set.status, collisionCount } })];
    }
    case 'missing':
      return mayCreate && !isGoing ? [revision.create] : [];
    case 'known':
      return advance(snapshot, ownPods.claimed, revision);
  }
}

/** The present template has its revision: looks after the pods, the history and the status. */
function advance(
  snapshot: StatefulSetSnapshot,
  claimed: readonly Pod[],
  revision: Extract<Revision, { state: 'known' }>,
): readonly Action[] {
  const { set, nowMs, mayCreate } = snapshot;
  const update = { template: set.spec.template, revision: revision.current.metadata.name };
  const before = revision.old.find(({ metadata }) => metadata.name === set.status?.currentRevision);
  const current = before === undefined ? update : { template: templateOf(before), revision: before.metadata.name };
  const replicas: Replicas = { ...snapshot, pods: claimed.filter((pod) => ordinalOf(pod) >= 0), current, update };
  const planned = set.metadata.deletionTimestamp === undefined ? planReplicas(replicas) : [];
  const status = summarizeReplicas(replicas);
  const inUse = new Set([current.revision, update.revision, ...claimed.map(revisionOf)]);
  const idle = revision.old.filter(({ metadata }) => !inUse.has(metadata.name));
  const afterMs = availabilityCheckAfterMs(claimed, set.spec.minReadySeconds ?? 0, nowMs);
  return [
    ...revision.actions,
    ...planned.filter(({ verb }) => mayCreate || verb !== 'create'),
    ...removeOldRevisions(set, idle, () => false),
    ...(isDeepStrictEqual(set.status, status) ? [] : [updateStatus(statefulsets, { ...set, status })]),
    ...(afterMs === undefined ? [] : [{ verb: 'requeue', afterMs } as const]),
  ];
}

/** A claim that belongs to a pod which is gone keeps its successor waiting until it is gone as well. */
function awaitingSets({ metadata }: PersistentVolumeClaim): readonly ObjectKey[] {
  const podNames = (metadata.ownerReferences ?? []).filter(({ kind }) => kind === 'Pod').map(({ name }) => name);
  return podNames.flatMap((name) => {
    const parent = parsePodName(name)?.parent;
    return parent === undefined ? [] : [{ namespace: metadata.namespace ?? '', name: parent }];
  });
}
