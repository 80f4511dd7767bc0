/**
 * Whether a write is one that rules and selectors are about: `matchConstraints` of admission policies, `matchResources` of their bindings, and, in the same
 * words, webhooks. Compiled once per object that has them. A rule may mean the write in another version of its kind (`matchPolicy: Equivalent`); then
 * whoever asked sees the object in that version. Source: k8s.io/apiserver, pkg/admission/plugin/policy/matching/matching.go and plugin/webhook/predicates.
 */
import { ruleMatches } from '#api/admissionregistration/v1/resource-rules.ts';
import { namespaces } from '#api/generated/resources.ts';
import type { MatchResources, NamedRuleWithOperations } from '#api/generated/types.ts';
import { compileLabelSelector, type LabelMatcher, type Labels } from '#api/meta/label-selector.ts';
import type { ApiObject } from '#api/meta/resource-type.ts';
import type { ResourceRegistry } from '../resource-registry.ts';
import type { ResourceDefinition } from '../resources/resource-definition.ts';
import { storagePrefix } from '../storage-key.ts';
import type { AdmissionRequest } from './admission.ts';

type Definition = ResourceDefinition<ApiObject>;
type Write = Pick<AdmissionRequest, 'operation' | 'definition' | 'info' | 'object' | 'previous'>;

export interface MatchDeps {
  readonly resources: ResourceRegistry;
  /** Labels of the namespace that the write is in. Throws NotFound. */
  namespaceLabels(namespace: string): Promise<Labels>;
}

export interface CompiledMatch {
  /** The definition of the version that a rule means; undefined when the write is none of those that are meant. */
  find(write: Write, deps: MatchDeps): Promise<Definition | undefined>;
}

/** Without rules everything is meant that the selectors let through. */
export function compileMatch(match: MatchResources): CompiledMatch {
  const { resourceRules = [], excludeResourceRules = [], namespaceSelector = {}, objectSelector = {}, matchPolicy } = match;
  const isEquivalent = matchPolicy !== 'Exact';
  const matchesNamespace = compiledSelector(namespaceSelector);
  const matchesObject = compiledSelector(objectSelector);
  return {
    find: async (write, deps) => {
      const versions = isEquivalent ? versionsOf(write.definition, deps.resources) : [write.definition];
      if (findVersion(excludeResourceRules, versions, write) !== undefined) return undefined;
      const found = resourceRules.length === 0 ? write.definition : findVersion(resourceRules, versions, write);
      if (found === undefined || !hasMatchingObject(write, matchesObject)) return undefined;
      return (await isInMatchingNamespace(write, matchesNamespace, deps)) ? found : undefined;
    },
  };
}

/** Undefined for a selector that everything matches. */
function compiledSelector(selector: NonNullable<MatchResources['objectSelector']>): LabelMatcher | undefined {
  const isEmpty = Object.keys(selector.matchLabels ?? {}).length === 0 && (selector.matchExpressions ?? []).length === 0;
  return isEmpty ? undefined : compileLabelSelector(selector);
}

/** The version of the request first: a rule that names it is meant as it is written. */
function versionsOf(definition: Definition, resources: ResourceRegistry): readonly Definition[] {
  const prefix = storagePrefix(definition.type);
  return [definition, ...resources.all().filter((other) => other !== definition && storagePrefix(other.type) === prefix)];
}

function findVersion(rules: readonly NamedRuleWithOperations[], versions: readonly Definition[], write: Write): Definition | undefined {
  return versions.find((version) => rules.some((rule) => isNamed(rule, write) && ruleMatches(rule, ruledRequest(version, write))));
}

function ruledRequest({ type }: Definition, { operation, info }: Write) {
  const { group, version, plural: resource } = type;
  return { operation, group, version, resource, subresource: info.subresource, namespace: info.namespace };
}

function isNamed({ resourceNames = [] }: NamedRuleWithOperations, write: Write): boolean {
  return resourceNames.length === 0 || resourceNames.includes(nameOf(write));
}

/** Of what is new, the name that its author gives it. */
export function nameOf({ info, object }: Pick<AdmissionRequest, 'info' | 'object'>): string {
  return info.name === '' ? (object.metadata.name ?? '') : info.name;
}

/** Before or after. */
function hasMatchingObject({ operation, object, previous }: Write, matches: LabelMatcher | undefined): boolean {
  if (matches === undefined) return true;
  const after = operation !== 'DELETE' && matches(object.metadata.labels);
  return after || (previous !== undefined && matches(previous.metadata.labels));
}

/** A namespace is in none, but its own labels count; what is cluster-wide is let through. */
async function isInMatchingNamespace(
  { definition, info, object }: Write,
  matches: LabelMatcher | undefined,
  deps: MatchDeps,
): Promise<boolean> {
  if (matches === undefined) return true;
  if (isNamespace(definition)) return matches(object.metadata.labels);
  if (!definition.type.isNamespaced) return true;
  return matches(await deps.namespaceLabels(info.namespace));
}

export function isNamespace({ type }: Definition): boolean {
  return type.group === namespaces.group && type.plural === namespaces.plural;
}
