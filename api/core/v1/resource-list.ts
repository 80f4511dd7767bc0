/**
 * Resource lists: amounts by resource name, in requests and limits, capacities and quotas. Arithmetic for the scheduler and the kubelet,
 * validation for containers. Amounts are quantities as text; `Amounts` holds them parsed, for who adds up many.
 */
import type { ResourceRequirements } from '../../generated/types.ts';
import { invalidValue, required } from '../../meta/field-path.ts';
import { qualifiedNameProblems } from '../../meta/names.ts';
import {
  addQuantities,
  compareQuantities,
  formatQuantity,
  isQuantity,
  parseQuantity,
  type Quantity,
  roundUpToMilli,
} from '../../meta/quantity.ts';
import type { FieldProblem } from '../../meta/status.ts';

export type ResourceList = Readonly<Record<string, string>>;
export type Amounts = ReadonlyMap<string, Quantity>;

export function parseAmounts(list: ResourceList | undefined): Amounts {
  return new Map(Object.entries(list ?? {}).map(([name, text]) => [name, parseQuantity(text)]));
}

export function formatAmounts(amounts: Amounts): ResourceList {
  return Object.fromEntries([...amounts].map(([name, amount]) => [name, formatQuantity(amount)]));
}

export function addAmounts(left: Amounts, right: Amounts): Amounts {
  return combine(left, right, addQuantities);
}

/** The larger of both, resource by resource. */
export function maxAmounts(left: Amounts, right: Amounts): Amounts {
  return combine(left, right, (one, other) => (compareQuantities(one, other) >= 0 ? one : other));
}

function combine(left: Amounts, right: Amounts, choose: (one: Quantity, other: Quantity) => Quantity): Amounts {
  const combined = new Map(left);
  for (const [name, amount] of right) {
    const own = combined.get(name);
    combined.set(name, own === undefined ? amount : choose(own, amount));
  }
  return combined;
}

/** Stored amounts are at least thousandths; finer ones are rounded up. */
export function applyResourceListDefaults(list: ResourceList): ResourceList {
  return Object.fromEntries(Object.entries(list).map(([name, text]) => [name, formatQuantity(roundUpToMilli(parseQuantity(text)))]));
}

/** Names without a domain belong to Kubernetes, which knows these for containers. */
const containerResources = ['cpu', 'memory', 'ephemeral-storage'] as const;

const HUGE_PAGES = 'hugepages-';

export function isOvercommittable(name: string): boolean {
  const isOwn = !name.includes('/') || name.startsWith('kubernetes.io/');
  return isOwn && !name.startsWith(HUGE_PAGES);
}

/** Of a container, or of a pod as a whole. */
export function validateResourceRequirements(resources: ResourceRequirements, field: string): readonly FieldProblem[] {
  const { limits = {}, requests = {} } = resources;
  return [
    ...Object.entries(limits).flatMap(([name, amount]) => validateAmount(name, amount, `${field}.limits`)),
    ...Object.entries(requests).flatMap(([name, amount]) => [
      ...validateAmount(name, amount, `${field}.requests`),
      ...validateRequestAgainstLimit(name, amount, limits[name], `${field}.requests`),
    ]),
  ];
}

function validateAmount(name: string, amount: string, field: string): readonly FieldProblem[] {
  const path = `${field}[${name}]`;
  const problems = qualifiedNameProblems(name).map((problem) => invalidValue(path, name, problem));
  if (problems.length === 0 && !name.includes('/') && !isContainerResource(name)) {
    problems.push(invalidValue(path, name, 'must be a standard resource for containers'));
  }
  if (isQuantity(amount) && parseQuantity(amount).nanos < 0n) {
    problems.push(invalidValue(path, amount, 'must be greater than or equal to 0'));
  }
  return problems;
}

function isContainerResource(name: string): boolean {
  return containerResources.some((known) => known === name) || name.startsWith(HUGE_PAGES);
}

function validateRequestAgainstLimit(name: string, request: string, limit: string | undefined, field: string): readonly FieldProblem[] {
  if (limit === undefined) return isOvercommittable(name) ? [] : [required(field, 'Limit must be set for non overcommitable resources')];
  if (!isQuantity(request) || !isQuantity(limit)) return [];
  const comparison = compareQuantities(parseQuantity(request), parseQuantity(limit));
  if (comparison > 0) return [invalidValue(field, request, `must be less than or equal to ${name} limit of ${limit}`)];
  if (comparison < 0 && !isOvercommittable(name)) return [invalidValue(field, request, `must be equal to ${name} limit of ${limit}`)];
  return [];
}
