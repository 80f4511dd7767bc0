/** The runtime on a real engine: the contract, how a container ends, logs, and finding what an engine error means. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '#component/clock.ts';
import { systemRandom } from '#component/random.ts';
import { aContainer, aSandbox, describeContainerRuntime } from './container-runtime.contract.ts';
import { createDockerRuntime, type DockerRuntime } from './docker-runtime.ts';
import { joinLogFrames, readTail } from './log-frames.ts';

/** The cluster's own image; `docker compose build` makes it. */
const image = process.env.KEELSON_IMAGE ?? 'keelson/keelson:dev';
const never = AbortSignal.any([]);

function openRuntime(): DockerRuntime {
  const cluster = `test-${systemRandom.uuid().slice(0, 8)}`;
  return createDockerRuntime(
    { socketPath: '/var/run/docker.sock', cluster, node: 'node', seccompDirectory: '/nonexistent' },
    { clock: systemClock },
  );
}

async function eventually(what: string, isTrue: () => boolean): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    if (isTrue()) return;
    await systemClock.sleep(50, never);
  }
  assert.fail(`${what} did not come`);
}

describeContainerRuntime('Docker', async () => ({ runtime: openRuntime(), image, eventually, close: async () => {} }));

async function withSandbox(body: (runtime: DockerRuntime, sandboxId: string) => Promise<void>): Promise<void> {
  const runtime = openRuntime();
  try {
    const sandboxId = await runtime.createSandbox(aSandbox(image));
    await runtime.startContainer(sandboxId);
    await body(runtime, sandboxId);
  } finally {
    for (const { id } of await runtime.listContainers()) await runtime.removeContainer(id);
  }
}

async function untilExited(runtime: DockerRuntime, id: string) {
  let state = (await runtime.findContainer(id))?.state;
  for (let tries = 0; tries < 100 && state?.phase !== 'exited'; tries++) {
    await systemClock.sleep(50, never);
    state = (await runtime.findContainer(id))?.state;
  }
  return state;
}

test('a container that fails says with which code and when', async () => {
  await withSandbox(async (runtime, sandboxId) => {
    const id = await runtime.createContainer({ ...aContainer(image, sandboxId), command: ['sh', '-c', 'exit 3'] });
    await runtime.startContainer(id);
    const state = await untilExited(runtime, id);
    assert.ok(state?.phase === 'exited');
    assert.equal(state.exitCode, 3);
    assert.equal(state.reason, 'Error');
    assert.ok(state.finishedAtMs >= state.startedAtMs && state.startedAtMs > 0);
  });
});

test('a container whose command does not exist has ended with StartError', async () => {
  await withSandbox(async (runtime, sandboxId) => {
    const id = await runtime.createContainer({ ...aContainer(image, sandboxId), command: ['/no/such/program'] });
    await assert.rejects(runtime.startContainer(id), { name: 'RuntimeError', reason: 'Refused' });
    const state = (await runtime.findContainer(id))?.state;
    assert.ok(state?.phase === 'exited');
    assert.deepEqual([state.exitCode, state.reason], [128, 'StartError']);
  });
});

test('a log is read whole, by its tail, and as it grows', async () => {
  await withSandbox(async (runtime, sandboxId) => {
    const command = ['sh', '-c', 'for i in 1 2 3; do echo line $i; done; sleep 0.3; echo late >&2'];
    const id = await runtime.createContainer({ ...aContainer(image, sandboxId), command });
    await runtime.startContainer(id);
    const followed = await runtime.readLogs(id, { isFollowed: true, hasTimestamps: false }, never);
    assert.equal(await readTail(joinLogFrames(followed), 1000), 'line 1\nline 2\nline 3\nlate\n');
    const tail = await runtime.readLogs(id, { isFollowed: false, hasTimestamps: false, tailLines: 2 }, never);
    assert.equal(await readTail(joinLogFrames(tail), 1000), 'line 3\nlate\n');
  });
});

test('an image that no registry has is refused with the registry’s words', async () => {
  await assert.rejects(openRuntime().pullImage('127.0.0.1:1/nothing:v1', undefined, never), /connection refused/);
});

test('a command on a terminal has the size it was given at once', async () => {
  await withSandbox(async (runtime, sandboxId) => {
    const id = await runtime.createContainer(aContainer(image, sandboxId));
    await runtime.startContainer(id);
    const streams = { hasStdin: false, hasStdout: true, hasStderr: false, hasTerminal: true };
    const session = await runtime.startCommand(id, ['sh', '-c', 'sleep 1; stty size'], streams);
    await session.resize({ columns: 100, rows: 40 });
    let said = '';
    for await (const { bytes } of session.output) said += Buffer.from(bytes).toString();
    assert.equal(said.trim(), '40 100');
  });
});

test('a command that is over its time is killed', async () => {
  await withSandbox(async (runtime, sandboxId) => {
    const id = await runtime.createContainer(aContainer(image, sandboxId));
    await runtime.startContainer(id);
    await assert.rejects(runtime.exec(id, ['sh', '-c', 'echo $$ > /tmp/pid; exec sleep 60'], AbortSignal.timeout(1_000)));
    const check = 'for i in 1 2 3 4 5 6 7 8 9 10; do kill -0 $(cat /tmp/pid) 2>/dev/null || exit 0; sleep 0.2; done; exit 1';
    const { exitCode } = await runtime.exec(id, ['sh', '-c', check], AbortSignal.timeout(10_000));
    assert.equal(exitCode, 0);
  });
});

test('a running container gets other limits', async () => {
  await withSandbox(async (runtime, sandboxId) => {
    const id = await runtime.createContainer({ ...aContainer(image, sandboxId), cpuShares: 100, memoryBytesMax: 2 ** 27 });
    await runtime.startContainer(id);
    const resources = { cpuShares: 200, cpuQuotaMicros: 50_000, memoryBytesMax: 2 ** 28 };
    await runtime.updateContainer(id, resources);
    assert.deepEqual((await runtime.findContainer(id))?.resources, resources);
  });
});
