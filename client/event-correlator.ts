/**
 * Decides what becomes of an occurrence: a new Event, a higher count on one already written, or nothing. Works as client-go's correlator:
 * a token bucket per object against floods, similar messages folded into one, equal events counted. No I/O; `event-recorder.ts` writes.
 */
import type { Event, ObjectReference } from '#api/generated/types.ts';
import type { Draft } from '#api/meta/resource-type.ts';
import { type Clock, formatTime } from '#component/clock.ts';
import type { Random } from '#component/random.ts';
import type { EventRecorderOptions } from './event-recorder.ts';

/** One object may bring this many events at once, then one more each five minutes. */
const BURST_EVENTS_MAX = 25;
const REFILL_MS = 300_000;
/** This many different messages of one reason within ten minutes are told apart; more are folded into one event. */
const SIMILAR_MESSAGES_MAX = 10;
const SIMILAR_WINDOW_MS = 600_000;
/** What is remembered of each kind; the least recently used is forgotten first. */
const CACHE_ENTRIES_MAX = 4_096;

export interface Occurrence {
  readonly regarding: ObjectReference;
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
  readonly atMs: number;
}

export interface EventWrite {
  readonly event: Draft<Event>;
  /** The event was written before, with a lower count. */
  readonly isRepeated: boolean;
}

export interface EventCorrelator {
  /** Undefined: nothing is to be written. */
  correlate(occurrence: Occurrence): EventWrite | undefined;
}

interface Bucket {
  tokens: number;
  filledAtMs: number;
}

interface SimilarMessages {
  readonly messages: Set<string>;
  readonly sinceMs: number;
}

export function createEventCorrelator(
  options: EventRecorderOptions,
  { clock, random }: { readonly clock: Clock; readonly random: Random },
): EventCorrelator {
  const buckets = createCache<Bucket>();
  const similar = createCache<SimilarMessages>();
  const written = createCache<Draft<Event>>();

  const isFlood = (occurrence: Occurrence): boolean => {
    const nowMs = clock.monotonic();
    const bucket = buckets.get(identityOf(occurrence.regarding)) ?? { tokens: BURST_EVENTS_MAX, filledAtMs: nowMs };
    bucket.tokens = Math.min(BURST_EVENTS_MAX, bucket.tokens + (nowMs - bucket.filledAtMs) / REFILL_MS);
    bucket.filledAtMs = nowMs;
    buckets.set(identityOf(occurrence.regarding), bucket);
    if (bucket.tokens < 1) return true;
    bucket.tokens -= 1;
    return false;
  };
  /** The key under which the occurrence counts, and the message it gets. */
  const fold = (occurrence: Occurrence): { readonly key: string; readonly message: string } => {
    const nowMs = clock.monotonic();
    const group = JSON.stringify([identityOf(occurrence.regarding), occurrence.type, occurrence.reason]);
    const known = similar.get(group);
    const current =
      known === undefined || nowMs - known.sinceMs > SIMILAR_WINDOW_MS ? { messages: new Set<string>(), sinceMs: nowMs } : known;
    similar.set(group, current);
    const isNovel = !current.messages.has(occurrence.message);
    if (isNovel && current.messages.size >= SIMILAR_MESSAGES_MAX) {
      return { key: group, message: `(combined from similar events): ${occurrence.message}` };
    }
    current.messages.add(occurrence.message);
    return { key: `${group}${occurrence.message}`, message: occurrence.message };
  };

  return {
    correlate: (occurrence) => {
      const { key, message } = fold(occurrence);
      if (isFlood(occurrence)) return undefined;
      const earlier = written.get(key);
      const event: Draft<Event> =
        earlier === undefined
          ? newEvent({ ...occurrence, message }, options, random)
          : { ...earlier, message, count: (earlier.count ?? 1) + 1, lastTimestamp: formatTime(occurrence.atMs) };
      written.set(key, event);
      return { event, isRepeated: earlier !== undefined };
    },
  };
}

function newEvent({ regarding, type, reason, message, atMs }: Occurrence, options: EventRecorderOptions, random: Random): Draft<Event> {
  // Upstream's name is the object's plus nanoseconds in hex; our clock counts milliseconds, so chance fills up the rest.
  const nanoseconds = BigInt(atMs) * 1_000_000n + BigInt(Math.floor(random.next() * 1_000_000));
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: `${regarding.name ?? ''}.${nanoseconds.toString(16)}`, namespace: regarding.namespace || 'default' },
    involvedObject: regarding,
    type,
    reason,
    message,
    source: options.host === undefined ? { component: options.component } : { component: options.component, host: options.host },
    reportingComponent: options.component,
    reportingInstance: options.host ?? '',
    count: 1,
    firstTimestamp: formatTime(atMs),
    lastTimestamp: formatTime(atMs),
  };
}

function identityOf({ apiVersion, kind, namespace, name, uid, fieldPath }: ObjectReference): string {
  return JSON.stringify([apiVersion, kind, namespace, name, uid, fieldPath]);
}

interface Cache<Value> {
  get(key: string): Value | undefined;
  set(key: string, value: Value): void;
}

/** A Map keeps the order of insertion, so its first entry is the one not set for longest. */
function createCache<Value>(): Cache<Value> {
  const entries = new Map<string, Value>();
  return {
    get: (key) => entries.get(key),
    set: (key, value) => {
      entries.delete(key);
      entries.set(key, value);
      const [oldest] = entries.keys();
      if (entries.size > CACHE_ENTRIES_MAX && oldest !== undefined) entries.delete(oldest);
    },
  };
}
