/**
 * The queues of one priority level, served fairly: by how much of the thread's time each has had, not by how many requests. Start-time fair queuing: a queue's
 * virtual start moves on by what its requests cost, the queue that is furthest behind goes next, and a queue that was empty starts where the others are.
 * Pure; `flow-queues.ts` decides when something may run. Source: KEP-1040; Goyal, Vin, Cheng, "Start-time Fair Queuing" (1996).
 */
import { dealHand } from './shuffle-shard.ts';

export interface Queueable {
  /** What it is expected to cost of the thread's time. */
  readonly workMs: number;
}

export interface FairQueue<T extends Queueable> {
  readonly index: number;
  readonly waiting: T[];
  /** Where in the level's virtual time its next request starts. */
  startMs: number;
  /** Of requests that wait or run. */
  loadMs: number;
  running: number;
}

export interface FairQueues<T extends Queueable> {
  /** Deals other hands from now on; what waits stays where it is. */
  reshape(shape: { readonly queues: number; readonly handSize: number }): void;
  /** The least loaded queue of the flow's hand. */
  queueOf(flow: string): FairQueue<T>;
  /** How many wait in all queues. */
  waiting(): number;
  /** What would run next. */
  head(): T | undefined;
  /** Takes what `head` showed out of its queue and charges it. */
  take(): T | undefined;
  enqueue(queue: FairQueue<T>, item: T): void;
  /** Takes out one that waits; false when it does not. */
  remove(queue: FairQueue<T>, item: T): boolean;
  /** Charges what runs without having waited. */
  charge(queue: FairQueue<T>, item: T): void;
  /** One that ran has ended: the queue pays what it really cost. */
  settle(queue: FairQueue<T>, item: T, spentMs: number): void;
}

/** Flows whose hands are remembered: dealing costs more than looking up. */
const HANDS_MAX = 4_096;
/** Queues without requests that are kept for what they have had; more are forgotten, which is only ever to their favour. */
const IDLE_QUEUES_MAX = 1_024;

export function createFairQueues<T extends Queueable>(queues: number, handSize: number): FairQueues<T> {
  let shape = { queues, handSize };
  const hands = new Map<string, readonly number[]>();
  const byIndex = new Map<number, FairQueue<T>>();
  /** Those in which somebody waits. */
  const backlog = new Set<FairQueue<T>>();
  let virtualMs = 0;
  let waiting = 0;

  function handOf(flow: string): readonly number[] {
    const known = hands.get(flow);
    if (known !== undefined) return known;
    if (hands.size >= HANDS_MAX) hands.clear();
    const hand = dealHand(flow, shape.queues, Math.min(shape.handSize, shape.queues));
    hands.set(flow, hand);
    return hand;
  }

  function leastLoaded(hand: readonly number[]): FairQueue<T> {
    let best: FairQueue<T> | undefined;
    for (const index of hand) {
      const queue = byIndex.get(index);
      if (queue === undefined) return addQueue(index);
      if (best === undefined || queue.loadMs < best.loadMs) best = queue;
    }
    return best ?? addQueue(0);
  }

  function addQueue(index: number): FairQueue<T> {
    const queue: FairQueue<T> = { index, waiting: [], startMs: virtualMs, loadMs: 0, running: 0 };
    byIndex.set(index, queue);
    return queue;
  }

  function next(): FairQueue<T> | undefined {
    let best: FairQueue<T> | undefined;
    for (const queue of backlog) if (best === undefined || queue.startMs < best.startMs) best = queue;
    return best;
  }

  function start(queue: FairQueue<T>, item: T): void {
    virtualMs = Math.max(virtualMs, queue.startMs);
    queue.startMs += item.workMs;
    queue.running++;
  }

  function takeOut(queue: FairQueue<T>, at: number): void {
    queue.waiting.splice(at, 1);
    waiting--;
    if (queue.waiting.length === 0) backlog.delete(queue);
  }

  function forgetIfIdle(queue: FairQueue<T>): void {
    if (queue.running > 0 || queue.waiting.length > 0) return;
    if (queue.startMs <= virtualMs || byIndex.size > IDLE_QUEUES_MAX) byIndex.delete(queue.index);
  }

  return {
    reshape: (wanted) => {
      if (wanted.queues === shape.queues && wanted.handSize === shape.handSize) return;
      shape = wanted;
      hands.clear();
    },
    queueOf: (flow) => leastLoaded(handOf(flow)),
    waiting: () => waiting,
    head: () => next()?.waiting[0],
    take: () => {
      const queue = next();
      const item = queue?.waiting[0];
      if (queue === undefined || item === undefined) return undefined;
      takeOut(queue, 0);
      start(queue, item);
      return item;
    },
    enqueue: (queue, item) => {
      if (queue.waiting.length === 0) queue.startMs = Math.max(queue.startMs, virtualMs);
      queue.waiting.push(item);
      queue.loadMs += item.workMs;
      waiting++;
      backlog.add(queue);
    },
    remove: (queue, item) => {
      const at = queue.waiting.indexOf(item);
      if (at < 0) return false;
      takeOut(queue, at);
      queue.loadMs -= item.workMs;
      forgetIfIdle(queue);
      return true;
    },
    charge: (queue, item) => {
      queue.startMs = Math.max(queue.startMs, virtualMs);
      queue.loadMs += item.workMs;
      start(queue, item);
    },
    settle: (queue, item, spentMs) => {
      queue.startMs += spentMs - item.workMs;
      queue.loadMs -= item.workMs;
      queue.running--;
      forgetIfIdle(queue);
    },
  };
}
