/**
 * `npm run fuzz`: inputs by the million against API servers in memory, one per process. `--inputs=N` in all, `--processes=N`, `--seed=N` to repeat a run,
 * `--only=N` for one input of it. Tells how far it is, ends with 1 when anything was wrong, and says with which input.
 */
import { fork } from 'node:child_process';
import { availableParallelism, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { type FuzzReport, LOOP_DELAY_P99_MS_MAX, RSS_BYTES_MAX, runFuzz } from './run.ts';

const INPUTS = 1_000_000;
const PROGRESS_MS = 5_000;

const { values } = parseArgs({
  options: {
    inputs: { type: 'string', default: String(INPUTS) },
    processes: { type: 'string', default: String(Math.min(8, availableParallelism())) },
    seed: { type: 'string' },
    only: { type: 'string' },
    first: { type: 'string' },
  },
});
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
const inputs = Number(values.inputs);

function mib(bytes: number): string {
  return `${Math.round(bytes / 1024 ** 2)} MiB`;
}

/** More to do than there are cores, even without us: then the event loop waits for the machine, and its delay says nothing about the server. */
function isMachineBusy(): boolean {
  return loadavg()[0] !== undefined && Number(loadavg()[0]) > availableParallelism() + Number(values.processes);
}

function problemsOf(report: FuzzReport): readonly string[] {
  return [
    ...report.failures.map(({ index, why, input }) => `input ${index} (npm run fuzz -- --seed=${seed} --only=${index}): ${why}\n${input}`),
    ...(report.loopDelayP99Ms > LOOP_DELAY_P99_MS_MAX && !isMachineBusy()
      ? [`the event loop was held up: p99 ${report.loopDelayP99Ms.toFixed(1)} ms`]
      : []),
    ...(report.rssBytes > RSS_BYTES_MAX ? [`memory grew to ${mib(report.rssBytes)}`] : []),
  ];
}

function isReport(message: unknown): message is FuzzReport {
  return typeof message === 'object' && message !== null && 'failures' in message;
}

/** Runs a part of the inputs in a process of its own. */
function runPart(first: number, count: number, onProgress: (report: FuzzReport) => void): Promise<FuzzReport> {
  const child = fork(import.meta.filename, [`--seed=${seed}`, `--first=${first}`, `--inputs=${count}`]);
  return new Promise((resolve, reject) => {
    let last: FuzzReport | undefined;
    child.on('message', (message) => {
      if (!isReport(message)) return;
      last = message;
      onProgress(message);
    });
    child.on('exit', (code) =>
      code === 0 && last !== undefined
        ? resolve(last)
        : reject(new Error(`a server crashed (${code}) after ${last?.inputs ?? 0} inputs from ${first}`)),
    );
  });
}

async function runAll(): Promise<readonly FuzzReport[]> {
  const processes = Math.max(1, Number(values.processes));
  const share = Math.ceil(inputs / processes);
  const reports: FuzzReport[] = [];
  const startedMs = performance.now();
  const timer = setInterval(() => console.log(progress(reports, startedMs)), PROGRESS_MS);
  console.log(`${inputs} inputs, seed ${seed}, ${processes} processes`);
  try {
    const parts = Array.from({ length: processes }, (_, index) =>
      runPart(index * share, Math.min(share, inputs - index * share), (report) => {
        reports[index] = report;
      }),
    );
    return await Promise.all(parts);
  } finally {
    clearInterval(timer);
    console.log(progress(reports, startedMs));
  }
}

function progress(reports: readonly FuzzReport[], startedMs: number): string {
  const known = reports.filter((report) => report !== undefined);
  const done = known.reduce((sum, report) => sum + report.inputs, 0);
  const seconds = (performance.now() - startedMs) / 1000;
  const worst = (of: (report: FuzzReport) => number) => Math.max(0, ...known.map(of));
  const failures = known.reduce((sum, report) => sum + report.failures.length, 0);
  const delay = `event loop p99 ${worst(({ loopDelayP99Ms }) => loopDelayP99Ms).toFixed(1)} ms, max ${worst(({ loopDelayMaxMs }) => loopDelayMaxMs).toFixed(0)} ms`;
  return `${seconds.toFixed(0)} s: ${done} inputs, ${Math.round(done / seconds)}/s, ${failures} failures, ${delay}, ${mib(worst(({ rssBytes }) => rssBytes))}`;
}

if (values.first !== undefined) {
  const report = await runFuzz({ seed, first: Number(values.first), inputs, onProgress: (now) => process.send?.(now) });
  process.send?.(report);
  process.disconnect?.();
} else {
  const only = values.only === undefined ? undefined : Number(values.only);
  const reports = only === undefined ? await runAll() : [await runFuzz({ seed, first: only, inputs: 1 })];
  console.log(JSON.stringify(reports.map(({ byStatus }) => byStatus)));
  if (isMachineBusy())
    console.log(`the machine is busy (load ${loadavg()[0]?.toFixed(1)}): how long the event loop was held up is not judged`);
  const problems = reports.flatMap(problemsOf);
  for (const problem of problems) console.error(`\n${problem}`);
  process.exitCode = problems.length === 0 ? 0 : 1;
}
