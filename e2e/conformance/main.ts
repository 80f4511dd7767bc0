/**
 * `npm run conformance`: runs the conformance tests against the cluster of a kubeconfig and writes docs/conformance.md. `--focus REGEX` runs those whose
 * name matches and keeps what the page says of the others; `--json` prints one object a line; `--parallel N` at once; `--kubeconfig FILE`. Exits with 1
 * when a test fails, 2 when it cannot run.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { kubeconfigPath } from '../cluster.ts';
import { openCluster } from './framework/cluster.ts';
import { parseReport, type Result, renderReport } from './framework/report.ts';
import { type Outcome, runConformanceTests } from './framework/run-tests.ts';
import { conformanceNames } from './names.ts';
import { conformanceTests } from './tests.ts';

const REPORT = join(import.meta.dirname, '../../docs/conformance.md');

const { values } = parseArgs({
  options: {
    focus: { type: 'string', default: '' },
    json: { type: 'boolean', default: false },
    parallel: { type: 'string', default: '6' },
    kubeconfig: { type: 'string', default: process.env.KUBECONFIG?.split(':')[0] ?? kubeconfigPath },
  },
});
const parallel = Number(values.parallel);
if (!Number.isInteger(parallel) || parallel < 1) {
  process.stderr.write('--parallel takes a whole number of at least 1\n');
  process.exit(2);
}
const focus = new RegExp(values.focus);
const chosen = conformanceTests.filter(({ name }) => focus.test(name));
const cluster = await openCluster(values.kubeconfig);
const isTerminal = process.stderr.isTTY && !values.json;
let ended = 0;
let failed = 0;
const tell = (outcome: Outcome): void => {
  ended += 1;
  if (outcome.result === 'fail') failed += 1;
  const seconds = (outcome.durationMs / 1_000).toFixed(1);
  const error = outcome.error instanceof Error ? (outcome.error.stack ?? outcome.error.message) : String(outcome.error ?? '');
  if (values.json) {
    process.stdout.write(
      `${JSON.stringify({ name: outcome.name, result: outcome.result, durationMs: outcome.durationMs, ...(error === '' ? {} : { error }) })}\n`,
    );
    return;
  }
  if (isTerminal) process.stderr.write('\r\u001b[K');
  process.stdout.write(`${outcome.result === 'pass' ? 'pass' : 'FAIL'} ${seconds.padStart(6)} s  ${outcome.name}\n`);
  if (error !== '') process.stdout.write(`${error.replace(/^/gm, '      ')}\n`);
  if (isTerminal) process.stderr.write(`${ended} of ${chosen.length}, ${failed} failed`);
};

const outcomes = await runConformanceTests(cluster, chosen, { parallel, onEnd: tell }).finally(() => cluster.close());
if (isTerminal) process.stderr.write('\r\u001b[K');
const names = new Set(conformanceTests.map(({ name }) => name));
const known = existsSync(REPORT) ? parseReport(readFileSync(REPORT, 'utf8')) : new Map<string, Result>();
const results = new Map<string, Result>([...known].filter(([name]) => names.has(name)));
for (const { name, result } of outcomes) results.set(name, result);
writeFileSync(REPORT, renderReport(conformanceNames, results));
if (!values.json) {
  const passed = outcomes.length - failed;
  process.stdout.write(
    `${passed} passed, ${failed} failed, ${conformanceNames.length - conformanceTests.length} of ${conformanceNames.length} not there yet\n`,
  );
}
process.exitCode = failed > 0 ? 1 : 0;
