/**
 * What etcd's robustness tests ask of a watch, asked of `/watch`: ordered, unique, atomic, reliable, resumable, bookmarkable, previous value, filter. One client
 * writes through a server that stays up; others watch through a server on the same storage that is stopped and started again, over connections that are
 * cut at any byte, and resume from the last revision they were told. What each one saw is held against what was written.
 * Run on the memory storage always, and on etcd in the integration tests. Source: etcd-io/etcd, tests/robustness (README, "Watch guarantees").
 */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { seededRandom } from '#component/random.ts';
import { createFakeClock, type FakeClock } from '#component/testing/fake-clock.ts';
import type { Storage } from '../storage/storage.ts';
import { open, send, valueAt } from './http-client.ts';
import { createTestApiServer, type TestApiServer } from './test-api-server.ts';

const COLLECTION = '/api/v1/namespaces/default/configmaps';
const WRITES = 400;
const NAMES = 7;
/** The server that is watched is started again after so many writes. */
const WRITES_PER_RESTART = 80;
/** And its clock is moved on after so many, so that bookmarks come and watches run into their timeouts. */
const WRITES_PER_MINUTE = 10;
const MINUTE_MS = 60_000;
/** A connection is cut after up to so many bytes: now within the first frame, now after many. */
const CUT_BYTES_MAX = 6_000;
/** A watch that lost something waits for it for ever. */
const limits = { timeout: 60_000 };

interface State {
  readonly name: string;
  /** `left` or `right`, which selectors tell apart. */
  readonly side: string;
  /** Which write made it: no two states are alike. */
  readonly index: string;
}

/** What a write did, with the state before it. A deletion's revision is not in its answer. */
interface Write {
  readonly before: State | undefined;
  readonly after: State | undefined;
  readonly revision: string | undefined;
}

interface Seen {
  readonly type: string;
  readonly state: State;
  readonly revision: bigint;
}

interface Watched {
  readonly it: string;
  readonly query: string;
  selects(state: State): boolean;
}

const watchers: readonly Watched[] = [
  { it: 'everything', query: '', selects: () => true },
  { it: 'what a label selector lets through', query: '&labelSelector=side%3Dleft', selects: ({ side }) => side === 'left' },
  { it: 'one name', query: '&fieldSelector=metadata.name%3Dmap-3', selects: ({ name }) => name === 'map-3' },
];

export function describeWatchGuarantees(
  storageName: string,
  seeds: readonly number[],
  openStorage: (context: TestContext) => Promise<Storage>,
): void {
  for (const seed of seeds) {
    test(
      `watches on ${storageName} miss, repeat and reorder nothing over cut connections and restarts (seed ${seed})`,
      limits,
      async (context) => {
        const storage = await openStorage(context);
        await using writer = await createTestApiServer({ storage });
        const clock = createFakeClock();
        const watched = await startRestartable(context, storage, clock);
        await send(writer, `${COLLECTION}?labelSelector=side`, { method: 'DELETE' });
        const since = String(await storage.currentRevision());
        const writing = writeMany(writer, seed, async (count) => {
          if (count % WRITES_PER_MINUTE === 0) await clock.advance(MINUTE_MS);
          if (count % WRITES_PER_RESTART === 0) await watched.restart();
        });
        const stop = new AbortController();
        context.after(() => stop.abort());
        const watching = watchers.map((watcher, index) =>
          follow(watcher, watched, since, { seed: seed * 100 + index, signal: stop.signal }),
        );
        const [writes, ...seen] = await Promise.all([writing, ...watching]);
        for (const [index, watcher] of watchers.entries()) assertSeen(watcher, seen[index] ?? [], writes);
        await assertInitialEvents(watched.current(), writes);
      },
    );
  }
}

interface Restartable {
  current(): TestApiServer;
  restart(): Promise<void>;
}

/** On the same storage, with other certificates and another port each time, as far as clients care: another server. */
async function startRestartable(context: TestContext, storage: Storage, clock: FakeClock): Promise<Restartable> {
  let server = await createTestApiServer({ storage, clock });
  context.after(() => server.stop());
  return {
    current: () => server,
    restart: async () => {
      const next = await createTestApiServer({ storage, clock });
      const previous = server;
      server = next;
      await previous.stop();
    },
  };
}

/** Creates, updates and deletes a few objects in turn; the last write is one that every watcher sees. */
async function writeMany(server: TestApiServer, seed: number, between: (count: number) => Promise<void>): Promise<readonly Write[]> {
  const random = seededRandom(seed);
  const live = new Map<string, State>();
  const writes: Write[] = [];
  for (let index = 0; index < WRITES; index++) {
    const name = `map-${Math.floor(random.next() * NAMES)}`;
    const before = live.get(name);
    const isDeletion = before !== undefined && random.next() < 0.25;
    const after = isDeletion ? undefined : { name, side: random.next() < 0.5 ? 'left' : 'right', index: String(index) };
    writes.push({ before, after, revision: await write(server, name, before, after) });
    if (after) live.set(name, after);
    else live.delete(name);
    await between(index);
  }
  const before = live.get('map-3');
  const last = { name: 'map-3', side: 'left', index: 'last' };
  writes.push({ before, after: last, revision: await write(server, last.name, before, last) });
  return writes;
}

async function write(
  server: TestApiServer,
  name: string,
  before: State | undefined,
  after: State | undefined,
): Promise<string | undefined> {
  const metadata = { name, labels: { side: after?.side } };
  const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { index: after?.index } };
  const method = after === undefined ? 'DELETE' : before === undefined ? 'POST' : 'PUT';
  const answer = await send(
    server,
    method === 'POST' ? COLLECTION : `${COLLECTION}/${name}`,
    after === undefined ? { method } : { method, body },
  );
  assert.ok(answer.statusCode < 300, answer.text);
  const revision = answer.at('metadata.resourceVersion');
  return after === undefined ? undefined : String(revision);
}

/** Watches from `since` until the last write is seen, over as many connections as it takes. */
async function follow(
  { query }: Watched,
  server: Restartable,
  since: string,
  { seed, signal }: { readonly seed: number; readonly signal: AbortSignal },
): Promise<readonly Seen[]> {
  const random = seededRandom(seed);
  const seen: Seen[] = [];
  let resumeFrom = BigInt(since);
  while (!signal.aborted) {
    for await (const frame of cutFrames(
      server.current(),
      `${COLLECTION}?watch=true&allowWatchBookmarks=true&resourceVersion=${resumeFrom}${query}`,
      1 + Math.floor(random.next() * CUT_BYTES_MAX),
      signal,
    )) {
      const type = String(valueAt(frame, 'type'));
      assert.notEqual(type, 'ERROR', JSON.stringify(frame));
      const revision = BigInt(String(valueAt(frame, 'object.metadata.resourceVersion')));
      // A bookmark may repeat the revision of the last change, but never one before it: then it would promise too little.
      if (type === 'BOOKMARK') assert.ok(revision >= resumeFrom, `bookmark ${revision} behind ${resumeFrom}`);
      else {
        assert.ok(revision > resumeFrom, `${type} at ${revision}, though everything up to ${resumeFrom} was delivered`);
        const state = stateOf(valueAt(frame, 'object'));
        seen.push({ type, state, revision });
        if (state.index === 'last') return seen;
      }
      resumeFrom = revision;
    }
  }
  return seen;
}

/** The whole frames among the first `bytesMax` bytes of a watch; what a cut leaves of one more is dropped, as clients do. */
async function* cutFrames(server: TestApiServer, path: string, bytesMax: number, signal?: AbortSignal): AsyncGenerator<unknown> {
  let rest = '';
  let bytes = 0;
  try {
    const response = await open(server, path, signal ? { signal } : {});
    for await (const chunk of response) {
      const text = String(chunk).slice(0, bytesMax - bytes);
      bytes += text.length;
      const lines = `${rest}${text}`.split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) yield JSON.parse(line);
      if (bytes >= bytesMax) response.destroy();
    }
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error;
  }
}

function stateOf(object: unknown): State {
  return {
    name: String(valueAt(object, 'metadata.name')),
    side: String(valueAt(object, 'metadata.labels.side')),
    index: String(valueAt(object, 'data.index')),
  };
}

/** The very sequence of changes that this watcher was to see, each with the state it must show and, where a write told it, the revision. */
function assertSeen({ it, selects }: Watched, seen: readonly Seen[], writes: readonly Write[]): void {
  const wanted = writes.flatMap(({ before, after, revision }) => {
    const did = before !== undefined && selects(before);
    const does = after !== undefined && selects(after);
    if (does) return [[did ? 'MODIFIED' : 'ADDED', after, revision]];
    return did ? [['DELETED', before, revision]] : [];
  });
  const found = seen.map(({ type, state, revision }, index) => [
    type,
    state,
    wanted[index]?.[2] === undefined ? undefined : String(revision),
  ]);
  assert.deepEqual(found, wanted, `a watch of ${it}`);
}

/** A stream that begins with everything ends that beginning with a bookmark, and shows exactly what is there. */
async function assertInitialEvents(server: TestApiServer, writes: readonly Write[]): Promise<void> {
  const live = new Map<string, State>();
  for (const { before, after } of writes) {
    if (after) live.set(after.name, after);
    else if (before) live.delete(before.name);
  }
  const query = 'watch=true&allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&labelSelector=side';
  const seen: State[] = [];
  for await (const frame of cutFrames(server, `${COLLECTION}?${query}`, Number.MAX_SAFE_INTEGER)) {
    if (valueAt(frame, 'type') === 'BOOKMARK') {
      const annotations = valueAt(frame, 'object.metadata.annotations');
      assert.deepEqual(annotations, { 'k8s.io/initial-events-end': 'true' });
      break;
    }
    seen.push(stateOf(valueAt(frame, 'object')));
  }
  const byName = (left: State, right: State) => (left.name < right.name ? -1 : 1);
  assert.deepEqual(seen.toSorted(byName), [...live.values()].sort(byName));
}
