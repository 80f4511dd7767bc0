/**
 * Sends so many inputs to a server in this process and looks what becomes of it: no answer of 5xx, no connection left hanging, an event loop that turns, memory that
 * stays, tables of the language that nobody has written into. `main.ts` runs several of these side by side, `fuzz.test.ts` a short one.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Worker } from 'node:worker_threads';
import { createMemoryStorage, type MemoryStorage } from '../../apiserver/storage/memory-storage.ts';
import { send } from '../../apiserver/testing/http-client.ts';
import { createTestApiServer, type TestApiServer } from '../../apiserver/testing/test-api-server.ts';
import { chanceOf } from './chance.ts';
import { type Answered, type Connection, createConnection } from './connection.ts';
import { type Input, inputOf } from './inputs.ts';
import { widgetDefinition } from './samples.ts';
import type { WatchdogData } from './watchdog.ts';

export interface FuzzOptions {
  readonly seed: number;
  /** The number of the first input, and how many there are. */
  readonly first: number;
  readonly inputs: number;
  /** Every few thousand inputs. */
  onProgress?(report: FuzzReport): void;
}

export interface Failure {
  readonly index: number;
  readonly why: string;
  readonly input: string;
}

export interface FuzzReport {
  readonly inputs: number;
  readonly byStatus: Readonly<Record<string, number>>;
  readonly failures: readonly Failure[];
  readonly loopDelayP99Ms: number;
  readonly loopDelayMaxMs: number;
  readonly rssBytes: number;
}

export const LOOP_DELAY_P99_MS_MAX = 100;
export const RSS_BYTES_MAX = 1.5 * 1024 ** 3;

const CONNECTIONS = 12;
const PROGRESS_INPUTS = 2_000;
const FAILURES_MAX = 20;
const HISTORY_REVISIONS = 2_000n;
/** The event loop is looked at this often. */
const RESOLUTION_MS = 5;
/** How often the event loop says that it turns. */
const BEAT_MS = 500;
const SHOWN_CHARACTERS_MAX = 4_000;
/** Names of members of every object of the language before anything was sent. */
const PROTOTYPE_KEYS = Reflect.ownKeys(Object.prototype).length;

export async function runFuzz(options: FuzzOptions): Promise<FuzzReport> {
  const storage = createMemoryStorage();
  await using server = await createTestApiServer({ storage });
  await prepare(server);
  const users = [server.admin, await server.client('fuzzer', ['fuzzers'])];
  const state = { next: options.first, done: 0, byStatus: new Map<string, number>(), failures: new Map<string, Failure>() };
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  const report = (): FuzzReport => ({
    inputs: state.done,
    byStatus: Object.fromEntries([...state.byStatus].sort()),
    failures: [...state.failures.values()],
    loopDelayP99Ms: delay.percentile(99) / 1e6 - RESOLUTION_MS,
    loopDelayMaxMs: delay.max / 1e6 - RESOLUTION_MS,
    rssBytes: process.memoryUsage().rss,
  });

  const watchdog = startWatchdog(options.seed);

  async function work(connection: Connection, place: number): Promise<void> {
    while (state.next < options.first + options.inputs && state.failures.size < FAILURES_MAX) {
      const index = state.next++;
      watchdog.note(place, index);
      const input = inputOf(chanceOf(options.seed, index));
      const why = await problemWith(connection, input, state.byStatus);
      // One input of each kind of failure is enough to read.
      if (why !== undefined && !state.failures.has(kindOfFailure(why)))
        state.failures.set(kindOfFailure(why), { index, why, input: show(input) });
      if (++state.done % PROGRESS_INPUTS === 0) {
        await Promise.all([forget(storage), prepare(server)]);
        options.onProgress?.(report());
      }
    }
  }

  const connections = Array.from({ length: CONNECTIONS }, (_, index) => {
    const { certificate, key } = users[index % 2] ?? server.admin;
    return createConnection({ port: server.port, ca: server.ca, certificate, key });
  });
  await Promise.all(connections.map(work));
  for (const connection of connections) connection.close();
  for (const why of await problemsAfter(server)) state.failures.set(why, { index: -1, why, input: 'all of them' });
  delay.disable();
  await watchdog.stop();
  return report();
}

function startWatchdog(seed: number) {
  const shared = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT * (CONNECTIONS + 1));
  const numbers = new Int32Array(shared);
  const data: WatchdogData = { seed, shared };
  const worker = new Worker(new URL('./watchdog.ts', import.meta.url), { workerData: data });
  const beat = setInterval(() => Atomics.add(numbers, 0, 1), BEAT_MS);
  return {
    note: (place: number, index: number) => void Atomics.store(numbers, place + 1, index),
    stop: async () => {
      clearInterval(beat);
      await worker.terminate();
    },
  };
}

/** A namespace, a custom resource, and a user that flow control counts; inputs may have taken them away. */
async function prepare(server: TestApiServer): Promise<void> {
  const post = (path: string, body: unknown) => send(server, path, { method: 'POST', body });
  await post('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'fuzz' } });
  await post('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', widgetDefinition);
  await post('/apis/rbac.authorization.k8s.io/v1/clusterroles', {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name: 'fuzzers' },
    rules: [
      { apiGroups: ['*'], resources: ['*'], verbs: ['*'] },
      { nonResourceURLs: ['*'], verbs: ['*'] },
    ],
  });
  await post('/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name: 'fuzzers' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'fuzzers' },
    subjects: [{ kind: 'Group', apiGroup: 'rbac.authorization.k8s.io', name: 'fuzzers' }],
  });
}

async function problemWith(connection: Connection, input: Input, byStatus: Map<string, number>): Promise<string | undefined> {
  try {
    const answered = await connection.exchange(input);
    byStatus.set(String(answered.statusCode), (byStatus.get(String(answered.statusCode)) ?? 0) + 1);
    return problemOf(answered);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function problemOf({ statusCode, body }: Answered): string | undefined {
  if (statusCode >= 100 && statusCode < 500) return undefined;
  const text = body.toString('utf8', 0, SHOWN_CHARACTERS_MAX);
  // What is not there says so; a version that is not there yet is waited for, as upstream does.
  if (statusCode === 501 || (statusCode === 504 && text.includes('Too large resource version'))) return undefined;
  return `${statusCode}: ${text}`;
}

function kindOfFailure(why: string): string {
  return why.replace(/"[^"]*"|\\"|\d+/g, '').slice(0, 120);
}

async function problemsAfter(server: TestApiServer): Promise<readonly string[]> {
  const ready = await send(server, '/livez');
  return [
    ...(ready.statusCode === 200 ? [] : [`the server does not live: ${ready.text}`]),
    ...(Reflect.ownKeys(Object.prototype).length === PROTOTYPE_KEYS ? [] : ['the prototype of all objects was written to']),
  ];
}

async function forget(storage: MemoryStorage): Promise<void> {
  const revision = await storage.currentRevision();
  if (revision > HISTORY_REVISIONS) storage.compact(revision - HISTORY_REVISIONS);
}

function show({ method, path, headers, body }: Input): string {
  const text = body.toString('utf8');
  const shown = Buffer.from(text).equals(body) ? text : `base64 ${body.toString('base64')}`;
  return `${method} ${path}\n${JSON.stringify(headers)}\n${shown.slice(0, SHOWN_CHARACTERS_MAX)}`;
}
