/** A few seeds of every scenario, the same each time; `npm run simulate` runs hundreds. A seed that once failed stays here. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { scenarios } from './scenarios.ts';
import { simulate } from './simulate.ts';

const SEEDS = [1, 2];

for (const scenario of scenarios) {
  for (const seed of SEEDS) {
    test(`${scenario.name} converges, and breaks no bound on the way (seed ${seed})`, async () => {
      assert.deepEqual((await simulate(scenario, seed)).problems, []);
    });
  }
}

test('the same seed gives the same run', async () => {
  const [scenario = assert.fail()] = scenarios;
  assert.deepEqual(await simulate(scenario, 3), await simulate(scenario, 3));
});
