/**
 * Whom the kernel kills first when memory runs out: pods that asked for nothing, then burstable ones by how little they asked for. Pure.
 * Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-qos/ and the kubelet's `GetContainerOOMScoreAdjust`.
 */
import { qosClass } from '#api/core/v1/pod-requests.ts';
import type { Container, Pod } from '#api/generated/types.ts';
import { amountOf } from '../resource-amounts.ts';

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
  const ofPod = qosClass(pod.spec);
  if (ofPod === 'Guaranteed') return GUARANTEED_OOM_SCORE;
  if (ofPod === 'BestEffort') return BEST_EFFORT_OOM_SCORE;
  const requested = amountOf(container.resources?.requests, 'memory');
  const score = Math.floor(1000 - (1000 * requested) / Math.max(nodeMemoryBytes, 1));
  // Never as safe as a guaranteed container, never as exposed as one that asked for nothing.
  return Math.min(Math.max(score, BURSTABLE_OOM_SCORE_MIN), BEST_EFFORT_OOM_SCORE - 1);
}
