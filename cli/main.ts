/**
 * The `keelson` command: sets the machine up, starts and stops the cluster, says how it is. Thin over docker compose and the client
 * library; each command is a file in `commands/`. Exit codes: 0 done or all well, 1 failed or something is wrong, 2 the user has to see to
 * something first (or asked for what is not there).
 */
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { systemClock } from '#component/clock.ts';
import type { RequestedNodes } from './commands/nodes.ts';
import { createProgress } from './progress.ts';
import { hostFiles } from './project.ts';

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;

const progress = createProgress(process.stdout, systemClock);

/** Commands are loaded when they are asked for: `status` is not to wait for what `setup` needs. */
function createCommands(): Command {
  const program = new Command('keelson').description('Kubernetes in TypeScript, on this machine').exitOverride().enablePositionalOptions();
  program
    .command('start')
    .description('set up what is missing, start the cluster, deploy hello')
    .action(async () => (await import('./commands/start.ts')).runStart(progress));
  program
    .command('setup')
    .description('install what is missing and build the images')
    .option('--for-tests', 'also what only the tests need: kubectl, nft, conntrack')
    .action(async (options: { forTests?: boolean }) =>
      (await import('./commands/setup.ts')).runSetup(progress, { forTests: options.forTests === true }),
    );
  program
    .command('up')
    .description('start the cluster and wait until its nodes are Ready')
    .action(async () => {
      await (await import('./commands/setup.ts')).runSetup(progress, { forTests: false });
      await (await import('./commands/up.ts')).runUp(progress);
    });
  program
    .command('down')
    .description('stop and remove the cluster: no container, network or volume stays')
    .option('--keep-data', 'keep the volumes: etcd and the certificates')
    .action(async (options: { keepData?: boolean }) =>
      (await import('./commands/down.ts')).runDown(progress, { keepData: options.keepData === true }),
    );
  program
    .command('status')
    .description('one line per thing that is wrong; exit code 1 if there is one')
    .action(async () => setExitCode(await (await import('./commands/status.ts')).runStatus(progress)));
  program
    .command('why <pod>')
    .description('why pod/NAME has no node, by node and plugin; or what it waits for on its node')
    .option('-n, --namespace <namespace>', "the pod's namespace", 'default')
    .action(async (pod: string, { namespace }: { namespace: string }) =>
      (await import('./commands/why.ts')).runWhy(progress, pod, namespace),
    );
  program
    .command('doctor')
    .description('what this machine lacks for a cluster, and how to get it')
    .action(async () => setExitCode(await (await import('./commands/doctor.ts')).runDoctor(progress)));
  program
    .command('test-server [command...]')
    .description('a cluster in this process, without Docker: runs a test command against it')
    .option('--port <port>', 'of the API; a free one by default', parseWhole, 0)
    .option('--nodes <count>', 'simulated nodes', parseWhole, 1)
    .option('--api-only', 'no controllers, no scheduler, no nodes')
    .passThroughOptions()
    .action(async (command: string[], { port, nodes, apiOnly }: { port: number; nodes: number; apiOnly?: boolean }) => {
      const { runTestServer } = await import('./commands/test-server.ts');
      process.exitCode = await runTestServer(progress, { port, nodes, isApiOnly: apiOnly === true, command }, untilStopped());
    });
  const simulated = program.command('nodes').description('nodes without machines, beside the real ones');
  simulated
    .command('add <count>')
    .description('simulate more nodes; pods bound to them only pretend to run')
    .option('--name <prefix>', 'they are called PREFIX-1, PREFIX-2, …', 'simulated')
    .option('--cpu <quantity>', 'capacity of each', '4')
    .option('--memory <quantity>', 'capacity of each', '16Gi')
    .option('--pods <count>', 'capacity of each', '110')
    .option('--resource <name=quantity>', 'capacity of another resource, such as nvidia.com/gpu=8; may be repeated', collect, [])
    .option('--zone <zones>', 'zones to spread them over: a,b,c')
    .option('--label <key=value>', 'may be repeated', collect, [])
    .option('--taint <key=value:effect>', 'in place of keelson.dev/simulated=true:NoSchedule; may be repeated', collect, [])
    .option('--no-taint', 'any pod may come, those of the cluster too')
    .action(async (count: string, options: RequestedNodes) =>
      (await import('./commands/nodes.ts')).runAddNodes(progress, { ...options, count: parseWhole(count) }),
    );
  simulated
    .command('remove')
    .description('remove all simulated nodes')
    .action(async () => (await import('./commands/nodes.ts')).runRemoveNodes(progress));
  program
    .command('kubeconfig')
    .description("print the path of the cluster's kubeconfig")
    .action(() => progress.text(hostFiles.kubeconfig));
  return program;
}

function parseWhole(text: string): number {
  if (/^\d{1,5}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It is a whole number.');
}

function collect(value: string, values: readonly string[] | boolean): readonly string[] {
  return [...(typeof values === 'boolean' ? [] : values), value];
}

function untilStopped(): AbortSignal {
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stop.abort(new Error(`stopped by ${name}`)));
  return stop.signal;
}

function setExitCode(isWell: boolean): void {
  process.exitCode = isWell ? 0 : EXIT_FAILED;
}

try {
  await createCommands().parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : EXIT_USAGE;
  } else {
    process.stderr.write(`\n${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = error instanceof Error && error.name === 'SetupIncomplete' ? EXIT_USAGE : EXIT_FAILED;
  }
}
