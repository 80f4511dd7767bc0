/** In which order, and with how much time, containers are stopped. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planStop, planStops, type StopAction } from './plan-stops.ts';
import { aRuntimeContainer, aSnapshot, type SnapshotShape } from './testing/pod-snapshots.ts';

const sidecar = (name: string) => ({ name, image: 'web:v1', restartPolicy: 'Always' });
const spec = { initContainers: [sidecar('first'), sidecar('second')], terminationGracePeriodSeconds: 30 };
const all = ['first', 'second', 'web'].map((name) => aRuntimeContainer(name));
const NOW = 600_000;

/** `begin web`, `stop web`; waits are left out. */
function stepsOf(shape: SnapshotShape, running = all): readonly string[] {
  const words: Record<StopAction['verb'], string> = { 'begin-stop': 'begin', 'hasten-stop': 'hasten', 'stop-container': 'stop', wake: '' };
  const snapshot = aSnapshot({ spec, containers: running, endingSinceMs: NOW, ...shape });
  return planStops(snapshot, running).flatMap((action) => ('id' in action ? [`${words[action.verb]} ${action.id.split('/')[1]}`] : []));
}

const begun = (deadlineMs: number, isPreStopDone = true) => new Map(all.map(({ id }) => [id, { deadlineMs, isPreStopDone }]));

test('all containers of a pod that ends are told at once, so that their hooks run beside each other', () => {
  assert.deepEqual(stepsOf({}), ['begin first', 'begin second', 'begin web']);
});

test('sidecars get their signal after the others, the last one started first', () => {
  const stops = begun(NOW + 30_000);
  assert.deepEqual(stepsOf({ stops }), ['stop web']);
  assert.deepEqual(stepsOf({ stops }, all.slice(0, 2)), ['stop second']);
  assert.deepEqual(stepsOf({ stops }, all.slice(0, 1)), ['stop first']);
});

test('nobody gets a signal while its hook runs', () => {
  assert.deepEqual(stepsOf({ stops: begun(NOW + 30_000, false) }), []);
});

test('who waits for its turn when the time is up waits no longer', () => {
  const stops = begun(NOW + 30_000);
  assert.deepEqual(stepsOf({ stops, monotonicMs: NOW + 30_000 }), ['stop first', 'stop second', 'stop web']);
});

test('a wait for a turn ends with the grace period', () => {
  const snapshot = aSnapshot({ spec, containers: all, endingSinceMs: NOW, stops: begun(NOW + 30_000) });
  const wakes = planStops(snapshot, all).filter(({ verb }) => verb === 'wake');
  assert.deepEqual(wakes, [{ verb: 'wake', atMs: NOW + 30_000 }]);
});

test('the grace period runs from when the pod began to end, not from each container’s turn', () => {
  const snapshot = aSnapshot({ spec, containers: all, endingSinceMs: NOW - 10_000 });
  const deadlines = planStops(snapshot, all).flatMap((action) => ('deadlineMs' in action ? [action.deadlineMs] : []));
  assert.deepEqual(new Set(deadlines), new Set([NOW + 20_000]));
});

test('a shorter grace period hastens what has begun, a longer one changes nothing', () => {
  const stops = begun(NOW + 30_000, false);
  assert.deepEqual(stepsOf({ stops, deletionGracePeriodSeconds: 2 }), ['hasten first', 'hasten second', 'hasten web']);
  assert.deepEqual(stepsOf({ stops, deletionGracePeriodSeconds: 60 }), []);
});

test('a container that is restarted has the grace period of the probe that failed', () => {
  const container = aRuntimeContainer('web');
  const [action] = planStop(aSnapshot({ containers: [container] }), container, { why: 'sick', gracePeriodSeconds: 5 });
  assert.deepEqual(action, {
    verb: 'begin-stop',
    containerName: 'web',
    id: container.id,
    deadlineMs: NOW + 5_000,
    hasGrace: true,
    why: 'sick',
  });
});

test('no hook is run for a pod that is deleted without grace', () => {
  const snapshot = aSnapshot({ containers: all.slice(2), deletionGracePeriodSeconds: 0 });
  const [action] = planStops(snapshot, all.slice(2));
  assert.equal(action?.verb === 'begin-stop' && action.hasGrace, false);
});
