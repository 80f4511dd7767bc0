/**
 * What a row of probe outcomes means: a verdict changes only after enough equal outcomes in a row. Pure. Before its first verdict a
 * container counts as alive but not as ready, and not as started. Source: the kubelet's `prober/worker.go`.
 */
import type { Probe } from '#api/generated/types.ts';
import type { ProbeVerdict } from '../pod-snapshot.ts';

export type ProbeKind = 'startup' | 'readiness' | 'liveness';

export interface ProbeOutcome {
  readonly isSuccess: boolean;
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

export function stepProbe(state: ProbeState, { isSuccess }: ProbeOutcome, probe: Probe): ProbeState {
  const run = state.lastWasSuccess === isSuccess ? state.run + 1 : 1;
  const threshold = isSuccess ? (probe.successThreshold ?? SUCCESS_THRESHOLD) : (probe.failureThreshold ?? FAILURE_THRESHOLD);
  const verdict = run < threshold ? state.verdict : isSuccess ? 'success' : 'failure';
  return { verdict, lastWasSuccess: isSuccess, run };
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
