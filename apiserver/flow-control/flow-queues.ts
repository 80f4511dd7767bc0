/**
 * Who may run now and who waits: the state of all priority levels, without a clock, timers or promises. `flow-control.ts` tells it of requests that arrive, end and
 * give up, and starts those it names. What holds at all times: a level can always use the seats it does not lend; above that it borrows what others have and do not
 * use, never more than its maximum nor than there are; whoever lent gets its seats back before anybody borrows again. An exempt level is counted and not limited.
 */
import { createFairQueues, type FairQueue, type FairQueues } from './fair-queues.ts';
import { type LevelConfig, type LevelLimits, limitsOf, SERVER_SEATS } from './limits.ts';

export interface Arrival {
  readonly level: string;
  /** Which requests share their turns with this one. */
  readonly flow: string;
  /** Of the thread's time, as far as can be told beforehand. */
  readonly workMs: number;
}

export interface Ticket {
  readonly workMs: number;
  readonly seats: number;
  readonly level: Level;
  readonly queue: FairQueue<Ticket>;
  state: 'waiting' | 'running' | 'ended';
}

/** Why a request is not even queued; metrics name the reasons as upstream's do. */
export type Rejection = 'queue-full' | 'concurrency-limit';

export interface LevelUse {
  readonly limits: LevelLimits;
  readonly usedSeats: number;
  readonly running: number;
  readonly waiting: number;
}

export interface FlowQueues {
  /** The levels there are from now on. One that goes stays until its last request has ended. Gives those that may run now. */
  configure(levels: readonly LevelConfig[]): readonly Ticket[];
  arrive(arrival: Arrival): Ticket | Rejection;
  /** A running one has ended, after so much work. Gives those that may run now. */
  finish(ticket: Ticket, spentMs?: number): readonly Ticket[];
  /** A waiting one gives up. Gives those that may run now. */
  leave(ticket: Ticket): readonly Ticket[];
  /** For metrics and tests. */
  use(): ReadonlyMap<string, LevelUse>;
}

export interface Level {
  config: LevelConfig;
  limits: LevelLimits;
  readonly queues: FairQueues<Ticket>;
  usedSeats: number;
  running: number;
  isLeaving: boolean;
}

const NO_TICKETS: readonly Ticket[] = [];

export function createFlowQueues(serverSeats = SERVER_SEATS): FlowQueues {
  const levels = new Map<string, Level>();
  /** Seats there are, and those in use or kept free for their level. */
  const seats = { total: 0, held: 0 };

  function configure(configs: readonly LevelConfig[]): readonly Ticket[] {
    const wanted = new Set(configs.map(({ name }) => name));
    const leaving = [...levels.values()].filter((level) => !wanted.has(level.config.name) && !isIdle(level)).map(({ config }) => config);
    const limits = limitsOf([...configs, ...leaving], serverSeats);
    for (const name of levels.keys()) if (!limits.has(name)) levels.delete(name);
    for (const config of [...configs, ...leaving]) {
      const own = limits.get(config.name);
      if (own !== undefined) putLevel(config, own, !wanted.has(config.name));
    }
    seats.total = [...limits.values()].reduce((sum, { nominalSeats }) => sum + nominalSeats, 0);
    seats.held = [...levels.values()].reduce((sum, level) => sum + heldBy(level), 0);
    return dispatch();
  }

  function putLevel(config: LevelConfig, limits: LevelLimits, isLeaving: boolean): void {
    const { queues = 1, handSize = 1 } = limits.queuing ?? {};
    const known = levels.get(config.name);
    if (known === undefined) {
      levels.set(config.name, { config, limits, queues: createFairQueues(queues, handSize), usedSeats: 0, running: 0, isLeaving });
      return;
    }
    known.queues.reshape({ queues, handSize });
    known.config = config;
    known.limits = limits;
    known.isLeaving = isLeaving;
  }

  function arrive({ level: name, flow, workMs }: Arrival): Ticket | Rejection {
    const level = levels.get(name);
    if (level === undefined) throw new Error(`there is no priority level ${name}`);
    const queue = level.queues.queueOf(flow);
    const width = Math.min(Math.max(1, Math.ceil(workMs)), level.limits.widthSeatsMax);
    const ticket: Ticket = { workMs, seats: width, level, queue, state: 'waiting' };
    // Behind somebody who waits, nobody of the same level goes first.
    if (level.queues.waiting() === 0 && hasRoom(level, ticket)) {
      level.queues.charge(queue, ticket);
      occupy(ticket);
      return ticket;
    }
    const { queuing } = level.limits;
    if (queuing === undefined) return 'concurrency-limit';
    if (queue.waiting.length >= queuing.queueLengthLimit) return 'queue-full';
    level.queues.enqueue(queue, ticket);
    return ticket;
  }

  function hasRoom(level: Level, ticket: Ticket): boolean {
    const { isExempt, minSeats, maxSeats, nominalSeats } = level.limits;
    const wanted = level.usedSeats + ticket.seats;
    if (isExempt || wanted <= minSeats) return true;
    if (wanted > maxSeats || seats.held - heldBy(level) + wanted > seats.total) return false;
    return wanted <= nominalSeats || !isAnybodyOwed(level);
  }

  /** Whether another level waits for seats that are its own. */
  function isAnybodyOwed(borrower: Level): boolean {
    for (const level of levels.values()) {
      if (level === borrower) continue;
      const head = level.queues.head();
      if (head !== undefined && level.usedSeats + head.seats <= level.limits.nominalSeats) return true;
    }
    return false;
  }

  function occupy(ticket: Ticket): void {
    change(ticket.level, ticket.seats, 1);
    ticket.state = 'running';
  }

  function change(level: Level, seatsMore: number, runningMore: number): void {
    seats.held -= heldBy(level);
    level.usedSeats += seatsMore;
    level.running += runningMore;
    seats.held += heldBy(level);
  }

  function finish(ticket: Ticket, spentMs = ticket.workMs): readonly Ticket[] {
    if (ticket.state !== 'running') return NO_TICKETS;
    ticket.state = 'ended';
    const { level, queue } = ticket;
    change(level, -ticket.seats, -1);
    level.queues.settle(queue, ticket, spentMs);
    if (level.isLeaving && isIdle(level))
      return configure([...levels.values()].filter(({ isLeaving }) => !isLeaving).map(({ config }) => config));
    return dispatch();
  }

  function leave(ticket: Ticket): readonly Ticket[] {
    if (ticket.state !== 'waiting') return NO_TICKETS;
    ticket.state = 'ended';
    ticket.level.queues.remove(ticket.queue, ticket);
    return dispatch();
  }

  /** Lets in whoever fits, the level first that has least of its share. */
  function dispatch(): readonly Ticket[] {
    let started: Ticket[] | undefined;
    for (let level = nextLevel(); level !== undefined; level = nextLevel()) {
      const ticket = level.queues.take();
      if (ticket === undefined) break;
      occupy(ticket);
      started ??= [];
      started.push(ticket);
    }
    return started ?? NO_TICKETS;
  }

  function nextLevel(): Level | undefined {
    let best: Level | undefined;
    for (const level of levels.values()) {
      if (level.queues.waiting() === 0) continue;
      const head = level.queues.head();
      if (head === undefined || !hasRoom(level, head)) continue;
      if (best === undefined || shareUsed(level) < shareUsed(best)) best = level;
    }
    return best;
  }

  return {
    configure,
    arrive,
    finish,
    leave,
    use: () => new Map([...levels].map(([name, level]) => [name, useOf(level)])),
  };
}

/** What nobody else may have: what it uses and what it never lends. */
function heldBy({ usedSeats, limits }: Level): number {
  return limits.isExempt ? usedSeats : Math.max(usedSeats, limits.minSeats);
}

function shareUsed({ usedSeats, limits }: Level): number {
  return usedSeats / Math.max(limits.nominalSeats, 1);
}

function isIdle(level: Level): boolean {
  return level.running === 0 && level.queues.waiting() === 0;
}

function useOf({ limits, usedSeats, running, queues }: Level): LevelUse {
  return { limits, usedSeats, running, waiting: queues.waiting() };
}
