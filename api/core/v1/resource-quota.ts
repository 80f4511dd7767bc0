/** ResourceQuotas: how much all objects of a namespace together may ask for. Rules, and what may change. Source: upstream's ValidateResourceQuota. */
import type { ResourceQuota, ResourceQuotaSpec, ScopedResourceSelectorRequirement } from '../../generated/types.ts';
import { invalidValue, notSupported, required } from '../../meta/field-path.ts';
import { jsonEquals } from '../../meta/json.ts';
import { dns1123SubdomainProblems, qualifiedNameProblems } from '../../meta/names.ts';
import { parseQuantity } from '../../meta/quantity.ts';
import type { FieldProblem } from '../../meta/status.ts';
import { validateImmutable, validateObjectMeta } from '../../meta/validation.ts';
import { withDefined } from '../../meta/with-defined.ts';
import { applyResourceListDefaults } from './resource-list.ts';

const NANOS_PER_UNIT = 1_000_000_000n;

/** What is counted in whole objects. */
const objectCounts: ReadonlySet<string> = new Set([
  'pods',
  'services',
  'replicationcontrollers',
  'resourcequotas',
  'secrets',
  'configmaps',
  'persistentvolumeclaims',
  'services.nodeports',
  'services.loadbalancers',
]);

/** What is measured. */
const amounts: ReadonlySet<string> = new Set([
  'cpu',
  'memory',
  'ephemeral-storage',
  'requests.cpu',
  'requests.memory',
  'requests.storage',
  'requests.ephemeral-storage',
  'limits.cpu',
  'limits.memory',
  'limits.ephemeral-storage',
]);

const scopes = [
  'Terminating',
  'NotTerminating',
  'BestEffort',
  'NotBestEffort',
  'PriorityClass',
  'CrossNamespacePodAffinity',
  'VolumeAttributesClass',
] as const;
const operators = ['DoesNotExist', 'Exists', 'In', 'NotIn'] as const;

export function applyResourceQuotaDefaults(quota: ResourceQuota): ResourceQuota {
  const { spec } = quota;
  return { ...quota, spec: withDefined(spec, { hard: spec.hard && applyResourceListDefaults(spec.hard) }) };
}

export function validateResourceQuota({ metadata, spec }: ResourceQuota): readonly FieldProblem[] {
  return [
    ...validateObjectMeta(metadata, { isNamespaced: true, nameRule: dns1123SubdomainProblems }),
    ...Object.entries(spec.hard ?? {}).flatMap(([name, amount]) => validateHard(name, amount, `spec.hard[${name}]`)),
    ...validateScopes(spec.scopes ?? []),
    ...validateSelector(spec.scopeSelector?.matchExpressions ?? []),
  ];
}

function validateHard(name: string, amount: string, field: string): readonly FieldProblem[] {
  const problems = qualifiedNameProblems(name).map((problem) => invalidValue(field, name, problem));
  const isHugePages = /^(requests\.|limits\.)?hugepages-/.test(name);
  if (problems.length === 0 && !name.includes('/') && !objectCounts.has(name) && !amounts.has(name) && !isHugePages) {
    problems.push(invalidValue(field, name, 'must be a standard resource for quota'));
  }
  const { nanos } = parseQuantity(amount);
  if (nanos < 0n) problems.push(invalidValue(field, amount, 'must be greater than or equal to 0'));
  const isCount = objectCounts.has(name) || name.startsWith('count/');
  return isCount && nanos % NANOS_PER_UNIT !== 0n ? [...problems, invalidValue(field, amount, 'must be an integer')] : problems;
}

function validateScopes(wanted: readonly string[]): readonly FieldProblem[] {
  const unknown = wanted.filter((scope) => !scopes.some((known) => known === scope));
  const problems = unknown.map(() => invalidValue('spec.scopes', wanted, 'unsupported scope'));
  const areBoth = (one: string, other: string) => wanted.includes(one) && wanted.includes(other);
  if (areBoth('BestEffort', 'NotBestEffort') || areBoth('Terminating', 'NotTerminating')) {
    problems.push(invalidValue('spec.scopes', wanted, 'conflicting scopes'));
  }
  return problems;
}

function validateSelector(expressions: readonly ScopedResourceSelectorRequirement[]): readonly FieldProblem[] {
  const field = 'spec.scopeSelector.matchExpressions';
  return expressions.flatMap(({ scopeName, operator, values = [] }) => {
    const problems: FieldProblem[] = [];
    if (!scopes.some((known) => known === scopeName)) problems.push(invalidValue(`${field}.scopeName`, scopeName, 'unsupported scope'));
    const takesValues = operator === 'In' || operator === 'NotIn';
    if (!operators.some((known) => known === operator)) problems.push(notSupported(`${field}.operator`, operator, operators));
    if (takesValues && values.length === 0) {
      problems.push(required(`${field}.values`, "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"));
    }
    if (!takesValues && values.length > 0) {
      const why = "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector";
      problems.push(invalidValue(`${field}.values`, values, why));
    }
    if (takesValues && scopeName !== 'PriorityClass' && scopeName !== 'VolumeAttributesClass') {
      problems.push(
        invalidValue(
          `${field}.operator`,
          operator,
          "must be 'Exist' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity",
        ),
      );
    }
    return problems;
  });
}

/** What it counts stays the same. */
export function validateResourceQuotaUpdate(quota: ResourceQuota, previous: ResourceQuota): readonly FieldProblem[] {
  const sorted = ({ scopes: list = [] }: ResourceQuotaSpec) => list.toSorted();
  if (jsonEquals(sorted(quota.spec), sorted(previous.spec))) return [];
  return validateImmutable(quota.spec.scopes ?? [], previous.spec.scopes ?? [], 'spec.scopes');
}
