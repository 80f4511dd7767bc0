/**
 * What a conformance test is, and what it is given. Written by the files under `e2e/conformance/<sig>/`, listed in `tests.ts`, run by
 * `run-tests.ts`. A test fails by throwing; whatever it makes outside its namespace it hands to `cleanUp`.
 */
import type { Output } from '../../cluster.ts';
import type { Cluster } from './cluster.ts';
import type { Resource } from './resource.ts';

export interface ConformanceTest {
  /** One of `names.ts`, word for word. */
  readonly name: string;
  readonly run: (t: TestScope) => Promise<void>;
  /** Waits for minutes by its nature (for etcd's compaction): left out of `npm test`, never out of `npm run conformance`. */
  readonly isSlow?: boolean;
}

export interface TestScope {
  readonly cluster: Cluster;
  /** The test's own namespace: made before it runs, deleted after it. */
  readonly namespace: string;
  /** Six characters that no other test has, for names outside the namespace. */
  readonly suffix: string;
  /** Aborted when the test's time is up. */
  readonly signal: AbortSignal;
  /** `v1/configmaps`, `apps/v1/deployments`: in the test's namespace unless another is named, cluster-wide for ''. */
  resource(name: string, namespace?: string): Resource;
  /** kubectl in the test's namespace; gives what it printed, throws when it fails. */
  kubectl(args: readonly string[], input?: string): Promise<string>;
  /** kubectl where failing is what the test looks at. */
  tryKubectl(args: readonly string[], input?: string): Promise<Output>;
  /** Another namespace for this test alone, named after `prefix`; deleted after the test. */
  createNamespace(prefix: string, labels?: Readonly<Record<string, string>>): Promise<string>;
  /** Runs after the test, whatever became of it; what was handed in last runs first. What is gone already is no failure. */
  cleanUp(undo: () => Promise<unknown>): void;
}

/** Whether upstream asks for the cluster to be left alone meanwhile. */
export function isSerial({ name }: ConformanceTest): boolean {
  return name.includes('[Serial]');
}
