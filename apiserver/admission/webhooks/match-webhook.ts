/**
 * Whether a webhook is to be asked about a write, and in which version of the resource: its rules, the labels of namespace and object, its conditions.
 * Source: k8s.io/apiserver, pkg/admission/plugin/webhook/generic/webhook.go (ShouldCallHook) and pkg/admission/plugin/webhook/predicates.
 */
import { type RuledRequest, ruleMatches } from '#api/admissionregistration/v1/resource-rules.ts';
import { namespaces } from '#api/generated/resources.ts';
import type { Labels } from '#api/meta/label-selector.ts';
import type { ApiObject } from '#api/meta/resource-type.ts';
import { forbidden, notFound } from '#api/meta/status.ts';
import type { RbacAuthorizer } from '../../authorization/rbac-authorizer.ts';
import type { ResourceRegistry } from '../../resource-registry.ts';
import type { ResourceDefinition } from '../../resources/resource-definition.ts';
import type { LiveObjects } from '../../service-accounts/live-objects.ts';
import type { AdmissionRequest } from '../admission.ts';
import { conditionsHold, createEvaluation } from '../policies/evaluation.ts';
import { nameOf, namespaceOf, type ReviewedWrite } from './admission-review.ts';
import type { CompiledWebhook } from './webhook-source.ts';

export interface MatchDeps {
  readonly resources: Pick<ResourceRegistry, 'equivalents'>;
  readonly objects: Pick<LiveObjects, 'read'>;
  readonly authorizer: Pick<RbacAuthorizer, 'policy'>;
}

const EXEMPT_GROUP = 'admissionregistration.k8s.io';

/** Who is asked about writes is nothing that anybody is asked about: a wrong webhook could never be mended. */
export function isExempt({ definition }: AdmissionRequest): boolean {
  return definition.type.group === EXEMPT_GROUP;
}

/** The version of the resource that a rule names, the request's own before others; undefined when none does. */
export function versionAskedFor(
  { webhook }: CompiledWebhook,
  request: AdmissionRequest,
  { resources }: Pick<MatchDeps, 'resources'>,
): ResourceDefinition<ApiObject> | undefined {
  const { definition, info } = request;
  const { rules = [], matchPolicy } = webhook;
  const own = ruledRequest(request, definition);
  if (rules.some((rule) => ruleMatches(rule, own))) return definition;
  if (matchPolicy === 'Exact') return undefined;
  const others = resources
    .equivalents(definition)
    .filter((other) => other !== definition && hasSubresource(other, info.subresource))
    .map((other) => [other, ruledRequest(request, other)] as const);
  // Earlier rules go before later ones, whatever version they name.
  for (const rule of rules) for (const [other, ruled] of others) if (ruleMatches(rule, ruled)) return other;
  return undefined;
}

function hasSubresource({ type }: ResourceDefinition<ApiObject>, subresource: string): boolean {
  return subresource === '' || type.subresources.some(({ name }) => name === subresource);
}

function ruledRequest(request: AdmissionRequest, { type }: ResourceDefinition<ApiObject>): RuledRequest {
  const { operation, info } = request;
  const { group, version, plural: resource } = type;
  return { operation, group, version, resource, subresource: info.subresource, namespace: namespaceOf(request) };
}

/** Whether the labels are right: of the namespace, and of the object as it was or as it will be. Throws NotFound for a namespace that is not there. */
export async function selectorsMatch(hook: CompiledWebhook, request: AdmissionRequest, deps: Pick<MatchDeps, 'objects'>): Promise<boolean> {
  const { matchesObject, matchesNamespace } = hook;
  if (matchesObject !== undefined && !objectsOf(request).some((object) => matchesObject(object.metadata.labels))) return false;
  if (matchesNamespace === undefined || namespaceOf(request) === '') return true;
  return matchesNamespace(await namespaceLabels(request, deps));
}

/** Those that there are, and that have labels: the options of a connection do not. */
function objectsOf({ operation, object, previous }: AdmissionRequest): readonly ApiObject[] {
  if (operation === 'CONNECT') return [];
  return [...(operation === 'DELETE' ? [] : [object]), ...(previous === undefined ? [] : [previous])];
}

/** A namespace that is being written has the labels it will have. */
async function namespaceLabels(request: AdmissionRequest, { objects }: Pick<MatchDeps, 'objects'>): Promise<Labels | undefined> {
  const { definition, info, operation, object } = request;
  const isNamespace = definition.type.group === namespaces.group && definition.type.plural === namespaces.plural;
  if (isNamespace && info.subresource === '' && (operation === 'CREATE' || operation === 'UPDATE')) return object.metadata.labels;
  const name = namespaceOf(request);
  const namespace = await objects.read(namespaces, '', name);
  if (namespace === undefined) throw notFound(namespaces, name);
  return namespace.metadata.labels;
}

/** Throws Forbidden when they cannot be evaluated and the request fails without the webhook. */
export function areConditionsMet(
  { webhook, conditions }: CompiledWebhook,
  request: AdmissionRequest,
  write: ReviewedWrite,
  { authorizer }: Pick<MatchDeps, 'authorizer'>,
): boolean {
  if (conditions.length === 0) return true;
  const input = { request, write, params: undefined, namespace: undefined, authorizer };
  const verdict = conditionsHold({ conditions }, createEvaluation({ variables: new Map() }, input));
  if (typeof verdict === 'boolean') return verdict;
  if (webhook.failurePolicy === 'Ignore') return false;
  throw forbidden(request.definition.type, nameOf(request), verdict.problem);
}
