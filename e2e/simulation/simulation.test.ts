/** A seed of every scenario, the same each time, and those that once failed; `npm run simulate` runs hundreds. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { regressions } from './regressions.ts';
import { scenarios } from './scenarios/index.ts';
import { simulate } from './simulate.ts';

const SEED = 1;

for (const scenario of scenarios) {
  test(`${scenario.name} converges, and breaks no bound on the way (seed ${SEED})`, async () => {
    assert.deepEqual((await simulate(scenario, SEED)).problems, []);
  });
}

for (const { scenario: name, seed, reason } of regressions) {
  test(`${name} with seed ${seed}: no more "${reason}"`, async () => {
    const scenario = scenarios.find((candidate) => candidate.name === name) ?? assert.fail(`there is no scenario ${name}`);
    assert.deepEqual((await simulate(scenario, seed)).problems, []);
  });
}

test('the same seed gives the same run', async () => {
  const [scenario = assert.fail()] = scenarios;
  assert.deepEqual(await simulate(scenario, 3), await simulate(scenario, 3));
});
