/**
 * A pod's quality of service, and what the kernel is told about it. Pure. Guaranteed: every container has limits for CPU and memory and
 * requests nothing less; BestEffort: none asks for anything; Burstable: the rest.
 * Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-qos/ and the kubelet's `GetContainerOOMScoreAdjust`.
 */
import type { Container, Pod } from '#api/generated/types.ts';
import { amountOf } from './resource-amounts.ts';

export type QosClass = 'Guaranteed' | 'Burstable' | 'BestEffort';

const counted = ['cpu', 'memory'] as const;

export function qosClassOf({ spec }: Pod): QosClass {
  const containers = [...spec.containers, ...(spec.initContainers ?? [])];
  const isAsking = containers.some(({ resources }) =>
    counted.some((name) => amountOf(resources?.requests, name) > 0 || amountOf(resources?.limits, name) > 0),
  );
  if (!isAsking) return 'BestEffort';
  return containers.every(isGuaranteed) ? 'Guaranteed' : 'Burstable';
}

function isGuaranteed({ resources }: Container): boolean {
  return counted.every((name) => {
    const limit = amountOf(resources?.limits, name);
    const request = resources?.requests?.[name] === undefined ? limit : amountOf(resources.requests, name);
    return limit > 0 && request === limit;
  });
}

/**
 * Upstream goes down to -997. An engine that runs unprivileged (in a container, rootless) may not go below its own score, and refuses to start
 * such a container at all; zero keeps the order between the three classes.
 */
const GUARANTEED_OOM_SCORE = 0;
/** Upstream keeps burstable containers this far from guaranteed ones. */
const BURSTABLE_OOM_SCORE_MIN = 3;
const BEST_EFFORT_OOM_SCORE = 1000;

/** The more memory a burstable container asks for, the later it is killed. */
export function oomScoreAdjustmentOf(pod: Pod, container: Container, nodeMemoryBytes: number): number {
  const qosClass = qosClassOf(pod);
  if (qosClass === 'Guaranteed') return GUARANTEED_OOM_SCORE;
  if (qosClass === 'BestEffort') return BEST_EFFORT_OOM_SCORE;
  const requested = amountOf(container.resources?.requests, 'memory');
  const score = Math.floor(1000 - (1000 * requested) / Math.max(nodeMemoryBytes, 1));
  // Never as safe as a guaranteed container, never as exposed as one that asked for nothing.
  return Math.min(Math.max(score, BURSTABLE_OOM_SCORE_MIN), BEST_EFFORT_OOM_SCORE - 1);
}
