/** A Pod with what the plugins need of it, worked out once. */
import { isSidecar } from '#api/core/v1/container.ts';
import type { Pod } from '#api/generated/types.ts';
import { type PodShape, podShapeOf } from './pod-shape.ts';
import { type ResourceAmounts, requestedAmounts, scoredAmounts } from './resource-amounts.ts';
import { claimNamesOf } from './volumes/pod-claims.ts';

export interface HostPort {
  readonly hostIP: string;
  readonly protocol: string;
  readonly port: number;
}

export interface PodInfo {
  readonly pod: Pod;
  readonly uid: string;
  readonly priority: number;
  readonly shape: PodShape;
  readonly requests: ResourceAmounts;
  /** With a minimum for containers that ask for nothing. */
  readonly scoredRequests: ResourceAmounts;
  readonly hostPorts: readonly HostPort[];
  /** `namespace/name` of the persistent volume claims that its volumes are. */
  readonly claimKeys: readonly string[];
}

export function podInfoOf(pod: Pod): PodInfo {
  return {
    pod,
    uid: pod.metadata.uid,
    priority: priorityOf(pod),
    shape: podShapeOf(pod),
    requests: requestedAmounts(pod),
    scoredRequests: scoredAmounts(pod),
    hostPorts: hostPortsOf(pod),
    claimKeys: claimNamesOf(pod).map((name) => `${pod.metadata.namespace}/${name}`),
  };
}

export function priorityOf({ spec }: Pod): number {
  return spec.priority ?? 0;
}

/** Sidecars hold their ports as long as the pod lives; other init containers give theirs back. */
export function hostPortsOf({ spec }: Pod): readonly HostPort[] {
  const sidecars = (spec.initContainers ?? []).filter(isSidecar);
  return [...sidecars, ...spec.containers]
    .flatMap((container) => container.ports ?? [])
    .flatMap(({ hostIP = '', protocol = 'TCP', hostPort = 0 }) =>
      hostPort === 0 ? [] : [{ hostIP: hostIP === '' ? '0.0.0.0' : hostIP, protocol, port: hostPort }],
    );
}
