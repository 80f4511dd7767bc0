/**
 * The DaemonSet controller: keeps one pod with its template on each node that its pods may run on, and brings them up to date as its update
 * strategy says. It makes a pod for a node and lets the scheduler bind it there. Woken by its own changes, those of its pods and revisions, and by nodes
 * that come, go, or become fit or unfit. Upstream: pkg/controller/daemon.
 */
import { isDeepStrictEqual } from 'node:util';
import { controllerrevisions, daemonsets, pods } from '#api/generated/resources.ts';
import type { ControllerRevision, DaemonSet, DaemonSetStatus, Node, Pod } from '#api/generated/types.ts';
import { compileLabelSelector } from '#api/meta/label-selector.ts';
import { keyOf, type ObjectKey } from '#api/meta/object-key.ts';
import { type Action, updateStatus } from '#client/apply-actions.ts';
import { type ControllerDefinition, onChange, onOwnedChange, type Trigger } from '#client/controller.ts';
import { randomSuffix } from '#component/random.ts';
import { claimObjects, isAdoptable, onOrphanChange } from './claim-objects.ts';
import { observeRevision, REVISION_LABEL, type Revision, removeOldRevisions, revisionName } from './controller-revisions.ts';
import { type Daemons, groupByNode, planNodes } from './daemon-set/daemon-plan.ts';
import { newDaemonPod, placementOn } from './daemon-set/daemon-pods.ts';
import { summarizeDaemons } from './daemon-set/daemon-set-status.ts';
import { createFailedPodBackOff, type FailedPodBackOff } from './daemon-set/failed-pod-back-off.ts';
import { planRollingUpdate } from './daemon-set/rolling-update.ts';
import { createPod, deletePod } from './pod-from-template.ts';
import { availabilityCheckAfterMs } from './pod-readiness.ts';
import { controlledBy, isNamespaceGoing, isStillThere, type SharedCaches } from './shared-caches.ts';

/** Pods created, and pods deleted, in one sync: upstream's burst. */
const PODS_PER_SYNC_MAX = 250;
/** DaemonSets synced at once, as upstream's --concurrent-daemonset-syncs. */
const WORKERS = 2;

export interface DaemonSetSnapshot extends Pick<Daemons, 'daemonSet' | 'nodes' | 'nowMs' | 'failedPodWaitMs'> {
  /** Pods it controls, and those without a controller in its namespace. */
  readonly candidates: readonly Pod[];
  /** The same of revisions. */
  readonly revisions: readonly ControllerRevision[];
  /** What already bears the name that the template's revision gets. */
  readonly namesake: ControllerRevision | undefined;
  readonly mayAdopt: boolean;
  /** The server refuses new objects in a namespace that is being deleted. */
  readonly mayCreate: boolean;
  /** Makes the end of a pod's name. */
  readonly suffix: () => string;
}

export function daemonSetController(caches: SharedCaches): ControllerDefinition<DaemonSetSnapshot> {
  const backOff = createFailedPodBackOff(caches.clock);
  return {
    name: 'daemonset',
    informers: [caches.daemonSets, caches.controllerRevisions, caches.pods, caches.nodes, caches.namespaces],
    triggers: [
      onChange(caches.daemonSets),
      onOwnedChange(caches.pods, 'DaemonSet'),
      onOwnedChange(caches.controllerRevisions, 'DaemonSet'),
      onOrphanChange(caches.pods, caches.daemonSets),
      onFitnessChange(caches),
    ],
    snapshot: (key) => snapshotDaemonSet(key, caches, backOff),
    reconcile: reconcileDaemonSet,
    workers: WORKERS,
  };
}

export async function snapshotDaemonSet(
  key: ObjectKey,
  caches: SharedCaches,
  backOff: FailedPodBackOff,
): Promise<DaemonSetSnapshot | undefined> {
  const daemonSet = caches.daemonSets.store.find(key);
  // While it is being deleted its revisions may be gone before its pods, so nothing that is said of them would be true.
  if (daemonSet === undefined || daemonSet.metadata.deletionTimestamp !== undefined) return undefined;
  const candidates = controlledBy(caches.pods, daemonSet);
  const revisions = controlledBy(caches.controllerRevisions, daemonSet);
  const matches = compileLabelSelector(daemonSet.spec.selector);
  const hasOrphans = [...candidates, ...revisions].some((object) => isAdoptable(daemonSet, object, matches));
  const place = `${daemonSet.metadata.uid} ${daemonSet.status?.observedGeneration ?? 0}`;
  return {
    daemonSet,
    candidates,
    revisions,
    namesake: caches.controllerRevisions.store.find({ ...key, name: revisionName(daemonSet) }),
    nodes: caches.nodes.store.list(),
    mayAdopt: hasOrphans && (await isStillThere(caches.client, daemonsets, daemonSet)),
    mayCreate: !isNamespaceGoing(caches, daemonSet),
    nowMs: caches.clock.now(),
    suffix: () => randomSuffix(caches.random),
    failedPodWaitMs: (nodeName, pod) => backOff.waitMs(`${place} ${nodeName}`, pod.metadata.uid),
  };
}

export function reconcileDaemonSet(snapshot: DaemonSetSnapshot): readonly Action[] {
  const { daemonSet, mayAdopt, namesake, mayCreate } = snapshot;
  const claim = { owner: daemonSet, ownerType: daemonsets, selector: daemonSet.spec.selector, mayAdopt };
  const ownPods = claimObjects({ ...claim, type: pods, candidates: snapshot.candidates });
  const ownRevisions = claimObjects({ ...claim, type: controllerrevisions, candidates: snapshot.revisions });
  // What was adopted or released has a new version, which the next sync works with.
  if (ownPods.actions.length + ownRevisions.actions.length > 0) return [...ownPods.actions, ...ownRevisions.actions];
  const revision = observeRevision({
    owner: daemonSet,
    ownerType: daemonsets,
    hashLabel: REVISION_LABEL,
    revisions: ownRevisions.claimed,
    namesake,
  });
  switch (revision.state) {
    case 'name taken':
      return [updateStatus(daemonsets, { ...daemonSet, status: countCollision(daemonSet) })];
    case 'missing':
      return mayCreate ? [revision.create] : [];
    case 'known':
      return advance(snapshot, ownPods.claimed, revision);
  }
}

/** The present template has its revision: looks after the pods, the history and the status. */
function advance(snapshot: DaemonSetSnapshot, claimed: readonly Pod[], revision: Extract<Revision, { state: 'known' }>): readonly Action[] {
  const { daemonSet, nowMs } = snapshot;
  const hash = revision.current.metadata.labels?.[REVISION_LABEL] ?? '';
  const daemons: Daemons = { ...snapshot, hash, podsByNode: groupByNode(claimed) };
  const status = summarizeDaemons(daemons);
  const isSame = isDeepStrictEqual(daemonSet.status, status);
  const hashes = new Set(claimed.map(({ metadata }) => metadata.labels?.[REVISION_LABEL]));
  const isInUse = ({ metadata }: ControllerRevision) => hashes.has(metadata.labels?.[REVISION_LABEL]);
  const afterMs = availabilityCheckAfterMs(claimed, daemonSet.spec.minReadySeconds ?? 0, nowMs);
  return [
    ...revision.actions,
    ...changePods(snapshot, daemons),
    ...removeOldRevisions(daemonSet, revision.old, isInUse),
    ...(isSame ? [] : [updateStatus(daemonsets, { ...daemonSet, status })]),
    ...(afterMs === undefined ? [] : [{ verb: 'requeue', afterMs } as const]),
  ];
}

function changePods(snapshot: DaemonSetSnapshot, daemons: Daemons): readonly Action[] {
  const { daemonSet } = daemons;
  const plan = planNodes(daemons);
  const isSettled = plan.creations.length + plan.deletions.length === 0;
  const isRolling = isSettled && daemonSet.spec.updateStrategy?.type === 'RollingUpdate';
  const { creations, deletions } = isRolling ? planRollingUpdate(daemons) : plan;
  const places = snapshot.mayCreate ? creations.slice(0, PODS_PER_SYNC_MAX) : [];
  return [
    ...plan.events,
    ...places.map((nodeName) => createPod(daemonSet, newDaemonPod(daemonSet, nodeName, { hash: daemons.hash, suffix: snapshot.suffix() }))),
    ...deletions.slice(0, PODS_PER_SYNC_MAX).map((pod) => deletePod(daemonSet, pod)),
    ...plan.waitsMs.map((afterMs) => ({ verb: 'requeue', afterMs }) as const),
  ];
}

function countCollision({ status }: DaemonSet): DaemonSetStatus {
  const unseen = { currentNumberScheduled: 0, numberMisscheduled: 0, desiredNumberScheduled: 0, numberReady: 0 };
  return { ...unseen, ...status, collisionCount: (status?.collisionCount ?? 0) + 1 };
}

/** Wakes the DaemonSets for whose pods a node came, went or changed its fitness; a node's heartbeats wake nobody. */
function onFitnessChange(caches: SharedCaches): Trigger {
  const fitness = (daemonSet: DaemonSet, node: Node | undefined) => (node === undefined ? undefined : placementOn(daemonSet, node));
  return (enqueue) =>
    caches.nodes.onChange((change) => {
      const before = change.type === 'updated' ? change.previous : undefined;
      const after = change.type === 'deleted' ? undefined : change.object;
      if (before !== undefined && after !== undefined && isDeepStrictEqual(fitFor(before), fitFor(after))) return;
      for (const daemonSet of caches.daemonSets.store.list()) {
        if (change.type === 'deleted' || !isDeepStrictEqual(fitness(daemonSet, before), fitness(daemonSet, after)))
          enqueue(keyOf(daemonSet));
      }
    });
}

/** All of a node that placement looks at. */
function fitFor({ metadata, spec }: Node): object {
  return { name: metadata.name, labels: metadata.labels, taints: spec?.taints };
}
