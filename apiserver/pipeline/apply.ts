/**
 * Server-side apply: PATCH with a configuration of which the sender is the manager. The server lays it over the object, takes out what the manager no longer
 * mentions, and refuses what belongs to others; then the object takes the same road as any other change, or as a new one if there was none.
 * What owning means is decided in `api/apply/`. Source: k8s.io/apiserver, pkg/endpoints/handlers/patch.go (applyPatcher, applyPatch).
 */
import { withLastApplied } from '#api/apply/last-applied.ts';
import { decodePart } from '#api/decode.ts';
import { isJsonObject, type Json, type JsonObject, memberOf } from '#api/meta/json.ts';
import type { ApiObject } from '#api/meta/resource-type.ts';
import { ApiError, conflict, isReason } from '#api/meta/status.ts';
import { decodeAs } from '../encoding/decode-body.ts';
import { throwIfForbidden } from '../request/authorize.ts';
import { withStatusMetadata } from '../resources/define-resource.ts';
import type { Answer } from './answer.ts';
import { type Configuration, mediaTypeOf, readConfiguration } from './apply-configuration.ts';
import { createDecoded, type OwnersOf } from './create.ts';
import { applyTo, asJson, mergeTypeFor, ownedPart, statusPart, withManagedFields } from './field-owners.ts';
import { MODIFIED_MEANWHILE, replaceObject } from './replace-object.ts';
import type { ApiRequest, PipelineDeps } from './request.ts';
import { throwIfMisplaced } from './update.ts';
import { parseApplyOptions, type WriteOptions } from './write-options.ts';

export const APPLY_TYPE = 'application/apply-patch+yaml';

/** An object can come and go while it is being applied; whoever loses this often is told so. */
const ATTEMPTS_MAX = 5;

/** The owners are worked out with the object itself. */
const ownersApplied: OwnersOf = ({ wanted }) => wanted.metadata.managedFields;

export function isApply({ contentType }: Pick<ApiRequest, 'contentType'>): boolean {
  return mediaTypeOf(contentType) === APPLY_TYPE;
}

/** Creates what is not there (201), through the main resource only. Throws Conflict with the fields that others own. */
export async function applyObject(request: ApiRequest, deps: PipelineDeps): Promise<Answer> {
  const { definition, info } = request;
  const options = parseApplyOptions(request.query);
  const { type, custom } = definition;
  const decodeFields = (given: JsonObject) => custom?.decodePart(given) ?? decodePart(type, given);
  const configuration = readConfiguration(request, { type, mergeType: mergeTypeFor(definition), decodeFields }, options);
  for (let attempt = 1; ; attempt++) {
    try {
      return await replaceObject(
        request,
        deps,
        options,
        (current) => appliedTo(current, configuration, request, options, deps),
        ownersApplied,
      );
    } catch (error) {
      if (info.subresource !== '' || !isAbout(error, 'NotFound', request)) throw error;
    }
    try {
      return await createApplied(configuration, request, options, deps);
    } catch (error) {
      if (attempt === ATTEMPTS_MAX || !isAbout(error, 'AlreadyExists', request)) throw error;
    }
  }
}

/** The whole object with the configuration applied to the part of it that the request may change. */
function appliedTo(
  current: ApiObject,
  configuration: Configuration,
  request: ApiRequest,
  options: WriteOptions,
  deps: PipelineDeps,
): ApiObject {
  const applied = appliedPart(configuration, request);
  const merged = applyTo({ current, live: ownedPart(current, request), applied }, request, options, deps);
  const object = withLastApplied(merged.object, configuration.given, options.fieldManager);
  const stored = asJson(current);
  const status = memberOf(request.info.subresource === 'status' ? object : stored, 'status');
  const parts = request.info.subresource === '' ? object : { ...stored, metadata: statusMetadataOf(object, current, request) };
  const wanted = decode(request, { ...parts, ...(status === undefined ? {} : { status }) });
  throwIfMisplaced(wanted, request);
  return withManagedFields(withPreconditions(wanted, configuration), merged.managedFields);
}

/** The metadata as stored, with what comes with a status. */
function statusMetadataOf(object: JsonObject, { metadata }: ApiObject, { definition, info }: ApiRequest): Json {
  const wanted = isJsonObject(object.metadata) ? object.metadata : {};
  const merged: unknown = info.subresource === 'status' ? withStatusMetadata(metadata, wanted, definition.statusMetadata) : metadata;
  return isJsonObject(merged) ? merged : {};
}

async function createApplied(
  configuration: Configuration,
  request: ApiRequest,
  options: WriteOptions,
  deps: PipelineDeps,
): Promise<Answer> {
  const { definition, info, user } = request;
  throwIfForbidden(deps.authorizer, user, { ...info, verb: 'create' });
  const { uid, resourceVersion } = configuration;
  if (uid !== '') {
    throw conflict(definition.type, info.name, `uid mismatch: the provided object specified uid ${uid}, and no existing object was found`);
  }
  if (resourceVersion !== '') throw conflict(definition.type, info.name, MODIFIED_MEANWHILE);
  const applied = appliedPart(configuration, request);
  const { object, managedFields } = applyTo({ current: undefined, live: {}, applied }, request, options, deps);
  const wanted = decode(request, withLastApplied(object, configuration.given, options.fieldManager));
  throwIfMisplaced(wanted, request);
  return createDecoded(request, deps, options, withManagedFields(wanted, managedFields), ownersApplied);
}

/** What of the configuration the request may change at all; the rest is passed over, as upstream does it. */
function appliedPart({ fields }: Configuration, { definition, info }: ApiRequest): JsonObject {
  const { status, ...rest } = fields;
  if (info.subresource === 'status') return statusPart(status, isJsonObject(rest.metadata) ? rest.metadata : {}, definition);
  return definition.type.subresources.some(({ name }) => name === 'status') ? rest : fields;
}

/** Which version of which object is meant is checked like in any update. */
export function withPreconditions(object: ApiObject, { uid, resourceVersion }: Configuration): ApiObject {
  return { ...object, metadata: { ...object.metadata, ...(uid === '' ? {} : { uid }), resourceVersion } };
}

function decode({ definition }: ApiRequest, value: JsonObject): ApiObject {
  return decodeAs(definition, value).object;
}

/** Whether what is missing, or there already, is the object itself, not its namespace or something else on the way. */
function isAbout(error: unknown, reason: 'NotFound' | 'AlreadyExists', { definition, info }: ApiRequest): boolean {
  if (!isReason(error, reason)) return false;
  return error instanceof ApiError && error.details?.kind === definition.type.plural && error.details.name === info.name;
}
