/**
 * Many waits on one timer. Time is cut into ticks; a wait lies in the slot of the tick at which it is due, and the clock is asked to wake us for the
 * next slot that holds any. A node with a thousand probes costs one timer, and adding or cancelling a wait does not depend on how many there are.
 * A wait is never shorter than asked and at most a tick longer. Called by `probe-workers.ts`.
 */
import type { Clock } from '#component/clock.ts';

/** Probes count in seconds. */
const TICK_MS = 100;
/** A minute once around: few probes wait longer, and those are passed over once per round. */
const SLOTS = 600;

export interface TimerWheel {
  /** Calls back once; the returned function cancels. */
  after(durationMs: number, callback: () => void): () => void;
  /** Waits that are not due yet. */
  size(): number;
}

interface Wait {
  readonly tick: number;
  readonly callback: () => void;
}

export function createTimerWheel(clock: Pick<Clock, 'monotonic' | 'after'>): TimerWheel {
  const slots = new Map<number, Set<Wait>>();
  let armed: { readonly tick: number; readonly cancel: () => void } | undefined;
  let size = 0;

  function add(wait: Wait): void {
    const slot = wait.tick % SLOTS;
    const waits = slots.get(slot) ?? new Set<Wait>();
    waits.add(wait);
    slots.set(slot, waits);
    size += 1;
    if (armed === undefined || wait.tick < armed.tick) arm(wait.tick);
  }

  function remove(wait: Wait): void {
    const waits = slots.get(wait.tick % SLOTS);
    if (waits?.delete(wait) !== true) return;
    size -= 1;
    if (waits.size === 0) slots.delete(wait.tick % SLOTS);
  }

  function arm(tick: number): void {
    armed?.cancel();
    armed = { tick, cancel: clock.after(Math.max(0, tick * TICK_MS - clock.monotonic()), turn) };
  }

  /** Everything that is due, then the clock is set for what comes next. */
  function turn(): void {
    const now = Math.floor(clock.monotonic() / TICK_MS);
    const from = armed?.tick ?? now;
    armed = undefined;
    const due = dueSlots(from, now).flatMap((slot) => [...(slots.get(slot) ?? [])].filter(({ tick }) => tick <= now));
    for (const wait of due) remove(wait);
    const next = nextTick(now);
    if (next !== undefined) arm(next);
    for (const { callback } of due.toSorted((left, right) => left.tick - right.tick)) callback();
  }

  /** The slots between two ticks, once around at most. */
  function dueSlots(from: number, to: number): readonly number[] {
    const count = Math.min(to - from + 1, SLOTS);
    return Array.from({ length: Math.max(count, 0) }, (_, index) => (from + index) % SLOTS);
  }

  /** The next tick at which a slot is due; one that holds only later rounds is looked at in vain. */
  function nextTick(now: number): number | undefined {
    if (size === 0) return undefined;
    for (let tick = now + 1; tick <= now + SLOTS; tick++) if (slots.has(tick % SLOTS)) return tick;
    return undefined;
  }

  return {
    after: (durationMs, callback) => {
      const wait = { tick: Math.ceil((clock.monotonic() + Math.max(0, durationMs)) / TICK_MS), callback };
      add(wait);
      return () => remove(wait);
    },
    size: () => size,
  };
}
