/**
 * PATCH: a change to the object as it is, in one of three languages. The patched object takes the same road as one that was sent whole. The fourth kind of
 * patch, an apply, says how the object should be rather than what to change, and is `apply.ts`'s. Source: k8s.io/apiserver, pkg/endpoints/handlers/patch.go.
 */
import { invalidValue } from '#api/meta/field-path.ts';
import { isJsonObject, type JsonObject } from '#api/meta/json.ts';
import type { ApiObject } from '#api/meta/resource-type.ts';
import { ApiError, invalid } from '#api/meta/status.ts';
import { applyJsonPatch } from '#api/patch/json-patch.ts';
import { applyMergePatch } from '#api/patch/merge-patch.ts';
import { applyStrategicMergePatch } from '#api/patch/strategic-merge-patch.ts';
import { decodeAs } from '../encoding/decode-body.ts';
import { unsupportedMediaType } from '../encoding/negotiate.ts';
import { parseBody } from '../encoding/parse-body.ts';
import type { Answer } from './answer.ts';
import { APPLY_TYPE, applyObject, isApply } from './apply.ts';
import { mediaTypeOf } from './apply-configuration.ts';
import { replaceObject } from './replace-object.ts';
import type { ApiRequest, PipelineDeps } from './request.ts';
import { throwIfMisplaced } from './update.ts';
import { type FieldValidation, parseWriteOptions } from './write-options.ts';

const ACCEPTED = `application/json-patch+json, application/merge-patch+json, application/strategic-merge-patch+json, ${APPLY_TYPE}`;
/** How lists of a custom resource merge is not known to a strategic merge. */
const ACCEPTED_FOR_CUSTOM = `application/json-patch+json, application/merge-patch+json, ${APPLY_TYPE}`;
const STRATEGIC_MERGE = 'application/strategic-merge-patch+json';

type Patcher = (schemaName: string, original: JsonObject, patch: unknown) => JsonObject;

const patchers: ReadonlyMap<string, Patcher> = new Map<string, Patcher>([
  ['application/json-patch+json', (_schema, original, patch) => applyJsonPatch(original, patch)],
  ['application/merge-patch+json', (_schema, original, patch) => applyMergePatch(original, patch)],
  [STRATEGIC_MERGE, applyStrategicMergePatch],
]);

export async function patchObject(request: ApiRequest, deps: PipelineDeps): Promise<Answer> {
  if (isApply(request)) return applyObject(request, deps);
  const options = parseWriteOptions(request.query, 'PatchOptions');
  throwIfStrategicOnCustom(request);
  const patch = parsePatch(request, request.definition.type.schema);
  return replaceObject(request, deps, options, (current) => decodePatched(patch(current), request, options.fieldValidation));
}

function throwIfStrategicOnCustom({ definition, contentType = '' }: ApiRequest): void {
  if (definition.custom !== undefined && contentType.toLowerCase().startsWith(STRATEGIC_MERGE))
    throw unsupportedMediaType(ACCEPTED_FOR_CUSTOM);
}

/** Reads the patch; gives what it does to an object. `schemaName` tells a strategic merge how lists are merged. */
export function parsePatch(request: Pick<ApiRequest, 'body' | 'contentType'>, schemaName: string): (current: ApiObject) => JsonObject {
  const patcher = patchers.get(mediaTypeOf(request.contentType));
  if (patcher === undefined) throw unsupportedMediaType(ACCEPTED);
  const { value } = parseBody(request.body, 'application/json', 'Patch');
  return (current) => {
    // A stored object is JSON; this only tells the compiler.
    const original: unknown = current;
    if (!isJsonObject(original)) throw new ApiError('InternalError', 'the stored object is not a JSON object');
    return patcher(schemaName, original, value);
  };
}

/** Patches may put anything anywhere: the result is decoded like a body, and has to keep its name, kind and version. */
function decodePatched(patched: JsonObject, request: ApiRequest, fieldValidation: FieldValidation): ApiObject {
  const { object, unknownFields } = decodeAs(request.definition, { ...patched, metadata: patched.metadata ?? {} });
  throwIfRetyped(object, request);
  throwIfMisplaced(object, request);
  if (unknownFields.length > 0 && fieldValidation === 'Strict') {
    const shown = request.body.toString('utf8');
    const problem = invalidValue('patch', shown, `strict decoding error: ${unknownFields.join(', ')}`);
    throw invalid({ group: '', plural: '', kind: '' }, '', [problem]);
  }
  if (fieldValidation === 'Warn') for (const field of unknownFields) request.warn(field);
  return object;
}

function throwIfRetyped({ kind, apiVersion }: ApiObject, { definition: { type } }: ApiRequest): void {
  const expected = type.group === '' ? type.version : `${type.group}/${type.version}`;
  if (kind === type.kind && apiVersion === expected) return;
  throw new ApiError(
    'BadRequest',
    `${kind} in version ${JSON.stringify(apiVersion)} cannot be handled as a ${type.kind}: a patch cannot change the kind`,
  );
}
