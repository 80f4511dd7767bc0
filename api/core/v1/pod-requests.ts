/**
 * What a pod asks of a node: the figure the scheduler packs by and the kubelet admits by, and the quality of service that follows from it.
 * Containers run together, so their requests add up; init containers run one after another beside the sidecars started before them, so
 * the largest moment counts. Source: https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/#resource-sharing-within-containers
 */
import type { Container, Pod, PodSpec, ResourceRequirements } from '../../generated/types.ts';
import { compareQuantities } from '../../meta/quantity.ts';
import { isSidecar } from './container.ts';
import { type Amounts, addAmounts, maxAmounts, parseAmounts } from './resource-list.ts';

type Kind = 'requests' | 'limits';

const none: Amounts = new Map();

/** Requests of the whole pod, overhead included. */
export function podRequests(pod: Pod): Amounts {
  return podAmounts(pod.spec, 'requests');
}

export function podLimits(pod: Pod): Amounts {
  return podAmounts(pod.spec, 'limits');
}

function podAmounts(spec: PodSpec, kind: Kind): Amounts {
  // Said for the pod as a whole, an amount takes the place of its containers' sum.
  const whole = parseAmounts(spec.resources?.[kind]);
  const amounts = new Map([...containersAmounts(spec, kind), ...whole]);
  const overhead = parseAmounts(spec.overhead);
  if (kind === 'requests') return addAmounts(amounts, overhead);
  return addAmounts(amounts, new Map([...overhead].filter(([name]) => amounts.has(name))));
}

function containersAmounts(spec: PodSpec, kind: Kind): Amounts {
  const of = (container: Container) => parseAmounts(container.resources?.[kind]);
  let sidecars = none;
  let peak = none;
  for (const container of spec.initContainers ?? []) {
    const together = addAmounts(sidecars, of(container));
    if (isSidecar(container)) sidecars = together;
    peak = maxAmounts(peak, together);
  }
  return maxAmounts(peak, spec.containers.map(of).reduce(addAmounts, sidecars));
}

const qosResources = ['cpu', 'memory'] as const;

/** Who is evicted last: Guaranteed (requests equal limits everywhere), Burstable (some are set), BestEffort (none is). */
export function qosClass(spec: PodSpec): 'Guaranteed' | 'Burstable' | 'BestEffort' {
  const all = [...spec.containers, ...(spec.initContainers ?? [])].map(({ resources = {} }) => resources);
  const subjects = spec.resources === undefined ? all : [spec.resources];
  if (subjects.every(isUnset)) return 'BestEffort';
  return subjects.every(isFixed) ? 'Guaranteed' : 'Burstable';
}

function isUnset({ requests, limits }: ResourceRequirements): boolean {
  const amounts = [...parseAmounts(requests), ...parseAmounts(limits)];
  return !amounts.some(([name, amount]) => qosResources.some((known) => known === name) && amount.nanos > 0n);
}

function isFixed({ requests, limits }: ResourceRequirements): boolean {
  const [asked, bounds] = [parseAmounts(requests), parseAmounts(limits)];
  return qosResources.every((name) => {
    const [request, limit] = [asked.get(name), bounds.get(name)];
    return limit !== undefined && limit.nanos > 0n && (request === undefined || compareQuantities(request, limit) === 0);
  });
}
