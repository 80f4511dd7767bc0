/**
 * Amounts of resources as plain numbers, which is what the scheduler adds and compares thousands of times a second: processor time in
 * thousandths, everything else in whole units. Quantities are parsed once, when an object is first seen. Pure.
 */
import type { Container, PodSpec } from '#api/generated/types.ts';
import { parseQuantity, quantityToMilli, quantityToNumber } from '#api/meta/quantity.ts';

export type ResourceAmounts = ReadonlyMap<string, number>;

type ResourceList = Readonly<Record<string, string>>;

/** What a container without requests counts for when nodes are compared, so that many of them still spread: upstream's figures. */
const DEFAULT_SCORED_REQUESTS: ResourceAmounts = new Map([
  ['cpu', 100],
  ['memory', 200 * 1024 * 1024],
]);

const none: ResourceAmounts = new Map();

export function parseAmounts(list: ResourceList | undefined): ResourceAmounts {
  return new Map(
    Object.entries(list ?? {}).map(([name, text]) => {
      const quantity = parseQuantity(text);
      return [name, name === 'cpu' ? quantityToMilli(quantity) : quantityToNumber(quantity)];
    }),
  );
}

export function addAmounts(left: ResourceAmounts, right: ResourceAmounts): ResourceAmounts {
  const sum = new Map(left);
  for (const [name, amount] of right) sum.set(name, (sum.get(name) ?? 0) + amount);
  return sum;
}

function maxAmounts(left: ResourceAmounts, right: ResourceAmounts): ResourceAmounts {
  const max = new Map(left);
  for (const [name, amount] of right) max.set(name, Math.max(max.get(name) ?? 0, amount));
  return max;
}

/** What a node must have free for the pod. */
export function podRequests(spec: PodSpec): ResourceAmounts {
  return sumPod(spec, none);
}

/** The same with upstream's minimum for containers that ask for nothing; only for comparing nodes. */
export function scoredPodRequests(spec: PodSpec): ResourceAmounts {
  return sumPod(spec, DEFAULT_SCORED_REQUESTS);
}

/**
 * Containers run together, init containers one after the other beside the restartable ones started before them: the pod needs the larger of
 * the two peaks, plus overhead. Requests of the pod as a whole take the place of the sum.
 */
function sumPod(spec: PodSpec, defaults: ResourceAmounts): ResourceAmounts {
  const requestsOf = (container: Container) => new Map([...defaults, ...parseAmounts(container.resources?.requests)]);
  let sidecars = none;
  let initPeak = none;
  for (const container of spec.initContainers ?? []) {
    const together = addAmounts(sidecars, requestsOf(container));
    initPeak = maxAmounts(initPeak, together);
    if (container.restartPolicy === 'Always') sidecars = together;
  }
  const running = spec.containers.map(requestsOf).reduce(addAmounts, sidecars);
  const wholePod = new Map([...maxAmounts(running, initPeak), ...parseAmounts(spec.resources?.requests)]);
  return addAmounts(wholePod, parseAmounts(spec.overhead));
}
