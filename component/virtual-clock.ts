/**
 * A clock that a test moves while everything else goes on as it does. Running, it passes like real time, from any moment on; frozen, it stands still; advanced, it
 * jumps from alarm to alarm, and lets everybody who was woken finish before it goes on. The in-process cluster runs on one.
 */
import type { Clock } from './clock.ts';
import { createPriorityHeap } from './priority-heap.ts';

export interface VirtualClock extends Clock {
  /** Time stands still until `resume` or `advance`. */
  freeze(): void;
  resume(): void;
  isFrozen(): boolean;
  /** Moves time on by so much, however short that takes; then it runs or stands as before. One at a time: the next waits. */
  advance(durationMs: number): Promise<void>;
  /** Moves time on from alarm to alarm until the condition holds, which may be at once. Throws when it does not within `virtualMsMax`. Gives how far it went. */
  advanceUntil(condition: () => boolean | Promise<boolean>, limits: { readonly virtualMsMax: number }): Promise<number>;
}

export interface VirtualClockOptions {
  /** Epoch milliseconds. */
  readonly startMs: number;
  /** Whether it stands still at first. */
  readonly isFrozen?: boolean;
  /** Whose pace it keeps while it runs. */
  readonly real: Clock;
  /** Resolves when everybody has done what there is to do at this moment. */
  settle(): Promise<void>;
}

interface Alarm {
  readonly at: number;
  /** Alarms of one moment ring in the order in which they were set. */
  readonly order: number;
  readonly ring: () => void;
  isCancelled: boolean;
}

export function createVirtualClock({ startMs, isFrozen = false, real, settle }: VirtualClockOptions): VirtualClock {
  const alarms = createPriorityHeap<Alarm>((left, right) => left.at < right.at || (left.at === right.at && left.order < right.order));
  let orders = 0;
  /** Milliseconds since the start at the moment `since` of the real clock; `since` is undefined while frozen. */
  let passed = 0;
  let since: number | undefined = isFrozen ? undefined : real.monotonic();
  let cancelReal = () => {};
  let moving: Promise<unknown> = Promise.resolve();

  const monotonic = () => (since === undefined ? passed : passed + real.monotonic() - since);

  function nextAlarm(): Alarm | undefined {
    for (let alarm = alarms.peek(); alarm !== undefined; alarm = alarms.peek()) {
      if (!alarm.isCancelled) return alarm;
      alarms.take();
    }
    return undefined;
  }

  function ringUntil(moment: number): void {
    for (let alarm = nextAlarm(); alarm !== undefined && alarm.at <= moment; alarm = nextAlarm()) {
      alarms.take();
      alarm.isCancelled = true;
      alarm.ring();
    }
  }

  /** While running, one real timer stands for the next alarm. */
  function arm(): void {
    cancelReal();
    const next = nextAlarm();
    if (since === undefined || next === undefined) return;
    cancelReal = real.after(Math.max(next.at - monotonic(), 0), () => {
      ringUntil(monotonic());
      arm();
    });
  }

  function set(durationMs: number, ring: () => void): () => void {
    const alarm: Alarm = { at: monotonic() + Math.max(durationMs, 0), order: orders++, ring, isCancelled: false };
    alarms.add(alarm);
    if (alarms.peek() === alarm) arm();
    return () => {
      alarm.isCancelled = true;
    };
  }

  function freeze(): void {
    passed = monotonic();
    since = undefined;
    cancelReal();
  }

  function resume(): void {
    since ??= real.monotonic();
    arm();
  }

  /** To the next moment at which something rings, but not beyond `end`; false when nothing rings by then. */
  async function leap(end: number): Promise<boolean> {
    const next = nextAlarm();
    const isDue = next !== undefined && next.at <= end;
    passed = Math.max(passed, isDue ? next.at : end);
    if (isDue) ringUntil(passed);
    await settle();
    return isDue;
  }

  /** Runs `move` with time standing still but for its leaps, after whoever is moving it already. */
  function whileStill<T>(move: () => Promise<T>): Promise<T> {
    const moved = moving.then(async () => {
      const wasFrozen = since === undefined;
      freeze();
      try {
        await settle();
        return await move();
      } finally {
        if (!wasFrozen) resume();
      }
    });
    moving = moved.catch(() => undefined);
    return moved;
  }

  return {
    now: () => startMs + Math.floor(monotonic()),
    monotonic,
    freeze,
    resume,
    isFrozen: () => since === undefined,
    after: set,
    sleep: (durationMs, signal) =>
      new Promise((resolve, reject) => {
        if (signal.aborted) return reject(signal.reason);
        const cancel = set(durationMs, () => {
          signal.removeEventListener('abort', onAbort);
          resolve();
        });
        const onAbort = () => {
          cancel();
          reject(signal.reason);
        };
        signal.addEventListener('abort', onAbort, { once: true });
      }),
    advance: (durationMs) =>
      whileStill(async () => {
        const end = passed + durationMs;
        while (await leap(end));
      }),
    advanceUntil: (condition, { virtualMsMax }) =>
      whileStill(async () => {
        const began = passed;
        for (;;) {
          if (await condition()) return passed - began;
          if (!(await leap(began + virtualMsMax))) break;
        }
        if (await condition()) return passed - began;
        throw new Error(`not so within ${virtualMsMax} ms of virtual time`);
      }),
  };
}
