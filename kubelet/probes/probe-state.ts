/**
 * What a row of probe outcomes means: a verdict changes only after enough equal outcomes in a row. Pure. Before its first verdict a
 * container counts as alive but not as ready, and not as started. Source: the kubelet's `prober/worker.go`.
 */
import type { Probe } from '#api/generated/types.ts';
import type { ProbeVerdict } from '../pod-snapshot.ts';

export type ProbeKind = 'startup' | 'readiness' | 'liveness';

export interface ProbeOutcome {
  /** A warning counts as a success. An error counts as nothing: the probe could not be done. */
  readonly result: 'success' | 'warning' | 'failure' | 'error';
  /** For the event: what came back, or why nothing did. */
  readonly message: string;
}

export interface ProbeState {
  readonly verdict: ProbeVerdict;
  readonly lastWasSuccess: boolean | undefined;
  /** How many outcomes in a row have been like the last one. */
  readonly run: number;
}

export const unprobed: ProbeState = { verdict: 'unknown', lastWasSuccess: undefined, run: 0 };

const FAILURE_THRESHOLD = 3;
const SUCCESS_THRESHOLD = 1;

export function stepProbe(state: ProbeState, { result }: ProbeOutcome, probe: Probe): ProbeState {
  if (result === 'error') return state;
  const isSuccess = result !== 'failure';
  const run = state.lastWasSuccess === isSuccess ? state.run + 1 : 1;
  const threshold = isSuccess ? (probe.successThreshold ?? SUCCESS_THRESHOLD) : (probe.failureThreshold ?? FAILURE_THRESHOLD);
  const verdict = run < threshold ? state.verdict : isSuccess ? 'success' : 'failure';
  return { verdict, lastWasSuccess: isSuccess, run };
}

/** What of an outcome its pod's events tell; nothing of a success. */
export function probeEvent(
  kind: ProbeKind,
  { result, message }: ProbeOutcome,
): { readonly reason: string; readonly message: string } | undefined {
  const name = `${kind[0]?.toUpperCase()}${kind.slice(1)}`;
  switch (result) {
    case 'success':
      return undefined;
    case 'warning':
      return { reason: 'ProbeWarning', message: `${name} probe warning: ${message}` };
    case 'failure':
      return { reason: 'Unhealthy', message: `${name} probe failed: ${message}` };
    case 'error':
      return { reason: 'Unhealthy', message: `${name} probe errored and resulted in unknown state: ${message}` };
  }
}

export interface ProbeTiming {
  readonly initialDelayMs: number;
  readonly periodMs: number;
  readonly timeoutMs: number;
}

export function timingOf({ initialDelaySeconds = 0, periodSeconds = 10, timeoutSeconds = 1 }: Probe): ProbeTiming {
  return {
    initialDelayMs: initialDelaySeconds * 1000,
    periodMs: Math.max(periodSeconds, 1) * 1000,
    timeoutMs: Math.max(timeoutSeconds, 1) * 1000,
  };
}

/**
 * How long until the first probe of a container that has run since `startedAtMs`. One that is overdue by more than a period is a container that was found by
 * a kubelet that has just started: `spread`, from 0 to 1, says where within a period it comes. A clock that jumps cannot make it wait longer than the delay.
 */
export function firstProbeDelayMs({ initialDelayMs, periodMs }: ProbeTiming, startedAtMs: number, nowMs: number, spread: number): number {
  const dueInMs = Math.min(startedAtMs + initialDelayMs - nowMs, initialDelayMs);
  return dueInMs < -periodMs ? spread * Math.min(periodMs, FIRST_PROBE_SPREAD_MS) : Math.max(0, dueInMs);
}

/** Enough to spread a node full of pods, too short for anyone to wait for. */
const FIRST_PROBE_SPREAD_MS = 2_000;
