/**
 * The question that a webhook is asked and what is read of its answer: AdmissionReview, of which no fields are trusted. Pure.
 * Source: k8s.io/api, admission/v1; k8s.io/apiserver, pkg/admission/plugin/webhook/request/admissionreview.go.
 */

import { namespaces } from '#api/generated/resources.ts';
import { isJsonObject, type Json, type JsonObject, memberOf } from '#api/meta/json.ts';
import type { ApiObject, ResourceType } from '#api/meta/resource-type.ts';
import { REVIEW_VERSIONS } from '#api/meta/webhook-client-config.ts';
import { userInfoOf } from '../../request/user.ts';
import type { ResourceDefinition } from '../../resources/resource-definition.ts';
import type { AdmissionRequest } from '../admission.ts';

const GROUP = 'admission.k8s.io';
const JSON_PATCH = 'JSONPatch';

export type ReviewVersion = (typeof REVIEW_VERSIONS)[number];

/** A write as one version of its resource has it. */
export interface ReviewedWrite {
  readonly definition: ResourceDefinition<ApiObject>;
  /** Undefined for a deletion. */
  readonly object: ApiObject | undefined;
  readonly oldObject: ApiObject | undefined;
}

export interface ReviewAnswer {
  readonly isAllowed: boolean;
  /** Undefined for none; decoded, but not looked into. */
  readonly patch: unknown;
  readonly warnings: readonly string[];
  /** Why not, as the webhook words it. */
  readonly result: JsonObject;
}

/** An answer that is none. */
export class InvalidAnswer extends Error {}

/** The version that the webhook likes best of those there are; undefined for none. */
export function reviewVersionOf(accepted: readonly string[]): ReviewVersion | undefined {
  return accepted.flatMap((version) => REVIEW_VERSIONS.find((known) => known === version) ?? [])[0];
}

export function reviewOf(version: ReviewVersion, uid: string, request: AdmissionRequest, write: ReviewedWrite): object {
  const { oldObject = null } = write;
  const object = objectTold(request, write);
  return {
    kind: 'AdmissionReview',
    apiVersion: `${GROUP}/${version}`,
    request: { uid, ...describeRequest(request, write.definition), object, oldObject, ...optionsOf(request) },
  };
}

/** Null for a deletion; the options of a connection as they are, without what makes them an object of ours. */
export function objectTold({ operation }: AdmissionRequest, { object }: ReviewedWrite): object | null {
  if (object === undefined) return null;
  if (operation !== 'CONNECT') return object;
  const { metadata: _metadata, ...options } = object;
  return options;
}

/** All that a webhook, or a condition in CEL, is told of a request but its objects. `asked` is the version the webhook wants it in. */
export function describeRequest(request: AdmissionRequest, asked: ResourceDefinition<ApiObject>): JsonObject {
  const { definition, info, user, operation, isDryRun } = request;
  const subresource = info.subresource === '' ? {} : { subResource: info.subresource };
  const requestSubResource = info.subresource === '' ? {} : { requestSubResource: info.subresource };
  const [name, namespace] = [nameOf(request), namespaceOf(request)];
  return {
    kind: kindOf(request, asked),
    resource: resourceOf(asked),
    ...subresource,
    requestKind: kindOf(request, definition),
    requestResource: resourceOf(definition),
    ...requestSubResource,
    ...(name === '' ? {} : { name }),
    ...(namespace === '' ? {} : { namespace }),
    operation,
    userInfo: jsonOf(userInfoOf(user)),
    dryRun: isDryRun,
  };
}

/** Empty while a name has yet to be generated. */
export function nameOf({ info, object }: Pick<AdmissionRequest, 'info' | 'object'>): string {
  return info.name === '' ? (object.metadata.name ?? '') : info.name;
}

/** A namespace counts as its own. */
export function namespaceOf({ definition, info, object }: Pick<AdmissionRequest, 'definition' | 'info' | 'object'>): string {
  const isNamespace = definition.type.group === namespaces.group && definition.type.plural === namespaces.plural;
  return isNamespace ? nameOf({ info, object }) : info.namespace;
}

function kindOf({ bodyType }: AdmissionRequest, { type }: ResourceDefinition<ApiObject>): JsonObject {
  const { group, version, kind }: ResourceType<ApiObject> = bodyType ?? type;
  return { group, version, kind };
}

function resourceOf({ type: { group, version, plural } }: ResourceDefinition<ApiObject>): JsonObject {
  return { group, version, resource: plural };
}

/** How the operation was asked for; a connection has its options as its object. */
export function optionsOf({ operation, query, deletion }: AdmissionRequest): { readonly options?: JsonObject } {
  const apiVersion = 'meta.k8s.io/v1';
  switch (operation) {
    case 'CONNECT':
      return {};
    case 'CREATE':
      return { options: { kind: 'CreateOptions', apiVersion, ...writeOptionsIn(query) } };
    case 'UPDATE':
      return { options: { kind: 'UpdateOptions', apiVersion, ...writeOptionsIn(query) } };
    case 'DELETE':
      return { options: { kind: 'DeleteOptions', apiVersion, ...deletionOptions(deletion) } };
  }
}

function writeOptionsIn(query: URLSearchParams): JsonObject {
  const dryRun = query.getAll('dryRun').filter((value) => value !== '');
  const [fieldManager, fieldValidation] = [query.get('fieldManager') ?? '', query.get('fieldValidation') ?? ''];
  return {
    ...(dryRun.length === 0 ? {} : { dryRun }),
    ...(fieldManager === '' ? {} : { fieldManager }),
    ...(fieldValidation === '' ? {} : { fieldValidation }),
  };
}

function deletionOptions(wish: AdmissionRequest['deletion']): JsonObject {
  if (wish === undefined) return {};
  const { gracePeriodSeconds, propagationPolicy, preconditions, isDryRun } = wish;
  return {
    ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
    ...(Object.keys(preconditions).length === 0 ? {} : { preconditions: { ...preconditions } }),
    ...(propagationPolicy === undefined ? {} : { propagationPolicy }),
    ...(isDryRun ? { dryRun: ['All'] } : {}),
  };
}

/** Throws InvalidAnswer. Before v1 nobody checked what an answer was to. */
export function readAnswer(
  answer: unknown,
  { version, uid, mayPatch }: { readonly version: ReviewVersion; readonly uid: string; readonly mayPatch: boolean },
): ReviewAnswer {
  const review = isJsonObject(answer) ? answer : {};
  const response = memberOf(review, 'response') ?? null;
  if (!isJsonObject(response)) throw new InvalidAnswer('webhook response was absent');
  if (version === 'v1') throwIfToOther(review, response, uid);
  const allowed = memberOf(response, 'allowed') ?? false;
  if (typeof allowed !== 'boolean') throw new InvalidAnswer('response.allowed is not a boolean');
  const warnings = memberOf(response, 'warnings');
  const result = memberOf(response, 'status');
  return {
    isAllowed: allowed,
    patch: patchIn(response, { mayPatch, isLenient: version !== 'v1' }),
    warnings: Array.isArray(warnings) ? warnings.filter((text: unknown) => typeof text === 'string') : [],
    result: isJsonObject(result) ? result : {},
  };
}

function throwIfToOther(review: JsonObject, response: JsonObject, uid: string): void {
  const answered = textOf(response.uid);
  if (answered !== uid) throw new InvalidAnswer(`expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(answered)}`);
  const [apiVersion, kind] = [textOf(review.apiVersion), textOf(review.kind)];
  if (apiVersion === `${GROUP}/v1` && kind === 'AdmissionReview') return;
  const got = apiVersion.includes('/') ? apiVersion : `/${apiVersion}`;
  throw new InvalidAnswer(`expected webhook response of ${GROUP}/v1, Kind=AdmissionReview, got ${got}, Kind=${kind}`);
}

function patchIn(response: JsonObject, { mayPatch, isLenient }: { readonly mayPatch: boolean; readonly isLenient: boolean }): unknown {
  const patch = textOf(response.patch);
  const patchType = response.patchType ?? undefined;
  if (!isLenient) throwIfMismatched(patch, patchType, mayPatch);
  if (!mayPatch || patch === '') return undefined;
  if (!isLenient && patchType !== JSON_PATCH) throw new InvalidAnswer(`unsupported patch type ${JSON.stringify(patchType)}`);
  try {
    const parsed: unknown = JSON.parse(Buffer.from(patch, 'base64').toString('utf8'));
    return Array.isArray(parsed) && parsed.length === 0 ? undefined : parsed;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new InvalidAnswer(`received undecodable patch in webhook response: ${why}`, { cause });
  }
}

function throwIfMismatched(patch: string, patchType: Json | undefined, mayPatch: boolean): void {
  if (!mayPatch) {
    if (patch !== '') throw new InvalidAnswer('validating webhook may not return response.patch');
    if (patchType !== undefined) throw new InvalidAnswer('validating webhook may not return response.patchType');
    return;
  }
  if (patch !== '' && patchType === undefined) throw new InvalidAnswer('webhook returned response.patch but not response.patchType');
  if (patch === '' && patchType !== undefined) throw new InvalidAnswer('webhook returned response.patchType but not response.patch');
  if (patchType === '') throw new InvalidAnswer('webhook returned invalid response.patchType of ""');
}

function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : '';
}

function jsonOf(object: object): JsonObject {
  const value: unknown = object;
  return isJsonObject(value) ? value : {};
}
