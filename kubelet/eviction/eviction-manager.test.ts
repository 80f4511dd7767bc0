/** The loop around the decisions: when it looks, what it does first, whom it evicts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '#api/generated/types.ts';
import { silentLogger } from '#component/logger.ts';
import { createFakeClock } from '#component/testing/fake-clock.ts';
import type { PodStates } from '../pod-states.ts';
import type { RuntimeContainer } from '../runtime/container-runtime.ts';
import type { DiskStats } from '../stats/disk-stats.ts';
import type { NodeStats } from '../stats/node-stats.ts';
import { createEvictionManager } from './eviction-manager.ts';
import type { Observations } from './pressure.ts';
import { parseThresholds, type Signal } from './thresholds.ts';

function aPod(name: string, limit?: string): Pod {
  const metadata = { name, namespace: 'default', uid: name, resourceVersion: '1', creationTimestamp: '' };
  const resources = limit === undefined ? {} : { limits: { 'ephemeral-storage': limit } };
  return { apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers: [{ name: 'main', image: 'i', resources }] } };
}

function containerOf(pod: Pod): RuntimeContainer {
  const identity = { podUid: pod.metadata.uid, podNamespace: 'default', podName: pod.metadata.name, containerName: 'main', attempt: 0 };
  const state = { phase: 'running' as const, pid: 1, startedAtMs: 0 };
  return {
    id: pod.metadata.uid,
    sandboxId: undefined,
    identity,
    image: 'i',
    imageId: 'i',
    createdAtMs: 0,
    state,
    hasTerminal: false,
    closesStdinOnce: false,
    sandboxId: undefined,
    resources: { cpuShares: 2 },
  };
}

/** A node whose pods use what the test says, and that has left what the test says. */
function aNode(pods: readonly Pod[], use: Readonly<Record<string, number>>, hardThresholds: string) {
  const clock = createFakeClock();
  let active = pods;
  let left: readonly (readonly [Signal, number])[] = [];
  const said: string[] = [];
  let observed = 0;
  const states: PodStates = {
    isConnected: () => true,
    whenListed: async () => {},
    sandboxesOf: () => [],
    containersOf: (uid) => active.filter(({ metadata }) => metadata.uid === uid).map(containerOf),
    all: () => active.map(containerOf),
    refresh: async () => {},
    run: async () => {},
  };
  const usage = (bytes: number) => ({
    atMs: 0,
    cpuNanos: 0,
    memory: { usageBytes: bytes, workingSetBytes: bytes, rssBytes: 0, pageFaults: 0, majorPageFaults: 0 },
    processes: 1,
  });
  const measured = (bytes: number) => ({ startedAtMs: 0, rate: undefined, usage: usage(bytes) });
  const nodeStats = (): NodeStats => ({
    ...measured(0),
    pods: active.map((pod) => {
      const bytes = use[pod.metadata.name] ?? 0;
      const container = { name: 'main', container: containerOf(pod), ...measured(bytes) };
      return { pod, sandboxPid: undefined, containers: [container], ...measured(bytes) };
    }),
  });
  const disk = { capacityBytes: 1000, availableBytes: 0, usedBytes: 0, inodes: 0, inodesFree: 0, inodesUsed: 0 };
  const diskStats = (): DiskStats => ({
    node: disk,
    writable: new Map(Object.entries(use)),
    volumes: new Map(),
    podBytes: ({ metadata }) => use[metadata.name] ?? 0,
  });
  const thresholds = parseThresholds({ hard: hardThresholds, soft: '', softGracePeriods: '', minimumReclaims: '' });
  const observations = (): Observations => new Map(left.map(([signal, available]) => [signal, { available, capacity: 1000 }]));
  const manager = createEvictionManager(
    { thresholds, transitionMs: 300_000, softGracePeriodSecondsMax: 0 },
    {
      activePods: () => active,
      states,
      nodeStats: { collect: async () => nodeStats(), readPodsMemory: async () => undefined },
      diskStats: { collect: async () => diskStats(), readNode: async () => disk },
      observe: async () => {
        observed += 1;
        return observations();
      },
      evict: ({ metadata }, { message, isForNode, gracePeriodSeconds }) => {
        said.push(`${metadata.name}${isForNode ? '' : ' (its own doing)'} in ${gracePeriodSeconds} s: ${message.split('. ')[0]}`);
        active = active.filter((pod) => pod.metadata.uid !== metadata.uid);
        left = left.map(([signal, available]) => [signal, available + (use[metadata.name] ?? 0)]);
      },
      reclaimDisk: async () => void said.push('reclaim'),
      onPressureChange: (_before, after) => said.push(`pressures: ${[...after].join(' ') || 'none'}`),
      report: (_type, reason, message) => said.push(`${reason}: ${message}`),
      clock,
      log: silentLogger,
    },
  );
  const stop = new AbortController();
  const running = manager.run(stop.signal);
  return {
    said,
    observed: () => observed,
    settle: (seconds: number) => clock.advance(seconds * 1000),
    leave: (...amounts: readonly (readonly [Signal, number])[]) => {
      left = amounts;
    },
    manager,
    stop: async () => {
      stop.abort();
      await clock.advance(1);
      await running;
    },
  };
}

test('a node that has enough is looked at every ten seconds, and left alone', async () => {
  const node = aNode([aPod('a')], { a: 100 }, 'memory.available<100');
  node.leave(['memory.available', 500]);
  await node.settle(0);
  await node.settle(30);
  assert.deepEqual(node.said, []);
  assert.ok(node.observed() <= 4);
  await node.stop();
});

test('one pod at a time goes when memory is short, and the next look is taken as soon as it is gone', async () => {
  const node = aNode([aPod('small'), aPod('large')], { small: 10, large: 900 }, 'memory.available<100');
  node.leave(['memory.available', 50]);
  await node.settle(0);
  assert.deepEqual(node.said.slice(0, 3), [
    'pressures: MemoryPressure',
    'EvictionThresholdMet: Attempting to reclaim memory',
    'large in 1 s: The node was low on resource: memory',
  ]);
  assert.deepEqual([...node.manager.pressures()], ['MemoryPressure']);
  await node.settle(10);
  await node.settle(310);
  assert.equal(node.said.at(-1), 'pressures: none');
  assert.equal(
    node.said.some((text) => text.startsWith('small')),
    false,
  );
  await node.stop();
});

test('disk is first won back from what nobody needs', async () => {
  const node = aNode([aPod('a')], { a: 900 }, 'nodefs.available<100');
  node.leave(['nodefs.available', 50]);
  await node.settle(0);
  assert.deepEqual(node.said.slice(1, 3), ['EvictionThresholdMet: Attempting to reclaim ephemeral-storage', 'reclaim']);
  assert.equal(node.said[3], 'a in 1 s: The node was low on resource: ephemeral-storage');
  await node.stop();
});

test('who takes more of the disk than it may goes by itself', async () => {
  const node = aNode([aPod('a', '500'), aPod('b', '5000')], { a: 900, b: 900 }, 'memory.available<100');
  node.leave(['memory.available', 500]);
  await node.settle(0);
  assert.deepEqual(node.said, ['a (its own doing) in 1 s: Pod ephemeral local storage usage exceeds the total limit of containers 500']);
  await node.stop();
});
