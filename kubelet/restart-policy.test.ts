/** Whether a container that ended runs again: its rules first, then its own policy, then the pod's. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Container } from '#api/generated/types.ts';
import { mayRestart, phaseOf } from './pod-phase.ts';
import { aRuntimeContainer, aSnapshot, aWiredSnapshot, exited } from './testing/pod-snapshots.ts';

const restartOn = (operator: string, values: readonly number[]) => ({
  restartPolicyRules: [{ action: 'Restart', exitCodes: { operator, values } }],
});
const cases: readonly {
  readonly it: string;
  readonly pod: string;
  readonly own?: Partial<Container>;
  readonly exitCode: number;
  readonly restarts: boolean;
}[] = [
  { it: 'always, whatever came of it', pod: 'Always', exitCode: 0, restarts: true },
  { it: 'on failure, when it failed', pod: 'OnFailure', exitCode: 1, restarts: true },
  { it: 'on failure, but not when it succeeded', pod: 'OnFailure', exitCode: 0, restarts: false },
  { it: 'never', pod: 'Never', exitCode: 1, restarts: false },
  { it: 'by its own policy in a pod of another', pod: 'Never', own: { restartPolicy: 'Always' }, exitCode: 0, restarts: true },
  { it: 'never by its own policy in a pod that restarts', pod: 'Always', own: { restartPolicy: 'Never' }, exitCode: 1, restarts: false },
  {
    it: 'by a rule that lists its code',
    pod: 'Never',
    own: { restartPolicy: 'Never', ...restartOn('In', [42]) },
    exitCode: 42,
    restarts: true,
  },
  {
    it: 'not by a rule that lists others',
    pod: 'Never',
    own: { restartPolicy: 'Never', ...restartOn('In', [42]) },
    exitCode: 1,
    restarts: false,
  },
  {
    it: 'by a rule of all but some',
    pod: 'Never',
    own: { restartPolicy: 'Never', ...restartOn('NotIn', [0]) },
    exitCode: 7,
    restarts: true,
  },
  {
    it: 'not by a rule of all but its own',
    pod: 'Never',
    own: { restartPolicy: 'Never', ...restartOn('NotIn', [7]) },
    exitCode: 7,
    restarts: false,
  },
  {
    it: 'by its policy when no rule speaks of it',
    pod: 'Never',
    own: { restartPolicy: 'OnFailure', ...restartOn('In', [42]) },
    exitCode: 1,
    restarts: true,
  },
];
for (const { it, pod, own = {}, exitCode, restarts } of cases) {
  test(`a container restarts ${it}`, () => {
    const container = { name: 'web', image: 'web:v1', ...own };
    const snapshot = aSnapshot({ spec: { restartPolicy: pod, containers: [container] } });
    assert.equal(mayRestart(snapshot.pod, container, exitCode), restarts);
  });
}

test('nothing restarts in a pod that is being deleted: once all has ended, the pod has, be its object kept by a finalizer', () => {
  const going = { deletionTimestamp: '2026-01-01T00:09:00Z' };
  const ended = (exitCode: number) => aRuntimeContainer('web', exited(exitCode));
  assert.equal(phaseOf(aWiredSnapshot({ ...going, containers: [ended(137)] })), 'Failed');
  assert.equal(phaseOf(aWiredSnapshot({ ...going, containers: [ended(0)] })), 'Succeeded');
  assert.equal(phaseOf(aWiredSnapshot({ ...going, containers: [aRuntimeContainer('web')] })), 'Running');
  assert.equal(phaseOf(aWiredSnapshot({ containers: [ended(0)] })), 'Running');
});
