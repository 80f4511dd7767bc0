/**
 * `keelson test-server`: the in-process cluster for tests in other languages. With a command it runs that command against the cluster and ends with its exit code;
 * without, it prints what to put into the environment and serves until it is told to stop. The variables are those that envtest reads (controller-runtime):
 * `USE_EXISTING_CLUSTER=true` and `KUBECONFIG`.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { aborted } from '#component/shutdown.ts';
import { createCluster } from '../../in-process/create-cluster.ts';
import { runAttached } from '../process.ts';
import type { Progress } from '../progress.ts';

export interface TestServerOptions {
  /** Of the API; 0 for a free one. */
  readonly port: number;
  readonly nodes: number;
  /** Nothing but the API server: no controllers, no scheduler, no nodes. */
  readonly isApiOnly: boolean;
  /** What to run against it; empty to serve until stopped. */
  readonly command: readonly string[];
}

/** Gives the exit code. */
export async function runTestServer(progress: Progress, options: TestServerOptions, signal: AbortSignal): Promise<number> {
  const { port, isApiOnly } = options;
  await using cluster = await createCluster({
    port,
    nodes: isApiOnly ? 0 : options.nodes,
    controllers: !isApiOnly,
    scheduler: !isApiOnly,
  });
  const directory = mkdtempSync(join(tmpdir(), 'keelson-test-'));
  try {
    const kubeconfig = join(directory, 'kubeconfig');
    writeFileSync(kubeconfig, await cluster.kubeconfig(), { mode: 0o600 });
    const environment = { KUBECONFIG: kubeconfig, USE_EXISTING_CLUSTER: 'true' };
    const [program, ...args] = options.command;
    if (program !== undefined) return await runAttached(program, args, environment);
    for (const [name, value] of Object.entries(environment)) progress.text(`export ${name}=${value}`);
    progress.text(`# serving on ${cluster.url} until Ctrl-C`);
    await aborted(signal);
    return 0;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
