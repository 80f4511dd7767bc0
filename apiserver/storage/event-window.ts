/**
 * The recent changes that watches can start from, bounded by number, bytes and age. Every change has a position, an integer that grows by one
 * and is never reused, so that a watcher is nothing but the position it has read up to.
 */
import type { CacheEvent } from './watch-cache.ts';

/** About 20 s of the busiest cluster that one API server carries; a watcher that is further behind lists again more cheaply. */
export const EVENTS_MAX = 20_000;
/** Bounds the memory when objects are large. Objects that are also in the cache count too: what counts is what a burst of updates pins. */
const EVENT_BYTES_MAX = 64 * 1024 * 1024;
/** As long as etcd's history, which is compacted every five minutes: a client that was away for longer must list again anyway. */
const EVENT_AGE_MS_MAX = 5 * 60_000;
/** Dropped entries are cut off the array in lots of this size, since each cut moves the rest. */
const TRIM_EVENTS_MIN = 1_024;

export interface EventWindow {
  /** Adds changes with ascending revisions, and drops the oldest beyond the limits. */
  append(events: readonly CacheEvent[], nowMs: number): void;
  /** Forgets everything: from now on it reaches back to `revision` only. Positions stay ahead of all earlier ones. */
  reset(revision: bigint): void;
  /** The position of the oldest change that is left; `endPosition` if there is none. */
  firstPosition(): number;
  /** The position the next change will have. */
  endPosition(): number;
  /** The oldest revision behind which no change is missing. */
  oldestRevision(): bigint;
  /** The position of the first change behind `revision`, which must not be below `oldestRevision`. */
  positionAfter(revision: bigint): number;
  at(position: number): CacheEvent | undefined;
}

export interface EventWindowLimits {
  readonly eventsMax: number;
  readonly bytesMax: number;
  readonly ageMsMax: number;
}

const defaultLimits: EventWindowLimits = { eventsMax: EVENTS_MAX, bytesMax: EVENT_BYTES_MAX, ageMsMax: EVENT_AGE_MS_MAX };

interface Entry {
  readonly event: CacheEvent;
  readonly atMs: number;
}

export function createEventWindow(startRevision: bigint, limits: EventWindowLimits = defaultLimits): EventWindow {
  let entries: Entry[] = [];
  /** Entries before this index are dropped. */
  let head = 0;
  /** The position of `entries[0]`. */
  let base = 0;
  let bytes = 0;
  let oldest = startRevision;

  const isOver = (entry: Entry, nowMs: number) =>
    entries.length - head > limits.eventsMax || bytes > limits.bytesMax || nowMs - entry.atMs > limits.ageMsMax;

  function trim(nowMs: number): void {
    for (let entry = entries[head]; entry && isOver(entry, nowMs); entry = entries[head]) {
      oldest = entry.event.revision;
      bytes -= entry.event.object.bytes.length;
      head++;
    }
    if (head < TRIM_EVENTS_MIN || head * 2 < entries.length) return;
    entries = entries.slice(head);
    base += head;
    head = 0;
  }

  function positionAfter(revision: bigint): number {
    let low = head;
    let high = entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((entries[middle]?.event.revision ?? 0n) <= revision) low = middle + 1;
      else high = middle;
    }
    return base + low;
  }

  return {
    append: (events, nowMs) => {
      for (const event of events) {
        entries.push({ event, atMs: nowMs });
        bytes += event.object.bytes.length;
      }
      trim(nowMs);
    },
    reset: (revision) => {
      // One position is skipped, so that whoever had read everything is behind the first position too.
      base += entries.length + 1;
      entries = [];
      head = 0;
      bytes = 0;
      oldest = revision;
    },
    firstPosition: () => base + head,
    endPosition: () => base + entries.length,
    oldestRevision: () => oldest,
    positionAfter,
    at: (position) => (position < base + head ? undefined : entries[position - base]?.event),
  };
}
