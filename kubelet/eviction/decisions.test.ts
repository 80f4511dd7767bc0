/** What is short, who goes first and what is said of it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Container, Pod, PodSpec } from '#api/generated/types.ts';
import { evictionMessage, refusalMessage } from './eviction-message.ts';
import { orderForEviction } from './eviction-order.ts';
import { observationsOf, parseMemAvailable } from './observe-node.ts';
import { nextPressure, noPressure, type Observations, type PressureState, pressuresOf } from './pressure.ts';
import { exceededStorage, hasStorageLimits } from './storage-limits.ts';
import { parseThresholds } from './thresholds.ts';

const MiB = 2 ** 20;

function aPod(name: string, container: Partial<Container> = {}, spec: Partial<PodSpec> = {}): Pod {
  const metadata = { name, namespace: 'default', uid: name, resourceVersion: '1', creationTimestamp: '' };
  return { apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers: [{ name: 'main', image: 'i', ...container }], ...spec } };
}

function never(): never {
  throw new Error('the threshold was not read');
}

const withMemory = (available: number): Observations => new Map([['memory.available', { available, capacity: 1000 * MiB }]]);
const [hard = never()] = parseThresholds({
  hard: 'memory.available<100Mi',
  soft: '',
  softGracePeriods: '',
  minimumReclaims: 'memory.available=50Mi',
});
const [soft = never()] = parseThresholds({
  hard: '',
  soft: 'memory.available<20%',
  softGracePeriods: 'memory.available=30s',
  minimumReclaims: '',
});

/** What is due and what is told, after the node had so much left at these times. */
function after(thresholds: readonly (typeof hard)[], ...seen: readonly (readonly [number, number])[]) {
  let state: PressureState = noPressure;
  let nowMs = 0;
  for (const [seconds, mebibytes] of seen) {
    nowMs = seconds * 1000;
    state = nextPressure(state, { thresholds, observations: withMemory(mebibytes * MiB), nowMs });
  }
  return { due: state.due.length, told: [...pressuresOf(state, nowMs, 300_000)] };
}

const pressureCases = [
  { it: 'is none while enough is left', seen: [[0, 500]], due: 0, told: [] },
  { it: 'is acted upon at once for a hard threshold', seen: [[0, 99]], due: 1, told: ['MemoryPressure'] },
  {
    it: 'lasts until the minimum reclaim is free as well',
    seen: [
      [0, 99],
      [10, 120],
    ],
    due: 1,
    told: ['MemoryPressure'],
  },
  {
    it: 'is relieved then, and told of for five minutes',
    seen: [
      [0, 99],
      [10, 160],
    ],
    due: 0,
    told: ['MemoryPressure'],
  },
  {
    it: 'is not told of any more after that',
    seen: [
      [0, 99],
      [310, 160],
    ],
    due: 0,
    told: [],
  },
] as const;
for (const { it, seen, due, told } of pressureCases) test(`pressure ${it}`, () => assert.deepEqual(after([hard], ...seen), { due, told }));

test('a soft threshold is told of at once, and acted upon after its grace period', () => {
  assert.deepEqual(after([soft], [0, 150]), { due: 0, told: ['MemoryPressure'] });
  assert.deepEqual(after([soft], [0, 150], [29, 150]), { due: 0, told: ['MemoryPressure'] });
  assert.equal(after([soft], [0, 150], [30, 150]).due, 1);
  assert.equal(after([soft], [0, 150], [20, 900], [31, 150]).due, 0);
});

test('what cannot be observed is not short', () => {
  assert.equal(nextPressure(noPressure, { thresholds: [hard], observations: new Map(), nowMs: 0 }).due.length, 0);
});

const usesMemory = (pod: Pod, mebibytes: number) => ({ pod, use: { memory: mebibytes * MiB, 'ephemeral-storage': 0, inodes: 0, pids: 1 } });
const asks = (memory: string) => ({ resources: { requests: { memory } } });

test('who uses more than was asked for goes first, then who matters less, then who is furthest above', () => {
  const uses = [
    usesMemory(aPod('modest', asks('200Mi')), 100),
    usesMemory(aPod('greedy', asks('50Mi')), 100),
    usesMemory(aPod('greedier', asks('50Mi')), 300),
    usesMemory(aPod('important', asks('50Mi'), { priority: 1000 }), 900),
    usesMemory(aPod('critical', {}, { priority: 2_000_001_000 }), 900),
    { pod: aPod('unmeasured'), use: undefined },
  ];
  const names = orderForEviction(uses, 'memory').map(({ metadata }) => metadata.name);
  assert.deepEqual(names, ['unmeasured', 'greedier', 'greedy', 'important', 'modest']);
});

test('where process numbers run out, priority comes before use', () => {
  const uses = [
    { pod: aPod('few'), use: { memory: 0, 'ephemeral-storage': 0, inodes: 0, pids: 2 } },
    { pod: aPod('many'), use: { memory: 0, 'ephemeral-storage': 0, inodes: 0, pids: 200 } },
    { pod: aPod('important', {}, { priority: 1 }), use: { memory: 0, 'ephemeral-storage': 0, inodes: 0, pids: 900 } },
  ];
  assert.deepEqual(
    orderForEviction(uses, 'pids').map(({ metadata }) => metadata.name),
    ['many', 'few', 'important'],
  );
});

test('the message names the threshold, what is left, and the containers that use more than they asked for', () => {
  const pod = aPod('web', asks('16Mi'));
  assert.equal(
    evictionMessage(pod, hard, withMemory(50 * MiB), new Map([['main', 80 * MiB]])),
    'The node was low on resource: memory. Threshold quantity: 100Mi, available: 50Mi. ' +
      'Container main was using 80Mi, request is 16Mi, has larger consumption of memory. ',
  );
  assert.equal(
    evictionMessage(aPod('web'), soft, withMemory(150 * MiB), new Map()),
    'The node was low on resource: memory. Threshold quantity: 200Mi, available: 150Mi. ',
  );
  assert.equal(refusalMessage(new Set(['MemoryPressure', 'DiskPressure'])), 'The node had condition: [MemoryPressure DiskPressure]. ');
});

const limited = aPod(
  'web',
  { resources: { limits: { 'ephemeral-storage': '10Mi' } } },
  { volumes: [{ name: 'cache', emptyDir: { sizeLimit: '1Mi' } }] },
);
const storageCases = [
  { it: 'keeps to its limits', use: [5, 0.5, 4], message: undefined },
  { it: 'fills a volume', use: [5, 2, 4], message: 'Usage of EmptyDir volume "cache" exceeds the limit "1Mi". ' },
  {
    it: 'takes too much as a whole',
    use: [11, 0.5, 4],
    message: 'Pod ephemeral local storage usage exceeds the total limit of containers 10Mi. ',
  },
  {
    it: 'takes too much in one container',
    use: [9, 0.5, 11],
    message: 'Container main exceeded its local ephemeral storage limit "10Mi". ',
  },
] as const;
for (const { it, use, message } of storageCases) {
  test(`a pod that ${it} ${message === undefined ? 'stays' : 'is told so'}`, () => {
    const [podBytes, volume, container] = use.map((mebibytes) => mebibytes * MiB);
    const volumeBytes = new Map([['cache', volume ?? 0]]);
    assert.equal(
      exceededStorage(limited, { podBytes: podBytes ?? 0, volumeBytes, containerBytes: new Map([['main', container ?? 0]]) }),
      message,
    );
  });
}

test('only pods with limits are measured for them', () => {
  assert.deepEqual([limited, aPod('free')].map(hasStorageLimits), [true, false]);
});

test('a node has no more memory left than the machine, and its pods no more than is not reserved', () => {
  const disk = { capacityBytes: 100, availableBytes: 40, usedBytes: 60, inodes: 0, inodesFree: 0, inodesUsed: 0 };
  const memory = { usageBytes: 0, workingSetBytes: 300, rssBytes: 0, pageFaults: 0, majorPageFaults: 0 };
  const readings = { pods: memory, machineAvailableBytes: 5000, disk, processes: { count: 10, max: 100 } };
  const bounds = { memoryBytes: 1000, podsMemoryBytes: 800 };
  const availableOf = (more: Partial<typeof readings>) =>
    Object.fromEntries([...observationsOf({ ...readings, ...more }, bounds)].map(([signal, { available }]) => [signal, available]));
  assert.deepEqual(availableOf({}), {
    'memory.available': 700,
    'nodefs.available': 40,
    'imagefs.available': 40,
    'pid.available': 90,
    'allocatableMemory.available': 500,
  });
  assert.equal(availableOf({ machineAvailableBytes: 50 })['memory.available'], 50);
});

test('the kernel’s estimate is read', () => {
  assert.equal(parseMemAvailable('MemTotal:       100 kB\nMemAvailable:    7 kB\n'), 7168);
  assert.equal(parseMemAvailable(''), undefined);
});
