/**
 * The pods that want a node. A pod is gated (a plugin says that it may not be tried yet), active (waiting for its turn), in flight (a cycle has
 * it), unschedulable (waiting for something to change in the cluster) or backing off (1 s, doubling to 10 s unless configured otherwise, since its last attempt). Events that
 * happen while a pod is in flight count as having happened after its failure: it was judged by an older snapshot.
 */
import type { Pod } from '#api/generated/types.ts';
import type { Clock } from '#component/clock.ts';
import { createPriorityHeap } from '#component/priority-heap.ts';
import type { ClusterEvent, EventName } from './cluster-event.ts';

/** Even if no event seems to help, a pod is looked at again after this long. */
const UNSCHEDULABLE_MS_MAX = 300_000;
/** Events remembered for pods in flight; beyond that what happened is forgotten, and each of them is simply tried again. */
const REMEMBERED_EVENTS_MAX = 10_000;

export interface QueuedPod {
  readonly pod: Pod;
  /** Cycles that this pod has been through, the current one included. */
  readonly attempts: number;
}

export interface SchedulingQueue {
  /** A pod that wants a node, or its newer state. Only a change that matters to scheduling wakes one that waits. */
  add(pod: Pod): void;
  remove(uid: string): void;
  /** The next pod, in flight until `retry`, `retryAfterError` or `remove`. Rejects with the signal's reason when it is aborted. */
  take(signal: AbortSignal): Promise<QueuedPod>;
  /** These plugins let the pod get no node: it waits for an event that may change their minds, and for its back-off. */
  retry(uid: string, rejectedBy: ReadonlySet<string>): void;
  /** Something went wrong: the pod waits out its back-off. */
  retryAfterError(uid: string): void;
  /** Something happened that may help pods that wait for it. */
  wake(event: ClusterEvent): void;
  /** The same for one pod, whatever it waits for. */
  wakePod(uid: string): void;
  /** How many pods wait in which way, by the names of upstream's metric. */
  sizes(): Readonly<Record<'active' | 'backoff' | 'unschedulable' | 'gated', number>>;
  close(): void;
}

export interface QueueDeps {
  readonly clock: Clock;
  /** How long a pod that got no node is left alone: the first time, doubling, and at most. */
  readonly backOffMs: { readonly min: number; readonly max: number };
  /** Whose turn it is first; undefined: who has waited longer. */
  readonly comesBefore: (left: Pod, right: Pod) => boolean | undefined;
  /** Whether the pod may be tried at all. */
  readonly isAdmitted: (pod: Pod) => boolean;
  /** Whether a pod that waits should be looked at again because it changed itself. */
  readonly isRelevantChange: (previous: Pod, current: Pod) => boolean;
  readonly eventsAwaited: (pod: Pod, rejectedBy: ReadonlySet<string>) => ReadonlySet<EventName>;
  readonly mayHelp: (pod: Pod, rejectedBy: ReadonlySet<string>, event: ClusterEvent) => boolean;
}

type Phase =
  | { readonly name: 'gated' }
  | { readonly name: 'active' }
  /** `isOutdated`: the pod itself has changed since the cycle took it. */
  | { readonly name: 'in-flight'; readonly sinceTick: number; readonly isOutdated: boolean }
  | { readonly name: 'backing-off'; readonly untilMs: number; readonly afterError: boolean; readonly cancel: () => void }
  | {
      readonly name: 'unschedulable';
      readonly rejectedBy: ReadonlySet<string>;
      readonly events: ReadonlySet<EventName>;
      readonly cancel: () => void;
    };

interface Entry {
  pod: Pod;
  phase: Phase;
  attempts: number;
  /** When it became active, as a number that rises. */
  order: number;
  backOffUntilMs: number;
}

export function createSchedulingQueue(deps: QueueDeps): SchedulingQueue {
  const { clock, backOffMs, isAdmitted, isRelevantChange, eventsAwaited, mayHelp } = deps;
  const entries = new Map<string, Entry>();
  const active = createPriorityHeap<Entry>((left, right) => deps.comesBefore(left.pod, right.pod) ?? left.order < right.order);
  const backingOff = createPriorityHeap<Entry>((left, right) => left.backOffUntilMs < right.backOffUntilMs);
  /** Unschedulable pods by the events that they wait for. */
  const waiting = new Map<EventName, Set<Entry>>();
  const history = createHistory();
  const inFlight = new Set<Entry>();
  let lastOrder = 0;
  let wakeTaker: () => void = () => undefined;

  const enter = (entry: Entry, phase: Phase): void => {
    leave(entry);
    entry.phase = phase;
    if (phase.name === 'in-flight') inFlight.add(entry);
    if (phase.name === 'unschedulable') for (const name of phase.events) waiting.set(name, (waiting.get(name) ?? new Set()).add(entry));
  };
  const leave = (entry: Entry): void => {
    const { phase } = entry;
    if (phase.name === 'in-flight') inFlight.delete(entry);
    if (phase.name === 'unschedulable') for (const name of phase.events) waiting.get(name)?.delete(entry);
    if (phase.name === 'backing-off' || phase.name === 'unschedulable') phase.cancel();
  };
  const activate = (entry: Entry): void => {
    if (!isAdmitted(entry.pod)) {
      enter(entry, { name: 'gated' });
      return;
    }
    enter(entry, { name: 'active' });
    entry.order = ++lastOrder;
    active.add(entry);
    wakeTaker();
  };
  const backOff = (entry: Entry, afterError = false): void => {
    const leftMs = entry.backOffUntilMs - clock.monotonic();
    if (leftMs <= 0) {
      activate(entry);
      return;
    }
    const cancel = clock.after(leftMs, () => activate(entry));
    enter(entry, { name: 'backing-off', untilMs: entry.backOffUntilMs, afterError, cancel });
    if (afterError) return;
    backingOff.add(entry);
    wakeTaker();
  };
  /** Entries stay in a heap when they leave its phase; they are skipped here. */
  const takeFrom = (heap: typeof active, isStill: (entry: Entry) => boolean): Entry | undefined => {
    for (let entry = heap.take(); entry !== undefined; entry = heap.take()) {
      if (entries.get(entry.pod.metadata.uid) === entry && isStill(entry)) return entry;
    }
    return undefined;
  };
  /** With nothing else to do there is no reason to let a pod wait; back-off is there so that pods do not hold up each other. */
  const takeNext = (): Entry | undefined =>
    takeFrom(active, ({ phase }) => phase.name === 'active') ??
    takeFrom(
      backingOff,
      ({ phase, backOffUntilMs }) => phase.name === 'backing-off' && !phase.afterError && phase.untilMs === backOffUntilMs,
    );
  const endFlight = (uid: string, next: (entry: Entry, flight: Extract<Phase, { name: 'in-flight' }>) => void): void => {
    const entry = entries.get(uid);
    if (entry?.phase.name !== 'in-flight') return;
    entry.backOffUntilMs = clock.monotonic() + Math.min(backOffMs.min * 2 ** (entry.attempts - 1), backOffMs.max);
    next(entry, entry.phase);
    if (inFlight.size === 0) history.clear();
  };
  const count = (name: Phase['name']): number => entries.values().reduce((sum, { phase }) => sum + (phase.name === name ? 1 : 0), 0);

  return {
    add: (pod) => {
      const entry = entries.get(pod.metadata.uid);
      if (entry === undefined) {
        const fresh: Entry = { pod, phase: { name: 'gated' }, attempts: 0, order: 0, backOffUntilMs: 0 };
        entries.set(pod.metadata.uid, fresh);
        return activate(fresh);
      }
      const isRelevant = isRelevantChange(entry.pod, pod);
      entry.pod = pod;
      const { phase } = entry;
      if (phase.name === 'gated') activate(entry);
      if (isRelevant && phase.name === 'unschedulable') backOff(entry);
      if (isRelevant && phase.name === 'in-flight') entry.phase = { ...phase, isOutdated: true };
    },
    remove: (uid) => {
      const entry = entries.get(uid);
      if (entry !== undefined) leave(entry);
      entries.delete(uid);
    },
    take: async (signal) => {
      for (;;) {
        signal.throwIfAborted();
        const entry = takeNext();
        if (entry !== undefined) {
          entry.attempts += 1;
          enter(entry, { name: 'in-flight', sinceTick: history.tick(), isOutdated: false });
          return { pod: entry.pod, attempts: entry.attempts };
        }
        const woken = Promise.withResolvers<void>();
        wakeTaker = () => woken.resolve();
        signal.addEventListener('abort', wakeTaker, { once: true });
        await woken.promise;
        signal.removeEventListener('abort', wakeTaker);
      }
    },
    retry: (uid, rejectedBy) =>
      endFlight(uid, (entry, { sinceTick, isOutdated }) => {
        const hasBeenHelped = isOutdated || history.some(sinceTick, (event) => mayHelp(entry.pod, rejectedBy, event));
        if (hasBeenHelped) return backOff(entry);
        const cancel = clock.after(UNSCHEDULABLE_MS_MAX, () => activate(entry));
        enter(entry, { name: 'unschedulable', rejectedBy, events: eventsAwaited(entry.pod, rejectedBy), cancel });
      }),
    retryAfterError: (uid) => endFlight(uid, (entry) => backOff(entry, true)),
    wake: (event) => {
      if (inFlight.size > 0) history.add(event);
      for (const entry of [...(waiting.get(event.name) ?? [])]) {
        const { phase } = entry;
        if (phase.name === 'unschedulable' && mayHelp(entry.pod, phase.rejectedBy, event)) backOff(entry);
      }
    },
    wakePod: (uid) => {
      const entry = entries.get(uid);
      if (entry?.phase.name === 'unschedulable') backOff(entry);
    },
    sizes: () => ({
      active: count('active'),
      backoff: count('backing-off'),
      unschedulable: count('unschedulable'),
      gated: count('gated'),
    }),
    close: () => {
      for (const entry of entries.values()) leave(entry);
      entries.clear();
    },
  };
}

/** What happened while pods were in flight. */
function createHistory() {
  let events: ClusterEvent[] = [];
  let firstTick = 0;
  return {
    /** The tick of the next event. */
    tick: (): number => firstTick + events.length,
    add: (event: ClusterEvent): void => {
      if (events.length >= REMEMBERED_EVENTS_MAX) {
        firstTick += events.length;
        events = [];
      }
      events.push(event);
    },
    /** Whether one of the events from the tick on is such; also if some of them are forgotten. */
    some: (sinceTick: number, isSuch: (event: ClusterEvent) => boolean): boolean =>
      sinceTick < firstTick || events.slice(sinceTick - firstTick).some(isSuch),
    clear: (): void => {
      firstTick += events.length;
      events = [];
    },
  };
}
