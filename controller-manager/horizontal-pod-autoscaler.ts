/**
 * The HorizontalPodAutoscaler controller: asks every 15 seconds what the metrics say of a target's pods and sets the target's scale to what the most demanding of them
 * asks for, within the autoscaler's limits. What it asks the server for is in the snapshot; what it recommended and changed lately is this process's memory, as
 * upstream's is. Upstream: pkg/controller/podautoscaler.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Pod } from '#api/generated/types.ts';
import { type LabelMatcher, parseLabelSelector, SelectorError } from '#api/meta/label-selector.ts';
import { formatKey, keyOf, type ObjectKey } from '#api/meta/object-key.ts';
import type { ActionFailure, ControllerDefinition, Trigger } from '#client/controller.ts';
import { resourceId } from './discovery.ts';
import { readMetric } from './horizontal-pod-autoscaler/metric-readings.ts';
import {
  type AutoscalerPlan,
  type AutoscalerSnapshot,
  areMetricsAsked,
  planAutoscaling,
} from './horizontal-pod-autoscaler/plan-autoscaling.ts';
import { rememberRecommendation, rememberScaling, type ScalingHistory } from './horizontal-pod-autoscaler/scaling-limits.ts';
import { findScale, groupOf, scaleTypeOf } from './scale-subresource.ts';
import type { SharedCaches } from './shared-caches.ts';

/** As upstream's --concurrent-horizontal-pod-autoscaler-syncs. */
const WORKERS = 5;

interface Memory {
  readonly histories: Map<string, ScalingHistory>;
  /** Changes asked for in the last sync; its failure says whether they happened. */
  readonly attempts: Map<string, { readonly change: number; readonly atMs: number }>;
  /** By which labels each one's pods are found. */
  readonly selectors: Map<string, { readonly key: ObjectKey; readonly matches: LabelMatcher }>;
}

export function horizontalPodAutoscalerController(caches: SharedCaches): ControllerDefinition<AutoscalerSnapshot> {
  const memory: Memory = { histories: new Map(), attempts: new Map(), selectors: new Map() };
  return {
    name: 'horizontal-pod-autoscaler',
    informers: [caches.horizontalPodAutoscalers, caches.pods],
    triggers: [onNewSpec(caches)],
    snapshot: (key, lastFailure) => snapshotAutoscaler(key, lastFailure, caches, memory),
    reconcile: (snapshot) => {
      const plan = planAutoscaling(snapshot);
      remember(memory, snapshot, plan);
      return plan.actions;
    },
    workers: WORKERS,
  };
}

/** Its own status changes with every sync, which is no reason for another. */
function onNewSpec({ horizontalPodAutoscalers }: SharedCaches): Trigger {
  return (enqueue) =>
    horizontalPodAutoscalers.onChange((change) => {
      if (change.type === 'updated' && isDeepStrictEqual(change.object.spec, change.previous.spec)) return;
      enqueue(keyOf(change.object));
    });
}

async function snapshotAutoscaler(
  key: ObjectKey,
  lastFailure: ActionFailure | undefined,
  caches: SharedCaches,
  memory: Memory,
): Promise<AutoscalerSnapshot | undefined> {
  const autoscaler = caches.horizontalPodAutoscalers.store.find(key);
  const id = formatKey(key);
  if (autoscaler === undefined || autoscaler.metadata.deletionTimestamp !== undefined) {
    for (const map of [memory.histories, memory.attempts, memory.selectors]) map.delete(id);
    return undefined;
  }
  const nowMs = caches.clock.now();
  const rescaleFailure = lastFailure?.action.verb === 'update' ? lastFailure.message : undefined;
  const { scaleTargetRef, metrics = [] } = autoscaler.spec;
  const found = await findScale(scaleTargetRef, { namespace: key.namespace, name: scaleTargetRef.name }, caches);
  const history = recallHistory(id, memory, rescaleFailure, found.isFound ? (found.scale.spec.replicas ?? 0) : undefined, nowMs);
  const base = { autoscaler, history, rescaleFailure, readings: [], pods: [], rivals: [], nowMs };
  if (!found.isFound) return { ...base, target: { problem: found.problem } };
  const { scale } = found;
  const selector = scale.status?.selector ?? '';
  const matches = matcherOf(selector);
  if (matches === undefined || !areMetricsAsked(autoscaler, scale)) return { ...base, target: found };
  memory.selectors.set(id, { key, matches });
  const pods = caches.pods.store.list(key.namespace).filter(({ metadata }) => matches(metadata.labels));
  const resourceOf = (reference: typeof scaleTargetRef) => {
    const type = scaleTypeOf(reference, caches.all);
    return type === undefined ? undefined : groupOf(reference) === '' ? type.plural : resourceId(type);
  };
  const readings = await Promise.all(
    metrics.map((metric) => readMetric(metric, { namespace: key.namespace, selector }, { client: caches.client, resourceOf })),
  );
  return { ...base, target: found, readings, pods, rivals: rivalsOf(key.namespace, pods, memory) };
}

/** An attempt that did not fail is a change. The number of replicas first seen counts as recommended. */
function recallHistory(
  id: string,
  memory: Memory,
  rescaleFailure: string | undefined,
  currentReplicas: number | undefined,
  nowMs: number,
): ScalingHistory {
  const attempt = memory.attempts.get(id);
  memory.attempts.delete(id);
  let history = memory.histories.get(id);
  if (history === undefined) {
    if (currentReplicas === undefined) return { recommendations: [], events: [] };
    history = { recommendations: [{ replicas: currentReplicas, atMs: nowMs }], events: [] };
  }
  if (attempt !== undefined && rescaleFailure === undefined) history = rememberScaling(history, attempt.change, attempt.atMs);
  memory.histories.set(id, history);
  return history;
}

function remember(memory: Memory, { autoscaler, history, nowMs }: AutoscalerSnapshot, { recommendation, change }: AutoscalerPlan): void {
  const id = formatKey(keyOf(autoscaler));
  if (recommendation !== undefined) memory.histories.set(id, rememberRecommendation(history, recommendation, nowMs));
  if (change !== undefined) memory.attempts.set(id, { change, atMs: nowMs });
}

function rivalsOf(namespace: string, pods: readonly Pod[], memory: Memory): readonly ObjectKey[] {
  return [...memory.selectors.values()]
    .filter(({ key, matches }) => key.namespace === namespace && pods.some(({ metadata }) => matches(metadata.labels)))
    .map(({ key }) => key)
    .toSorted((left, right) => (left.name < right.name ? -1 : 1));
}

function matcherOf(selector: string) {
  try {
    return selector === '' ? undefined : parseLabelSelector(selector);
  } catch (error) {
    if (error instanceof SelectorError) return undefined;
    throw error;
  }
}
