/**
 * Runs conformance tests against a cluster: so many at a time, those marked [Serial] alone after the others, each in a namespace of its own
 * with a deadline. Used by `main.ts` (`npm run conformance`) and `conformance.e2e.ts` (`npm test`).
 */
import { randomBytes } from 'node:crypto';
import type { Json, Output } from '../../cluster.ts';
import { type Cluster, ignoring } from './cluster.ts';
import { type ConformanceTest, isSerial, type TestScope } from './conformance-test.ts';
import { createResource } from './resource.ts';

const TEST_MS_MAX = 5 * 60_000;
/** etcd's history is compacted every five minutes; a token of the interval before may live twice as long. */
const SLOW_TEST_MS_MAX = 15 * 60_000;
/** For the namespaces of all tests to empty themselves after the last one. */
const REMOVAL_MS_MAX = 180_000;

/** Service accounts and the root certificate come to a new namespace by controllers; a pod made before them is refused. */
const ACCOUNT_MS_MAX = 30_000;

export interface Outcome {
  readonly name: string;
  readonly result: 'pass' | 'fail';
  readonly durationMs: number;
  /** Why it failed. */
  readonly error?: unknown;
}

export interface RunOptions {
  /** How many at once. */
  readonly parallel: number;
  readonly onStart?: (test: ConformanceTest) => void;
  readonly onEnd?: (outcome: Outcome) => void;
}

/** Gives the outcomes in the order the tests ended. Throws when a test's namespace does not go away. */
export async function runConformanceTests(
  cluster: Cluster,
  tests: readonly ConformanceTest[],
  options: RunOptions,
): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = [];
  const namespaces: string[] = [];
  const runAll = async (chosen: readonly ConformanceTest[], parallel: number): Promise<void> => {
    const queue = [...chosen];
    const work = async () => {
      for (let test = queue.shift(); test !== undefined; test = queue.shift()) {
        options.onStart?.(test);
        const outcome = await runTest(cluster, test, namespaces);
        outcomes.push(outcome);
        options.onEnd?.(outcome);
      }
    };
    await Promise.all(Array.from({ length: parallel }, work));
  };
  await runAll(
    tests.filter((test) => !isSerial(test)),
    options.parallel,
  );
  await runAll(tests.filter(isSerial), 1);
  await expectNamespacesGone(cluster, namespaces);
  return outcomes;
}

async function runTest(cluster: Cluster, test: ConformanceTest, namespaces: string[]): Promise<Outcome> {
  const started = performance.now();
  const outcome = (rest: { result: 'pass' } | { result: 'fail'; error: unknown }): Outcome => ({
    name: test.name,
    durationMs: Math.round(performance.now() - started),
    ...rest,
  });
  const undoing: (() => Promise<unknown>)[] = [];
  const stop = new AbortController();
  const timer = setTimeout(
    () => stop.abort(new Error('the time of the test is up')),
    test.isSlow === true ? SLOW_TEST_MS_MAX : TEST_MS_MAX,
  );
  try {
    const scope = await createScope(cluster, { undoing, namespaces, signal: stop.signal });
    const aborted = Promise.withResolvers<never>();
    stop.signal.addEventListener('abort', () => aborted.reject(stop.signal.reason));
    await Promise.race([test.run(scope), aborted.promise]);
    return outcome({ result: 'pass' });
  } catch (error) {
    return outcome({ result: 'fail', error });
  } finally {
    clearTimeout(timer);
    await undoAll(undoing);
    stop.abort();
  }
}

interface ScopeParts {
  readonly undoing: (() => Promise<unknown>)[];
  /** Every namespace ever made in this run. */
  readonly namespaces: string[];
  readonly signal: AbortSignal;
}

async function createScope(cluster: Cluster, { undoing, namespaces, signal }: ScopeParts): Promise<TestScope> {
  const createNamespace = async (prefix: string, labels: Readonly<Record<string, string>> = {}): Promise<string> => {
    const name = `${prefix}-${randomBytes(3).toString('hex')}`;
    const all = cluster.resource('v1/namespaces', '');
    await all.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } });
    namespaces.push(name);
    undoing.push(() => all.delete(name));
    await cluster.resource('v1/serviceaccounts', name).until('default', `${name} has its account`, (found) => found, ACCOUNT_MS_MAX);
    return name;
  };
  const namespace = await createNamespace('conformance');
  const tryKubectl = (args: readonly string[], input?: string): Promise<Output> => cluster.kubectl(['-n', namespace, ...args], input);
  return {
    cluster,
    namespace,
    suffix: randomBytes(3).toString('hex'),
    signal,
    resource: (name, other = namespace) => createResource(cluster, name, other, signal),
    tryKubectl,
    kubectl: async (args, input) => {
      const { code, stdout, stderr } = await tryKubectl(args, input);
      if (code !== 0) throw new Error(`kubectl ${args.join(' ')} exited ${code}: ${stderr || stdout}`);
      return stdout;
    },
    createNamespace,
    cleanUp: (undo) => undoing.push(undo),
  };
}

/** Last things first. What a test leaves behind must not hide why it failed: the namespaces are checked at the end of the run. */
async function undoAll(undoing: readonly (() => Promise<unknown>)[]): Promise<void> {
  for (const undo of undoing.toReversed()) await ignoring(['NotFound', 'Conflict'], undo()).catch(() => undefined);
}

async function expectNamespacesGone(cluster: Cluster, namespaces: readonly string[]): Promise<void> {
  const ours = new Set(namespaces);
  await cluster
    .resource('v1/namespaces', '')
    .untilAll(
      {},
      'the namespaces of the tests are gone',
      (items) => items.every((item: Json) => !ours.has(item.metadata.name)),
      REMOVAL_MS_MAX,
    );
}
