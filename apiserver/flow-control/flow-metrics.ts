/**
 * What flow control counts, under upstream's names. Every request passes here, so what is only added up is a plain number until somebody reads the metrics.
 * Source: k8s.io/apiserver, pkg/util/flowcontrol/metrics.
 */
import { Counter, Gauge, Histogram, type Registry } from '#component/metrics.ts';
import type { LevelUse } from './flow-queues.ts';

/** Of one FlowSchema at its priority level. */
export interface FlowStats {
  reject(reason: string): void;
  /** Put in a queue; `length` is the queue's, with this one in it. */
  wait(seats: number, length: number): void;
  /** Taken out of its queue, to run or not to. */
  unwait(seats: number, waitedMs: number, isRun: boolean): void;
  start(seats: number): void;
  finish(seats: number, ranMs: number): void;
}

const PREFIX = 'apiserver_flowcontrol';
const FLOW_LABELS = ['priority_level', 'flow_schema'];
const SECONDS_BUCKETS = [0, 0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30];
const LENGTH_BUCKETS = [0, 10, 25, 50, 100, 250, 500, 1000];
const SEATS_BUCKETS = [1, 2, 4, 10, 25, 50];

interface Numbers {
  readonly labels: { readonly priority_level: string; readonly flow_schema: string };
  readonly rejected: Map<string, number>;
  dispatched: number;
  running: number;
  runningSeats: number;
  waiting: number;
  waitingSeats: number;
}

export interface FlowMetrics {
  statsOf(level: string, schema: string): FlowStats;
}

export function createFlowMetrics(registry: Registry, use: () => ReadonlyMap<string, LevelUse>): FlowMetrics {
  const flows = new Map<string, Numbers>();
  const histograms = createHistograms(registry);
  registerFlows(registry, flows);
  registerLevels(registry, use);
  return {
    statsOf: (level, schema) => {
      const labels = { priority_level: level, flow_schema: schema };
      const counts = { dispatched: 0, running: 0, runningSeats: 0, waiting: 0, waitingSeats: 0 };
      return statsWith(
        flows.getOrInsertComputed(`${level}/${schema}`, () => ({ labels, rejected: new Map(), ...counts })),
        histograms,
      );
    },
  };
}

type Histograms = ReturnType<typeof createHistograms>;

function createHistograms(registry: Registry) {
  const histogram = (name: string, help: string, buckets: number[], labelNames: string[] = FLOW_LABELS) =>
    new Histogram({ name: `${PREFIX}_${name}`, help, labelNames, buckets, registers: [registry] });
  return {
    waited: histogram('request_wait_duration_seconds', 'How long requests were in a queue.', SECONDS_BUCKETS, [...FLOW_LABELS, 'execute']),
    ran: histogram('request_execution_seconds', 'How long requests ran.', SECONDS_BUCKETS),
    length: histogram('request_queue_length_after_enqueue', 'Length of the queue that a request was put in.', LENGTH_BUCKETS),
    seats: histogram('work_estimated_seats', 'Milliseconds of the thread that were set aside for a request.', SEATS_BUCKETS),
  };
}

function statsWith(numbers: Numbers, { waited, ran, length, seats: estimated }: Histograms): FlowStats {
  const { labels } = numbers;
  return {
    reject: (reason) => {
      numbers.rejected.set(reason, (numbers.rejected.get(reason) ?? 0) + 1);
    },
    wait: (seats, queueLength) => {
      numbers.waiting++;
      numbers.waitingSeats += seats;
      length.observe(labels, queueLength);
    },
    unwait: (seats, waitedMs, isRun) => {
      numbers.waiting--;
      numbers.waitingSeats -= seats;
      waited.observe({ ...labels, execute: String(isRun) }, waitedMs / 1000);
    },
    start: (seats) => {
      numbers.dispatched++;
      numbers.running++;
      numbers.runningSeats += seats;
      estimated.observe(labels, seats);
    },
    finish: (seats, ranMs) => {
      numbers.running--;
      numbers.runningSeats -= seats;
      ran.observe(labels, ranMs / 1000);
    },
  };
}

function registerFlows(registry: Registry, flows: ReadonlyMap<string, Numbers>): void {
  const gauges = [
    { name: 'current_executing_requests', help: 'Requests that run.', of: ({ running }: Numbers) => running },
    { name: 'current_executing_seats', help: 'Seats of requests that run.', of: ({ runningSeats }: Numbers) => runningSeats },
    { name: 'current_inqueue_requests', help: 'Requests that wait.', of: ({ waiting }: Numbers) => waiting },
    { name: 'current_inqueue_seats', help: 'Seats that waiting requests want.', of: ({ waitingSeats }: Numbers) => waitingSeats },
  ];
  for (const { name, help, of } of gauges) {
    const gauge: Gauge = new Gauge({
      name: `${PREFIX}_${name}`,
      help,
      labelNames: FLOW_LABELS,
      registers: [registry],
      collect: () => {
        for (const numbers of flows.values()) gauge.set(numbers.labels, of(numbers));
      },
    });
  }
  const dispatched: Counter = new Counter({
    name: `${PREFIX}_dispatched_requests_total`,
    help: 'Requests that were let through.',
    labelNames: FLOW_LABELS,
    registers: [registry],
    collect: () => {
      dispatched.reset();
      for (const numbers of flows.values()) dispatched.inc(numbers.labels, numbers.dispatched);
    },
  });
  const rejected: Counter = new Counter({
    name: `${PREFIX}_rejected_requests_total`,
    help: 'Requests that were not, by why.',
    labelNames: [...FLOW_LABELS, 'reason'],
    registers: [registry],
    collect: () => {
      rejected.reset();
      for (const { labels, rejected: reasons } of flows.values()) {
        for (const [reason, count] of reasons) rejected.inc({ ...labels, reason }, count);
      }
    },
  });
}

function registerLevels(registry: Registry, use: () => ReadonlyMap<string, LevelUse>): void {
  const gauges = [
    { name: 'nominal_limit_seats', help: 'Seats that are the level’s own.', of: ({ limits }: LevelUse) => limits.nominalSeats },
    { name: 'request_concurrency_limit', help: 'The same, by its older name.', of: ({ limits }: LevelUse) => limits.nominalSeats },
    { name: 'lower_limit_seats', help: 'Seats that the level never lends.', of: ({ limits }: LevelUse) => limits.minSeats },
    { name: 'upper_limit_seats', help: 'Seats that the level has at most.', of: ({ limits }: LevelUse) => limits.maxSeats },
  ];
  for (const { name, help, of } of gauges) {
    const gauge: Gauge = new Gauge({
      name: `${PREFIX}_${name}`,
      help,
      labelNames: ['priority_level'],
      registers: [registry],
      collect: () => {
        gauge.reset();
        for (const [level, used] of use()) gauge.set({ priority_level: level }, of(used));
      },
    });
  }
}
