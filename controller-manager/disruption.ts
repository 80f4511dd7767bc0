/**
 * The disruption controller: says in a PodDisruptionBudget's status how many of its pods are well, how many must be, and so how many may be evicted now. An
 * eviction takes from that number by itself and names the pod in `disruptedPods`; the pod is then no longer counted as well, until it is gone or plainly is
 * not going. Upstream: pkg/controller/disruption.
 */
import { isDeepStrictEqual } from 'node:util';
import { poddisruptionbudgets } from '#api/generated/resources.ts';
import type { OwnerReference, Pod, PodDisruptionBudget, PodDisruptionBudgetStatus } from '#api/generated/types.ts';
import { withCondition } from '#api/meta/condition.ts';
import { compileLabelSelector, formatLabelSelector } from '#api/meta/label-selector.ts';
import { keyOf, type ObjectKey } from '#api/meta/object-key.ts';
import { controllerOf } from '#api/meta/owner-reference.ts';
import { resolveShare } from '#api/meta/share.ts';
import { parseTime } from '#api/meta/time.ts';
import { type Action, updateStatus } from '#client/apply-actions.ts';
import { type ControllerDefinition, onChange, onRelatedChange } from '#client/controller.ts';
import { formatTime } from '#component/clock.ts';
import { resourceId } from './discovery.ts';
import { isReady } from './pod-readiness.ts';
import { findScale, scaleTypeOf } from './scale-subresource.ts';
import type { SharedCaches } from './shared-caches.ts';

/** An evicted pod that is not being deleted by then was not evicted after all. */
const DELETION_MS_MAX = 120_000;

export interface DisruptionSnapshot {
  readonly budget: PodDisruptionBudget;
  /** All that its selector matches. */
  readonly pods: readonly Pod[];
  /** How many pods the controllers of these are to have. Pods without a controller count for none. */
  readonly scale: ExpectedScale;
  readonly nowMs: number;
}

export type ExpectedScale =
  | { readonly isKnown: true; readonly count: number; readonly hasUnmanaged: boolean }
  | { readonly isKnown: false; readonly problem: string };

export function disruptionController(caches: SharedCaches): ControllerDefinition<DisruptionSnapshot> {
  return {
    name: 'disruption',
    informers: [
      caches.podDisruptionBudgets,
      caches.pods,
      caches.replicaSets,
      caches.deployments,
      caches.statefulSets,
      caches.replicationControllers,
    ],
    triggers: [onChange(caches.podDisruptionBudgets), onRelatedChange(caches.pods, (pod) => budgetsOf(caches, pod))],
    snapshot: (key) => snapshotDisruption(key, caches),
    reconcile: reconcileDisruption,
  };
}

async function snapshotDisruption(key: ObjectKey, caches: SharedCaches): Promise<DisruptionSnapshot | undefined> {
  const budget = caches.podDisruptionBudgets.store.find(key);
  if (budget === undefined) return undefined;
  const matches = matcherOf(budget);
  const pods = caches.pods.store.list(key.namespace).filter(({ metadata }) => matches(metadata.labels));
  return { budget, pods, scale: await expectedScale(pods, caches), nowMs: caches.clock.now() };
}

export function reconcileDisruption(snapshot: DisruptionSnapshot): readonly Action[] {
  const { budget, pods, nowMs } = snapshot;
  const wanted = wantedHealthy(snapshot);
  if (typeof wanted === 'string') return failSafe(budget, wanted, nowMs);
  const { disruptedPods, late, afterMs } = followEvictions(snapshot);
  const currentHealthy = pods.filter(
    (pod) => pod.metadata.deletionTimestamp === undefined && !Object.hasOwn(disruptedPods, pod.metadata.name) && isReady(pod),
  ).length;
  const spare = wanted.expected <= 0 ? 0 : Math.max(0, currentHealthy - wanted.healthy);
  const status = describe(budget, { currentHealthy, ...wanted, allowed: spare, disruptedPods }, nowMs);
  return [
    ...tellOf(snapshot),
    ...late.map((pod) => event(pod, 'Warning', 'NotDeleted', `Pod was expected by PDB ${nameOf(budget)} to be deleted but it wasn't`)),
    ...(isDeepStrictEqual(budget.status, status) ? [] : [updateStatus(poddisruptionbudgets, { ...budget, status })]),
    ...(afterMs === undefined ? [] : [{ verb: 'requeue', afterMs } as const]),
  ];
}

interface Wanted {
  readonly expected: number;
  readonly healthy: number;
}

/** Text says why it cannot be told. A plain number of available pods needs no knowledge of who made them; a budget without a number lets nobody go. */
function wantedHealthy({ budget, pods, scale }: DisruptionSnapshot): Wanted | string {
  const { minAvailable, maxUnavailable } = budget.spec;
  if (maxUnavailable === undefined && typeof minAvailable === 'number') return { expected: pods.length, healthy: minAvailable };
  if (!scale.isKnown) return scale.problem;
  if (maxUnavailable !== undefined) {
    return { expected: scale.count, healthy: Math.max(0, scale.count - resolveShare(maxUnavailable, scale.count, 'up')) };
  }
  return minAvailable === undefined
    ? { expected: 0, healthy: 0 }
    : { expected: scale.count, healthy: resolveShare(minAvailable, scale.count, 'up') };
}

/** Nobody may be evicted while it is not known how many there should be. */
function failSafe(budget: PodDisruptionBudget, problem: string, nowMs: number): readonly Action[] {
  const { status } = budget;
  const condition = { type: 'DisruptionAllowed', status: 'False', reason: 'SyncFailed', message: problem, ...observed(budget) };
  const failed: PodDisruptionBudgetStatus = {
    currentHealthy: 0,
    desiredHealthy: 0,
    expectedPods: 0,
    ...status,
    disruptionsAllowed: 0,
    conditions: withCondition(status?.conditions, { ...condition, lastTransitionTime: '' }, formatTime(nowMs)),
    ...observed(budget),
  };
  const message = `Failed to calculate the number of expected pods: ${problem}`;
  return isDeepStrictEqual(status, failed)
    ? []
    : [
        event(budget, 'Warning', 'CalculateExpectedPodCountFailed', message),
        updateStatus(poddisruptionbudgets, { ...budget, status: failed }),
      ];
}

/** Evictions that were granted and are not under way yet: kept for two minutes from when they were granted. */
function followEvictions({ budget, pods, nowMs }: DisruptionSnapshot) {
  const granted = budget.status?.disruptedPods ?? {};
  const waiting = pods.flatMap((pod) => {
    const time = Object.hasOwn(granted, pod.metadata.name) ? granted[pod.metadata.name] : undefined;
    if (time === undefined || pod.metadata.deletionTimestamp !== undefined) return [];
    return [{ pod, time, leftMs: (parseTime(time) ?? 0) + DELETION_MS_MAX - nowMs }];
  });
  const kept = waiting.filter(({ leftMs }) => leftMs > 0);
  return {
    disruptedPods: Object.fromEntries(kept.map(({ pod, time }) => [pod.metadata.name, time])),
    late: waiting.filter(({ leftMs }) => leftMs <= 0).map(({ pod }) => pod),
    afterMs: kept.length === 0 ? undefined : Math.min(...kept.map(({ leftMs }) => leftMs)),
  };
}

interface Counts extends Wanted {
  readonly currentHealthy: number;
  readonly allowed: number;
  readonly disruptedPods: Readonly<Record<string, string>>;
}

function describe(budget: PodDisruptionBudget, counts: Counts, nowMs: number): PodDisruptionBudgetStatus {
  const [status, reason] = counts.allowed > 0 ? (['True', 'SufficientPods'] as const) : (['False', 'InsufficientPods'] as const);
  const condition = { type: 'DisruptionAllowed', status, reason, message: '', lastTransitionTime: '', ...observed(budget) };
  return {
    currentHealthy: counts.currentHealthy,
    desiredHealthy: counts.healthy,
    disruptionsAllowed: counts.allowed,
    expectedPods: counts.expected,
    ...(Object.keys(counts.disruptedPods).length === 0 ? {} : { disruptedPods: counts.disruptedPods }),
    conditions: withCondition(budget.status?.conditions, condition, formatTime(nowMs)),
    ...observed(budget),
  };
}

/** What a user should know who wonders about the numbers; told when they change. */
function tellOf({ budget, pods, scale }: DisruptionSnapshot): readonly Action[] {
  const isNews = budget.status?.expectedPods === undefined || budget.status.observedGeneration !== budget.metadata.generation;
  if (!isNews) return [];
  if (pods.length === 0) return [event(budget, 'Normal', 'NoPods', 'No matching pods found')];
  const isCounted = typeof budget.spec.minAvailable === 'number';
  if (isCounted || !scale.isKnown || !scale.hasUnmanaged) return [];
  const selector = formatLabelSelector(budget.spec.selector ?? {});
  const message =
    `Pods selected by this PodDisruptionBudget (selector: ${selector}) were found to be unmanaged. As a result, the status of the PDB cannot be ` +
    'calculated correctly, which may result in undefined behavior. To account for these pods please set ".spec.minAvailable" field of the PDB to an ' +
    'integer value.';
  return [event(budget, 'Warning', 'UnmanagedPods', message)];
}

type ScaledCaches = Pick<SharedCaches, 'replicaSets' | 'deployments' | 'statefulSets' | 'replicationControllers' | 'client' | 'all'>;

/** The sum of what the pods' controllers are to have, each controller once. */
export async function expectedScale(pods: readonly Pod[], caches: ScaledCaches): Promise<ExpectedScale> {
  const scales = new Map<string, number>();
  for (const [uid, { owner, key }] of controllersOf(pods)) {
    const found = findOwnScale(owner, key, caches) ?? (await findOtherScale(owner, key, caches));
    if (found.answer === 'problem') return { isKnown: false, problem: found.problem };
    if (found.answer === 'scale' && found.ownUid === uid) scales.set(found.uid, found.replicas);
  }
  const count = [...scales.values()].reduce((sum, replicas) => sum + replicas, 0);
  return { isKnown: true, count, hasUnmanaged: pods.some((pod) => controllerOf(pod) === undefined) };
}

function controllersOf(pods: readonly Pod[]) {
  return new Map(
    pods.flatMap((pod) => {
      const owner = controllerOf(pod);
      return owner === undefined
        ? []
        : [[owner.uid, { owner, key: { namespace: pod.metadata.namespace ?? '', name: owner.name } }] as const];
    }),
  );
}

type OwnerScale =
  | {
      readonly answer: 'scale';
      /** Of the pods' controller itself. */
      readonly ownUid: string;
      /** Of what stands for it. */
      readonly uid: string;
      readonly replicas: number;
    }
  | { readonly answer: 'gone' }
  | { readonly answer: 'problem'; readonly problem: string };

/** Of a kind that our caches hold. A ReplicaSet of a Deployment stands for the Deployment. */
function findOwnScale(
  { apiVersion, kind }: OwnerReference,
  key: ObjectKey,
  { replicaSets, deployments, statefulSets, replicationControllers }: ScaledCaches,
): OwnerScale | undefined {
  const kinds = {
    'apps/v1 StatefulSet': statefulSets,
    'apps/v1 ReplicaSet': replicaSets,
    'v1 ReplicationController': replicationControllers,
  };
  const id = `${apiVersion} ${kind}`;
  if (!isKeyOf(kinds, id)) return undefined;
  const found = kinds[id].store.find(key);
  if (found === undefined) return { answer: 'gone' };
  const owner = controllerOf(found);
  const deployment = owner?.kind === 'Deployment' ? deployments.store.find({ ...key, name: owner.name }) : undefined;
  const { metadata, spec } = deployment ?? found;
  return { answer: 'scale', ownUid: found.metadata.uid, uid: metadata.uid, replicas: spec.replicas ?? 1 };
}

/** Of any other kind the server is asked. */
async function findOtherScale(owner: OwnerReference, key: ObjectKey, caches: ScaledCaches): Promise<OwnerScale> {
  const found = await findScale(owner, key, caches);
  if (found.isFound) {
    const { uid } = found.scale.metadata;
    return { answer: 'scale', ownUid: uid, uid, replicas: found.scale.spec.replicas ?? 0 };
  }
  switch (found.why) {
    case 'gone':
      return { answer: 'gone' };
    case 'unknown':
      return { answer: 'problem', problem: `no matches for kind "${owner.kind}" in version "${owner.apiVersion}"` };
    case 'unscaled': {
      const id = resourceId(scaleTypeOf(owner, caches.all) ?? { plural: owner.kind, group: '' });
      return { answer: 'problem', problem: `${id} does not implement the scale subresource` };
    }
    case 'refused':
      return { answer: 'problem', problem: found.problem };
  }
}

function isKeyOf<T extends object>(object: T, key: PropertyKey): key is keyof T {
  return Object.hasOwn(object, key);
}

/** An absent selector matches nothing, an empty one everything. */
function matcherOf({ spec }: PodDisruptionBudget) {
  return spec.selector === undefined ? () => false : compileLabelSelector(spec.selector);
}

function budgetsOf(caches: SharedCaches, { metadata }: Pod): readonly ObjectKey[] {
  return caches.podDisruptionBudgets.store
    .list(metadata.namespace)
    .filter((budget) => matcherOf(budget)(metadata.labels))
    .map(keyOf);
}

function observed({ metadata }: PodDisruptionBudget): { readonly observedGeneration?: number } {
  return metadata.generation === undefined ? {} : { observedGeneration: metadata.generation };
}

function event(regarding: Pod | PodDisruptionBudget, type: 'Normal' | 'Warning', reason: string, message: string): Action {
  return { verb: 'event', regarding, type, reason, message };
}

function nameOf({ metadata }: PodDisruptionBudget): string {
  return `${metadata.namespace}/${metadata.name}`;
}
