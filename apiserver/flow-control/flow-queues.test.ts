import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createFlowQueues, type FlowQueues, type Ticket } from './flow-queues.ts';
import { type LevelConfig, limitsOf } from './limits.ts';
import { dealHand } from './shuffle-shard.ts';

interface LevelShape {
  readonly shares?: number;
  readonly lendable?: number;
  readonly borrowing?: number;
  readonly queues?: number;
  readonly handSize?: number;
  readonly length?: number;
}

function aLevel(name: string, shape: LevelShape = {}): LevelConfig {
  const { shares = 30, lendable = 0, borrowing, queues = 8, handSize = 2, length = 50 } = shape;
  const queuing = { queues, handSize, queueLengthLimit: length };
  return {
    name,
    spec: {
      type: 'Limited',
      limited: {
        nominalConcurrencyShares: shares,
        lendablePercent: lendable,
        ...(borrowing === undefined ? {} : { borrowingLimitPercent: borrowing }),
        limitResponse: length === 0 ? { type: 'Reject' } : { type: 'Queue', queuing },
      },
    },
  };
}

const exempt: LevelConfig = { name: 'exempt', spec: { type: 'Exempt', exempt: { nominalConcurrencyShares: 0, lendablePercent: 0 } } };

function queuesWith(seats: number, ...levels: readonly LevelConfig[]): FlowQueues {
  const queues = createFlowQueues(seats);
  queues.configure(levels);
  return queues;
}

function admitted(queues: FlowQueues, level: string, flow = 'a', workMs = 1): Ticket {
  const ticket = queues.arrive({ level, flow, workMs });
  if (typeof ticket === 'string') throw new Error(ticket);
  return ticket;
}

test('a level runs what fits into its seats and queues the rest', () => {
  const queues = queuesWith(2, aLevel('low', { borrowing: 0 }));
  const tickets = [1, 2, 3].map(() => admitted(queues, 'low'));
  assert.deepEqual(
    tickets.map(({ state }) => state),
    ['running', 'running', 'waiting'],
  );
  const [first, , third] = tickets;
  assert.ok(first && third);
  assert.deepEqual(queues.finish(first), [third]);
  assert.equal(third.state, 'running');
});

test('a level that does not queue refuses what it cannot run', () => {
  const queues = queuesWith(1, aLevel('low', { length: 0, borrowing: 0 }));
  admitted(queues, 'low');
  assert.equal(queues.arrive({ level: 'low', flow: 'a', workMs: 1 }), 'concurrency-limit');
});

test('a queue that is full refuses', () => {
  const queues = queuesWith(1, aLevel('low', { queues: 1, handSize: 1, length: 2, borrowing: 0 }));
  for (let count = 0; count < 3; count++) admitted(queues, 'low');
  assert.equal(queues.arrive({ level: 'low', flow: 'a', workMs: 1 }), 'queue-full');
});

test('an exempt request runs whatever else does', () => {
  const queues = queuesWith(1, aLevel('low', { borrowing: 0 }), exempt);
  for (let count = 0; count < 100; count++) assert.equal(admitted(queues, 'exempt').state, 'running');
  assert.equal(admitted(queues, 'low').state, 'running');
});

test('seats that are lent come back before anybody borrows again', () => {
  const queues = queuesWith(10, aLevel('high', { lendable: 100 }), aLevel('low', { lendable: 100 }));
  const borrowers = Array.from({ length: 12 }, () => admitted(queues, 'low'));
  assert.equal(borrowers.filter(({ state }) => state === 'running').length, 10);
  const owner = admitted(queues, 'high');
  assert.equal(owner.state, 'waiting');
  const [first] = borrowers;
  assert.ok(first);
  assert.deepEqual(queues.finish(first), [owner]);
});

test('what a level does not lend is free at once', () => {
  const queues = queuesWith(10, aLevel('high', { lendable: 60 }), aLevel('low', { lendable: 100 }));
  for (let count = 0; count < 20; count++) admitted(queues, 'low');
  const states = [1, 2, 3].map(() => admitted(queues, 'high').state);
  assert.deepEqual(states, ['running', 'running', 'waiting']);
});

test('a level that goes serves what it has and is forgotten', () => {
  const queues = queuesWith(1, aLevel('old', { borrowing: 0 }));
  const running = admitted(queues, 'old');
  const waiting = admitted(queues, 'old');
  queues.configure([aLevel('new')]);
  assert.deepEqual(queues.finish(running), [waiting]);
  queues.finish(waiting);
  assert.deepEqual([...queues.use().keys()], ['new']);
  assert.throws(() => queues.arrive({ level: 'old', flow: 'a', workMs: 1 }));
});

test('one that gives up makes way, and ends once', () => {
  const queues = queuesWith(4, aLevel('low', { queues: 1, handSize: 1, borrowing: 0, lendable: 0 }));
  const running = [1, 2, 3].map(() => admitted(queues, 'low'));
  const wide = admitted(queues, 'low', 'a', 4);
  assert.equal(wide.seats, 1);
  const last = admitted(queues, 'low');
  assert.equal(last.state, 'waiting');
  assert.deepEqual(queues.leave(last), []);
  assert.deepEqual(queues.leave(last), []);
  for (const ticket of running) queues.finish(ticket);
  for (const ticket of running) queues.finish(ticket);
  assert.equal(queues.use().get('low')?.usedSeats, 1);
});

test('limits are shares of the server, as upstream divides them', () => {
  const limits = limitsOf([aLevel('a', { shares: 30, lendable: 33 }), aLevel('b', { shares: 70, borrowing: 10 }), exempt], 600);
  assert.deepEqual(
    [...limits.values()].map(({ nominalSeats, minSeats, maxSeats }) => [nominalSeats, minSeats, maxSeats]),
    [
      [180, 121, 780],
      [420, 420, 462],
      [0, 0, 600],
    ],
  );
});

test('a hand holds different queues, always the same for one flow', () => {
  fc.assert(
    fc.property(fc.string(), fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 8 }), (flow, queues, wanted) => {
      const handSize = Math.min(wanted, queues);
      const hand = dealHand(flow, queues, handSize);
      assert.equal(new Set(hand).size, handSize);
      assert.ok(hand.every((queue) => queue >= 0 && queue < queues));
      assert.deepEqual(dealHand(flow, queues, handSize), hand);
    }),
  );
});

test('hands are spread over the queues', () => {
  const counts = new Array<number>(64).fill(0);
  for (let flow = 0; flow < 6_400; flow++) for (const queue of dealHand(`user-${flow}`, 64, 6)) counts[queue] = (counts[queue] ?? 0) + 1;
  assert.ok(Math.min(...counts) > 450 && Math.max(...counts) < 750, `${Math.min(...counts)}-${Math.max(...counts)}`);
});

type Step =
  | { readonly do: 'arrive'; readonly level: number; readonly flow: number; readonly workMs: number }
  | { readonly do: 'finish' | 'leave'; readonly pick: number }
  | { readonly do: 'configure'; readonly shapes: readonly LevelShape[] };

const shape = fc.record(
  {
    shares: fc.integer({ min: 0, max: 100 }),
    lendable: fc.integer({ min: 0, max: 100 }),
    borrowing: fc.integer({ min: 0, max: 300 }),
    queues: fc.integer({ min: 1, max: 16 }),
    handSize: fc.integer({ min: 1, max: 4 }),
    length: fc.integer({ min: 0, max: 5 }),
  },
  { requiredKeys: [] },
);
const shapes = fc.array(shape, { minLength: 3, maxLength: 3 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('arrive' as const),
      level: fc.integer({ min: 0, max: 3 }),
      flow: fc.integer({ min: 0, max: 9 }),
      workMs: fc.integer({ min: 0, max: 40 }),
    }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constantFrom('finish' as const, 'leave' as const), pick: fc.nat(1_000) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('configure' as const), shapes }) },
);

test('whatever comes and goes, the limits are kept, nobody who could run waits, and all is counted', () => {
  fc.assert(
    fc.property(shapes, fc.array(step, { maxLength: 200 }), (first, steps) => {
      const named = (all: readonly LevelShape[]) => [...all.map((one, index) => aLevel(`level-${index}`, one)), exempt];
      const queues = queuesWith(40, ...named(first));
      const tickets: Ticket[] = [];
      let isFresh = true;
      for (const one of steps) {
        if (one.do === 'configure') {
          queues.configure(named(one.shapes));
          isFresh = false;
        } else if (one.do === 'arrive') {
          const level = one.level === 3 ? 'exempt' : `level-${one.level}`;
          const ticket = queues.arrive({ level, flow: `${one.flow}`, workMs: one.workMs });
          if (typeof ticket !== 'string') tickets.push(ticket);
        } else {
          const ticket = tickets[one.pick % Math.max(1, tickets.length)];
          if (ticket) queues[one.do](ticket);
        }
        throwIfWrong(queues, tickets, isFresh);
      }
      while (tickets.some(({ state }) => state === 'running')) {
        for (const ticket of tickets) queues.finish(ticket);
      }
      // A level that has no seats of its own and may borrow none holds what it has for good; all others are empty now.
      for (const ticket of tickets) if (ticket.state === 'waiting') assert.equal(ticket.level.limits.maxSeats, 0);
    }),
  );
});

function throwIfWrong(queues: FlowQueues, tickets: readonly Ticket[], isFresh: boolean): void {
  const use = [...queues.use()];
  const seats = use.reduce((sum, [, { limits }]) => sum + limits.nominalSeats, 0);
  let held = 0;
  for (const [name, level] of use) {
    const own = tickets.filter((ticket) => ticket.level.config.name === name);
    const running = own.filter(({ state }) => state === 'running');
    assert.equal(level.running, running.length);
    assert.equal(
      level.usedSeats,
      running.reduce((sum, ticket) => sum + ticket.seats, 0),
    );
    assert.equal(level.waiting, own.filter(({ state }) => state === 'waiting').length);
    if (level.limits.isExempt) assert.equal(level.waiting, 0);
    else held += Math.max(level.usedSeats, level.limits.minSeats);
    // Smaller limits hold for those who come, not for those who run already.
    if (isFresh && !level.limits.isExempt) assert.ok(level.usedSeats <= level.limits.maxSeats);
    if (level.waiting > 0 && level.limits.minSeats > 0) assert.ok(level.usedSeats > 0, `${name} waits though it has seats of its own`);
  }
  if (isFresh) assert.ok(held <= seats, `${held} of ${seats} seats`);
}

/** Numbers from a seed, so that a run can be played again. */
function createChance(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

interface Running {
  readonly ticket: Ticket;
  leftMs: number;
}

/** One thread, a millisecond at a time, that everything admitted shares; `arrivals` are asked for every millisecond. Gives the work done per flow. */
function simulate(
  queues: FlowQueues,
  durationMs: number,
  arrivals: (nowMs: number) => readonly { level: string; flow: string; workMs: number }[],
) {
  const running: Running[] = [];
  const flows = new Map<Ticket, string>();
  const since = new Map<Ticket, number>();
  const done = new Map<string, number>();
  const waited = new Map<string, number>();
  const start = (ticket: Ticket, nowMs: number) => {
    running.push({ ticket, leftMs: ticket.workMs });
    const flow = flows.get(ticket) ?? '';
    waited.set(flow, Math.max(waited.get(flow) ?? 0, nowMs - (since.get(ticket) ?? nowMs)));
  };
  for (let nowMs = 0; nowMs < durationMs; nowMs++) {
    for (const arrival of arrivals(nowMs)) {
      const ticket = queues.arrive(arrival);
      if (typeof ticket === 'string') continue;
      flows.set(ticket, arrival.flow);
      since.set(ticket, nowMs);
      if (ticket.state === 'running') start(ticket, nowMs);
    }
    const turn = running.shift();
    if (turn === undefined) continue;
    const flow = flows.get(turn.ticket) ?? '';
    done.set(flow, (done.get(flow) ?? 0) + 1);
    turn.leftMs--;
    if (turn.leftMs > 0) running.push(turn);
    else for (const ticket of queues.finish(turn.ticket)) start(ticket, nowMs);
  }
  return { done, waited };
}

for (const seed of [1, 2, 3, 4, 5]) {
  test(`a flow that floods gets no more of the thread than one that asks for its part (seed ${seed})`, () => {
    const chance = createChance(seed);
    const queues = queuesWith(20, aLevel('low', { queues: 64, handSize: 4, length: 20, borrowing: 0 }));
    const { done } = simulate(queues, 20_000, (nowMs) => [
      ...Array.from({ length: 5 }, () => ({ level: 'low', flow: 'flood', workMs: 1 + Math.floor(chance() * 30) })),
      ...(nowMs % 20 === 0 ? [{ level: 'low', flow: 'steady', workMs: 10 }] : []),
    ]);
    const steady = done.get('steady') ?? 0;
    // It asks for half of the thread. Of the hand of four queues that the other fills, it is in a fifth one.
    assert.ok(steady > 20_000 * 0.15, `steady got ${steady} ms, flood ${done.get('flood')} ms`);
  });

  test(`a lease is never held up by lists (seed ${seed})`, () => {
    const chance = createChance(seed);
    const queues = queuesWith(600, aLevel('low', { shares: 100, lendable: 90 }), aLevel('leases', { shares: 10 }));
    const { waited, done } = simulate(queues, 20_000, (nowMs) => [
      ...Array.from({ length: 3 }, (_, index) => ({ level: 'low', flow: `lists-${index}`, workMs: Math.floor(chance() * 400) + 1 })),
      ...(nowMs % 100 === 0 ? [{ level: 'leases', flow: 'node', workMs: 1 }] : []),
    ]);
    assert.equal(waited.get('node'), 0);
    assert.ok((done.get('node') ?? 0) >= 195, `${done.get('node')}`);
  });
}
