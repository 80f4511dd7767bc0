/**
 * Watches: what one more event to one more watcher costs, with five hundred of them in a burst, and how soon a hundred of them hear of a change while there are
 * thirty a second. A watcher that the server ends, or that misses an event, is counted as dropped.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { type Connection, openConnection } from './connection.ts';
import { collectionPath, workload } from './custom-resource.ts';
import { type Bench, type Cost, measureCost, percentile } from './load.ts';

const BURST_WATCHERS = 500;
const BURST_CREATES = 400;
const PACED_WATCHERS = 100;
const PACED_CREATES = 180;
const PACED_INTERVAL_MS = 1_000 / 30;
/** How long after the last create an event may still come. */
const DELIVERY_MS_MAX = 20_000;
const POLL_MS = 10;
const LINE_END = 0x0a;

export interface WatchResult extends Cost {
  readonly events: number;
  readonly dropped: number;
  /** From the answer to a create until its event is there; 0 if that was sooner. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** From sending the create. */
  readonly fromRequestP99Ms: number;
}

/** As many creates as sixteen clients manage, heard by five hundred. */
export async function measureBurst(bench: Bench, namespace: string): Promise<WatchResult> {
  let next = 0;
  return withWatchers(bench, { namespace, watchers: BURST_WATCHERS, creates: BURST_CREATES }, async (create) => {
    const work = async (connection: Connection) => {
      for (let index = next++; index < BURST_CREATES; index = next++) await create(connection, index);
    };
    await Promise.all(bench.connections.map(work));
  });
}

/** Thirty creates a second, heard by a hundred. */
export async function measurePaced(bench: Bench, namespace: string): Promise<WatchResult> {
  return withWatchers(bench, { namespace, watchers: PACED_WATCHERS, creates: PACED_CREATES }, async (create) => {
    const startedAt = performance.now();
    const pending: Promise<void>[] = [];
    for (let index = 0; index < PACED_CREATES; index++) {
      await delay(Math.max(0, startedAt + index * PACED_INTERVAL_MS - performance.now()));
      const connection = bench.connections[index % bench.connections.length];
      if (connection) pending.push(create(connection, index));
    }
    await Promise.all(pending);
  });
}

type Create = (connection: Connection, index: number) => Promise<void>;

interface Shape {
  readonly namespace: string;
  readonly watchers: number;
  readonly creates: number;
}

async function withWatchers(
  bench: Bench,
  { namespace, watchers, creates }: Shape,
  run: (create: Create) => Promise<void>,
): Promise<WatchResult> {
  /** By create, in the order in which they were sent; with one at a time that is the order of the events too. */
  const times: { readonly sentAt: number; answeredAt: number }[] = [];
  const arrivals = Array.from({ length: watchers }, (): number[] => []);
  let ended = 0;
  const collection = collectionPath(namespace);
  const connections = Array.from({ length: watchers }, () => openConnection(bench.target));
  const version = await readVersion(bench, collection);
  const onChunk = (watcher: number, chunk: Buffer) => {
    const now = performance.now();
    for (let at = chunk.indexOf(LINE_END); at >= 0; at = chunk.indexOf(LINE_END, at + 1)) arrivals[watcher]?.push(now);
  };
  const onEnd = () => ended++;
  const path = `${collection}?watch=true&resourceVersion=${version}`;
  try {
    await Promise.all(connections.map((connection, watcher) => connection.stream(path, (chunk) => onChunk(watcher, chunk), onEnd)));
    const cost = await measureCost(bench, async () => {
      await run(async (connection, index) => {
        const time = { sentAt: performance.now(), answeredAt: Number.NaN };
        times.push(time);
        await connection.send({ method: 'POST', path: collection, body: workload(`watched-${index}`, 'created') });
        time.answeredAt = performance.now();
      });
      const deadline = performance.now() + DELIVERY_MS_MAX;
      while (arrivals.some((events) => events.length < creates) && performance.now() < deadline) await delay(POLL_MS);
    });
    const behindAnswer = arrivals.flatMap((events) => events.map((at, index) => Math.max(0, at - (times[index]?.answeredAt ?? at))));
    const behindRequest = arrivals.flatMap((events) => events.map((at, index) => at - (times[index]?.sentAt ?? at)));
    return {
      ...cost,
      events: behindAnswer.length,
      dropped: Math.max(ended, arrivals.filter((events) => events.length < creates).length),
      p50Ms: percentile(behindAnswer, 0.5),
      p99Ms: percentile(behindAnswer, 0.99),
      fromRequestP99Ms: percentile(behindRequest, 0.99),
    };
  } finally {
    await Promise.all(connections.map((connection) => connection.close()));
    await bench.administrator.send({ method: 'DELETE', path: collection });
  }
}

async function readVersion({ administrator }: Bench, collection: string): Promise<string> {
  const { text } = await administrator.send({ method: 'GET', path: `${collection}?limit=1`, wantsText: true });
  return JSON.parse(text).metadata.resourceVersion;
}
