/**
 * Whether this node takes a pod at all. A pod that is refused has failed for good, before anything was made for it: its status and an event
 * say why, in upstream's words. Pure. Further checks are lines in `checks`. Source: the kubelet's admit handlers (pkg/kubelet/lifecycle,
 * pkg/kubelet/sysctl).
 */
import type { Pod } from '#api/generated/types.ts';
import type { PodSnapshot } from './pod-snapshot.ts';

export interface Rejection {
  readonly reason: string;
  readonly message: string;
}

type AdmissionCheck = (pod: Pod) => Rejection | undefined;

const checks: readonly AdmissionCheck[] = [checkSysctls, checkGroupsPolicy];

/** Asked once in a pod's life: one that has begun, under this kubelet or the one before it, was admitted. */
export function findRejection({ pod, isGone, sandboxes, containers }: PodSnapshot): Rejection | undefined {
  if (isGone || pod.status?.startTime !== undefined || sandboxes.length > 0 || containers.length > 0) return undefined;
  for (const check of checks) {
    const rejection = check(pod);
    if (rejection !== undefined) return rejection;
  }
  return undefined;
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
