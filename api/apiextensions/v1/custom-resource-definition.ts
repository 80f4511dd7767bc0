/**
 * CustomResourceDefinitions: what is left out, what is wrong with one, and what may not change. Used by the API server's definition of the kind; what
 * its status says is `custom-resource-names.ts`'s. Source: k8s.io/apiextensions-apiserver, pkg/apis/apiextensions/validation/validation.go.
 */
import type {
  CustomResourceConversion,
  CustomResourceDefinition,
  CustomResourceDefinitionNames,
  CustomResourceDefinitionSpec,
} from '../../generated/types.ts';
import { isConditionTrue } from '../../meta/condition.ts';
import { forbiddenField, invalidValue, notSupported, required } from '../../meta/field-path.ts';
import { dns1035LabelProblems, dns1123SubdomainProblems } from '../../meta/names.ts';
import type { FieldProblem } from '../../meta/status.ts';
import { validateImmutable, validateObjectMeta } from '../../meta/validation.ts';
import { applyClientConfigDefaults, validateClientConfig, validateReviewVersions } from '../../meta/webhook-client-config.ts';
import { validateVersions } from './custom-resource-version.ts';

/** Holds a definition until its objects are gone. */
export const CLEANUP_FINALIZER = 'customresourcecleanup.apiextensions.k8s.io';

const APPROVAL_ANNOTATION = 'api-approved.kubernetes.io';

export function applyDefinitionDefaults(definition: CustomResourceDefinition): CustomResourceDefinition {
  const { spec } = definition;
  const { names } = spec;
  const complete = {
    singular: names.singular || names.kind.toLowerCase(),
    listKind: names.listKind || (names.kind === '' ? '' : `${names.kind}List`),
  };
  return { ...definition, spec: { ...spec, names: { ...names, ...complete }, conversion: conversionOf(spec) } };
}

function conversionOf({ conversion }: CustomResourceDefinitionSpec): CustomResourceConversion {
  const clientConfig = conversion?.webhook?.clientConfig;
  if (conversion === undefined || conversion.webhook === undefined || clientConfig === undefined) {
    return { ...conversion, strategy: conversion?.strategy || 'None' };
  }
  return { ...conversion, webhook: { ...conversion.webhook, clientConfig: applyClientConfigDefaults(clientConfig) } };
}

export function validateDefinition(definition: CustomResourceDefinition): readonly FieldProblem[] {
  const { spec, metadata, status } = definition;
  const wantedName = `${spec.names.plural}.${spec.group}`;
  const nameRule = (name: string) => [
    ...dns1123SubdomainProblems(name),
    ...(name === wantedName ? [] : ['must be spec.names.plural+"."+spec.group']),
  ];
  return [
    ...validateObjectMeta(metadata, { isNamespaced: false, nameRule }),
    ...validateSpec(spec, 'spec'),
    ...(status?.acceptedNames === undefined ? [] : validateNames(status.acceptedNames, 'status.acceptedNames')),
    ...validateStoredVersions(definition),
    ...validateApproval(definition),
  ];
}

/** What other objects and clients hold on to. */
export function validateDefinitionUpdate(
  definition: CustomResourceDefinition,
  previous: CustomResourceDefinition,
): readonly FieldProblem[] {
  const { spec } = definition;
  const isEstablished = isConditionTrue(previous.status?.conditions, 'Established');
  return [
    ...(isEstablished ? validateImmutable(spec.scope, previous.spec.scope, 'spec.scope') : []),
    ...(isEstablished ? validateImmutable(spec.names.kind, previous.spec.names.kind, 'spec.names.kind') : []),
    ...validateImmutable(spec.group, previous.spec.group, 'spec.group'),
    ...validateImmutable(spec.names.plural, previous.spec.names.plural, 'spec.names.plural'),
  ];
}

function validateSpec(spec: CustomResourceDefinitionSpec, field: string): readonly FieldProblem[] {
  const { names } = spec;
  const missing = (['plural', 'singular', 'kind', 'listKind'] as const)
    .filter((name) => (names[name] ?? '') === '')
    .map((name) => required(`${field}.names.${name}`));
  const preserve = 'cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead';
  return [
    ...validateGroup(spec.group, `${field}.group`),
    ...validateScope(spec.scope, `${field}.scope`),
    ...validateVersions(spec, field),
    ...missing,
    ...validateNames(names, `${field}.names`),
    ...validateConversion(spec, `${field}.conversion`),
    ...(spec.preserveUnknownFields === true ? [invalidValue(`${field}.preserveUnknownFields`, true, preserve)] : []),
  ];
}

function validateGroup(group: string, field: string): readonly FieldProblem[] {
  if (group === '') return [required(field)];
  const problems = dns1123SubdomainProblems(group);
  if (problems.length > 0) return [invalidValue(field, group, problems.join(','))];
  return group.includes('.') ? [] : [invalidValue(field, group, 'should be a domain with at least one dot')];
}

function validateScope(scope: string, field: string): readonly FieldProblem[] {
  if (scope === '') return [required(field)];
  return scope === 'Cluster' || scope === 'Namespaced' ? [] : [notSupported(field, scope, ['Cluster', 'Namespaced'])];
}

function validateNames(names: CustomResourceDefinitionNames, field: string): readonly FieldProblem[] {
  const { plural, singular = '', kind, listKind = '', shortNames = [], categories = [] } = names;
  const mixed = 'may have mixed case, but should otherwise match: ';
  const problems = [
    ...labelProblems(plural, plural, `${field}.plural`),
    ...labelProblems(singular, singular, `${field}.singular`),
    ...labelProblems(kind, kind.toLowerCase(), `${field}.kind`, mixed),
    ...labelProblems(listKind, listKind.toLowerCase(), `${field}.listKind`, mixed),
    ...shortNames.flatMap((name, index) => listedProblems(name, `${field}.shortNames[${index}]`)),
  ];
  if (kind !== '' && kind === listKind) {
    problems.push(invalidValue(`${field}.listKind`, listKind, 'kind and listKind may not be the same'));
  }
  return [...problems, ...categories.flatMap((name, index) => listedProblems(name, `${field}.categories[${index}]`))];
}

/** Empty names are told elsewhere. */
function labelProblems(shown: string, label: string, field: string, before = ''): readonly FieldProblem[] {
  const problems = label === '' ? [] : dns1035LabelProblems(label);
  return problems.length === 0 ? [] : [invalidValue(field, shown, `${before}${problems.join(',')}`)];
}

function listedProblems(name: string, field: string): readonly FieldProblem[] {
  const problems = dns1035LabelProblems(name);
  return problems.length === 0 ? [] : [invalidValue(field, name, problems.join(','))];
}

/** The names of the fields are those of the kind's first version, as upstream reports them. */
function validateConversion({ conversion }: CustomResourceDefinitionSpec, field: string): readonly FieldProblem[] {
  const { strategy = '', webhook } = conversion ?? {};
  if (strategy === '') return [required(`${field}.strategy`)];
  if (strategy !== 'None' && strategy !== 'Webhook') return [notSupported(`${field}.strategy`, strategy, ['None', 'Webhook'])];
  const { clientConfig, conversionReviewVersions = [] } = webhook ?? {};
  const configField = `${field}.webhookClientConfig`;
  if (strategy === 'None') {
    const detail = 'should not be set when strategy is not set to Webhook';
    return [
      ...(clientConfig === undefined ? [] : [forbiddenField(configField, detail)]),
      ...(conversionReviewVersions.length === 0 ? [] : [forbiddenField(`${field}.conversionReviewVersions`, detail)]),
    ];
  }
  return [
    ...(clientConfig === undefined
      ? [required(configField, 'required when strategy is set to Webhook')]
      : validateClientConfig(clientConfig, configField)),
    ...validateReviewVersions(conversionReviewVersions, `${field}.conversionReviewVersions`, ''),
  ];
}

function validateStoredVersions({ spec, status }: CustomResourceDefinition): readonly FieldProblem[] {
  const stored = status?.storedVersions ?? [];
  const field = 'status.storedVersions';
  if (stored.length === 0) return [invalidValue(field, stored, 'must have at least one stored version')];
  const storage = spec.versions.find((version) => version.storage && !stored.includes(version.name));
  const known = new Set(spec.versions.map(({ name }) => name));
  return [
    ...(storage === undefined ? [] : [invalidValue(field, stored, `must have the storage version ${storage.name}`)]),
    ...stored.flatMap((name, index) => (known.has(name) ? [] : [invalidValue(`${field}[${index}]`, name, missingStoredVersion(name))])),
  ];
}

function missingStoredVersion(name: string): string {
  const duty = `must remain in spec.versions until a storage migration ensures no data remains persisted in ${name}`;
  return `missing from spec.versions; ${name} was previously a storage version, and ${duty} and removes ${name} from status.storedVersions`;
}

/** Groups of the Kubernetes community take definitions that it has approved, and say so. */
function validateApproval({ metadata, spec }: CustomResourceDefinition): readonly FieldProblem[] {
  const isProtected = /(^|\.)(k8s\.io|kubernetes\.io)$/.test(spec.group);
  if (!isProtected) return [];
  const value = metadata.annotations?.[APPROVAL_ANNOTATION] ?? '';
  const field = `metadata.annotations[${APPROVAL_ANNOTATION}]`;
  if (value === '') {
    const link = 'see https://github.com/kubernetes/enhancements/pull/1111';
    return [required(field, `protected groups must have approval annotation "${APPROVAL_ANNOTATION}", ${link}`)];
  }
  if (value.startsWith('unapproved') || URL.canParse(value)) return [];
  return [
    invalidValue(
      field,
      value,
      `protected groups must have approval annotation "${APPROVAL_ANNOTATION}" with either a URL or a reason starting with "unapproved", see https://github.com/kubernetes/enhancements/pull/1111`,
    ),
  ];
}
