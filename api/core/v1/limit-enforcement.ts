/**
 * What the LimitRanges of a namespace make of a pod or a claim: what containers get that say nothing, and what is too little, too much or too far apart. Pure;
 * `apiserver/admission/limit-ranger.ts` asks it. Source: upstream's plugin/pkg/admission/limitranger.
 */
import type { Container, LimitRange, LimitRangeItem, PersistentVolumeClaim, Pod } from '../../generated/types.ts';
import { compareQuantities, formatQuantity, type Quantity } from '../../meta/quantity.ts';
import { podLimits, podRequests } from './pod-requests.ts';
import { type Amounts, parseAmounts, type ResourceList } from './resource-list.ts';

/** Tells people what their containers were given. */
const ANNOTATION = 'kubernetes.io/limit-ranger';

type DefaultName = 'limits' | 'requests';

/** The pod with what its containers left out; the first LimitRange that says something about a resource is heard. */
export function applyLimitRange(pod: Pod, limitRange: LimitRange): Pod {
  const defaults = defaultsOf(limitRange);
  const told: string[] = [];
  const complete = (role: string) => (container: Container) => {
    const requests = completed(container, 'requests', defaults.requests);
    const limits = completed(container, 'limits', defaults.limits);
    if (requests.added.length > 0) told.push(`${requests.added.join(', ')} request for ${role} ${container.name}`);
    if (limits.added.length > 0) told.push(`${limits.added.join(', ')} limit for ${role} ${container.name}`);
    if (requests.added.length + limits.added.length === 0) return container;
    return { ...container, resources: { ...container.resources, ...requests.list, ...limits.list } };
  };
  const containers = pod.spec.containers.map(complete('container'));
  const initContainers = pod.spec.initContainers?.map(complete('init container'));
  if (told.length === 0) return pod;
  const annotations = { ...pod.metadata.annotations, [ANNOTATION]: `LimitRanger plugin set: ${told.join('; ')}` };
  const spec = { ...pod.spec, containers, ...(initContainers === undefined ? {} : { initContainers }) };
  return { ...pod, metadata: { ...pod.metadata, annotations }, spec };
}

function defaultsOf({ spec }: LimitRange): Readonly<Record<DefaultName, ResourceList>> {
  const items = spec.limits.filter(({ type }) => type === 'Container');
  return {
    requests: Object.assign({}, ...items.map(({ defaultRequest }) => defaultRequest)),
    limits: Object.assign({}, ...items.map((item) => item.default)),
  };
}

function completed({ resources }: Container, name: DefaultName, defaults: ResourceList) {
  const own = resources?.[name] ?? {};
  const added = Object.keys(defaults)
    .filter((resource) => own[resource] === undefined)
    .sort();
  const list = added.length === 0 ? {} : { [name]: { ...defaults, ...own } };
  return { added, list };
}

/** Everything in which the pod goes against the LimitRange, as sentences for the user. */
export function podLimitProblems(pod: Pod, { spec }: LimitRange): readonly string[] {
  return spec.limits.flatMap((item) => {
    if (item.type === 'Pod') return boundProblems(item, podRequests(pod), podLimits(pod));
    if (item.type !== 'Container') return [];
    return [...pod.spec.containers, ...(pod.spec.initContainers ?? [])].flatMap(({ resources }) =>
      boundProblems(item, parseAmounts(resources?.requests), parseAmounts(resources?.limits)),
    );
  });
}

/** A claim has no limits: what it asks for is held against both bounds. */
export function claimLimitProblems({ spec: { resources } }: PersistentVolumeClaim, { spec }: LimitRange): readonly string[] {
  const requests = parseAmounts(resources?.requests);
  return spec.limits
    .filter(({ type }) => type === 'PersistentVolumeClaim')
    .flatMap((item) => [
      ...each(item.min, (name, bound) => minProblem({ type: item.type, name, bound }, requests.get(name), undefined)),
      ...each(item.max, (name, bound) => maxRequestProblem({ type: item.type, name, bound }, requests.get(name))),
    ]);
}

function boundProblems(item: LimitRangeItem, requests: Amounts, limits: Amounts): readonly string[] {
  const { type } = item;
  return [
    ...each(item.min, (name, bound) => minProblem({ type, name, bound }, requests.get(name), limits.get(name))),
    ...each(item.max, (name, bound) => maxProblem({ type, name, bound }, requests.get(name), limits.get(name))),
    ...each(item.maxLimitRequestRatio, (name, bound) => ratioProblem({ type, name, bound }, requests.get(name), limits.get(name))),
  ];
}

function each(list: ResourceList | undefined, problemOf: (name: string, bound: Quantity) => string | undefined): readonly string[] {
  const sorted = [...parseAmounts(list)].sort(([left], [right]) => (left < right ? -1 : 1));
  return sorted.flatMap(([name, bound]) => problemOf(name, bound) ?? []);
}

interface Bound {
  readonly type: string;
  readonly name: string;
  readonly bound: Quantity;
}

function minProblem({ type, name, bound }: Bound, request: Quantity | undefined, limit: Quantity | undefined): string | undefined {
  const rule = `minimum ${name} usage per ${type} is ${formatQuantity(bound)}`;
  if (request === undefined) return `${rule}.  No request is specified`;
  if (compareQuantities(request, bound) < 0) return `${rule}, but request is ${formatQuantity(request)}`;
  return limit !== undefined && compareQuantities(limit, bound) < 0 ? `${rule}, but limit is ${formatQuantity(limit)}` : undefined;
}

function maxProblem({ type, name, bound }: Bound, request: Quantity | undefined, limit: Quantity | undefined): string | undefined {
  const rule = `maximum ${name} usage per ${type} is ${formatQuantity(bound)}`;
  if (limit === undefined) return `${rule}.  No limit is specified`;
  if (compareQuantities(limit, bound) > 0) return `${rule}, but limit is ${formatQuantity(limit)}`;
  return request !== undefined && compareQuantities(request, bound) > 0 ? `${rule}, but request is ${formatQuantity(request)}` : undefined;
}

function maxRequestProblem({ type, name, bound }: Bound, request: Quantity | undefined): string | undefined {
  const rule = `maximum ${name} usage per ${type} is ${formatQuantity(bound)}`;
  if (request === undefined) return `${rule}.  No request is specified`;
  return compareQuantities(request, bound) > 0 ? `${rule}, but request is ${formatQuantity(request)}` : undefined;
}

function ratioProblem({ type, name, bound }: Bound, request: Quantity | undefined, limit: Quantity | undefined): string | undefined {
  const rule = `${name} max limit to request ratio per ${type} is ${formatQuantity(bound)}`;
  if (request === undefined || request.nanos === 0n) return `${rule}, but no request is specified or request is 0`;
  if (limit === undefined || limit.nanos === 0n) return `${rule}, but no limit is specified or limit is 0`;
  // limit / request > ratio, without dividing: the ratio is in billionths, as everything is.
  if (limit.nanos * NANOS_PER_UNIT <= bound.nanos * request.nanos) return undefined;
  return `${rule}, but provided ratio is ${(Number(limit.nanos) / Number(request.nanos)).toFixed(6)}`;
}

const NANOS_PER_UNIT = 1_000_000_000n;
