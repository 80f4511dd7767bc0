/**
 * Who watches the cache. A watcher is a key prefix and a position in the event window; it holds no events, so a slow one costs nothing until the
 * window has moved past it, when it gets Expired. A change wakes only those waiting for its key; everything of one turn of the event
 * loop is delivered in one read.
 */
import { ApiError } from '#api/meta/status.ts';
import type { Clock } from '#component/clock.ts';
import type { EventWindow } from './event-window.ts';
import { tooOldResourceVersion } from './revision-errors.ts';
import type { CacheEvent, CacheWatch } from './watch-cache.ts';

/** Waking a watcher costs some 10 µs, nearly all of it for writing to its connection: with this many at once a turn of the event loop stays short. */
const WAKES_PER_TURN_MAX = 250;
/** However long a round took, nobody waits longer for the next. */
const REST_MS_MAX = 20;
/** A timer cannot be told less. */
const REST_MS_MIN = 1;

/** One read gives at most this many changes (more only if they share a revision), so that one watcher's catching up does not hold up the rest. */
const EVENTS_PER_READ_MAX = 1_000;

export interface CacheWatchers {
  /** Throws Expired when the window does not reach back to `sinceRevision`. */
  open(prefix: string, sinceRevision: bigint): CacheWatch;
  /** Tells those who wait for one of these changes, the first of which is at `position` in the window. */
  notify(events: readonly CacheEvent[], position: number): void;
  /** Tells everybody who waits that the revision has advanced without anything for them. */
  notifyProgress(): void;
  /** After the window was reset: whoever waits learns that its position is gone. */
  expire(): void;
}

interface Watcher {
  readonly prefix: string;
  readonly sinceRevision: bigint;
  position: number;
  /** The revision that the last read told. */
  toldRevision: bigint;
  wait: Wait | undefined;
  /** What ends its waiting: listened to from the first wait to the end, because listening anew each time costs as much as an event. */
  signal: AbortSignal | undefined;
  readonly onAbort: () => void;
}

/** `isDue`: there is something to read; until then all changes that come are for others, and the watcher's position may move past them. */
interface Wait {
  isDue: boolean;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

export function createCacheWatchers(window: EventWindow, currentRevision: () => bigint, clock: Clock): CacheWatchers {
  /** By the part of their prefix up to its last slash, so that a change finds its watchers by the few such parts of its key. */
  const byFolder = new Map<string, Set<Watcher>>();
  let due: Watcher[] = [];
  let restUntilMs = 0;

  function wakeSoon(watcher: Watcher, position: number): void {
    if (!watcher.wait || watcher.wait.isDue) return;
    watcher.wait.isDue = true;
    watcher.position = position;
    if (due.push(watcher) === 1) scheduleRound();
  }

  /**
   * After a round, as much time passes as it took: what happens meanwhile goes out in one write per watcher, which costs little more than one event. A few
   * watchers never notice; hundreds take half of the time at most, however much there is to tell.
   */
  function scheduleRound(): void {
    const restMs = restUntilMs - clock.monotonic();
    if (restMs < REST_MS_MIN) setImmediate(beginRound);
    else clock.after(restMs, beginRound);
  }

  function beginRound(): void {
    const woken = due;
    due = [];
    wakeFrom(woken, 0, clock.monotonic());
  }

  /** The woken read and write before the next turn begins. */
  function wakeFrom(woken: readonly Watcher[], start: number, beganMs: number): void {
    const end = start + WAKES_PER_TURN_MAX;
    for (const watcher of woken.slice(start, end)) watcher.wait?.resolve();
    setImmediate(() => {
      if (end < woken.length) return wakeFrom(woken, end, beganMs);
      const nowMs = clock.monotonic();
      restUntilMs = nowMs + Math.min(nowMs - beganMs, REST_MS_MAX);
    });
  }

  function* all(): Iterable<Watcher> {
    for (const watchers of byFolder.values()) yield* watchers;
  }

  return {
    open: (prefix, sinceRevision) => {
      if (sinceRevision < window.oldestRevision()) throw tooOldResourceVersion(sinceRevision, window.oldestRevision());
      const position = window.positionAfter(sinceRevision);
      const onAbort = () => watcher.wait?.reject(watcher.signal?.reason);
      const state = { position, toldRevision: sinceRevision, wait: undefined, signal: undefined };
      const watcher: Watcher = { prefix, sinceRevision, ...state, onAbort };
      const folder = folderOf(prefix);
      byFolder.getOrInsertComputed(folder, () => new Set()).add(watcher);
      const close = () => {
        const watchers = byFolder.get(folder);
        if (watchers?.delete(watcher) && watchers.size === 0) byFolder.delete(folder);
        watcher.signal?.removeEventListener('abort', watcher.onAbort);
        watcher.wait?.resolve();
      };
      const isOpen = () => byFolder.get(folder)?.has(watcher) === true;
      return { next: (signal) => read(watcher, window, currentRevision, isOpen, signal), close };
    },
    notify: (events, position) => {
      for (const [index, event] of events.entries()) {
        for (const folder of foldersOf(event.object.key)) {
          for (const watcher of byFolder.get(folder) ?? []) {
            if (event.object.key.startsWith(watcher.prefix)) wakeSoon(watcher, position + index);
          }
        }
      }
    },
    notifyProgress: () => {
      for (const watcher of all()) if (watcher.toldRevision < currentRevision()) wakeSoon(watcher, window.endPosition());
    },
    expire: () => {
      for (const watcher of all()) wakeSoon(watcher, -1);
    },
  };
}

/** What is behind the watcher's position, waiting for it if there is nothing. */
async function read(
  watcher: Watcher,
  window: EventWindow,
  currentRevision: () => bigint,
  isOpen: () => boolean,
  signal: AbortSignal,
): Promise<{ readonly events: readonly CacheEvent[]; readonly revision: bigint }> {
  signal.throwIfAborted();
  if (watcher.wait) throw new Error('a watcher reads one batch at a time');
  let events = collect(watcher, window);
  if (events.length === 0 && isOpen()) {
    await park(watcher, window, signal);
    events = collect(watcher, window);
  }
  if (!isOpen()) throw new ApiError('Gone', 'the watch is closed');
  // With more to come, only what was delivered may be told: a client resumes behind that revision.
  const isComplete = watcher.position === window.endPosition();
  watcher.toldRevision = isComplete ? currentRevision() : (events.at(-1)?.revision ?? watcher.toldRevision);
  return { events, revision: watcher.toldRevision };
}

function collect(watcher: Watcher, window: EventWindow): readonly CacheEvent[] {
  if (watcher.position < window.firstPosition()) throw tooOldResourceVersion(watcher.toldRevision, window.oldestRevision());
  const events: CacheEvent[] = [];
  for (let event = window.at(watcher.position); event; event = window.at(++watcher.position)) {
    if (events.length >= EVENTS_PER_READ_MAX && event.revision !== events.at(-1)?.revision) break;
    if (event.revision > watcher.sinceRevision && event.object.key.startsWith(watcher.prefix)) events.push(event);
  }
  return events;
}

function park(watcher: Watcher, window: EventWindow, signal: AbortSignal): Promise<void> {
  listenTo(signal, watcher);
  return new Promise((resolve, reject) => {
    const leave = () => {
      // Everything that came while waiting was for others, unless a change for this watcher has set its position.
      if (watcher.wait?.isDue === false) watcher.position = window.endPosition();
      watcher.wait = undefined;
    };
    watcher.wait = {
      isDue: false,
      resolve: () => {
        leave();
        resolve();
      },
      reject: (reason) => {
        leave();
        reject(reason);
      },
    };
  });
}

function listenTo(signal: AbortSignal, watcher: Watcher): void {
  if (watcher.signal === signal) return;
  watcher.signal?.removeEventListener('abort', watcher.onAbort);
  watcher.signal = signal;
  signal.addEventListener('abort', watcher.onAbort);
}

function folderOf(prefix: string): string {
  return prefix.slice(0, prefix.lastIndexOf('/') + 1);
}

/** `/`, `/registry/`, `/registry/core/`, … of a key. */
function* foldersOf(key: string): Iterable<string> {
  for (let slash = key.indexOf('/'); slash >= 0; slash = key.indexOf('/', slash + 1)) yield key.slice(0, slash + 1);
}
