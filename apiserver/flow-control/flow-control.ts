/**
 * Flow control: every request passes here once it is known who asks for what, before it is authorized and its body is read, so that what waits costs no more than its
 * connection. Finds the request's FlowSchema, asks `flow-queues.ts` whether it may run, and holds it until it may, has waited too long or its client has gone. Built-in
 * configuration is in force until the stored one is read. In the place of upstream's pkg/util/flowcontrol and pkg/server/filters/priority-and-fairness.go.
 */
import type { FlowSchema, PriorityLevelConfiguration } from '#api/generated/types.ts';
import type { Draft } from '#api/meta/resource-type.ts';
import { ApiError } from '#api/meta/status.ts';
import type { Clock } from '#component/clock.ts';
import type { Registry } from '#component/metrics.ts';
import { byPrecedence, distinguisherOf, type FlowRequest, schemaMatches } from './classify.ts';
import { createFlowMetrics, type FlowStats } from './flow-metrics.ts';
import { defaultFlowSchemas, defaultPriorityLevels } from './flow-objects.ts';
import { createFlowQueues, type Ticket } from './flow-queues.ts';

/** A quarter of the time that a request may take, as upstream. */
const WAIT_MS_MAX = 15_000;

const CATCH_ALL = 'catch-all';

/** One request's stay. */
export interface FlowTurn {
  /** Which schema and level it was found to be of, by the uids of the objects: names are not for everybody. */
  readonly schemaUid: string;
  readonly levelUid: string;
  /** Undefined when it may run at once. Rejects with TooManyRequests. */
  readonly admitted: Promise<void> | undefined;
  /** The request is over, or its client has gone; more than once is as good as once. `spentMs`: what it turned out to cost of the thread's time. */
  end(spentMs?: number): void;
}

export interface FlowControl {
  /** `workMs` is asked for requests that are limited. */
  begin(request: FlowRequest, workMs: () => number): FlowTurn;
  /** What is in force from now on. Schemas whose level is not there are left out. */
  configure(schemas: readonly Draft<FlowSchema>[], levels: readonly Draft<PriorityLevelConfiguration>[]): void;
}

interface Flow {
  readonly schema: Draft<FlowSchema>;
  readonly name: string;
  readonly uid: string;
  readonly level: string;
  readonly levelUid: string;
  readonly isExempt: boolean;
  readonly stats: FlowStats;
}

interface Named {
  readonly metadata: { readonly name?: string };
}

interface Stay {
  readonly ticket: Ticket;
  readonly stats: FlowStats;
  /** When it began to wait or to run. */
  sinceMs: number;
}

interface Wait {
  readonly stay: Stay;
  readonly resolve: () => void;
  readonly reject: (error: ApiError) => void;
  readonly cancelTimeout: () => void;
}

export function createFlowControl({ clock, registry }: { readonly clock: Clock; readonly registry: Registry }): FlowControl {
  const queues = createFlowQueues();
  const metrics = createFlowMetrics(registry, () => queues.use());
  const waits = new Map<Ticket, Wait>();
  let flows: readonly Flow[] = [];

  function configure(schemas: readonly Draft<FlowSchema>[], levels: readonly Draft<PriorityLevelConfiguration>[]): void {
    const all = withMandatory(levels, defaultPriorityLevels);
    const byName = new Map(all.map((level) => [nameOf(level), level]));
    const ordered = byPrecedence(withMandatory(schemas, defaultFlowSchemas));
    flows = ordered.flatMap((schema) => {
      const level = byName.get(schema.spec.priorityLevelConfiguration.name);
      return level === undefined ? [] : [flowOf(schema, level)];
    });
    startAll(queues.configure(all.map((level) => ({ name: nameOf(level), spec: level.spec }))));
  }

  function flowOf(schema: Draft<FlowSchema>, level: Draft<PriorityLevelConfiguration>): Flow {
    return {
      schema,
      name: nameOf(schema),
      uid: schema.metadata.uid ?? '',
      level: nameOf(level),
      levelUid: level.metadata.uid ?? '',
      isExempt: level.spec.type === 'Exempt',
      stats: metrics.statsOf(nameOf(level), nameOf(schema)),
    };
  }

  function flowFor(request: FlowRequest): Flow {
    for (const flow of flows) if (schemaMatches(flow.schema, request)) return flow;
    const last = flows.find(({ name }) => name === CATCH_ALL);
    if (last === undefined) throw new Error('the mandatory flow schemas are not there');
    return last;
  }

  function begin(request: FlowRequest, workMs: () => number): FlowTurn {
    const flow = flowFor(request);
    const { uid: schemaUid, levelUid, stats } = flow;
    const distinguisher = flow.isExempt ? '' : distinguisherOf(flow.schema, request);
    const ticket = queues.arrive({ level: flow.level, flow: `${flow.name}/${distinguisher}`, workMs: flow.isExempt ? 0 : workMs() });
    if (typeof ticket === 'string') {
      stats.reject(ticket);
      return { schemaUid, levelUid, admitted: Promise.reject(tooMany()), end: () => {} };
    }
    const stay: Stay = { ticket, stats, sinceMs: clock.monotonic() };
    const admitted = ticket.state === 'running' ? undefined : waitFor(stay);
    if (admitted === undefined) stats.start(ticket.seats);
    return { schemaUid, levelUid, admitted, end: (spentMs) => endStay(stay, spentMs) };
  }

  function waitFor(stay: Stay): Promise<void> {
    const { ticket, stats } = stay;
    stats.wait(ticket.seats, ticket.queue.waiting.length);
    return new Promise((resolve, reject) => {
      const cancelTimeout = clock.after(WAIT_MS_MAX, () => giveUp(stay, 'time-out'));
      waits.set(ticket, { stay, resolve, reject, cancelTimeout });
    });
  }

  function giveUp(stay: Stay, reason: 'time-out' | 'cancelled'): void {
    stopWaiting(stay, false)?.reject(tooMany());
    stay.stats.reject(reason);
    startAll(queues.leave(stay.ticket));
  }

  function stopWaiting(stay: Stay, isRun: boolean): Wait | undefined {
    const wait = waits.get(stay.ticket);
    waits.delete(stay.ticket);
    wait?.cancelTimeout();
    const nowMs = clock.monotonic();
    stay.stats.unwait(stay.ticket.seats, nowMs - stay.sinceMs, isRun);
    stay.sinceMs = nowMs;
    return wait;
  }

  function endStay(stay: Stay, spentMs: number | undefined): void {
    const { ticket, stats, sinceMs } = stay;
    if (ticket.state === 'waiting') giveUp(stay, 'cancelled');
    if (ticket.state !== 'running') return;
    stats.finish(ticket.seats, clock.monotonic() - sinceMs);
    startAll(queues.finish(ticket, spentMs));
  }

  function startAll(tickets: readonly Ticket[]): void {
    for (const ticket of tickets) {
      const stay = waits.get(ticket)?.stay;
      if (stay === undefined) continue;
      stay.stats.start(ticket.seats);
      stopWaiting(stay, true)?.resolve();
    }
  }

  configure(defaultFlowSchemas, defaultPriorityLevels);
  return { begin, configure };
}

/** What nobody may be without is there, whatever is stored. */
function withMandatory<T extends Named>(stored: readonly T[], defaults: readonly T[]): readonly T[] {
  const names = new Set(stored.map(nameOf));
  return [...stored, ...defaults.filter((one) => (nameOf(one) === 'exempt' || nameOf(one) === CATCH_ALL) && !names.has(nameOf(one)))];
}

function nameOf({ metadata }: Named): string {
  return metadata.name ?? '';
}

function tooMany(): ApiError {
  return new ApiError('TooManyRequests', 'Too many requests, please try again later.', { details: { retryAfterSeconds: 1 } });
}
