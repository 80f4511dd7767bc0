/**
 * What may go wrong around a kubelet: killed between any two steps, containers removed by hand, the clock set by an hour. Whatever happens, the pod comes to the same
 * end, nothing runs twice and nothing is left.
 */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { events, pods } from '#api/generated/resources.ts';
import type { PodSpec } from '#api/generated/types.ts';
import { aContainer, createReadyNode, type SimulatedNode, type SimulatedNodeOptions } from './testing/simulated-node.ts';

async function aNode(t: TestContext, options: SimulatedNodeOptions = {}): Promise<SimulatedNode> {
  const node = await createReadyNode(options);
  t.after(() => node.stop());
  return node;
}

const HOUR_MS = 3_600_000;
const statusesOf = async (node: SimulatedNode) => (await node.findPod('web'))?.status?.containerStatuses ?? [];
const idOf = (node: SimulatedNode, name: string | undefined) =>
  node.runtime.all().findLast(({ identity }) => identity.containerName === name)?.id ?? '';
const runningOf = (node: SimulatedNode) => node.runtime.all().filter(({ state }) => state.phase === 'running').length;
const remove = (node: SimulatedNode) => node.client.resource(pods).delete({ namespace: 'default', name: 'web' });

/** An init container that ends, a sidecar, and two containers, one with hooks. */
const everything: Partial<PodSpec> = {
  initContainers: [aContainer('init'), aContainer('proxy', { restartPolicy: 'Always' })],
  containers: [
    aContainer('a', { lifecycle: { postStart: { sleep: { seconds: 1 } }, preStop: { sleep: { seconds: 1 } } } }),
    aContainer('b'),
  ],
};
const behave: NonNullable<SimulatedNodeOptions['behave']> = ({ identity }) =>
  identity.containerName === 'init' ? { exitsAfterMs: 100 } : {};

/** More steps than starting or removing that pod has. */
const STEPS_MAX = 60;

/** A node whose kubelet dies at the n-th effect from when it is armed: the effect takes place, its answer is never heard. */
async function aDoomedNode(step: number): Promise<{ readonly node: SimulatedNode; arm(): void; hasDied(): boolean }> {
  let effects = 0;
  let isArmed = false;
  let hasDied = false;
  let node: SimulatedNode | undefined;
  const onCall = (): void => {
    if (!isArmed) return;
    effects += 1;
    if (effects < step) return;
    isArmed = false;
    hasDied = true;
    node?.crash();
  };
  node = await createReadyNode({ onCall, behave });
  const arm = () => {
    isArmed = true;
  };
  return { node, arm, hasDied: () => hasDied };
}

for (const moment of ['starting', 'deleting'] as const) {
  test(`killed at any step of ${moment}, a kubelet’s successor brings the pod to the same end, without a twin`, async () => {
    let steps = 0;
    for (let step = 1; step <= STEPS_MAX; step++) {
      const { node, arm, hasDied } = await aDoomedNode(step);
      if (moment === 'starting') arm();
      await node.createPod('web', everything);
      await node.settle(5_000);
      if (moment === 'deleting') {
        arm();
        await remove(node);
        await node.settle(5_000);
      }
      if (hasDied()) await node.boot();
      await node.settle(60_000);
      await check(node, moment, `${moment}, step ${step}`);
      await node.stop();
      if (!hasDied()) break;
      steps = step;
    }
    assert.ok(steps >= 10 && steps < STEPS_MAX, `${steps} steps`);
  });
}

async function check(node: SimulatedNode, moment: 'starting' | 'deleting', where: string): Promise<void> {
  assert.deepEqual(node.runtime.twins, [], where);
  if (moment === 'deleting') {
    assert.equal(await node.findPod('web'), undefined, where);
    assert.deepEqual([node.runtime.all(), node.addresses.size, node.files.size], [[], 0, 0], where);
    return;
  }
  const restarts = (await statusesOf(node)).map(({ ready, restartCount }) => [ready, restartCount]);
  assert.deepEqual(
    [(await node.findPod('web'))?.status?.phase, restarts],
    [
      'Running',
      [
        [true, 0],
        [true, 0],
      ],
    ],
    where,
  );
  assert.equal(runningOf(node), 4, where);
  assert.equal(node.addresses.size, 1, where);
}

test('a container that somebody removes is made again, with the next number', async (t) => {
  const node = await aNode(t);
  await node.createPod('web', {});
  await node.settle();
  await node.runtime.removeContainer(idOf(node, 'web'));
  await node.settle(1_000);
  const [status] = await statusesOf(node);
  assert.deepEqual([status?.ready, status?.restartCount], [true, 1]);
});

test('a sandbox that somebody removes is made again, nothing runs in what it left, and its address is given back', async (t) => {
  const node = await aNode(t);
  await node.createPod('web', { containers: [aContainer('a'), aContainer('b')] });
  await node.settle();
  const lost = idOf(node, undefined);
  await node.runtime.removeContainer(lost);
  await node.settle(5_000);
  const sandbox = idOf(node, undefined);
  assert.notEqual(sandbox, lost);
  for (const { state, sandboxId } of node.runtime.all())
    if (state.phase === 'running' && sandboxId !== undefined) assert.equal(sandboxId, sandbox);
  assert.equal(runningOf(node), 3);
  assert.deepEqual([...node.addresses.keys()], [sandbox]);
  assert.equal((await node.findPod('web'))?.status?.podIP, node.addresses.get(sandbox));
});

test('everything of a pod that somebody removes comes back', async (t) => {
  const node = await aNode(t, { behave });
  await node.createPod('web', everything);
  await node.settle(5_000);
  for (const { id } of node.runtime.all()) await node.runtime.removeContainer(id);
  await node.settle(15_000);
  assert.equal((await node.findPod('web'))?.status?.phase, 'Running');
  assert.equal(runningOf(node), 4);
  assert.equal(node.addresses.size, 1);
});

for (const [direction, jumpMs] of [
  ['forward', HOUR_MS],
  ['back', -HOUR_MS],
] as const) {
  test(`a clock that is set ${direction} an hour does not lengthen the wait of a crash loop`, async (t) => {
    const node = await aNode(t, { behave: () => ({ exitsAfterMs: 10, exitCode: 1 }) });
    await node.createPod('web', {});
    await node.settle(1_000);
    node.clock.jump(jumpMs);
    await node.settle(11_000);
    assert.equal((await statusesOf(node))[0]?.restartCount, 2);
  });

  test(`a clock that is set ${direction} an hour leaves running pods alone`, async (t) => {
    const node = await aNode(t, { behave });
    await node.createPod('web', everything);
    await node.settle(5_000);
    const { calls } = node.runtime;
    const before = [...calls];
    node.clock.jump(jumpMs);
    await node.settle(600_000);
    assert.deepEqual(calls, before);
  });

  test(`a container that crashes after the clock was set ${direction} restarts in its sandbox, once`, async (t) => {
    const node = await aNode(t, { behave });
    await node.createPod('web', everything);
    await node.settle(5_000);
    node.clock.jump(jumpMs);
    node.runtime.exit(idOf(node, 'b'), 1);
    await node.settle(5_000);
    assert.deepEqual(
      (await statusesOf(node)).map(({ ready, restartCount }) => [ready, restartCount]),
      [
        [true, 0],
        [true, 1],
      ],
    );
    assert.ok(!node.runtime.calls.includes('start init/1'));
  });

  test(`a pod is stopped within its grace period though the clock is set ${direction} meanwhile`, async (t) => {
    const node = await aNode(t, { behave: () => ({ ignoresStop: true }) });
    await node.createPod('web', { terminationGracePeriodSeconds: 30 });
    await node.settle();
    await remove(node);
    await node.settle(5_000);
    node.clock.jump(jumpMs);
    await node.settle(20_000);
    assert.equal(runningOf(node), 2);
    await node.settle(8_000);
    assert.equal(await node.findPod('web'), undefined);
    assert.equal(node.addresses.size, 0);
  });

  test(`an image is asked for again as soon as ever after the clock was set ${direction}`, async (t) => {
    const node = await aNode(t);
    await node.createPod('web', { containers: [aContainer('web', { image: 'nowhere:v1' })] });
    await node.settle(3_000);
    const asked = async () => (await node.client.resource(events).list()).items.find(({ reason }) => reason === 'Pulling')?.count ?? 1;
    assert.equal(await asked(), 1);
    node.clock.jump(jumpMs);
    await node.settle(11_000);
    assert.equal(await asked(), 2);
  });
}
