import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod, PodDisruptionBudget, PodDisruptionBudgetStatus } from '#api/generated/types.ts';
import { formatTime } from '#component/clock.ts';
import { type DisruptionSnapshot, type ExpectedScale, reconcileDisruption } from './disruption.ts';
import { aPod, metadataOf, NOW_MS, secondsAgo } from './testing/builders.ts';

const isBudget = (object: object): object is PodDisruptionBudget => 'kind' in object && object.kind === 'PodDisruptionBudget';

function aBudget(spec: PodDisruptionBudget['spec'], status?: PodDisruptionBudgetStatus): PodDisruptionBudget {
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: metadataOf('web', { generation: 1 }),
    spec: { selector: { matchLabels: { app: 'web' } }, ...spec },
    ...(status === undefined ? {} : { status }),
  };
}

const ready = (name: string) => aPod(name, { readySince: secondsAgo(60) });
const three = ['a', 'b', 'c'].map(ready);
const going = aPod('c', { readySince: secondsAgo(60), metadata: { deletionTimestamp: secondsAgo(1) } });
const scaleOf = (count: number): ExpectedScale => ({ isKnown: true, count, hasUnmanaged: false });

function snapshotOf(budget: PodDisruptionBudget, pods: readonly Pod[], more: Partial<DisruptionSnapshot> = {}): DisruptionSnapshot {
  return { budget, pods, scale: scaleOf(pods.length), nowMs: NOW_MS, ...more };
}

/** Healthy of wanted, allowed, expected, and the condition's reason. */
function verdictOf(given: DisruptionSnapshot): string | undefined {
  const status = reconcileDisruption(given).flatMap((action) =>
    action.verb === 'updateStatus' && isBudget(action.object) ? [action.object.status ?? {}] : [],
  )[0];
  if (status === undefined) return undefined;
  const { currentHealthy, desiredHealthy, disruptionsAllowed, expectedPods, conditions = [] } = status;
  return `${currentHealthy} of ${desiredHealthy} well, ${disruptionsAllowed} of ${expectedPods} may go: ${conditions[0]?.reason}`;
}

const cases: readonly { it: string; given: DisruptionSnapshot; verdict: string }[] = [
  {
    it: 'lets go what is beyond the least number',
    given: snapshotOf(aBudget({ minAvailable: 2 }), three),
    verdict: '3 of 2 well, 1 of 3 may go: SufficientPods',
  },
  {
    it: 'lets nobody go when just enough are well',
    given: snapshotOf(aBudget({ minAvailable: 2 }), [ready('a'), ready('b'), aPod('c')]),
    verdict: '2 of 2 well, 0 of 3 may go: InsufficientPods',
  },
  {
    it: 'rounds percentages in favour of the pods that stay',
    given: snapshotOf(aBudget({ minAvailable: '50%' }), three),
    verdict: '3 of 2 well, 1 of 3 may go: SufficientPods',
  },
  {
    it: 'counts from how many there should be',
    given: snapshotOf(aBudget({ maxUnavailable: 1 }), three, { scale: scaleOf(4) }),
    verdict: '3 of 3 well, 0 of 4 may go: InsufficientPods',
  },
  {
    it: 'does not count a pod that is going',
    given: snapshotOf(aBudget({ minAvailable: 1 }), [ready('a'), ready('b'), going]),
    verdict: '2 of 1 well, 1 of 3 may go: SufficientPods',
  },
  {
    it: 'does not count a pod whose eviction was granted',
    given: snapshotOf(aBudget({ minAvailable: 1 }, { disruptedPods: { c: secondsAgo(10) } }), three),
    verdict: '2 of 1 well, 1 of 3 may go: SufficientPods',
  },
  {
    it: 'counts it again when it did not go',
    given: snapshotOf(aBudget({ minAvailable: 1 }, { disruptedPods: { c: secondsAgo(121) } }), three),
    verdict: '3 of 1 well, 2 of 3 may go: SufficientPods',
  },
  {
    it: 'lets nobody go while it is not known how many there should be',
    given: snapshotOf(aBudget({ maxUnavailable: 1 }), three, {
      scale: { isKnown: false, problem: 'jobs.batch does not implement the scale subresource' },
    }),
    verdict: '0 of 0 well, 0 of 0 may go: SyncFailed',
  },
];
for (const { it, given, verdict } of cases) {
  test(`a budget ${it}`, () => assert.equal(verdictOf(given), verdict));
}

test('a granted eviction is followed, told of when it comes to nothing, and looked at again in time', () => {
  const given = snapshotOf(
    aBudget({ minAvailable: 1 }, { disruptedPods: { a: secondsAgo(121), b: secondsAgo(100), gone: secondsAgo(1) } }),
    three,
  );
  const actions = reconcileDisruption(given);
  const [status] = actions.flatMap((action) => (action.verb === 'updateStatus' && isBudget(action.object) ? [action.object.status] : []));
  assert.deepEqual(status?.disruptedPods, { b: secondsAgo(100) });
  assert.ok(actions.some((action) => action.verb === 'event' && action.reason === 'NotDeleted' && action.regarding.metadata.name === 'a'));
  assert.deepEqual(actions.at(-1), { verb: 'requeue', afterMs: 20_000 });
});

test('a status that still holds is not written again', () => {
  const budget = aBudget({ minAvailable: 2 });
  const [status] = reconcileDisruption(snapshotOf(budget, three)).flatMap((action) =>
    action.verb === 'updateStatus' && isBudget(action.object) ? [action.object.status] : [],
  );
  assert.equal(status?.conditions?.[0]?.lastTransitionTime, formatTime(NOW_MS));
  assert.deepEqual(
    reconcileDisruption(snapshotOf({ ...budget, ...(status === undefined ? {} : { status }) }, three, { nowMs: NOW_MS + 60_000 })),
    [],
  );
});
