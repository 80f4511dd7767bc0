/**
 * From processor time to its rate. Nobody is watched all the time, so a rate is taken since the last time that somebody asked, or since the start of a thing
 * that is young; a thing that is neither has no rate yet, and whoever asks looks twice. Keeps a few samples of each thing, and forgets things that are gone.
 */

export interface CpuSample {
  readonly atMs: number;
  readonly cpuNanos: number;
}

export interface CpuRate {
  readonly nanoCores: number;
  /** The time it was averaged over. */
  readonly windowMs: number;
}

/** Over less, the figure says more about the kernel's clock tick than about the thing. */
export const WINDOW_MS_MIN = 1_000;
/** Upstream's metrics are averages over 15 s and more, where there are that many. */
const WINDOW_MS_GOOD = 15_000;
/** Over more, the figure says what was, not what is. */
const WINDOW_MS_MAX = 60_000;

/** Of the moments a rate may be taken since, the newest that is long enough ago, else the oldest; undefined when none will do. */
export function chooseBaseline(samples: readonly CpuSample[], nowMs: number): CpuSample | undefined {
  const usable = samples.filter(({ atMs }) => nowMs - atMs >= WINDOW_MS_MIN && nowMs - atMs <= WINDOW_MS_MAX);
  return usable.findLast(({ atMs }) => nowMs - atMs >= WINDOW_MS_GOOD) ?? usable[0];
}

export function rateBetween(before: CpuSample, after: CpuSample): CpuRate {
  const windowMs = after.atMs - before.atMs;
  return { nanoCores: Math.max(0, Math.round(((after.cpuNanos - before.cpuNanos) * 1000) / windowMs)), windowMs };
}

export interface CpuRates {
  /** Remembers a sample; what is older than can be of use goes. `startedAtMs`: when it had used nothing yet. */
  note(name: string, sample: CpuSample, startedAtMs: number): void;
  /** Since some moment before the newest sample; undefined when there is none. */
  find(name: string): CpuRate | undefined;
  /** Forgets all things but these. */
  keep(names: ReadonlySet<string>): void;
}

export function createCpuRates(): CpuRates {
  const held = new Map<string, readonly CpuSample[]>();
  return {
    note: (name, sample, startedAtMs) => {
      const before = held.get(name) ?? [{ atMs: startedAtMs, cpuNanos: 0 }];
      const recent = before.filter(({ atMs }) => sample.atMs - atMs <= WINDOW_MS_MAX && sample.atMs - atMs >= WINDOW_MS_MIN / 2);
      held.set(name, [...thinOut(recent), sample]);
    },
    find: (name) => {
      const samples = held.get(name) ?? [];
      const newest = samples.at(-1);
      const baseline = newest === undefined ? undefined : chooseBaseline(samples.slice(0, -1), newest.atMs);
      return newest === undefined || baseline === undefined ? undefined : rateBetween(baseline, newest);
    },
    keep: (names) => {
      for (const name of held.keys()) if (!names.has(name)) held.delete(name);
    },
  };
}

/** More would only be passed over. */
const SAMPLES_MAX = 8;

function thinOut(samples: readonly CpuSample[]): readonly CpuSample[] {
  return samples.length < SAMPLES_MAX ? samples : samples.filter((_, index) => index % 2 === 0);
}
