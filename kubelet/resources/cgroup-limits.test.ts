/** What a pod's requests and limits become for the kernel, above its containers. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod, PodSpec, ResourceRequirements } from '#api/generated/types.ts';
import {
  burstableCgroupLimits,
  cpuQuotaOf,
  cpuSharesOf,
  cpuWeightOf,
  nodeCgroupLimits,
  podCgroupLimits,
  renderLimits,
} from './cgroup-limits.ts';

function aPod(resources: readonly ResourceRequirements[], more: Partial<PodSpec> = {}): Pod {
  const containers = resources.map((each, index) => ({ name: `c${index}`, image: 'i', resources: each }));
  const metadata = { name: 'p', namespace: 'default', uid: 'u', resourceVersion: '1', creationTimestamp: '' };
  return { apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers, ...more } };
}

const cases = [
  { it: 'gives a pod that asks for nothing the least', pod: aPod([{}]), limits: { cpuShares: 2 } },
  { it: 'weighs by requests', pod: aPod([{ requests: { cpu: '500m' } }, { requests: { cpu: '1' } }]), limits: { cpuShares: 1536 } },
  {
    it: 'limits a pod whose containers all have limits',
    pod: aPod([{ limits: { cpu: '500m', memory: '64Mi' }, requests: { cpu: '100m' } }, { limits: { cpu: '1', memory: '64Mi' } }]),
    limits: { cpuShares: 102, cpuQuotaMicros: 150_000, memoryBytesMax: 128 * 2 ** 20 },
  },
  {
    it: 'leaves a pod unlimited when one container is',
    pod: aPod([{ limits: { memory: '64Mi' } }, { requests: { memory: '64Mi' } }]),
    limits: { cpuShares: 2 },
  },
  {
    it: 'never grants more processors than the node has',
    pod: aPod([{ limits: { cpu: '16' }, requests: { cpu: '1' } }]),
    limits: { cpuShares: 1024, cpuQuotaMicros: 400_000 },
  },
  {
    it: 'takes what the pod says of itself as a whole',
    pod: aPod([{ requests: { cpu: '100m' } }], { resources: { requests: { cpu: '2' }, limits: { cpu: '3', memory: '1Gi' } } }),
    limits: { cpuShares: 2048, cpuQuotaMicros: 300_000, memoryBytesMax: 2 ** 30 },
  },
  {
    it: 'adds the overhead',
    pod: aPod([{ requests: { cpu: '1' } }], { overhead: { cpu: '1' } }),
    limits: { cpuShares: 2048 },
  },
];
for (const { it, pod, limits } of cases) {
  test(`a pod's cgroup ${it}`, () => assert.deepEqual(podCgroupLimits(pod, { cpuCount: 4 }), limits));
}

test('a limit on processes is told to every pod', () => {
  assert.equal(podCgroupLimits(aPod([{}]), { cpuCount: 4, podPidsMax: 512 }).pidsMax, 512);
});

test('burstable pods weigh together what they ask for, guaranteed ones weigh for themselves', () => {
  const burstable = aPod([{ requests: { cpu: '1' } }]);
  const guaranteed = aPod([{ limits: { cpu: '1', memory: '1Gi' } }]);
  assert.deepEqual(burstableCgroupLimits([burstable, guaranteed, burstable]), { cpuShares: 2048 });
  assert.deepEqual(burstableCgroupLimits([]), { cpuShares: 2 });
});

test('shares and quotas stay within what the kernel takes', () => {
  assert.deepEqual([0, 1, 1000, 10 ** 9].map(cpuSharesOf), [2, 2, 1024, 262_144]);
  assert.deepEqual([cpuQuotaOf(1, 4), cpuQuotaOf(250, 4), cpuQuotaOf(9000, 4)], [1_000, 25_000, 400_000]);
  assert.deepEqual([2, 1024, 262_144].map(cpuWeightOf), [1, 100, 10_000]);
});

test('a node that declares fewer processors than the engine has gets a quota', () => {
  const node = { milliCpus: 1900, memoryBytes: 2 ** 30, declaredCpuCount: 2, engineCpuCount: 8 };
  assert.deepEqual(nodeCgroupLimits(node), { cpuShares: 1945, cpuQuotaMicros: 200_000, memoryBytesMax: 2 ** 30 });
  assert.equal(nodeCgroupLimits({ ...node, declaredCpuCount: 8 }).cpuQuotaMicros, undefined);
});

test('limits are written as each version of cgroups has them', () => {
  const limits = { cpuShares: 1024, cpuQuotaMicros: 50_000, memoryBytesMax: 1024 };
  const lines = (version: 1 | 2) => renderLimits(version, limits).map(({ controller, name, text }) => `${controller}/${name} ${text}`);
  assert.deepEqual(lines(1), [
    'cpu/cpu.shares 1024',
    'cpu/cpu.cfs_quota_us 50000',
    'memory/memory.limit_in_bytes 1024',
    'pids/pids.max max',
  ]);
  assert.deepEqual(lines(2), ['/cpu.weight 100', '/cpu.max 50000 100000', '/memory.max 1024', '/pids.max max']);
});
