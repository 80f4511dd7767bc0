/**
 * `npm run simulate -- [--seeds N] [--from SEED] [--focus TEXT] [--json]` runs every scenario with each seed, in as many processes as there are cores, and says what
 * was explored. A seed that fails is printed with what went wrong and how to run it alone; the exit code is 1 then.
 */
import { fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { scenarios } from './scenarios/index.ts';
import { type Outcome, simulate } from './simulate.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '500' },
    from: { type: 'string', default: '1' },
    focus: { type: 'string', default: '' },
    json: { type: 'boolean', default: false },
    /** Of a worker: which of how many shares of the seeds it runs. */
    share: { type: 'string' },
  },
});
const [first, count] = [Number(values.from), Number(values.seeds)];
const chosen = scenarios.filter(({ name }) => name.includes(values.focus));
if (chosen.length === 0 || !Number.isInteger(first) || !Number.isInteger(count)) {
  process.stderr.write(`simulate: --seeds and --from are whole numbers; scenarios are ${scenarios.map(({ name }) => name).join(', ')}\n`);
  process.exit(2);
}
if (values.share !== undefined) await work(values.share);
else await explore();

/** Runs one share of the seeds and reports each outcome to the parent. */
async function work(share: string): Promise<void> {
  const [index = 0, shares = 1] = share.split('/').map(Number);
  for (let seed = first + index; seed < first + count; seed += shares) {
    for (const scenario of chosen) process.send?.(await simulate(scenario, seed));
  }
  process.disconnect?.();
}

async function explore(): Promise<void> {
  const outcomes: Outcome[] = [];
  const total = count * chosen.length;
  const hear = (outcome: Outcome) => {
    outcomes.push(outcome);
    if (values.json) process.stdout.write(`${JSON.stringify(outcome)}\n`);
    else if (outcome.problems.length > 0) process.stdout.write(`${describeFailure(outcome)}\n`);
    if (process.stderr.isTTY) process.stderr.write(`\r${outcomes.length} of ${total} runs`);
  };
  const shares = Math.min(availableParallelism(), count);
  const codes = await Promise.all(Array.from({ length: shares }, (_, index) => startWorker(`${index}/${shares}`, hear)));
  if (process.stderr.isTTY) process.stderr.write('\n');
  if (!values.json) process.stdout.write(`${summaryOf(outcomes)}\n`);
  const isGood = outcomes.length === total && codes.every((code) => code === 0) && outcomes.every(({ problems }) => problems.length === 0);
  if (outcomes.length < total) process.stderr.write(`simulate: ${total - outcomes.length} runs did not end\n`);
  process.exitCode = isGood ? 0 : 1;
}

function startWorker(share: string, hear: (outcome: Outcome) => void): Promise<number | null> {
  const worker = fork(fileURLToPath(import.meta.url), [...process.argv.slice(2), '--share', share]);
  // A message is what `work` sent.
  worker.on('message', (message: Outcome) => hear(message));
  return new Promise((resolve) => worker.once('exit', resolve));
}

function describeFailure({ scenario, seed, problems }: Outcome): string {
  return [
    `${scenario}, seed ${seed}: npm run simulate -- --seeds 1 --from ${seed} --focus ${scenario}`,
    ...problems.map((problem) => `  ${problem}`),
  ].join('\n');
}

function faultsOf(outcomes: readonly Outcome[]): string {
  const kinds = Map.groupBy(
    outcomes.flatMap(({ faults }) => Object.entries(faults)),
    ([kind]) => kind,
  );
  return [...kinds].map(([kind, counts]) => `${kind} ${counts.reduce((sum, [, count]) => sum + count, 0)}`).join(', ');
}

function summaryOf(outcomes: readonly Outcome[]): string {
  const lines = [...Map.groupBy(outcomes, ({ scenario }) => scenario)].map(([scenario, runs]) => {
    const failed = runs.filter(({ problems }) => problems.length > 0).length;
    const hours = runs.reduce((sum, { virtualMs }) => sum + virtualMs, 0) / 3_600_000;
    const writes = runs.reduce((sum, run) => sum + run.writes, 0);
    return `${scenario.padEnd(40)} ${String(runs.length).padStart(5)} seeds  ${String(failed).padStart(4)} failed  ${String(writes).padStart(8)} writes  ${hours.toFixed(0).padStart(4)} h of cluster time`;
  });
  return [...lines, '', `faults: ${faultsOf(outcomes)}`].join('\n');
}
