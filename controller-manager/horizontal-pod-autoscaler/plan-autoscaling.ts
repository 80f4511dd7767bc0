/**
 * What an autoscaler does about its target: the snapshot that `horizontal-pod-autoscaler.ts` takes becomes a new scale, conditions and events. The most demanding metric
 * decides; while one cannot be told, nothing is scaled down. Pure. Upstream: pkg/controller/podautoscaler/horizontal.go (reconcileAutoscaler), whose words these are.
 */
import type { Pod, Scale, V2HorizontalPodAutoscaler, V2MetricStatus } from '#api/generated/types.ts';
import { parseLabelRequirements, SelectorError } from '#api/meta/label-selector.ts';
import type { ObjectKey } from '#api/meta/object-key.ts';
import { parseQuantity } from '#api/meta/quantity.ts';
import type { ResourceType } from '#api/meta/resource-type.ts';
import type { Action } from '#client/apply-actions.ts';
import { formatTime } from '#component/clock.ts';
import { isProposed, isUnproposed, type Proposal, proposeReplicas } from './metric-proposal.ts';
import type { Reading } from './metric-readings.ts';
import { limitReplicas, type ScalingHistory } from './scaling-limits.ts';
import { createStatusDraft, type StatusDraft } from './status-draft.ts';

/** As upstream's --horizontal-pod-autoscaler-sync-period. */
const SYNC_MS = 15_000;
/** As upstream's --horizontal-pod-autoscaler-tolerance. */
const TOLERANCE_DEFAULT = 0.1;

export interface AutoscalerSnapshot {
  readonly autoscaler: V2HorizontalPodAutoscaler;
  readonly target: { readonly scale: Scale; readonly type: ResourceType<Scale> } | { readonly problem: string };
  /** Of each metric in the spec, in order; none are asked for when the bounds alone decide. */
  readonly readings: readonly Reading[];
  /** All that the target's selector matches. */
  readonly pods: readonly Pod[];
  /** Autoscalers whose targets' selectors match these pods too, this one included. */
  readonly rivals: readonly ObjectKey[];
  readonly history: ScalingHistory;
  /** Why the target's scale could not be set in the previous sync. */
  readonly rescaleFailure: string | undefined;
  readonly nowMs: number;
}

/** What is to be done, and what is to be remembered when it is done. */
export interface AutoscalerPlan {
  readonly actions: readonly Action[];
  readonly recommendation?: number;
  /** By how many replicas the target is changed. */
  readonly change?: number;
}

/** Outside its bounds no metric is asked. */
export function areMetricsAsked({ spec }: V2HorizontalPodAutoscaler, scale: Scale): boolean {
  const current = scale.spec.replicas ?? 0;
  return boundaryOf(spec, current) === undefined;
}

type Boundary = 'disabled' | { readonly replicas: number; readonly reason: string } | undefined;

function boundaryOf({ minReplicas = 1, maxReplicas }: V2HorizontalPodAutoscaler['spec'], current: number): Boundary {
  if (current === 0 && minReplicas !== 0) return 'disabled';
  if (current > maxReplicas) return { replicas: maxReplicas, reason: 'Current number of replicas above Spec.MaxReplicas' };
  if (current < minReplicas) return { replicas: minReplicas, reason: 'Current number of replicas below Spec.MinReplicas' };
  return undefined;
}

export function planAutoscaling(snapshot: AutoscalerSnapshot): AutoscalerPlan {
  const { actions, ...remembered } = plan(snapshot);
  return { actions: [...actions, { verb: 'requeue', afterMs: SYNC_MS }], ...remembered };
}

function plan(snapshot: AutoscalerSnapshot): AutoscalerPlan {
  const { autoscaler, target, rescaleFailure, nowMs } = snapshot;
  const draft = createStatusDraft(autoscaler, nowMs);
  if ('problem' in target) {
    draft.set(
      'AbleToScale',
      'False',
      'FailedGetScale',
      `the HPA controller was unable to get the target's current scale: ${target.problem}`,
    );
    return { actions: [warning(autoscaler, 'FailedGetScale', target.problem), ...draft.write({})] };
  }
  const current = target.scale.spec.replicas ?? 0;
  if (rescaleFailure !== undefined) {
    draft.set('AbleToScale', 'False', 'FailedUpdateScale', `the HPA controller was unable to update the target scale: ${rescaleFailure}`);
    return { actions: draft.write({ currentReplicas: current }) };
  }
  draft.set('AbleToScale', 'True', 'SucceededGetScale', "the HPA controller was able to get the target's current scale");
  const boundary = boundaryOf(autoscaler.spec, current);
  if (boundary === 'disabled') {
    draft.set('ScalingActive', 'False', 'ScalingDisabled', 'scaling is disabled since the replica count of the target is zero');
    return { actions: draft.writeWithoutMetrics({ currentReplicas: current, desiredReplicas: current }) };
  }
  if (boundary !== undefined) return rescale(snapshot, target, draft, { ...boundary, metrics: [] });
  return followMetrics(snapshot, target, draft);
}

type Target = Exclude<AutoscalerSnapshot['target'], { readonly problem: string }>;

/** The most demanding metric counts. With one that cannot be told, nothing is scaled down. */
function followMetrics(snapshot: AutoscalerSnapshot, target: Target, draft: StatusDraft): AutoscalerPlan {
  const { autoscaler, history, nowMs } = snapshot;
  const { behavior, minReplicas = 1, maxReplicas } = autoscaler.spec;
  const current = target.scale.spec.replicas ?? 0;
  const selectorProblem = findSelectorProblem(snapshot, target.scale);
  if (selectorProblem !== undefined) {
    const { reason, event, message } = selectorProblem;
    draft.set('ScalingActive', 'False', reason, message);
    const told = [warning(autoscaler, event.reason, event.message), warning(autoscaler, 'FailedComputeMetricsReplicas', event.message)];
    return { actions: [...told, ...draft.writeWithoutMetrics({ currentReplicas: current })] };
  }
  const proposals = proposalsOf(snapshot, target.scale);
  const told = proposals.flatMap((proposal) => (isProposed(proposal) ? [] : [warning(autoscaler, proposal.reason, proposal.problem)]));
  const metrics = proposals.map((proposal): V2MetricStatus => (isProposed(proposal) ? proposal.status : { type: '' }));
  const best = mostDemanding(proposals);
  const invalid = proposals.find(isUnproposed);
  if (best === undefined || (invalid !== undefined && best.replicas < current)) {
    const problem = invalid?.problem ?? '';
    draft.set('ScalingActive', 'False', invalid?.reason ?? '', `the HPA was unable to compute the replica count: ${problem}`);
    const summary = `invalid metrics (${told.length} invalid out of ${proposals.length}), first error is: ${invalid?.summary ?? ''}`;
    const failed = warning(autoscaler, 'FailedComputeMetricsReplicas', summary);
    return { actions: [...told, failed, ...draft.write({ currentReplicas: current, currentMetrics: metrics })] };
  }
  draft.set('ScalingActive', 'True', 'ValidMetricFound', `the HPA was able to successfully calculate a replica count from ${best.metric}`);
  const limited = limitReplicas(best.replicas, current, { behavior, minReplicas, maxReplicas }, history, nowMs);
  draft.set('AbleToScale', 'True', limited.ableToScale.reason, limited.ableToScale.message);
  const { isLimited, reason, message } = limited.scalingLimited;
  draft.set('ScalingLimited', isLimited ? 'True' : 'False', reason, message);
  const why = best.replicas > current ? `${best.metric} above target` : 'All metrics below target';
  const outcome =
    limited.replicas === current
      ? { actions: draft.write({ currentReplicas: current, desiredReplicas: current, currentMetrics: metrics }) }
      : rescale(snapshot, target, draft, { replicas: limited.replicas, reason: best.replicas === current ? '' : why, metrics });
  return { ...outcome, actions: [...told, ...outcome.actions], recommendation: best.replicas };
}

interface Rescale {
  readonly replicas: number;
  readonly reason: string;
  readonly metrics: readonly V2MetricStatus[];
}

function rescale({ autoscaler, nowMs }: AutoscalerSnapshot, { scale, type }: Target, draft: StatusDraft, wanted: Rescale): AutoscalerPlan {
  const { replicas, reason, metrics } = wanted;
  const current = scale.spec.replicas ?? 0;
  const size = `New size: ${replicas}; reason: ${reason}`;
  draft.set('AbleToScale', 'True', 'SucceededRescale', `the HPA controller was able to update the target scale to ${replicas}`);
  const told = draft.writeWithoutMetrics({
    currentReplicas: current,
    desiredReplicas: replicas,
    lastScaleTime: formatTime(nowMs),
    ...(metrics.length === 0 ? {} : { currentMetrics: metrics }),
  });
  const scaled: Scale = { ...scale, spec: { ...scale.spec, replicas } };
  const announce = {
    regarding: autoscaler,
    done: { reason: 'SuccessfulRescale', message: size },
    failed: { reason: 'FailedRescale', message: `${size}; error: {error}` },
  };
  return {
    actions: [
      { verb: 'update', type, object: scaled, subresource: 'scale', announce },
      ...told.map((action) => ({ ...action, tellsOfSuccess: true })),
    ],
    change: replicas - current,
  };
}

function findSelectorProblem({ pods, rivals }: AutoscalerSnapshot, { status }: Scale) {
  const selector = status?.selector ?? '';
  if (selector === '') {
    const event = { reason: 'SelectorRequired', message: 'selector is required' };
    return { reason: 'InvalidSelector', event, message: "the HPA target's scale is missing a selector" };
  }
  const problem = selectorSyntaxProblem(selector);
  if (problem !== undefined) {
    const message = `couldn't convert selector into a corresponding internal selector object: ${problem}`;
    return { reason: 'InvalidSelector', event: { reason: 'InvalidSelector', message }, message };
  }
  if (pods.length === 0 || rivals.length < 2) return undefined;
  const names = rivals.map(({ namespace, name }) => `{${name} ${namespace}}`).join(' ');
  const message = `pods by selector ${selector} are controlled by multiple HPAs: [${names}]`;
  return { reason: 'AmbiguousSelector', event: { reason: 'AmbiguousSelector', message }, message };
}

function selectorSyntaxProblem(selector: string): string | undefined {
  try {
    parseLabelRequirements(selector);
    return undefined;
  } catch (error) {
    if (error instanceof SelectorError) return error.message;
    throw error;
  }
}

function proposalsOf({ autoscaler, readings, pods, nowMs }: AutoscalerSnapshot, scale: Scale): readonly Proposal[] {
  const { metrics = [], behavior } = autoscaler.spec;
  const context = {
    namespace: autoscaler.metadata.namespace ?? '',
    specReplicas: scale.spec.replicas ?? 0,
    statusReplicas: scale.status?.replicas ?? 0,
    pods,
    tolerance: { up: toleranceOf(behavior?.scaleUp?.tolerance), down: toleranceOf(behavior?.scaleDown?.tolerance) },
    nowMs,
  };
  return metrics.map((metric, index) => proposeReplicas(metric, readings[index] ?? { problem: 'the metric was not asked for' }, context));
}

function toleranceOf(text: string | undefined): number {
  return text === undefined ? TOLERANCE_DEFAULT : Number(parseQuantity(text).nanos) / 1e9;
}

/** The first of those that ask for most. */
function mostDemanding(proposals: readonly Proposal[]) {
  const valid = proposals.filter(isProposed);
  const most = Math.max(...valid.map(({ replicas }) => replicas));
  return valid.find(({ replicas }) => replicas === most);
}

function warning(autoscaler: V2HorizontalPodAutoscaler, reason: string, message: string): Action {
  return { verb: 'event', regarding: autoscaler, type: 'Warning', reason, message };
}
