/**
 * The conformance tests within `npm test`, several at a time, but for those that wait for minutes. One that docs/conformance.md says passes must pass; one
 * that it says fails may.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { kubeconfigPath } from './cluster.ts';
import { openCluster } from './conformance/framework/cluster.ts';
import { parseReport } from './conformance/framework/report.ts';
import { runConformanceTests } from './conformance/framework/run-tests.ts';
import { conformanceTests } from './conformance/tests.ts';

/** More only makes each slower on a machine of two cores. */
const PARALLEL = 6;

const claims = parseReport(readFileSync(join(import.meta.dirname, '../docs/conformance.md'), 'utf8'));

test('every conformance test that docs/conformance.md says passes does pass', async (t) => {
  const cluster = await openCluster(kubeconfigPath);
  const tests = conformanceTests.filter((conformanceTest) => conformanceTest.isSlow !== true);
  const outcomes = await runConformanceTests(cluster, tests, { parallel: PARALLEL }).finally(() => cluster.close());
  for (const { name, result, error } of outcomes) {
    const todo = claims.get(name) === 'pass' ? false : 'docs/conformance.md does not say that it passes';
    await t.test(name, { todo }, () => {
      if (result === 'fail') throw error;
    });
  }
});
