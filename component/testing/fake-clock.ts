/** A clock that stands still until a test moves it. Sleepers wake in order of their time, also within one `advance`. */
import type { Clock } from '../clock.ts';

interface Alarm {
  readonly at: number;
  readonly ring: () => void;
}

export interface FakeClock extends Clock {
  /** Moves time forward, waking every sleeper on the way and letting its promises settle before going on. */
  advance(durationMs: number): Promise<void>;
  /** Sets the wall's clock forward, or back; what is waited for comes no sooner and no later. */
  jump(durationMs: number): void;
  /** How many sleepers and timers are waiting. */
  waiting(): number;
}

export function createFakeClock(startMs = Date.UTC(2026, 0, 1)): FakeClock {
  let nowMs = startMs;
  let jumpedMs = 0;
  const alarms = new Set<Alarm>();

  function add(durationMs: number, ring: () => void): () => void {
    const alarm = { at: nowMs + durationMs, ring };
    alarms.add(alarm);
    return () => alarms.delete(alarm);
  }

  function nextAlarm(untilMs: number): Alarm | undefined {
    const due = [...alarms].filter((alarm) => alarm.at <= untilMs);
    return due.sort((left, right) => left.at - right.at)[0];
  }

  return {
    now: () => nowMs + jumpedMs,
    jump: (durationMs) => {
      jumpedMs += durationMs;
    },
    monotonic: () => nowMs - startMs,
    after: add,
    sleep: (durationMs, signal) =>
      new Promise((resolve, reject) => {
        if (signal.aborted) return reject(signal.reason);
        const cancel = add(durationMs, () => {
          signal.removeEventListener('abort', onAbort);
          resolve();
        });
        const onAbort = () => {
          cancel();
          reject(signal.reason);
        };
        signal.addEventListener('abort', onAbort, { once: true });
      }),
    advance: async (durationMs) => {
      const untilMs = nowMs + durationMs;
      await settle();
      for (let alarm = nextAlarm(untilMs); alarm !== undefined; alarm = nextAlarm(untilMs)) {
        nowMs = Math.max(nowMs, alarm.at);
        alarms.delete(alarm);
        alarm.ring();
        await settle();
      }
      nowMs = untilMs;
    },
    waiting: () => alarms.size,
  };
}

/** Lets promise chains run to their next wait. A turn of the event loop drains all microtasks. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
}
