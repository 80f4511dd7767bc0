/** A verdict needs as many equal outcomes in a row as its threshold. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Probe } from '#api/generated/types.ts';
import { firstProbeDelayMs, type ProbeOutcome, probeEvent, stepProbe, timingOf, unprobed } from './probe-state.ts';

const cases: readonly { readonly it: string; readonly probe: Probe; readonly outcomes: string; readonly verdict: string }[] = [
  { it: 'knows nothing before the threshold', probe: { failureThreshold: 3 }, outcomes: '--', verdict: 'unknown' },
  { it: 'fails at the threshold', probe: { failureThreshold: 3 }, outcomes: '---', verdict: 'failure' },
  { it: 'starts counting again after a success', probe: { failureThreshold: 3 }, outcomes: '--+--', verdict: 'success' },
  { it: 'succeeds at once by default', probe: {}, outcomes: '+', verdict: 'success' },
  { it: 'needs several successes when asked', probe: { successThreshold: 2, failureThreshold: 1 }, outcomes: '-+', verdict: 'failure' },
  { it: 'recovers', probe: { successThreshold: 2, failureThreshold: 1 }, outcomes: '-++', verdict: 'success' },
  { it: 'takes a warning for a success', probe: {}, outcomes: '!', verdict: 'success' },
  { it: 'passes over what could not be done', probe: { failureThreshold: 2 }, outcomes: '-?-', verdict: 'failure' },
];
function outcomeOf(mark: string): ProbeOutcome {
  const results = { '+': 'success', '!': 'warning', '?': 'error' } as const;
  return { result: mark === '+' || mark === '!' || mark === '?' ? results[mark] : 'failure', message: '' };
}

for (const { it, probe, outcomes, verdict } of cases) {
  test(`a probe ${it}`, () => {
    const end = [...outcomes].reduce((state, mark) => stepProbe(state, outcomeOf(mark), probe), unprobed);
    assert.equal(end.verdict, verdict);
  });
}

const delays = [
  { it: 'at once without a delay', startedMsAgo: 0, delayMs: 0 },
  { it: 'after its delay', initialDelaySeconds: 5, startedMsAgo: 1_000, delayMs: 4_000 },
  { it: 'somewhere within two seconds when the kubelet has just come', startedMsAgo: 60_000, delayMs: 1_000 },
  {
    it: 'after its delay and no later when the clock was set back an hour',
    initialDelaySeconds: 5,
    startedMsAgo: -3_600_000,
    delayMs: 5_000,
  },
];
for (const { it, initialDelaySeconds, startedMsAgo, delayMs } of delays) {
  test(`a probe first comes ${it}`, () => {
    const timing = timingOf(initialDelaySeconds === undefined ? {} : { initialDelaySeconds });
    assert.equal(firstProbeDelayMs(timing, 7_200_000 - startedMsAgo, 7_200_000, 0.5), delayMs);
  });
}

test('an event tells which probe said what', () => {
  assert.equal(probeEvent('liveness', { result: 'success', message: '' }), undefined);
  assert.deepEqual(probeEvent('liveness', { result: 'failure', message: 'sick' }), {
    reason: 'Unhealthy',
    message: 'Liveness probe failed: sick',
  });
  assert.deepEqual(probeEvent('startup', { result: 'warning', message: 'moved' }), {
    reason: 'ProbeWarning',
    message: 'Startup probe warning: moved',
  });
  const errored = { reason: 'Unhealthy', message: 'Readiness probe errored and resulted in unknown state: no port' };
  assert.deepEqual(probeEvent('readiness', { result: 'error', message: 'no port' }), errored);
});
