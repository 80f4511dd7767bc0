/**
 * Rules that say which requests something is asked about: operations, groups, versions, resources with their subresources, scope. Their defaults, what is wrong with
 * one, and whether it matches. Used by webhook configurations. Source: upstream's pkg/apis/admissionregistration/validation and k8s.io/apiserver,
 * pkg/admission/plugin/webhook/predicates/rules.
 */
import type { RuleWithOperations } from '../../generated/types.ts';
import { invalidValue, notSupported, required } from '../../meta/field-path.ts';
import type { FieldProblem } from '../../meta/status.ts';

/** What a rule sees of a request. */
export interface RuledRequest {
  readonly operation: string;
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly subresource: string;
  /** Empty for what is cluster-wide; of a namespace its own name. */
  readonly namespace: string;
}

const OPERATIONS = ['*', 'CONNECT', 'CREATE', 'DELETE', 'UPDATE'];
const SCOPES = ['*', 'Cluster', 'Namespaced'];

export function applyRuleDefaults(rule: RuleWithOperations): RuleWithOperations {
  return { ...rule, scope: rule.scope ?? '*' };
}

export function validateRule(rule: RuleWithOperations, field: string): readonly FieldProblem[] {
  const { operations = [], apiGroups = [], apiVersions = [], resources = [], scope } = rule;
  return [
    ...listProblems(operations, `${field}.operations`, 'operations'),
    ...operations.flatMap((operation, index) =>
      OPERATIONS.includes(operation) ? [] : [notSupported(`${field}.operations[${index}]`, operation, OPERATIONS)],
    ),
    ...listProblems(apiGroups, `${field}.apiGroups`, 'API groups'),
    ...listProblems(apiVersions, `${field}.apiVersions`, 'API versions'),
    ...apiVersions.flatMap((version, index) => (version === '' ? [required(`${field}.apiVersions[${index}]`)] : [])),
    ...resourceProblems(resources, `${field}.resources`),
    ...(scope === undefined || SCOPES.includes(scope) ? [] : [notSupported(`${field}.scope`, scope, SCOPES)]),
  ];
}

function listProblems(values: readonly string[], field: string, what: string): readonly FieldProblem[] {
  if (values.length === 0) return [required(field)];
  const isAmbiguous = values.length > 1 && values.includes('*');
  return isAmbiguous ? [invalidValue(field, values, `if '*' is present, must not specify other ${what}`)] : [];
}

function resourceProblems(resources: readonly string[], field: string): readonly FieldProblem[] {
  if (resources.length === 0) return [required(field)];
  const problems = resources.flatMap((resource, index) => overlapProblems(resource, resources.slice(0, index), `${field}[${index}]`));
  if (resources.length > 1 && resources.includes('*/*')) {
    problems.push(invalidValue(field, resources, "if '*/*' is present, must not specify other resources"));
  }
  // Of several without a subresource, the last says whether there is another besides the wildcard, as upstream has it.
  const last = resources.findLast((resource) => resource !== '' && !resource.includes('/'));
  if (resources.includes('*') && last !== undefined && last !== '*') {
    problems.push(invalidValue(field, resources, "if '*' is present, must not specify other resources without subresources"));
  }
  return problems;
}

/** What an earlier wildcard has covered already. */
function overlapProblems(resource: string, earlier: readonly string[], field: string): FieldProblem[] {
  if (resource === '') return [required(field)];
  const [main, sub] = splitResource(resource);
  if (!resource.includes('/')) return [];
  return [`${main}/*`, `*/${sub}`].flatMap((wildcard) =>
    earlier.includes(wildcard) ? [invalidValue(field, resource, `if '${wildcard}' is present, must not specify ${resource}`)] : [],
  );
}

export function ruleMatches(rule: RuleWithOperations, request: RuledRequest): boolean {
  return (
    scopeMatches(rule.scope ?? '*', request) &&
    isListed(rule.operations, request.operation) &&
    isListed(rule.apiGroups, request.group) &&
    isListed(rule.apiVersions, request.version) &&
    (rule.resources ?? []).some((resource) => resourceMatches(resource, request))
  );
}

function isListed(values: readonly string[] = [], wanted: string): boolean {
  return values.includes('*') || values.includes(wanted);
}

function resourceMatches(ruled: string, { resource, subresource }: RuledRequest): boolean {
  const [main, sub] = splitResource(ruled);
  return (main === '*' || main === resource) && (sub === '*' || sub === subresource);
}

/** A namespace is in no namespace, though requests about it carry its name. */
function scopeMatches(scope: string, { group, resource, namespace }: RuledRequest): boolean {
  const isClusterWide = namespace === '' || (group === '' && resource === 'namespaces');
  return scope === '*' || (scope === 'Cluster' ? isClusterWide : scope === 'Namespaced' && !isClusterWide);
}

function splitResource(text: string): readonly [resource: string, subresource: string] {
  const slash = text.indexOf('/');
  return slash < 0 ? [text, ''] : [text.slice(0, slash), text.slice(slash + 1)];
}
