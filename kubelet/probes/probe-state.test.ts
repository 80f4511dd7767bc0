/** A verdict needs as many equal outcomes in a row as its threshold. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Probe } from '#api/generated/types.ts';
import { stepProbe, unprobed } from './probe-state.ts';

const cases: readonly { readonly it: string; readonly probe: Probe; readonly outcomes: string; readonly verdict: string }[] = [
  { it: 'knows nothing before the threshold', probe: { failureThreshold: 3 }, outcomes: '--', verdict: 'unknown' },
  { it: 'fails at the threshold', probe: { failureThreshold: 3 }, outcomes: '---', verdict: 'failure' },
  { it: 'starts counting again after a success', probe: { failureThreshold: 3 }, outcomes: '--+--', verdict: 'success' },
  { it: 'succeeds at once by default', probe: {}, outcomes: '+', verdict: 'success' },
  { it: 'needs several successes when asked', probe: { successThreshold: 2, failureThreshold: 1 }, outcomes: '-+', verdict: 'failure' },
  { it: 'recovers', probe: { successThreshold: 2, failureThreshold: 1 }, outcomes: '-++', verdict: 'success' },
];
for (const { it, probe, outcomes, verdict } of cases) {
  test(`a probe ${it}`, () => {
    const end = [...outcomes].reduce((state, mark) => stepProbe(state, { isSuccess: mark === '+', message: '' }, probe), unprobed);
    assert.equal(end.verdict, verdict);
  });
}
