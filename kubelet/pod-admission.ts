/**
 * Whether this node takes a pod at all. A pod that is refused has failed for good, before anything was made for it: its status and an event
 * say why, in upstream's words. Pure. Further checks are lines in `checks`. Source: the kubelet's admit handlers (pkg/kubelet/lifecycle,
 * pkg/kubelet/sysctl).
 */
import { qosClass } from '#api/core/v1/pod-requests.ts';
import { tolerates } from '#api/core/v1/taint.ts';
import type { Pod } from '#api/generated/types.ts';
import { refusalMessage } from './eviction/eviction-message.ts';
import { isCritical } from './eviction/eviction-order.ts';
import type { NodePressure } from './eviction/thresholds.ts';
import type { HostPort } from './network/node-rules.ts';
import { hostPortsOf } from './network/pod-network.ts';
import type { PodSnapshot } from './pod-snapshot.ts';

export interface Rejection {
  readonly reason: string;
  readonly message: string;
}

type AdmissionCheck = (pod: Pod, neighbours: readonly Pod[]) => Rejection | undefined;

const checks: readonly AdmissionCheck[] = [checkHostPorts, checkSysctls, checkGroupsPolicy];

/** Asked once in a pod's life: one that has begun, under this kubelet or the one before it, was admitted. */
export function findRejection({ pod, isGone, sandboxes, containers, nodePressures, neighbours }: PodSnapshot): Rejection | undefined {
  if (isGone || pod.status?.startTime !== undefined || sandboxes.length > 0 || containers.length > 0) return undefined;
  const pressed = checkPressure(pod, nodePressures);
  if (pressed !== undefined) return pressed;
  for (const check of checks) {
    const rejection = check(pod, neighbours);
    if (rejection !== undefined) return rejection;
  }
  return undefined;
}

/**
 * A node that is short of something takes only critical pods; short of memory alone, also those that have asked for some, or tolerate the taint.
 * Source: `Admit` in pkg/kubelet/eviction/eviction_manager.go
 */
function checkPressure(pod: Pod, pressures: ReadonlySet<NodePressure>): Rejection | undefined {
  if (pressures.size === 0 || isCritical(pod)) return undefined;
  const isMemoryAlone = pressures.size === 1 && pressures.has('MemoryPressure');
  const isTolerant = (pod.spec.tolerations ?? []).some((toleration) => tolerates(toleration, memoryPressureTaint));
  if (isMemoryAlone && (isTolerant || qosClass(pod.spec) !== 'BestEffort')) return undefined;
  return { reason: 'Evicted', message: refusalMessage(pressures) };
}

const memoryPressureTaint = { key: 'node.kubernetes.io/memory-pressure', effect: 'NoSchedule' };
/** The scheduler sees to it, but not for a pod that came with its node's name. Source: `GeneralPredicates` of pkg/kubelet/lifecycle/predicate.go */
function checkHostPorts(pod: Pod, neighbours: readonly Pod[]): Rejection | undefined {
  const wanted = hostPortsOf(pod, '');
  const taken = wanted.length === 0 ? [] : neighbours.filter((other) => isBefore(other, pod)).flatMap((other) => hostPortsOf(other, ''));
  if (!wanted.some((port) => taken.some((other) => isSamePort(port, other)))) return undefined;
  const why = "node(s) didn't have free ports for the requested pod ports";
  return { reason: 'NodePorts', message: `Predicate NodePorts failed: ${why}` };
}

/** Of two that come at once, the older is asked first. */
function isBefore({ metadata, status }: Pod, pod: Pod): boolean {
  if (status?.startTime !== undefined) return true;
  const [older = '', younger = ''] = [metadata.creationTimestamp, pod.metadata.creationTimestamp];
  return older < younger || (older === younger && metadata.uid < pod.metadata.uid);
}

/** A port of no address in particular is one of every address. */
function isSamePort(left: HostPort, right: HostPort): boolean {
  if (left.hostPort !== right.hostPort || left.protocol !== right.protocol) return false;
  return left.hostIp === right.hostIp || left.hostIp === undefined || right.hostIp === undefined;
}

/** Namespaced, and harmless to whoever else is on the node. Source: pkg/kubelet/sysctl/safe_sysctls.go */
const safeSysctls: ReadonlyMap<string, 'IPC' | 'Net'> = new Map([
  ['kernel.shm_rmid_forced', 'IPC'],
  ['net.ipv4.ip_local_port_range', 'Net'],
  ['net.ipv4.tcp_syncookies', 'Net'],
  ['net.ipv4.ping_group_range', 'Net'],
  ['net.ipv4.ip_unprivileged_port_start', 'Net'],
  ['net.ipv4.ip_local_reserved_ports', 'Net'],
  ['net.ipv4.tcp_keepalive_time', 'Net'],
  ['net.ipv4.tcp_fin_timeout', 'Net'],
  ['net.ipv4.tcp_keepalive_intvl', 'Net'],
  ['net.ipv4.tcp_keepalive_probes', 'Net'],
  ['net.ipv4.tcp_rmem', 'Net'],
  ['net.ipv4.tcp_wmem', 'Net'],
]);

function checkSysctls({ spec }: Pod): Rejection | undefined {
  for (const { name } of spec.securityContext?.sysctls ?? []) {
    const problem = sysctlProblem(normalizeSysctl(name), spec);
    if (problem !== undefined) return { reason: 'SysctlForbidden', message: `forbidden sysctl: ${problem}` };
  }
  return undefined;
}

function sysctlProblem(name: string, { hostNetwork, hostIPC }: Pod['spec']): string | undefined {
  const namespace = safeSysctls.get(name);
  if (namespace === undefined) return `"${name}" not allowlisted`;
  const isHosts = namespace === 'Net' ? hostNetwork === true : hostIPC === true;
  return isHosts ? `"${name}" not allowed with host ${namespace} enabled` : undefined;
}

/** `net/ipv4/tcp_syncookies` is the same as `net.ipv4.tcp_syncookies`: whichever separator comes first is the one. */
export function normalizeSysctl(name: string): string {
  const first = /[./]/.exec(name)?.[0];
  return first === '/' ? name.replace(/[./]/g, (separator) => (separator === '/' ? '.' : '/')) : name;
}

/** The engine merges the image's groups in; it cannot be told not to. */
function checkGroupsPolicy({ spec }: Pod): Rejection | undefined {
  if (spec.securityContext?.supplementalGroupsPolicy !== 'Strict') return undefined;
  return { reason: 'SupplementalGroupsPolicyNotSupported', message: 'SupplementalGroupsPolicy=Strict is not supported in this node' };
}
