/**
 * What the kernel is told of a pod, of a class of pods and of the node as a whole, and the files that say it in both versions of cgroups. Pure. A
 * container's own cgroup is the engine's work (`container-spec.ts` has its figures); these are the levels above it.
 * Source: the kubelet's `ResourceConfigForPod` and `setCPUCgroupConfig`; https://docs.kernel.org/admin-guide/cgroup-v2.html
 */
import { podLimits, podRequests, qosClass } from '#api/core/v1/pod-requests.ts';
import type { Pod, PodSpec } from '#api/generated/types.ts';
import { quantityToMilli, quantityToNumber } from '#api/meta/quantity.ts';

/** The period over which the CPU quota counts, upstream's default. */
export const CPU_PERIOD_MICROS = 100_000;
/** The kernel's smallest share, and what is given to who asks for nothing. */
const CPU_SHARES_MIN = 2;
const CPU_SHARES_MAX = 262_144;
const CPU_SHARES_PER_CORE = 1024;
/** The kernel refuses a quota under 1 ms. */
const CPU_QUOTA_MICROS_MIN = 1_000;

/** What is absent is unlimited. */
export interface CgroupLimits {
  readonly cpuShares: number;
  /** CPU time per 100 ms. */
  readonly cpuQuotaMicros?: number;
  readonly memoryBytesMax?: number;
  readonly pidsMax?: number;
}

export interface NodeLimits {
  /** What the node declares; a quota above it would be refused below the node's own. */
  readonly cpuCount: number;
  /** Of each pod; undefined: as many as the node has. */
  readonly podPidsMax?: number;
}

export function cpuSharesOf(milliCpus: number): number {
  return Math.min(Math.max(Math.floor((milliCpus * CPU_SHARES_PER_CORE) / 1000), CPU_SHARES_MIN), CPU_SHARES_MAX);
}

/** Never above what the node declares: cgroup v1 refuses a child that may use more than its parent. */
export function cpuQuotaOf(milliCpus: number, cpuCount: number): number {
  const micros = Math.floor((Math.min(milliCpus, cpuCount * 1000) * CPU_PERIOD_MICROS) / 1000);
  return Math.max(micros, CPU_QUOTA_MICROS_MIN);
}

/** A pod is limited as a whole once each of its containers is, or it says so itself. */
export function podCgroupLimits(pod: Pod, { cpuCount, podPidsMax }: NodeLimits): CgroupLimits {
  const requests = podRequests(pod);
  const limits = podLimits(pod);
  const cpuRequest = requests.get('cpu');
  const [cpuLimit, memoryLimit] = [limits.get('cpu'), limits.get('memory')];
  const pids = podPidsMax === undefined ? {} : { pidsMax: podPidsMax };
  if (qosClass(pod.spec) === 'BestEffort') return { cpuShares: CPU_SHARES_MIN, ...pids };
  return {
    cpuShares: cpuSharesOf(cpuRequest === undefined ? 0 : quantityToMilli(cpuRequest)),
    ...(cpuLimit === undefined || !isLimited(pod.spec, 'cpu') ? {} : { cpuQuotaMicros: cpuQuotaOf(quantityToMilli(cpuLimit), cpuCount) }),
    ...(memoryLimit === undefined || !isLimited(pod.spec, 'memory') ? {} : { memoryBytesMax: quantityToNumber(memoryLimit) }),
    ...pids,
  };
}

function isLimited(spec: PodSpec, resource: 'cpu' | 'memory'): boolean {
  if (spec.resources?.limits?.[resource] !== undefined) return true;
  return [...spec.containers, ...(spec.initContainers ?? [])].every(({ resources }) => resources?.limits?.[resource] !== undefined);
}

/** The burstable class weighs as much as its pods ask for together. */
export function burstableCgroupLimits(pods: readonly Pod[]): CgroupLimits {
  const milliCpus = pods
    .filter(({ spec }) => qosClass(spec) === 'Burstable')
    .map((pod) => podRequests(pod).get('cpu'))
    .reduce((sum, cpu) => sum + (cpu === undefined ? 0 : quantityToMilli(cpu)), 0);
  return { cpuShares: cpuSharesOf(milliCpus) };
}

export const bestEffortCgroupLimits: CgroupLimits = { cpuShares: CPU_SHARES_MIN };

/** All pods together: what the node declares, less what is reserved. The quota is only needed where the machine has more processors. */
export function nodeCgroupLimits(node: {
  readonly milliCpus: number;
  readonly memoryBytes: number;
  readonly declaredCpuCount: number;
  readonly engineCpuCount: number;
}): CgroupLimits {
  const hasQuota = node.declaredCpuCount < node.engineCpuCount;
  return {
    cpuShares: cpuSharesOf(node.milliCpus),
    ...(hasQuota ? { cpuQuotaMicros: cpuQuotaOf(node.declaredCpuCount * 1000, node.declaredCpuCount) } : {}),
    memoryBytesMax: node.memoryBytes,
  };
}

/** One line for one file below a cgroup. In version 1 each controller has a tree of its own. */
export interface CgroupFile {
  readonly controller: string;
  readonly name: string;
  readonly text: string;
}

export function renderLimits(version: 1 | 2, limits: CgroupLimits): readonly CgroupFile[] {
  return version === 1 ? renderVersion1(limits) : renderVersion2(limits);
}

function renderVersion1({ cpuShares, cpuQuotaMicros = -1, memoryBytesMax = -1, pidsMax }: CgroupLimits): readonly CgroupFile[] {
  return [
    { controller: 'cpu', name: 'cpu.shares', text: `${cpuShares}` },
    { controller: 'cpu', name: 'cpu.cfs_quota_us', text: `${cpuQuotaMicros}` },
    { controller: 'memory', name: 'memory.limit_in_bytes', text: `${memoryBytesMax}` },
    { controller: 'pids', name: 'pids.max', text: pidsMax === undefined ? 'max' : `${pidsMax}` },
  ];
}

function renderVersion2({ cpuShares, cpuQuotaMicros, memoryBytesMax, pidsMax }: CgroupLimits): readonly CgroupFile[] {
  return [
    { controller: '', name: 'cpu.weight', text: `${cpuWeightOf(cpuShares)}` },
    { controller: '', name: 'cpu.max', text: `${cpuQuotaMicros ?? 'max'} ${CPU_PERIOD_MICROS}` },
    { controller: '', name: 'memory.max', text: `${memoryBytesMax ?? 'max'}` },
    { controller: '', name: 'pids.max', text: `${pidsMax ?? 'max'}` },
  ];
}

/** From 2…262144 to 1…10000 so that one core's 1024 become the kernel's default of 100, as runtimes convert since 2025. */
export function cpuWeightOf(cpuShares: number): number {
  const log = Math.log2(Math.min(Math.max(cpuShares, CPU_SHARES_MIN), CPU_SHARES_MAX));
  return Math.min(Math.ceil(10 ** ((log * log + 125 * log) / 612 - 7 / 34)), 10_000);
}
