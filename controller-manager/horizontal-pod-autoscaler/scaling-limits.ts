/**
 * From the number that the metrics ask for to the number that is set: not back and forth (stabilization windows over recent recommendations), not too fast
 * (policies over recent changes), not beyond the autoscaler's bounds. Without `behavior` the rules of before it apply. Pure.
 * Upstream: pkg/controller/podautoscaler/horizontal.go (normalizeDesiredReplicas…).
 */
import type { V2HorizontalPodAutoscalerSpec, V2HPAScalingRules } from '#api/generated/types.ts';

/** How long a lower number has to last. As upstream's --horizontal-pod-autoscaler-downscale-stabilization. */
const DOWNSCALE_STABILIZATION_MS = 300_000;
/** The longest window that the API allows: older recommendations are of no use to anybody. */
const WINDOW_MS_MAX = 3_600_000;
/** The longest period that the API allows for a policy. */
const PERIOD_MS_MAX = 1_800_000;
/** Without policies: at most twice as many at once, or this many if that is more. */
const SCALE_UP_FACTOR = 2;
const SCALE_UP_MIN = 4;

export interface Recommendation {
  readonly replicas: number;
  readonly atMs: number;
}

/** `change` is positive when replicas were added. */
export interface ScaleEvent {
  readonly change: number;
  readonly atMs: number;
}

/** What an autoscaler has seen and done lately; of this process only, as upstream's. */
export interface ScalingHistory {
  readonly recommendations: readonly Recommendation[];
  readonly events: readonly ScaleEvent[];
}

export interface Limits {
  readonly behavior: V2HorizontalPodAutoscalerSpec['behavior'];
  readonly minReplicas: number;
  readonly maxReplicas: number;
}

interface Reason {
  readonly reason: string;
  readonly message: string;
}

export interface LimitedReplicas {
  readonly replicas: number;
  /** Why this number, of those recommended lately. */
  readonly ableToScale: Reason;
  readonly scalingLimited: Reason & { readonly isLimited: boolean };
}

const lowestRecent = 'recent recommendations were lower than current one, applying the lowest recent recommendation';
const highestRecent = 'recent recommendations were higher than current one, applying the highest recent recommendation';
const scaleUpStabilized: Reason = { reason: 'ScaleUpStabilized', message: lowestRecent };
const scaleDownStabilized: Reason = { reason: 'ScaleDownStabilized', message: highestRecent };
const readyForNewScale: Reason = { reason: 'ReadyForNewScale', message: 'recommended size matches current size' };
const withinRange: Reason = { reason: 'DesiredWithinRange', message: 'the desired count is within the acceptable range' };
const growingTooFast: Reason = {
  reason: 'ScaleUpLimit',
  message: 'the desired replica count is increasing faster than the maximum scale rate',
};
const shrinkingTooFast: Reason = {
  reason: 'ScaleDownLimit',
  message: 'the desired replica count is decreasing faster than the maximum scale rate',
};
const tooMany: Reason = { reason: 'TooManyReplicas', message: 'the desired replica count is more than the maximum replica count' };
const tooFew: Reason = { reason: 'TooFewReplicas', message: 'the desired replica count is less than the minimum replica count' };

/** `history` is what was before this moment's `wanted`. */
export function limitReplicas(wanted: number, current: number, limits: Limits, history: ScalingHistory, nowMs: number): LimitedReplicas {
  const { behavior } = limits;
  const stable =
    behavior === undefined
      ? Math.max(wanted, ...within(history.recommendations, DOWNSCALE_STABILIZATION_MS, nowMs, 'inclusive'))
      : stabilize(wanted, current, behavior, history, nowMs);
  const stabilized = behavior !== undefined && wanted >= current ? scaleUpStabilized : scaleDownStabilized;
  const bounded =
    behavior === undefined
      ? boundPlainly(stable, current, limits)
      : boundByPolicies(stable, current, { ...limits, behavior }, history, nowMs);
  return {
    replicas: bounded.replicas,
    ableToScale: stable === wanted ? readyForNewScale : stabilized,
    scalingLimited: { isLimited: bounded.replicas !== stable, ...bounded.why },
  };
}

/** Only what some window or period may still reach back to. */
export function rememberRecommendation({ recommendations, events }: ScalingHistory, replicas: number, nowMs: number): ScalingHistory {
  const recent = recommendations.filter(({ atMs }) => atMs >= nowMs - WINDOW_MS_MAX);
  return { recommendations: [...recent, { replicas, atMs: nowMs }], events };
}

export function rememberScaling({ recommendations, events }: ScalingHistory, change: number, nowMs: number): ScalingHistory {
  const recent = events.filter(({ atMs }) => atMs >= nowMs - PERIOD_MS_MAX);
  return { recommendations, events: [...recent, { change, atMs: nowMs }] };
}

type Behavior = NonNullable<Limits['behavior']>;

function stabilize(wanted: number, current: number, { scaleUp, scaleDown }: Behavior, history: ScalingHistory, nowMs: number): number {
  const upMs = (scaleUp?.stabilizationWindowSeconds ?? 0) * 1_000;
  const downMs =
    scaleDown?.stabilizationWindowSeconds === undefined ? DOWNSCALE_STABILIZATION_MS : scaleDown.stabilizationWindowSeconds * 1_000;
  const lowest = Math.min(wanted, ...within(history.recommendations, upMs, nowMs, 'exclusive'));
  const highest = Math.max(wanted, ...within(history.recommendations, downMs, nowMs, 'exclusive'));
  return Math.min(Math.max(current, lowest), highest);
}

function within(
  recommendations: readonly Recommendation[],
  windowMs: number,
  nowMs: number,
  edge: 'inclusive' | 'exclusive',
): readonly number[] {
  const since = nowMs - windowMs;
  return recommendations.filter(({ atMs }) => (edge === 'inclusive' ? atMs >= since : atMs > since)).map(({ replicas }) => replicas);
}

interface Bounded {
  readonly replicas: number;
  readonly why: Reason;
}

function boundPlainly(wanted: number, current: number, { minReplicas, maxReplicas }: Limits): Bounded {
  const atOnce = Math.max(SCALE_UP_FACTOR * current, SCALE_UP_MIN);
  if (wanted < minReplicas) return { replicas: minReplicas, why: tooFew };
  if (wanted > Math.min(atOnce, maxReplicas)) {
    return maxReplicas > atOnce ? { replicas: atOnce, why: growingTooFast } : { replicas: maxReplicas, why: tooMany };
  }
  return { replicas: wanted, why: withinRange };
}

function boundByPolicies(
  wanted: number,
  current: number,
  { behavior, minReplicas, maxReplicas }: Limits & { readonly behavior: Behavior },
  { events }: ScalingHistory,
  nowMs: number,
): Bounded {
  if (wanted > current) {
    const atOnce = Math.max(current, fastestUp(current, behavior.scaleUp, events, nowMs));
    const [most, why] = maxReplicas > atOnce ? [atOnce, growingTooFast] : [maxReplicas, tooMany];
    if (wanted > most) return { replicas: most, why };
  }
  if (wanted < current) {
    const atOnce = Math.min(current, fastestDown(current, behavior.scaleDown, events, nowMs));
    const [least, why] = minReplicas < atOnce ? [atOnce, shrinkingTooFast] : [minReplicas, tooFew];
    if (wanted < least) return { replicas: least, why };
  }
  return { replicas: wanted, why: withinRange };
}

/** A percentage is rounded up, else few replicas would never become more. */
function fastestUp(current: number, rules: V2HPAScalingRules | undefined, events: readonly ScaleEvent[], nowMs: number): number {
  if (rules?.selectPolicy === 'Disabled') return current;
  const proposals = (rules?.policies ?? []).map(({ type, value, periodSeconds }) => {
    const before = current - changeSince(events, nowMs - periodSeconds * 1_000);
    return type === 'Pods' ? before + value : Math.ceil(before * (1 + value / 100));
  });
  return rules?.selectPolicy === 'Min' ? Math.min(...proposals) : Math.max(...proposals);
}

function fastestDown(current: number, rules: V2HPAScalingRules | undefined, events: readonly ScaleEvent[], nowMs: number): number {
  if (rules?.selectPolicy === 'Disabled') return current;
  const proposals = (rules?.policies ?? []).map(({ type, value, periodSeconds }) => {
    const before = current - changeSince(events, nowMs - periodSeconds * 1_000);
    return type === 'Pods' ? before - value : Math.trunc(before * (1 - value / 100));
  });
  return rules?.selectPolicy === 'Min' ? Math.max(...proposals) : Math.min(...proposals);
}

function changeSince(events: readonly ScaleEvent[], sinceMs: number): number {
  return events.filter(({ atMs }) => atMs > sinceMs).reduce((sum, { change }) => sum + change, 0);
}
