/** Hooks, grace periods and restarts on a simulated node: what is asked of the engine, when, and what the pod shows meanwhile. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { events, pods } from '#api/generated/resources.ts';
import type { Container } from '#api/generated/types.ts';
import { aContainer, createReadyNode, type SimulatedNode, type SimulatedNodeOptions } from './testing/simulated-node.ts';

async function aNode(t: TestContext, options: SimulatedNodeOptions = {}): Promise<SimulatedNode> {
  const node = await createReadyNode(options);
  t.after(() => node.stop());
  return node;
}

const statusOf = async (node: SimulatedNode, index = 0) => (await node.findPod('web'))?.status?.containerStatuses?.[index];
const messagesOf = async (node: SimulatedNode) =>
  (await node.client.resource(events).list()).items.map(({ reason, message }) => `${reason}: ${message}`);
const remove = (node: SimulatedNode, gracePeriodSeconds?: number) =>
  node.client.resource(pods).delete({ namespace: 'default', name: 'web' }, gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds });
const stopsOf = (node: SimulatedNode) => node.runtime.calls.filter((call) => call.startsWith('stop'));
const hook = (lifecycle: Container['lifecycle']) => ({ containers: [aContainer('web', { ...(lifecycle && { lifecycle }) })] });

test('a container whose postStart hook is under way does not run yet, and those after it wait', async (t) => {
  const node = await aNode(t);
  await node.createPod('web', {
    containers: [aContainer('web', { lifecycle: { postStart: { sleep: { seconds: 5 } } } }), aContainer('next')],
  });
  await node.settle(3_000);
  assert.equal((await statusOf(node))?.state?.waiting?.reason, 'ContainerCreating');
  assert.ok(!node.runtime.calls.includes('start next/0'));
  await node.settle(3_000);
  assert.equal((await statusOf(node))?.ready, true);
  assert.ok(node.runtime.calls.includes('start next/0'));
});

test('a container whose postStart hook fails is stopped and started again', async (t) => {
  let isWell = false;
  const node = await aNode(t, { behave: () => ({ exec: () => ({ exitCode: isWell ? 0 : 1, output: 'no' }) }) });
  await node.createPod('web', hook({ postStart: { exec: { command: ['prepare'] } } }));
  await node.settle(1_000);
  const said = await messagesOf(node);
  assert.ok(said.includes('FailedPostStartHook: PostStartHook failed'));
  assert.ok(said.includes('Killing: FailedPostStartHook'));
  assert.equal((await statusOf(node))?.state?.waiting?.reason, 'CrashLoopBackOff');
  isWell = true;
  await node.settle(11_000);
  assert.equal((await statusOf(node))?.ready, true);
});

test('a postStart hook that hangs does not keep a pod from going', async (t) => {
  const node = await aNode(t, { behave: () => ({ exec: () => new Promise(() => {}) }) });
  await node.createPod('web', hook({ postStart: { exec: { command: ['hang'] } } }));
  await node.settle(120_000);
  await remove(node);
  await node.settle(3_000);
  assert.equal(await node.findPod('web'), undefined);
});

test('a preStop hook runs before the signal, within the grace period', async (t) => {
  const node = await aNode(t);
  await node.createPod('web', hook({ preStop: { sleep: { seconds: 10 } } }));
  await node.settle();
  await remove(node);
  await node.settle(9_000);
  assert.deepEqual(stopsOf(node), []);
  await node.settle(2_000);
  assert.deepEqual(stopsOf(node), ['stop web/0']);
});

test('a preStop hook that takes too long is cut off, and the container has two seconds', async (t) => {
  const node = await aNode(t, { behave: () => ({ ignoresStop: true }) });
  await node.createPod('web', { ...hook({ preStop: { sleep: { seconds: 3_600 } } }), terminationGracePeriodSeconds: 10 });
  await node.settle();
  await remove(node);
  await node.settle(10_500);
  assert.deepEqual(stopsOf(node), ['stop web/0']);
  await node.settle(2_500);
  assert.equal(await node.findPod('web'), undefined);
  assert.ok(!(await messagesOf(node)).includes('FailedPreStopHook: PreStopHook failed'));
});

test('a preStop hook that fails is told of', async (t) => {
  const node = await aNode(t, { behave: () => ({ exec: () => ({ exitCode: 1, output: '' }) }) });
  await node.createPod('web', hook({ preStop: { exec: { command: ['goodbye'] } } }));
  await node.settle();
  await remove(node);
  await node.settle(1_000);
  assert.ok((await messagesOf(node)).includes('FailedPreStopHook: PreStopHook failed'));
  assert.equal(await node.findPod('web'), undefined);
});

test('a second, more impatient deletion shortens the grace period', async (t) => {
  const node = await aNode(t, { behave: () => ({ ignoresStop: true }) });
  await node.createPod('web', { terminationGracePeriodSeconds: 600 });
  await node.settle();
  await remove(node);
  await node.settle(10_000);
  assert.notEqual(await node.findPod('web'), undefined);
  await remove(node, 1);
  await node.settle(3_000);
  assert.equal(await node.findPod('web'), undefined);
});

test('a sidecar has what is left of the grace period', async (t) => {
  const node = await aNode(t, { behave: () => ({ ignoresStop: true }) });
  await node.createPod('web', { initContainers: [aContainer('proxy', { restartPolicy: 'Always' })], terminationGracePeriodSeconds: 20 });
  await node.settle();
  await remove(node);
  await node.settle(19_000);
  assert.deepEqual(stopsOf(node), ['stop web/0']);
  await node.settle(4_000);
  assert.equal(await node.findPod('web'), undefined);
});

test('a deletion that a kubelet began is finished by the next one', async (t) => {
  const node = await aNode(t, { behave: () => ({ ignoresStop: true }) });
  await node.createPod('web', { terminationGracePeriodSeconds: 30 });
  await node.settle();
  await remove(node);
  await node.settle(5_000);
  node.crash();
  await node.boot();
  await node.settle(31_000);
  assert.equal(await node.findPod('web'), undefined);
  assert.deepEqual(node.runtime.all(), []);
});

test('a failing liveness probe brings its own grace period', async (t) => {
  const behave = () => ({ ignoresStop: true, exec: () => ({ exitCode: 1, output: 'sick' }) });
  const node = await aNode(t, { behave });
  const livenessProbe = { exec: { command: ['check'] }, periodSeconds: 1, failureThreshold: 1, terminationGracePeriodSeconds: 3 };
  await node.createPod('web', { terminationGracePeriodSeconds: 600, containers: [aContainer('web', { livenessProbe })] });
  await node.settle(5_000);
  assert.equal((await statusOf(node))?.restartCount, 1);
});

test('readiness and liveness are not asked before the startup probe has passed', async (t) => {
  const asked: string[] = [];
  let hasStarted = false;
  const exec = ([word = '']: readonly string[]) => {
    asked.push(word);
    return { exitCode: word === 'started' && !hasStarted ? 1 : 0, output: '' };
  };
  const node = await aNode(t, { behave: () => ({ exec }) });
  const probe = (word: string) => ({ exec: { command: [word] }, periodSeconds: 1, failureThreshold: 30 });
  const container = { startupProbe: probe('started'), readinessProbe: probe('ready'), livenessProbe: probe('live') };
  await node.createPod('web', { containers: [aContainer('web', container)] });
  await node.settle(5_000);
  assert.deepEqual(new Set(asked), new Set(['started']));
  assert.deepEqual([(await statusOf(node))?.started, (await statusOf(node))?.ready], [false, false]);
  hasStarted = true;
  await node.settle(1_500);
  assert.deepEqual([(await statusOf(node))?.started, (await statusOf(node))?.ready], [true, true]);
  const times = asked.filter((word) => word === 'started').length;
  await node.settle(10_000);
  assert.equal(asked.filter((word) => word === 'started').length, times, 'a startup probe that has passed is not asked again');
});

test('a pod that goes is asked for its readiness alone', async (t) => {
  const asked: string[] = [];
  const exec = ([word = '']: readonly string[]) => {
    asked.push(word);
    return { exitCode: 0, output: '' };
  };
  const node = await aNode(t, { behave: () => ({ exec, ignoresStop: true }) });
  const probe = (word: string) => ({ exec: { command: [word] }, periodSeconds: 1 });
  await node.createPod('web', { containers: [aContainer('web', { readinessProbe: probe('ready'), livenessProbe: probe('live') })] });
  await node.settle(3_000);
  await remove(node);
  await node.settle(1_000);
  asked.length = 0;
  await node.settle(10_000);
  assert.deepEqual(new Set(asked), new Set(['ready']));
});

test('a container restarts by its own rules in a pod that never restarts', async (t) => {
  const codes = [42, 42, 1];
  const node = await aNode(t, { behave: () => ({ exitsAfterMs: 10, exitCode: codes.shift() ?? 0 }) });
  const restartPolicyRules = [{ action: 'Restart', exitCodes: { operator: 'In', values: [42] } }];
  await node.createPod('web', { restartPolicy: 'Never', containers: [aContainer('web', { restartPolicy: 'Never', restartPolicyRules })] });
  await node.settle(30_000);
  const status = await statusOf(node);
  assert.deepEqual([status?.restartCount, status?.state?.terminated?.exitCode], [2, 1]);
  assert.equal((await node.findPod('web'))?.status?.phase, 'Failed');
});

test('a pod that is active for too long is stopped, and told to have failed once nothing of it runs', async (t) => {
  const node = await aNode(t, { behave: () => ({ ignoresStop: true }) });
  await node.createPod('web', { activeDeadlineSeconds: 10, terminationGracePeriodSeconds: 5 });
  await node.settle(12_000);
  const during = (await node.findPod('web'))?.status;
  assert.deepEqual([during?.phase, during?.reason], ['Running', undefined]);
  await node.settle(5_000);
  const after = (await node.findPod('web'))?.status;
  assert.deepEqual([after?.phase, after?.reason], ['Failed', 'DeadlineExceeded']);
  assert.ok((await messagesOf(node)).includes('DeadlineExceeded: Pod was active on the node longer than the specified deadline'));
});
