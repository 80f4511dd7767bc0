/**
 * FlowSchemas: which requests belong together and how much they matter. Defaults and rules, in upstream's words (pkg/apis/flowcontrol/validation). Which schema a
 * request belongs to is `apiserver/flow-control/`'s affair.
 */
import type { FlowcontrolSubject, FlowSchema, FlowSchemaSpec, PolicyRulesWithSubjects } from '../../generated/types.ts';
import { forbiddenField, invalidValue, notSupported, required } from '../../meta/field-path.ts';
import { jsonEquals } from '../../meta/json.ts';
import { dns1123LabelProblems, dns1123SubdomainProblems, type NameRule } from '../../meta/names.ts';
import type { FieldProblem } from '../../meta/status.ts';
import { validateObjectMeta } from '../../meta/validation.ts';
import { validateConditionTypes } from './conditions.ts';
import { mandatoryFlowSchemas } from './mandatory.ts';
import { listOrAllProblems, verbProblems } from './rule-problems.ts';

const PRECEDENCE_DEFAULT = 1_000;
const PRECEDENCE_MAX = 10_000;

/** Only the schema of this name comes first of all. */
const EXEMPT = 'exempt';

const DISTINGUISHERS = ['ByNamespace', 'ByUser'];
const SUBJECT_KINDS = ['Group', 'ServiceAccount', 'User'];

/** Each kind of subject, and the member that says which one. */
const subjectMembers = { ServiceAccount: 'serviceAccount', User: 'user', Group: 'group' } as const;

export function applyFlowSchemaDefaults(schema: FlowSchema): FlowSchema {
  return { ...schema, spec: { ...schema.spec, matchingPrecedence: schema.spec.matchingPrecedence || PRECEDENCE_DEFAULT } };
}

export function validateFlowSchema(schema: FlowSchema): readonly FieldProblem[] {
  const { metadata, spec, status } = schema;
  const name = metadata.name ?? '';
  const fixed = mandatoryFlowSchemas.get(name);
  return [
    ...validateObjectMeta(metadata, { isNamespaced: false, nameRule: dns1123SubdomainProblems }),
    ...validateSpec(spec, name),
    ...(fixed !== undefined && !jsonEquals(spec, fixed)
      ? [invalidValue('spec', spec, `spec of '${name}' must equal the fixed value`)]
      : []),
    ...validateConditionTypes(status?.conditions ?? []),
  ];
}

function validateSpec(spec: FlowSchemaSpec, name: string): readonly FieldProblem[] {
  const { distinguisherMethod, priorityLevelConfiguration, rules = [] } = spec;
  const level = priorityLevelConfiguration.name;
  return [
    ...precedenceProblems(spec.matchingPrecedence ?? 0, name),
    ...(distinguisherMethod === undefined || DISTINGUISHERS.includes(distinguisherMethod.type)
      ? []
      : [notSupported('spec.distinguisherMethod.type', distinguisherMethod, DISTINGUISHERS)]),
    ...(level === ''
      ? [required('spec.priorityLevelConfiguration.name', 'must reference a priority level')]
      : nameProblems(level, dns1123SubdomainProblems, 'spec.priorityLevelConfiguration.name')),
    ...rules.flatMap((rule, index) => validateRules(rule, `spec.rules[${index}]`)),
  ];
}

function precedenceProblems(precedence: number, name: string): readonly FieldProblem[] {
  const field = 'spec.matchingPrecedence';
  if (precedence <= 0) return [invalidValue(field, precedence, 'must be a positive value')];
  if (precedence > PRECEDENCE_MAX) return [invalidValue(field, precedence, `must not be greater than ${PRECEDENCE_MAX}`)];
  if (precedence > 1 || name === EXEMPT) return [];
  return [invalidValue(field, precedence, "only the schema named 'exempt' may have matchingPrecedence 1")];
}

function validateRules(rules: PolicyRulesWithSubjects, field: string): readonly FieldProblem[] {
  const { subjects, resourceRules = [], nonResourceRules = [] } = rules;
  const isEmpty = resourceRules.length === 0 && nonResourceRules.length === 0;
  return [
    ...(subjects.length === 0 ? [required(`${field}.subjects`, 'subjects must contain at least one value')] : []),
    ...subjects.flatMap((subject, index) => validateSubject(subject, `${field}.subjects[${index}]`)),
    ...(isEmpty ? [required(field, 'at least one of resourceRules and nonResourceRules has to be non-empty')] : []),
    ...resourceRules.flatMap((rule, index) => validateResourceRule(rule, `${field}.resourceRules[${index}]`)),
    ...nonResourceRules.flatMap((rule, index) => validatePathRule(rule, `${field}.nonResourceRules[${index}]`)),
  ];
}

function validateSubject(subject: FlowcontrolSubject, field: string): readonly FieldProblem[] {
  const { kind } = subject;
  if (kind !== 'ServiceAccount' && kind !== 'User' && kind !== 'Group') return [notSupported(`${field}.kind`, kind, SUBJECT_KINDS)];
  const own = subjectMembers[kind];
  const others = (['ServiceAccount', 'User', 'Group'] as const).filter((other) => other !== kind);
  return [
    ...(subject[own] === undefined ? [required(`${field}.${own}`, `${own} is required when subject kind is '${kind}'`)] : []),
    ...subjectNameProblems(subject, field),
    ...others
      .filter((other) => subject[subjectMembers[other]] !== undefined)
      .map((other) => {
        const member = subjectMembers[other];
        return forbiddenField(`${field}.${member}`, `${member} is forbidden when subject kind is not '${other}'`);
      }),
  ];
}

function subjectNameProblems({ kind, user, group, serviceAccount }: FlowcontrolSubject, field: string): readonly FieldProblem[] {
  if (kind === 'User') return user?.name === '' ? [required(`${field}.user.name`)] : [];
  if (kind === 'Group') return group?.name === '' ? [required(`${field}.group.name`)] : [];
  if (serviceAccount === undefined) return [];
  const { name, namespace } = serviceAccount;
  const path = `${field}.serviceAccount`;
  return [
    ...(name === '' ? [required(`${path}.name`)] : name === '*' ? [] : nameProblems(name, dns1123SubdomainProblems, `${path}.name`)),
    ...(namespace === ''
      ? [required(`${path}.namespace`, 'must specify namespace for service account')]
      : nameProblems(namespace, dns1123LabelProblems, `${path}.namespace`)),
  ];
}

type ResourceRule = NonNullable<PolicyRulesWithSubjects['resourceRules']>[number];
type PathRule = NonNullable<PolicyRulesWithSubjects['nonResourceRules']>[number];

function validateResourceRule(rule: ResourceRule, field: string): readonly FieldProblem[] {
  const one = (noun: string) => `resource rules must supply at least one ${noun}`;
  return [
    ...verbProblems(rule.verbs, `${field}.verbs`),
    ...listOrAllProblems(rule.apiGroups, `${field}.apiGroups`, { others: 'api groups', missing: one('api group') }),
    ...listOrAllProblems(rule.resources, `${field}.resources`, { others: 'resources', missing: one('resource') }),
    ...namespaceProblems(rule, `${field}.namespaces`),
  ];
}

function namespaceProblems({ namespaces = [], clusterScope = false }: ResourceRule, field: string): readonly FieldProblem[] {
  if (namespaces.length === 0) {
    return clusterScope ? [] : [required(field, 'resource rules that are not cluster scoped must supply at least one namespace')];
  }
  if (namespaces.includes('*')) return listOrAllProblems(namespaces, field, { others: 'namespaces', missing: '' });
  return namespaces.flatMap((namespace, index) =>
    dns1123LabelProblems(namespace).map((problem) =>
      invalidValue(`${field}[${index}]`, namespace, `each member of this list must be '*' or a DNS-1123 label; ${problem}`),
    ),
  );
}

function validatePathRule({ verbs, nonResourceURLs }: PathRule, field: string): readonly FieldProblem[] {
  const path = `${field}.nonResourceURLs`;
  const missing = 'nonResourceURLs must contain at least one value';
  const isListed = nonResourceURLs.length > 0 && !nonResourceURLs.includes('*');
  return [
    ...verbProblems(verbs, `${field}.verbs`),
    ...(isListed
      ? nonResourceURLs.flatMap((url, index) => urlProblems(url).map((problem) => invalidValue(`${path}[${index}]`, url, problem)))
      : listOrAllProblems(nonResourceURLs, path, { others: 'non-resource URLs', missing })),
  ];
}

/** The first thing that is wrong with it. */
function urlProblems(url: string): readonly string[] {
  if (url === '') return ['must not be empty'];
  if (!url.startsWith('/')) return ['must start with slash'];
  if (url.includes(' ')) return ['must not contain white-space'];
  if (url.includes('//')) return ['must not contain double slash'];
  const stars = url.split('*').length - 1;
  return stars > 1 || (stars === 1 && !url.endsWith('/*')) ? ['wildcard can only do suffix matching'] : [];
}

function nameProblems(name: string, rule: NameRule, field: string): readonly FieldProblem[] {
  return rule(name).map((problem) => invalidValue(field, name, problem));
}
