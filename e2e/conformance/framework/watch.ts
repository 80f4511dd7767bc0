/**
 * A watch that a test reads event by event. Events are taken off the wire as they come and kept until they are asked for, so that several
 * watches can be compared; bookmarks are dropped. An `ERROR` event is thrown as the `ApiError` it carries.
 */
import { decodeStatus } from '#client/object-decoder.ts';
import { queryString } from '#client/resource-path.ts';
import type { Json } from '../../cluster.ts';
import type { Cluster } from './cluster.ts';
import type { Query } from './resource.ts';

/** For an event that is due at once. */
export const EVENT_MS_MAX = 30_000;

export interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: Json;
}

export interface Watch {
  /** The very next event; 'closed' when the server ended the stream. Throws when none comes in time. */
  next(what: string, deadlineMs?: number): Promise<WatchEvent | 'closed'>;
  /** Asserts that the very next event is of this type, and gives its object. */
  expect(type: WatchEvent['type'], what: string): Promise<Json>;
  /** Reads on until an event fulfils `check`, and gives it. */
  until(what: string, check: (event: WatchEvent) => boolean, deadlineMs?: number): Promise<WatchEvent>;
  close(): void;
}

/** Resolves when the server has accepted the watch. */
export async function openWatch(cluster: Cluster, path: string, query: Query, signal?: AbortSignal): Promise<Watch> {
  const stop = new AbortController();
  const ended = signal === undefined ? stop.signal : AbortSignal.any([stop.signal, signal]);
  const lines = await cluster.lines(path + queryString({ ...query, watch: true }), ended);
  const queue = createQueue();
  pump(lines, queue).catch((error) => queue.fail(error));
  const watch: Watch = {
    next: (what, deadlineMs = EVENT_MS_MAX) => queue.take(what, deadlineMs),
    expect: async (type, what) => {
      const event = await watch.next(what);
      if (event === 'closed') throw new Error(`${what}: the server closed the watch`);
      if (event.type !== type) throw new Error(`${what}: got ${event.type} ${JSON.stringify(event.object)}, not ${type}`);
      return event.object;
    },
    until: async (what, check, deadlineMs = EVENT_MS_MAX) => {
      const deadline = Date.now() + deadlineMs;
      while (true) {
        const event = await watch.next(what, Math.max(0, deadline - Date.now()));
        if (event === 'closed') throw new Error(`${what}: the server closed the watch`);
        if (check(event)) return event;
      }
    },
    close: () => stop.abort(),
  };
  return watch;
}

interface EventQueue {
  put(event: WatchEvent | 'closed'): void;
  fail(error: unknown): void;
  take(what: string, deadlineMs: number): Promise<WatchEvent | 'closed'>;
}

async function pump(lines: AsyncIterable<string>, queue: EventQueue): Promise<void> {
  for await (const line of lines) {
    const { type, object }: Json = JSON.parse(line);
    if (type === 'ERROR') throw decodeStatus(object.code ?? 500, object);
    if (type !== 'BOOKMARK') queue.put({ type, object });
  }
  queue.put('closed');
}

/** One reader; what it has not asked for yet waits here. */
function createQueue(): EventQueue {
  const waiting: (WatchEvent | 'closed')[] = [];
  let failure: unknown;
  let wake = () => {};
  return {
    put: (event) => {
      waiting.push(event);
      wake();
    },
    fail: (error) => {
      failure = error;
      wake();
    },
    take: async (what, deadlineMs) => {
      const timeout = Promise.withResolvers<never>();
      const timer = setTimeout(() => timeout.reject(new Error(`${what}: no event within ${deadlineMs / 1_000} s`)), deadlineMs);
      try {
        while (true) {
          const event = waiting.shift();
          if (event !== undefined) return event;
          if (failure !== undefined) throw failure;
          const woken = Promise.withResolvers<void>();
          wake = woken.resolve;
          await Promise.race([woken.promise, timeout.promise]);
        }
      } finally {
        clearTimeout(timer);
        timeout.promise.catch(() => {});
      }
    },
  };
}
