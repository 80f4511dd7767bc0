/** Pods, as the API server serves them. How a pod is summed up for people is in `pod-summary.ts`. */

import { applyPodDefaults, isPodScheduled, isPodTerminal, podIPs, validatePod, validatePodUpdate } from '#api/core/v1/pod.ts';
import { qosClass } from '#api/core/v1/pod-requests.ts';
import { pods as type } from '#api/generated/resources.ts';
import type { Pod, PodStatus } from '#api/generated/types.ts';
import { ageColumn, NONE, nameColumn, textColumn, wide } from './columns.ts';
import { defineResource } from './define-resource.ts';
import { readinessGates, summarizePod } from './pod-summary.ts';

const GRACE_SECONDS_DEFAULT = 30;

export const pods = defineResource<Pod>(type, {
  shortNames: ['po'],
  categories: ['all'],
  columns: [
    nameColumn,
    textColumn('Ready', 'How many containers are ready, of how many.', (pod, nowMs) => summarizePod(pod, nowMs).ready),
    textColumn('Status', 'What the containers are up to, in a word.', (pod, nowMs) => summarizePod(pod, nowMs).status),
    textColumn('Restarts', 'How often containers were restarted, and when last.', (pod, nowMs) => summarizePod(pod, nowMs).restarts),
    ageColumn,
    wide(textColumn('IP', 'The address of the pod.', (pod) => podIPs(pod)[0] || NONE)),
    wide(textColumn('Node', 'The node that runs the pod.', (pod) => pod.spec.nodeName || NONE)),
    wide(textColumn('Nominated Node', 'Where room is being made for the pod.', (pod) => pod.status?.nominatedNodeName || NONE)),
    wide(textColumn('Readiness Gates', 'How many further conditions of readiness hold, of how many.', readinessGates)),
  ],
  // A pod's owners are not its kubelet's to change.
  statusMetadata: ['annotations', 'finalizers', 'labels'],
  applyDefaults: applyPodDefaults,
  validate: validatePod,
  validateUpdate: validatePodUpdate,
  countedPart: (pod) => pod.spec,
  initialStatus,
  selectableFields: (pod) => ({
    'spec.nodeName': pod.spec.nodeName ?? '',
    'spec.restartPolicy': pod.spec.restartPolicy ?? '',
    'spec.schedulerName': pod.spec.schedulerName ?? '',
    'spec.serviceAccountName': pod.spec.serviceAccountName ?? '',
    'spec.hostNetwork': String(pod.spec.hostNetwork ?? false),
    'status.phase': pod.status?.phase ?? '',
    'status.podIP': podIPs(pod)[0] ?? '',
    'status.nominatedNodeName': pod.status?.nominatedNodeName ?? '',
  }),
  gracePeriodSeconds,
});

function initialStatus({ spec }: Pod): PodStatus {
  const status: PodStatus = { phase: 'Pending', qosClass: qosClass(spec) };
  if ((spec.schedulingGates ?? []).length === 0) return status;
  const message = 'Scheduling is blocked due to non-empty scheduling gates';
  return { ...status, conditions: [{ type: 'PodScheduled', status: 'False', reason: 'SchedulingGated', message }] };
}

/** A pod that no kubelet has to stop goes at once. */
function gracePeriodSeconds(pod: Pod): number {
  if (!isPodScheduled(pod) || isPodTerminal(pod)) return 0;
  return Math.max(pod.spec.terminationGracePeriodSeconds ?? GRACE_SECONDS_DEFAULT, 0);
}
