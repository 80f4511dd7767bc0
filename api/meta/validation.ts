/**
 * Validation that every kind shares: its metadata, its labels and label selectors, numbers that must not be negative, fields that must not
 * change. The kinds' own `validate…` functions call these with the path of what they check; the grammars are in `names.ts` and the
 * wording of problems in `field-path.ts`.
 */
import type { LabelSelector, ObjectMeta, OwnerReference } from '../generated/types.ts';
import { forbiddenField, invalidValue, notSupported, required, tooLong } from './field-path.ts';
import { jsonEquals } from './json.ts';
import {
  dns1123LabelProblems,
  dns1123SubdomainProblems,
  grammarMessage,
  labelValueProblems,
  type NameRule,
  qualifiedNameProblems,
} from './names.ts';
import type { FieldProblem } from './status.ts';

export * from './field-path.ts';
export * from './names.ts';

/** All annotations of one object together, keys and values: they are stored and sent with it every time. */
const ANNOTATIONS_BYTES_MAX = 256 * 1024;

/** What may follow the domain of a path (RFC 3986). */
const PATH_GRAMMAR = "[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+";
const PATH = new RegExp(`^${PATH_GRAMMAR}$`);

export interface ObjectMetaRules {
  readonly isNamespaced: boolean;
  readonly nameRule: NameRule;
  /** Custom resources and their definitions: a finalizer needs no domain in front. */
  readonly takesAnyFinalizer?: boolean;
}

/** What is wrong with the metadata of a complete object: one that has its name. */
export function validateObjectMeta(metadata: ObjectMeta, rules: ObjectMetaRules, field = 'metadata'): readonly FieldProblem[] {
  return [
    ...validateName(metadata, rules.nameRule, field),
    ...validateNamespace(metadata.namespace ?? '', rules.isNamespaced, `${field}.namespace`),
    ...validateNotNegative(metadata.generation ?? 0, `${field}.generation`),
    ...validateLabels(metadata.labels ?? {}, `${field}.labels`),
    ...validateAnnotations(metadata.annotations ?? {}, `${field}.annotations`),
    ...validateOwnerReferences(metadata.ownerReferences ?? [], `${field}.ownerReferences`),
    ...validateFinalizers(metadata.finalizers ?? [], `${field}.finalizers`),
    ...(rules.takesAnyFinalizer === true ? [] : unqualifiedFinalizers(metadata.finalizers ?? [], `${field}.finalizers`)),
  ];
}

/** What may not change about an object's metadata. */
export function validateObjectMetaUpdate(metadata: ObjectMeta, previous: ObjectMeta, field = 'metadata'): readonly FieldProblem[] {
  const fixed = ['name', 'namespace', 'uid', 'creationTimestamp', 'deletionTimestamp', 'deletionGracePeriodSeconds'] as const;
  return [
    ...newFinalizersWhileDeleting(metadata, previous, field),
    ...fixed.flatMap((name) => validateImmutable(metadata[name], previous[name], `${field}.${name}`)),
  ];
}

function newFinalizersWhileDeleting(metadata: ObjectMeta, previous: ObjectMeta, field: string): readonly FieldProblem[] {
  if (previous.deletionTimestamp === undefined) return [];
  const added = (metadata.finalizers ?? []).filter((finalizer) => !previous.finalizers?.includes(finalizer)).sort();
  if (added.length === 0) return [];
  const shown = `[]string{${added.map((finalizer) => JSON.stringify(finalizer)).join(', ')}}`;
  const detail = `no new finalizers can be added if the object is being deleted, found new finalizers ${shown}`;
  return [forbiddenField(`${field}.finalizers`, detail)];
}

function validateName(metadata: ObjectMeta, nameRule: NameRule, field: string): readonly FieldProblem[] {
  const { name = '', generateName = '' } = metadata;
  const problems: FieldProblem[] = [];
  if (generateName !== '') {
    // What follows the prefix is generated and always ends well, so a trailing hyphen or dot is fine.
    const example = `${generateName.replace(/[-.]$/, '')}a`;
    problems.push(...nameRule(example).map((problem) => invalidValue(`${field}.generateName`, generateName, problem)));
  }
  if (name === '') problems.push(required(`${field}.name`, 'name or generateName is required'));
  else problems.push(...nameRule(name).map((problem) => invalidValue(`${field}.name`, name, problem)));
  return problems;
}

function validateNamespace(namespace: string, isNamespaced: boolean, field: string): readonly FieldProblem[] {
  if (!isNamespaced) return namespace === '' ? [] : [forbiddenField(field, 'not allowed on this type')];
  if (namespace === '') return [required(field)];
  return dns1123LabelProblems(namespace).map((problem) => invalidValue(field, namespace, problem));
}

export function validateLabels(labels: Readonly<Record<string, string>>, field: string): readonly FieldProblem[] {
  return Object.entries(labels).flatMap(([key, value]) => [
    ...qualifiedNameProblems(key).map((problem) => invalidValue(field, key, problem)),
    ...labelValueProblems(value).map((problem) => invalidValue(field, value, problem)),
  ]);
}

export function validateAnnotations(annotations: Readonly<Record<string, string>>, field: string): readonly FieldProblem[] {
  const entries = Object.entries(annotations);
  const keyProblems = entries.flatMap(([key]) =>
    qualifiedNameProblems(key.toLowerCase()).map((problem) => invalidValue(field, key, problem)),
  );
  const bytes = entries.reduce((sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value), 0);
  return bytes > ANNOTATIONS_BYTES_MAX ? [...keyProblems, tooLong(field, ANNOTATIONS_BYTES_MAX)] : keyProblems;
}

function validateOwnerReferences(references: readonly OwnerReference[], field: string): readonly FieldProblem[] {
  const controllers = references.filter((reference) => reference.controller === true).map(({ kind, name }) => `${kind}/${name}`);
  const [first] = controllers;
  return [
    ...references.flatMap((reference) => validateOwnerReference(reference, field)),
    ...controllers
      .slice(1)
      .map((other) =>
        invalidValue(
          field,
          references,
          `Only one reference can have Controller set to true. Found "true" in references for ${first} and ${other}`,
        ),
      ),
  ];
}

function validateOwnerReference(reference: OwnerReference, field: string): readonly FieldProblem[] {
  const problems = (['kind', 'name', 'uid'] as const)
    .filter((name) => !reference[name])
    .map((name) => invalidValue(`${field}.${name}`, reference[name] ?? '', 'must not be empty'));
  if (!reference.apiVersion) problems.unshift(invalidValue(`${field}.apiVersion`, '', 'version must not be empty'));
  if (reference.apiVersion === 'v1' && reference.kind === 'Event') {
    problems.push(invalidValue(field, reference, '/v1, Kind=Event is disallowed from being an owner'));
  }
  return problems;
}

function validateFinalizers(finalizers: readonly string[], field: string): readonly FieldProblem[] {
  const problems = finalizers.flatMap((finalizer) =>
    qualifiedNameProblems(finalizer).map((problem) => invalidValue(field, finalizer, problem)),
  );
  if (finalizers.includes('orphan') && finalizers.includes('foregroundDeletion')) {
    problems.push(invalidValue(field, finalizers, 'finalizer orphan and foregroundDeletion cannot be both set'));
  }
  return problems;
}

const builtInFinalizers = ['orphan', 'foregroundDeletion', 'kubernetes'] as const;

/** Kubernetes' own kinds take no finalizer that does not say whose it is. Source: upstream's validateKubeFinalizerName. */
function unqualifiedFinalizers(finalizers: readonly string[], field: string): readonly FieldProblem[] {
  return finalizers.flatMap((finalizer, index) => {
    const isBuiltIn = builtInFinalizers.some((name) => name === finalizer);
    if (isBuiltIn || finalizer.includes('/')) return [];
    return [invalidValue(`${field}[${index}]`, finalizer, 'name is neither a standard finalizer name nor is it fully qualified')];
  });
}

export function validateNotNegative(value: number, field: string): readonly FieldProblem[] {
  return value >= 0 ? [] : [invalidValue(field, value, 'must be greater than or equal to 0')];
}

/** `example.com/what`: controllers and their like, named under a domain of their maker. */
export function validateDomainPrefixedPath(path: string, field: string): readonly FieldProblem[] {
  if (path === '') return [required(field)];
  const slash = path.indexOf('/');
  const [domain, rest] = [path.slice(0, Math.max(slash, 0)), path.slice(slash + 1)];
  if (slash < 0 || domain === '' || rest === '') {
    return [invalidValue(field, path, 'must be a domain-prefixed path (such as "acme.io/foo")')];
  }
  const problems = dns1123SubdomainProblems(domain).map((problem) => invalidValue(field, domain, problem));
  if (PATH.test(rest)) return problems;
  return [...problems, invalidValue(field, rest, grammarMessage('Invalid path', PATH_GRAMMAR, 'my-path'))];
}

export function validateImmutable(value: unknown, previous: unknown, field: string): readonly FieldProblem[] {
  return jsonEquals(value, previous) ? [] : [invalidValue(field, value, 'field is immutable')];
}

/** An empty or absent text, or one that is not in the list. */
export function validateOneOf(value: string | undefined, allowed: readonly string[], field: string): readonly FieldProblem[] {
  if (value === undefined || value === '') return [required(field)];
  return allowed.includes(value) ? [] : [notSupported(field, value, allowed)];
}

const selectorOperators = ['In', 'NotIn', 'Exists', 'DoesNotExist'] as const;

/** The selector inside an object, such as a Deployment's `spec.selector`. */
export function validateLabelSelector(selector: LabelSelector, field: string): readonly FieldProblem[] {
  const expressions = selector.matchExpressions ?? [];
  return [
    ...validateLabels(selector.matchLabels ?? {}, `${field}.matchLabels`),
    ...expressions.flatMap(({ key, operator, values = [] }, index) => {
      const path = `${field}.matchExpressions[${index}]`;
      const needsValues = operator === 'In' || operator === 'NotIn';
      const problems = qualifiedNameProblems(key).map((problem) => invalidValue(`${path}.key`, key, problem));
      if (!selectorOperators.some((known) => known === operator)) {
        problems.push(invalidValue(`${path}.operator`, operator, 'not a valid selector operator'));
      } else if (needsValues && values.length === 0) {
        problems.push(required(`${path}.values`, "must be specified when `operator` is 'In' or 'NotIn'"));
      } else if (!needsValues && values.length > 0) {
        problems.push(forbiddenField(`${path}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"));
      }
      const valueProblems = values.flatMap((value, at) =>
        labelValueProblems(value).map((problem) => invalidValue(`${path}.values[${at}]`, value, problem)),
      );
      return [...problems, ...valueProblems];
    }),
  ];
}
