/**
 * The pods that want a node. A pod is active (waiting for its turn, by priority and age), in flight (a cycle has it), unschedulable (waiting
 * for something to change in the cluster) or backing off (1 s, doubling to 10 s, since its last attempt). Events that happen while a pod is
 * in flight count as having happened after its failure: it was judged by an older snapshot.
 */
import type { Pod } from '#api/generated/types.ts';
import type { Clock } from '#component/clock.ts';
import { createPriorityHeap } from '#component/priority-heap.ts';
import type { ClusterEvent } from './plugin.ts';

const BACK_OFF_MS_MIN = 1_000;
const BACK_OFF_MS_MAX = 10_000;
/** Even if no event seems to help, a pod is looked at again after this long. */
const UNSCHEDULABLE_MS_MAX = 300_000;

export interface QueuedPod {
  readonly pod: Pod;
  /** Cycles that this pod has been through, the current one included. */
  readonly attempts: number;
}

export interface SchedulingQueue {
  /** A pod that wants a node, or its newer state. Only a change that matters to scheduling wakes one that waits. */
  add(pod: Pod): void;
  remove(uid: string): void;
  /** The next pod, in flight until `retry` or `remove`. Rejects with the signal's reason when it is aborted. */
  take(signal: AbortSignal): Promise<QueuedPod>;
  /** The pod got no node: it waits for one of the events and then for its back-off; without events for its back-off alone. */
  retry(uid: string, wakeOn: ReadonlySet<ClusterEvent>): void;
  /** Something happened that may help pods that wait for it. */
  wake(event: ClusterEvent): void;
  /** How many pods are active, backing off and unschedulable, for metrics. */
  sizes(): Readonly<Record<'active' | 'backing-off' | 'unschedulable', number>>;
  close(): void;
}

type Phase =
  | { readonly name: 'active' }
  /** `isOutdated`: the pod itself has changed since the cycle took it. */
  | { readonly name: 'in-flight'; readonly sinceTick: number; readonly isOutdated: boolean }
  | { readonly name: 'backing-off'; readonly cancel: () => void }
  | { readonly name: 'unschedulable'; readonly wakeOn: ReadonlySet<ClusterEvent>; readonly cancel: () => void };

interface Entry {
  pod: Pod;
  phase: Phase;
  attempts: number;
  /** When it became active, as a number that rises. */
  order: number;
  backOffUntilMs: number;
}

/** `isRelevantChange` tells whether a pod that waits should be looked at again because it changed itself. */
export function createSchedulingQueue(clock: Clock, isRelevantChange: (previous: Pod, current: Pod) => boolean): SchedulingQueue {
  const entries = new Map<string, Entry>();
  const active = createPriorityHeap<Entry>(comesBefore);
  const lastTickOf = new Map<ClusterEvent, number>();
  let tick = 0;
  let lastOrder = 0;
  let wakeTaker: () => void = () => undefined;

  const activate = (entry: Entry): void => {
    cancelWait(entry.phase);
    entry.phase = { name: 'active' };
    entry.order = ++lastOrder;
    active.add(entry);
    wakeTaker();
  };
  const backOff = (entry: Entry): void => {
    cancelWait(entry.phase);
    const leftMs = entry.backOffUntilMs - clock.monotonic();
    if (leftMs <= 0) activate(entry);
    else entry.phase = { name: 'backing-off', cancel: clock.after(leftMs, () => activate(entry)) };
  };
  const hasHappenedSince = (sinceTick: number, events: ReadonlySet<ClusterEvent>): boolean =>
    [...events].some((event) => (lastTickOf.get(event) ?? 0) > sinceTick);
  /** Entries stay in the heap when their pod goes away; they are skipped here. */
  const takeActive = (): Entry | undefined => {
    for (let entry = active.take(); entry !== undefined; entry = active.take()) {
      if (entries.get(entry.pod.metadata.uid) === entry && entry.phase.name === 'active') return entry;
    }
    return undefined;
  };
  const count = (name: Phase['name']): number => [...entries.values()].filter(({ phase }) => phase.name === name).length;

  return {
    add: (pod) => {
      const entry = entries.get(pod.metadata.uid);
      if (entry === undefined) {
        const fresh: Entry = { pod, phase: { name: 'active' }, attempts: 0, order: 0, backOffUntilMs: 0 };
        entries.set(pod.metadata.uid, fresh);
        activate(fresh);
        return;
      }
      const isRelevant = isRelevantChange(entry.pod, pod);
      entry.pod = pod;
      if (isRelevant && entry.phase.name === 'unschedulable') backOff(entry);
      if (isRelevant && entry.phase.name === 'in-flight') entry.phase = { ...entry.phase, isOutdated: true };
    },
    remove: (uid) => {
      const entry = entries.get(uid);
      if (entry !== undefined) cancelWait(entry.phase);
      entries.delete(uid);
    },
    take: async (signal) => {
      for (;;) {
        signal.throwIfAborted();
        const entry = takeActive();
        if (entry !== undefined) {
          entry.attempts += 1;
          entry.phase = { name: 'in-flight', sinceTick: tick, isOutdated: false };
          return { pod: entry.pod, attempts: entry.attempts };
        }
        const woken = Promise.withResolvers<void>();
        wakeTaker = () => woken.resolve();
        signal.addEventListener('abort', wakeTaker, { once: true });
        await woken.promise;
        signal.removeEventListener('abort', wakeTaker);
      }
    },
    retry: (uid, wakeOn) => {
      const entry = entries.get(uid);
      if (entry?.phase.name !== 'in-flight') return;
      const { sinceTick, isOutdated } = entry.phase;
      entry.backOffUntilMs = clock.monotonic() + Math.min(BACK_OFF_MS_MIN * 2 ** (entry.attempts - 1), BACK_OFF_MS_MAX);
      if (wakeOn.size === 0 || isOutdated || hasHappenedSince(sinceTick, wakeOn)) backOff(entry);
      else entry.phase = { name: 'unschedulable', wakeOn, cancel: clock.after(UNSCHEDULABLE_MS_MAX, () => activate(entry)) };
    },
    wake: (event) => {
      tick += 1;
      lastTickOf.set(event, tick);
      for (const entry of entries.values()) {
        if (entry.phase.name === 'unschedulable' && entry.phase.wakeOn.has(event)) backOff(entry);
      }
    },
    sizes: () => ({ active: count('active'), 'backing-off': count('backing-off'), unschedulable: count('unschedulable') }),
    close: () => {
      for (const { phase } of entries.values()) cancelWait(phase);
      entries.clear();
    },
  };
}

function cancelWait(phase: Phase): void {
  if (phase.name === 'backing-off' || phase.name === 'unschedulable') phase.cancel();
}

/** Higher priority first, then who has waited longer. */
function comesBefore(left: Entry, right: Entry): boolean {
  const [leftPriority, rightPriority] = [left.pod.spec.priority ?? 0, right.pod.spec.priority ?? 0];
  return leftPriority === rightPriority ? left.order < right.order : leftPriority > rightPriority;
}
