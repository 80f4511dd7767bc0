import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Job } from '#api/generated/types.ts';
import { aJob, describeActions, NOW_MS, secondsAgo } from './testing/builders.ts';
import { reconcileFinishedJob } from './ttl-after-finished.ts';

const ended = (type: string) => ({ conditions: [{ type, status: 'True', lastTransitionTime: secondsAgo(60) }] });
const expired = aJob({ ttlSecondsAfterFinished: 0 }, ended('Failed'));

const cases: readonly { it: string; job: Job; actions: readonly string[] }[] = [
  { it: 'that has no limit stays', job: aJob({}, ended('Complete')), actions: [] },
  { it: 'that is not over stays', job: aJob({ ttlSecondsAfterFinished: 0 }, ended('Suspended')), actions: [] },
  {
    it: 'that is over stays for as long as it may',
    job: aJob({ ttlSecondsAfterFinished: 90 }, ended('Complete')),
    actions: ['requeue 30000'],
  },
  { it: 'that succeeded goes then', job: aJob({ ttlSecondsAfterFinished: 60 }, ended('Complete')), actions: ['delete jobs work'] },
  { it: 'that failed goes then as well', job: expired, actions: ['delete jobs work'] },
  {
    it: 'that is being deleted is not deleted again',
    job: { ...expired, metadata: { ...expired.metadata, deletionTimestamp: secondsAgo(1) } },
    actions: [],
  },
];
for (const { it, job, actions } of cases) {
  test(`a Job ${it}`, () => assert.deepEqual(describeActions(reconcileFinishedJob({ job, nowMs: NOW_MS })), actions));
}

test('only the version that was looked at is deleted, its pods first', () => {
  const [action] = reconcileFinishedJob({ job: expired, nowMs: NOW_MS });
  assert.ok(action?.verb === 'delete');
  assert.deepEqual([action.resourceVersion, action.propagationPolicy], ['1', 'Foreground']);
});
