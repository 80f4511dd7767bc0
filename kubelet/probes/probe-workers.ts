/**
 * Runs the probes of every running container, each in its own rhythm, and keeps what they said. A change of verdict wakes the pod's worker;
 * nothing else happens here. Probes follow containers by id: a restarted container is probed afresh, one that is gone no more.
 */
import type { Container, Probe } from '#api/generated/types.ts';
import type { Clock } from '#component/clock.ts';
import type { Logger } from '#component/logger.ts';
import type { Random } from '#component/random.ts';
import type { ProbeResults } from '../pod-snapshot.ts';
import { type ProbeKind, type ProbeOutcome, stepProbe, timingOf, unprobed } from './probe-state.ts';
import type { Prober, ProbeTarget } from './prober.ts';

export interface ProbedContainer extends ProbeTarget {
  readonly startedAtMs: number;
}

export interface ProbeWorkers {
  /** Probes exactly these containers of the pod from now on. */
  follow(podUid: string, containers: readonly ProbedContainer[], listener: ProbeListener): void;
  forget(podUid: string): void;
  /** By container id. */
  results(podUid: string): ReadonlyMap<string, ProbeResults>;
}

export interface ProbeListener {
  onVerdict(): void;
  onFailure(container: Container, kind: ProbeKind, message: string): void;
}

interface Followed {
  readonly stop: AbortController;
  results: ProbeResults;
}

const kinds: readonly ProbeKind[] = ['startup', 'readiness', 'liveness'];

export function createProbeWorkers(deps: {
  readonly prober: Prober;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}): ProbeWorkers {
  const pods = new Map<string, Map<string, Followed>>();

  function start(target: ProbedContainer, listener: ProbeListener): Followed {
    const followed: Followed = { stop: new AbortController(), results: initialResults(target.container) };
    for (const kind of kinds) {
      const probe = probeOf(target.container, kind);
      if (probe === undefined) continue;
      runProbe({ kind, probe, target, followed, listener }, deps).catch((error: unknown) => {
        if (!followed.stop.signal.aborted) deps.log.error({ err: error, container: target.containerId, kind }, 'a probe ended');
      });
    }
    return followed;
  }

  return {
    follow: (podUid, containers, listener) => {
      const present = pods.get(podUid) ?? new Map<string, Followed>();
      const wanted = new Map(containers.map((target) => [target.containerId, target]));
      for (const [id, followed] of present) {
        if (wanted.has(id)) continue;
        followed.stop.abort();
        present.delete(id);
      }
      for (const [id, target] of wanted) if (!present.has(id)) present.set(id, start(target, listener));
      if (present.size === 0) pods.delete(podUid);
      else pods.set(podUid, present);
    },
    forget: (podUid) => {
      for (const { stop } of pods.get(podUid)?.values() ?? []) stop.abort();
      pods.delete(podUid);
    },
    results: (podUid) => new Map([...(pods.get(podUid) ?? [])].map(([id, { results }]) => [id, results])),
  };
}

interface RunningProbe {
  readonly kind: ProbeKind;
  readonly probe: Probe;
  readonly target: ProbedContainer;
  readonly followed: Followed;
  readonly listener: ProbeListener;
}

/** Until aborted; a startup probe until its first verdict. The others wait for it. */
async function runProbe(running: RunningProbe, deps: { prober: Prober; clock: Clock; random: Random }): Promise<void> {
  const { kind, probe, target, followed, listener } = running;
  const { signal } = followed.stop;
  const { initialDelayMs, periodMs, timeoutMs } = timingOf(probe);
  const isDueMs = target.startedAtMs + initialDelayMs - deps.clock.now();
  // After a restart of the kubelet every probe of the node would fall due at once.
  if (isDueMs < -periodMs) await deps.clock.sleep(deps.random.next() * Math.min(periodMs, FIRST_PROBE_SPREAD_MS), signal);
  else if (isDueMs > 0) await deps.clock.sleep(isDueMs, signal);
  let state = unprobed;
  while (!signal.aborted) {
    if (kind === 'startup' || isPastStartup(followed.results)) {
      const outcome = await probeInTime(running, timeoutMs, deps);
      if (signal.aborted) return;
      if (!outcome.isSuccess) report(running, outcome);
      state = stepProbe(state, outcome, probe);
      if (followed.results[kind] !== state.verdict) {
        followed.results = { ...followed.results, [kind]: state.verdict };
        listener.onVerdict();
      }
      if (kind === 'startup' && state.verdict !== 'unknown') return;
    }
    // A container that has just started is not made to wait a whole period for its first look at readiness.
    await deps.clock.sleep(isPastStartup(followed.results) || kind === 'startup' ? periodMs : STARTUP_WAIT_MS, signal);
  }
}

async function probeInTime(
  { probe, target, followed }: RunningProbe,
  timeoutMs: number,
  deps: { prober: Prober; clock: Clock },
): Promise<ProbeOutcome> {
  const late = new AbortController();
  const cancel = deps.clock.after(timeoutMs, () => late.abort());
  try {
    return await deps.prober(probe, target, timeoutMs, AbortSignal.any([followed.stop.signal, late.signal]));
  } finally {
    cancel();
  }
}

/** Enough to spread a node full of pods, too short for anyone to wait for. */
const FIRST_PROBE_SPREAD_MS = 2_000;
/** How soon the other probes notice that the startup probe has passed. */
const STARTUP_WAIT_MS = 1_000;

function report({ listener, target, kind }: RunningProbe, { message }: ProbeOutcome): void {
  listener.onFailure(target.container, kind, message);
}

function isPastStartup({ startup }: ProbeResults): boolean {
  return startup === undefined || startup === 'success';
}

function probeOf(container: Container, kind: ProbeKind): Probe | undefined {
  if (kind === 'startup') return container.startupProbe;
  return kind === 'readiness' ? container.readinessProbe : container.livenessProbe;
}

function initialResults(container: Container): ProbeResults {
  return {
    ...(container.startupProbe === undefined ? {} : { startup: 'unknown' }),
    ...(container.readinessProbe === undefined ? {} : { readiness: 'unknown' }),
    ...(container.livenessProbe === undefined ? {} : { liveness: 'unknown' }),
  };
}
