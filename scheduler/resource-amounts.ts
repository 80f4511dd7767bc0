/**
 * Amounts of resources as plain numbers, which is what the scheduler adds and compares thousands of times a second: processor time in
 * thousandths, everything else in whole units. Quantities are parsed once, when an object is first seen. Pure.
 */
import { podRequests } from '#api/core/v1/pod-requests.ts';
import { type Amounts, parseAmounts, type ResourceList } from '#api/core/v1/resource-list.ts';
import type { Container, Pod } from '#api/generated/types.ts';
import { quantityToMilli, quantityToNumber } from '#api/meta/quantity.ts';

export type ResourceAmounts = ReadonlyMap<string, number>;

/** What a container without requests counts for when nodes are compared, so that many of them still spread: upstream's figures. */
const DEFAULT_SCORED_REQUESTS: ResourceList = { cpu: '100m', memory: '200Mi' };

export function amountsOf(list: ResourceList | undefined): ResourceAmounts {
  return toNumbers(parseAmounts(list));
}

export function addAmounts(left: ResourceAmounts, right: ResourceAmounts): ResourceAmounts {
  const sum = new Map(left);
  for (const [name, amount] of right) sum.set(name, (sum.get(name) ?? 0) + amount);
  return sum;
}

/** What is left; a resource of which nothing is left is not named. */
export function subtractAmounts(left: ResourceAmounts, right: ResourceAmounts): ResourceAmounts {
  const rest = new Map(left);
  for (const [name, amount] of right) {
    const remaining = (rest.get(name) ?? 0) - amount;
    if (remaining === 0) rest.delete(name);
    else rest.set(name, remaining);
  }
  return rest;
}

/** What a node must have free for the pod. */
export function requestedAmounts(pod: Pod): ResourceAmounts {
  return toNumbers(podRequests(pod));
}

/** The same with upstream's minimum for containers that ask for nothing; only for comparing nodes. */
export function scoredAmounts(pod: Pod): ResourceAmounts {
  const { spec } = pod;
  const containers = spec.containers.map(withScoredRequests);
  const initContainers = (spec.initContainers ?? []).map(withScoredRequests);
  return toNumbers(podRequests({ ...pod, spec: { ...spec, containers, initContainers } }));
}

function withScoredRequests(container: Container): Container {
  const requests = { ...DEFAULT_SCORED_REQUESTS, ...container.resources?.requests };
  return { ...container, resources: { ...container.resources, requests } };
}

function toNumbers(amounts: Amounts): ResourceAmounts {
  return new Map([...amounts].map(([name, amount]) => [name, name === 'cpu' ? quantityToMilli(amount) : quantityToNumber(amount)]));
}
