/**
 * `keelson test-server`: the in-process cluster for tests in other languages. With a command it runs that command against the cluster and ends with its exit code;
 * without, it prints what to put into the environment and serves until it is told to stop. The variables are those that envtest reads (controller-runtime). Who has said
 * `USE_EXISTING_CLUSTER=false` wants each suite to start an API server of its own, and gets what to start it from.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { aborted } from '#component/shutdown.ts';
import { createCluster } from '../../in-process/create-cluster.ts';
import { runAttached } from '../process.ts';
import type { Progress } from '../progress.ts';
import { projectRoot } from '../project.ts';

export interface TestServerOptions {
  /** Of the API; 0 for a free one. */
  readonly port: number;
  readonly nodes: number;
  /** Nothing but the API server: no controllers, no scheduler, no nodes. */
  readonly isApiOnly: boolean;
  /** What to run against it; empty to serve until stopped. */
  readonly command: readonly string[];
}

type Environment = Readonly<Record<string, string>>;

/** Gives the exit code. */
export function runTestServer(progress: Progress, options: TestServerOptions, signal: AbortSignal): Promise<number> {
  const wantsOwn = process.env.USE_EXISTING_CLUSTER?.toLowerCase() === 'false';
  return wantsOwn ? runWithAssets(progress, options) : runWithCluster(progress, options, signal);
}

/** Where envtest finds the executables, unless the user has others. */
function assetVariables(): Environment {
  const folder = join(projectRoot, 'bin/envtest');
  const variables = {
    KUBEBUILDER_ASSETS: folder,
    TEST_ASSET_ETCD: join(folder, 'etcd'),
    TEST_ASSET_KUBE_APISERVER: join(folder, 'kube-apiserver'),
    TEST_ASSET_KUBECTL: join(folder, 'kubectl'),
  };
  return Object.fromEntries(Object.entries(variables).map(([name, value]) => [name, process.env[name] ?? value]));
}

async function runWithAssets(progress: Progress, { command: [program, ...args] }: TestServerOptions): Promise<number> {
  const environment = { ...assetVariables(), USE_EXISTING_CLUSTER: 'false' };
  if (program !== undefined) return runAttached(program, args, environment);
  printVariables(progress, environment);
  return 0;
}

function printVariables(progress: Progress, environment: Environment): void {
  for (const [name, value] of Object.entries(environment)) progress.text(`export ${name}=${value}`);
}

async function runWithCluster(progress: Progress, options: TestServerOptions, signal: AbortSignal): Promise<number> {
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
    const environment = { KUBECONFIG: kubeconfig, USE_EXISTING_CLUSTER: 'true', ...assetVariables() };
    const [program, ...args] = options.command;
    if (program !== undefined) return await runAttached(program, args, environment);
    printVariables(progress, environment);
    progress.text(`# serving on ${cluster.url} until Ctrl-C`);
    await aborted(signal);
    return 0;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
