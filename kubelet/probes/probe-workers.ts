/**
 * Runs the probes of every running container, each in its own rhythm, and keeps what they said. A change of verdict wakes the pod's worker;
 * nothing else happens here. Probes follow containers by id: a restarted container is probed afresh, one that is gone no more. All their waits
 * lie on one timer wheel.
 */
import type { Container, Probe } from '#api/generated/types.ts';
import type { Clock } from '#component/clock.ts';
import type { Random } from '#component/random.ts';
import type { ProbeResults } from '../pod-snapshot.ts';
import { firstProbeDelayMs, type ProbeKind, type ProbeOutcome, type ProbeState, stepProbe, timingOf, unprobed } from './probe-state.ts';
import type { Prober, ProbeTarget } from './prober.ts';
import { createTimerWheel, type TimerWheel } from './timer-wheel.ts';

export interface ProbedContainer extends ProbeTarget {
  readonly startedAtMs: number;
}

export interface ProbeWorkers {
  /** Probes exactly these containers of the pod from now on. Of a pod that is ending only readiness is of interest. */
  follow(podUid: string, containers: readonly ProbedContainer[], isEnding: boolean, listener: ProbeListener): void;
  forget(podUid: string): void;
  /** By container id. */
  results(podUid: string): ReadonlyMap<string, ProbeResults>;
}

export interface ProbeListener {
  onVerdict(): void;
  onOutcome(container: Container, kind: ProbeKind, outcome: ProbeOutcome): void;
}

interface Followed {
  readonly stop: AbortController;
  /** Runs what waits for the startup probe. */
  readonly afterStartup: Set<() => void>;
  results: ProbeResults;
  isEnding: boolean;
}

interface ProbeWorkerDeps {
  readonly prober: Prober;
  readonly clock: Clock;
  readonly random: Random;
}

const kinds: readonly ProbeKind[] = ['startup', 'readiness', 'liveness'];

export function createProbeWorkers(deps: ProbeWorkerDeps): ProbeWorkers {
  const pods = new Map<string, Map<string, Followed>>();
  const wheel = createTimerWheel(deps.clock);

  function start(target: ProbedContainer, listener: ProbeListener): Followed {
    const { container } = target;
    const followed: Followed = {
      stop: new AbortController(),
      afterStartup: new Set(),
      results: initialResults(container),
      isEnding: false,
    };
    for (const kind of kinds) {
      const probe = probeOf(container, kind);
      if (probe !== undefined) startProbe({ kind, probe, target, followed, listener }, wheel, deps);
    }
    return followed;
  }

  return {
    follow: (podUid, containers, isEnding, listener) => {
      const present = pods.get(podUid) ?? new Map<string, Followed>();
      const wanted = new Map(containers.map((target) => [target.containerId, target]));
      for (const [id, followed] of present) {
        followed.isEnding = isEnding;
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

/** Until aborted; a startup probe until its first verdict, a liveness probe until it has failed: the container is restarted then. */
function startProbe(running: RunningProbe, wheel: TimerWheel, deps: ProbeWorkerDeps): void {
  const { kind, probe, target, followed } = running;
  const { signal } = followed.stop;
  const timing = timingOf(probe);
  let state = unprobed;
  let cancel = (): void => {};

  function schedule(durationMs: number): void {
    cancel = wheel.after(durationMs, run);
  }

  function run(): void {
    if (signal.aborted || (followed.isEnding && kind !== 'readiness')) return;
    // The startup probe's success runs it at once.
    if (kind !== 'startup' && !isPastStartup(followed.results)) return void followed.afterStartup.add(run);
    const startedMs = deps.clock.monotonic();
    void probeInTime(running, timing.timeoutMs, wheel, deps.prober).then((outcome) => {
      if (signal.aborted) return;
      state = take(running, state, outcome);
      if (!isSettled(kind, state)) schedule(Math.max(0, startedMs + timing.periodMs - deps.clock.monotonic()));
    });
  }

  signal.addEventListener('abort', () => cancel(), { once: true });
  const delayMs = firstProbeDelayMs(timing, target.startedAtMs, deps.clock.now(), deps.random.next());
  // A container that has just started is looked at now, not at the next tick.
  if (delayMs === 0) run();
  else schedule(delayMs);
}

function take({ kind, probe, target, followed, listener }: RunningProbe, before: ProbeState, outcome: ProbeOutcome): ProbeState {
  listener.onOutcome(target.container, kind, outcome);
  const state = stepProbe(before, outcome, probe);
  if (followed.results[kind] === state.verdict) return state;
  followed.results = { ...followed.results, [kind]: state.verdict };
  listener.onVerdict();
  if (kind === 'startup' && state.verdict === 'success') releaseWaiting(followed);
  return state;
}

function releaseWaiting({ afterStartup }: Followed): void {
  const waiting = [...afterStartup];
  afterStartup.clear();
  for (const run of waiting) run();
}

function isSettled(kind: ProbeKind, { verdict }: ProbeState): boolean {
  if (kind === 'startup') return verdict !== 'unknown';
  return kind === 'liveness' && verdict === 'failure';
}

async function probeInTime(
  { probe, target, followed }: RunningProbe,
  timeoutMs: number,
  wheel: TimerWheel,
  prober: Prober,
): Promise<ProbeOutcome> {
  const late = new AbortController();
  const cancel = wheel.after(timeoutMs, () => late.abort());
  try {
    return await prober(probe, target, timeoutMs, AbortSignal.any([followed.stop.signal, late.signal]));
  } finally {
    cancel();
  }
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
