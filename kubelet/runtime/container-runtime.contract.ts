/** What every container runtime must do, as one suite: the fake one passes it in the unit tests, Docker's in the integration tests. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ContainerIdentity, ContainerRuntime, ContainerSpec, RuntimeEvent, SandboxSpec } from './container-runtime.ts';
import { joinLogFrames, readTail } from './log-frames.ts';

export interface RuntimeUnderTest {
  readonly runtime: ContainerRuntime;
  /** An image whose containers run until stopped. */
  readonly image: string;
  /** Waits as long as this engine needs for something to show. */
  eventually(what: string, isTrue: () => boolean): Promise<void>;
  close(): Promise<void>;
}

export function describeContainerRuntime(name: string, open: () => Promise<RuntimeUnderTest>): void {
  describe(`the ${name} runtime`, () => {
    const check = (title: string, body: (under: RuntimeUnderTest) => Promise<void>): void => {
      test(title, async () => {
        const under = await open();
        try {
          await body(under);
        } finally {
          const all = await under.runtime.listContainers();
          for (const { id } of all) await under.runtime.removeContainer(id);
          await under.close();
        }
      });
    };

    check('runs a container in a sandbox, and stops it', async ({ runtime, image }) => {
      const sandboxId = await runtime.createSandbox(aSandbox(image));
      const id = await runtime.createContainer(aContainer(image, sandboxId));
      assert.equal((await runtime.findContainer(id))?.state.phase, 'created');
      await runtime.startContainer(sandboxId);
      await runtime.startContainer(id);
      const running = await runtime.findContainer(id);
      assert.equal(running?.state.phase, 'running');
      assert.deepEqual(running?.identity, identity('web'));
      await runtime.stopContainer(id, 1);
      assert.equal((await runtime.findContainer(id))?.state.phase, 'exited');
    });

    check('gives the one that is there when the same container is made twice', async ({ runtime, image }) => {
      const sandboxId = await runtime.createSandbox(aSandbox(image));
      assert.equal(await runtime.createSandbox(aSandbox(image)), sandboxId);
      const id = await runtime.createContainer(aContainer(image, sandboxId));
      assert.equal(await runtime.createContainer(aContainer(image, sandboxId)), id);
      assert.equal((await runtime.listContainers()).length, 2);
    });

    check('takes starting, stopping and removing twice for done', async ({ runtime, image }) => {
      const sandboxId = await runtime.createSandbox(aSandbox(image));
      await runtime.startContainer(sandboxId);
      await runtime.startContainer(sandboxId);
      await runtime.stopContainer(sandboxId, 1);
      await runtime.stopContainer(sandboxId, 1);
      await runtime.removeContainer(sandboxId);
      await runtime.removeContainer(sandboxId);
      await runtime.stopContainer(sandboxId, 1);
      assert.equal(await runtime.findContainer(sandboxId), undefined);
    });

    check('tells of every change', async ({ runtime, image, eventually }) => {
      const seen: RuntimeEvent['what'][] = [];
      const stop = new AbortController();
      const opened = Promise.withResolvers<void>();
      const watching = runtime.watchEvents(opened.resolve, ({ what }) => seen.push(what), stop.signal);
      await opened.promise;
      const sandboxId = await runtime.createSandbox(aSandbox(image));
      await runtime.startContainer(sandboxId);
      await runtime.stopContainer(sandboxId, 1);
      await runtime.removeContainer(sandboxId);
      await eventually('four events', () => new Set(seen).size === 4);
      stop.abort();
      await watching;
      assert.deepEqual([...new Set(seen)], ['created', 'started', 'exited', 'removed']);
    });

    check('refuses to make a container of an image that is not there', async ({ runtime, image }) => {
      const sandboxId = await runtime.createSandbox(aSandbox(image));
      const missing = aContainer('keelson.invalid/no-such-image:v1', sandboxId);
      await assert.rejects(runtime.createContainer(missing), { name: 'RuntimeError', reason: 'NotFound' });
      assert.equal(await runtime.findImage('keelson.invalid/no-such-image:v1'), undefined);
      assert.notEqual(await runtime.findImage(image), undefined);
    });

    check('holds the streams of a command: input, both outputs apart, exit code', async (under) => {
      const { runtime, id } = await running(under);
      const session = await runtime.startCommand(id, ECHO_AND_FAIL, { ...allStreams, hasTerminal: false });
      session.stdin?.end('typed');
      const heard = { stdout: '', stderr: '' };
      for await (const { stream, bytes } of session.output) heard[stream] += Buffer.from(bytes).toString();
      assert.deepEqual(heard, { stdout: 'typed', stderr: 'oops\n' });
      assert.equal(await session.exitCode(AbortSignal.timeout(10_000)), 3);
    });

    check('shows what a container says after a client has ended its input, where that is not the container’s', async (under) => {
      const { runtime, image } = under;
      const sandboxId = await runtime.createSandbox(aSandbox(image));
      await runtime.startContainer(sandboxId);
      const command = ['sh', '-c', 'read line; sleep 1; echo "$line" again'];
      const id = await runtime.createContainer({ ...aContainer(image, sandboxId), command, hasStdin: true });
      await runtime.startContainer(id);
      const session = await runtime.attach(id, { ...allStreams, hasTerminal: false, keepsStdinOpen: true });
      session.stdin?.end('typed\n');
      let heard = '';
      for await (const { bytes } of session.output) heard += Buffer.from(bytes).toString();
      assert.equal(heard, 'typed again\n');
    });

    check('refuses a command in a container that does not run', async (under) => {
      const { runtime, id } = await running(under);
      await runtime.stopContainer(id, 1);
      const refused = runtime.startCommand(id, ECHO_AND_FAIL, { ...allStreams, hasTerminal: false });
      await assert.rejects(refused, { name: 'RuntimeError', reason: 'Conflict' });
    });

    check('runs a command in a container and reads its log', async ({ runtime, image }) => {
      const sandboxId = await runtime.createSandbox(aSandbox(image));
      await runtime.startContainer(sandboxId);
      const id = await runtime.createContainer(aContainer(image, sandboxId));
      await runtime.startContainer(id);
      assert.equal((await runtime.exec(id, ['true'], AbortSignal.timeout(10_000))).exitCode, 0);
      const log = await runtime.readLogs(id, { isFollowed: false, hasTimestamps: false }, AbortSignal.any([]));
      assert.equal(await readTail(joinLogFrames(log), 100), 'hello\n');
    });
  });
}

/** Says what it is told, complains, and exits 3. */
export const ECHO_AND_FAIL = ['sh', '-c', 'cat; echo oops >&2; exit 3'];

const allStreams = { hasStdin: true, hasStdout: true, hasStderr: true };

async function running({ runtime, image }: RuntimeUnderTest): Promise<{ readonly runtime: ContainerRuntime; readonly id: string }> {
  const sandboxId = await runtime.createSandbox(aSandbox(image));
  await runtime.startContainer(sandboxId);
  const id = await runtime.createContainer(aContainer(image, sandboxId));
  await runtime.startContainer(id);
  return { runtime, id };
}

function identity(containerName?: string): ContainerIdentity {
  const pod = { podUid: 'contract-uid', podNamespace: 'default', podName: 'contract', attempt: 0 };
  return containerName === undefined ? pod : { ...pod, containerName };
}

export function aSandbox(image: string): SandboxSpec {
  return {
    identity: identity(),
    image,
    hostname: 'contract',
    networkMode: 'none',
    sharesHostIpc: false,
    sharesHostPid: false,
    sysctls: {},
  };
}

export function aContainer(image: string, sandboxId: string): ContainerSpec {
  return {
    identity: identity('web'),
    sandboxId,
    image,
    command: ['sh', '-c', 'echo hello; trap "exit 0" TERM; sleep 60 & wait'],
    env: [],
    mounts: [],
    devices: [],
    supplementalGroups: [],
    isPrivileged: false,
    hasReadOnlyRoot: false,
    mayGainPrivileges: true,
    capabilitiesAdded: [],
    capabilitiesDropped: [],
    seccomp: { type: 'default' },
    appArmor: { type: 'default' },
    seLinux: {},
    seesAllOfProc: false,
    cpuShares: 2,
    oomScoreAdjustment: 0,
    pidMode: 'container',
    sharesHostIpc: false,
    hasTerminal: false,
    hasStdin: false,
    closesStdinOnce: false,
  };
}
