/**
 * Time as a parameter. Everything that waits or asks what time it is takes a `Clock`, so that a test can move time by hand
 * (`testing/fake-clock.ts`) and no decision depends on how busy the machine is.
 */
import { setTimeout as delay } from 'node:timers/promises';

export interface Clock {
  /** Wall-clock time, epoch milliseconds. May jump; for timestamps that people read. */
  now(): number;
  /** Milliseconds since some fixed moment; never jumps. For measuring how long something took. */
  monotonic(): number;
  /** Resolves after `durationMs`; rejects with the signal's reason when it is aborted first. */
  sleep(durationMs: number, signal: AbortSignal): Promise<void>;
  /** Calls back once after `durationMs`; the returned function cancels. Does not keep the process alive. */
  after(durationMs: number, callback: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: async (durationMs, signal) => {
    await delay(durationMs, undefined, { signal });
  },
  after: (durationMs, callback) => {
    const timer = setTimeout(callback, durationMs);
    timer.unref();
    return () => clearTimeout(timer);
  },
};

/** `2026-11-20T08:00:00Z`: the API's `Time`, whole seconds. */
export function formatTime(epochMs: number): string {
  return `${new Date(epochMs).toISOString().slice(0, 19)}Z`;
}

/** `2026-11-20T08:00:00.123000Z`: the API's `MicroTime`. */
export function formatMicroTime(epochMs: number): string {
  return `${new Date(epochMs).toISOString().slice(0, 23)}000Z`;
}
