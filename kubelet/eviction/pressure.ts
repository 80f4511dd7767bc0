/**
 * From what is left of the node's resources to what is short, and what is to be done about it. Pure: the state before and an observation in, the state after out. A threshold counts as
 * met until its minimum reclaim is free as well; a pressure is told of for a while after it was last seen, so that it does not come and go with every pod.
 * Source: the kubelet's pkg/kubelet/eviction.
 */
import { amountOfWhole, type NodePressure, type Signal, signals, type Threshold } from './thresholds.ts';

export interface Observation {
  readonly available: number;
  readonly capacity: number;
}

/** A signal that cannot be observed is absent, and meets no threshold. */
export type Observations = ReadonlyMap<Signal, Observation>;

export interface PressureState {
  /** Thresholds that are met, and since when. */
  readonly metSinceMs: ReadonlyMap<Threshold, number>;
  /** Of them, those past their grace period: they stay until enough was won back. */
  readonly due: readonly Threshold[];
  readonly pressedAtMs: ReadonlyMap<NodePressure, number>;
}

export const noPressure: PressureState = { metSinceMs: new Map(), due: [], pressedAtMs: new Map() };

export function nextPressure(
  before: PressureState,
  {
    thresholds,
    observations,
    nowMs,
  }: { readonly thresholds: readonly Threshold[]; readonly observations: Observations; readonly nowMs: number },
): PressureState {
  const met = thresholds.filter(
    (threshold) => isMet(threshold, observations, false) || (before.due.includes(threshold) && isMet(threshold, observations, true)),
  );
  const metSinceMs = new Map(met.map((threshold) => [threshold, before.metSinceMs.get(threshold) ?? nowMs]));
  const pressed = met.map(({ signal }) => [signals[signal].pressure, nowMs] as const);
  return {
    metSinceMs,
    due: met.filter((threshold) => nowMs - (metSinceMs.get(threshold) ?? nowMs) >= threshold.graceMs).toSorted(memoryFirst),
    pressedAtMs: new Map([...before.pressedAtMs, ...pressed]),
  };
}

/** What the node tells of itself. */
export function pressuresOf({ pressedAtMs }: PressureState, nowMs: number, transitionMs: number): ReadonlySet<NodePressure> {
  return new Set([...pressedAtMs].flatMap(([pressure, atMs]) => (nowMs - atMs < transitionMs ? [pressure] : [])));
}

export function isMet({ signal, value, minReclaim }: Threshold, observations: Observations, withReclaim: boolean): boolean {
  const observed = observations.get(signal);
  if (observed === undefined) return false;
  const reclaim = withReclaim && minReclaim !== undefined ? amountOfWhole(minReclaim, observed.capacity) : 0;
  return observed.available < amountOfWhole(value, observed.capacity) + reclaim;
}

/** Running out of memory kills what it finds; running out of disk only stops it. */
function memoryFirst(left: Threshold, right: Threshold): number {
  const rank = ({ signal }: Threshold) => (signals[signal].resource === 'memory' ? 0 : 1);
  return rank(left) - rank(right);
}
