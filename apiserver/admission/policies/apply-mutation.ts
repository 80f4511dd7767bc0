/**
 * One mutation of a policy on an object: a configuration that is merged like one of server-side apply, or a JSON patch; both made by an expression. Who owns
 * the fields is not changed by it. Source: k8s.io/apiserver, pkg/admission/plugin/policy/mutating/patch.
 */
import { atomicPlaces } from '#api/apply/atomic-places.ts';
import { mergeApplied } from '#api/apply/merge.ts';
import { toApplyConfiguration, toJsonPatch } from '#api/cel/objects.ts';
import { decodePart } from '#api/decode.ts';
import type { JsonObject } from '#api/meta/json.ts';
import { type ApiObject, apiVersionOf } from '#api/meta/resource-type.ts';
import { applyJsonPatch, isFailedTest } from '#api/patch/json-patch.ts';
import { decodeAs } from '../../encoding/decode-body.ts';
import { asJson, mergeTypeFor } from '../../pipeline/field-owners.ts';
import type { ResourceDefinition } from '../../resources/resource-definition.ts';

type Definition = ResourceDefinition<ApiObject>;

/** `value` is what the mutation's expression gave. Throws an Error that says why the object cannot be changed so. */
export function applyMutation(patchType: string, value: unknown, object: ApiObject, definition: Definition): ApiObject {
  const patched = patchType === 'JSONPatch' ? jsonPatched(object, value) : merged(object, value, definition);
  return patched === undefined ? object : definition.applyDefaults(decoded(patched, definition));
}

/** Undefined when one of the patch's own tests says no. */
function jsonPatched(object: ApiObject, value: unknown): JsonObject | undefined {
  const patch = toJsonPatch(value);
  try {
    return applyJsonPatch(asJson(object), patch);
  } catch (error) {
    if (isFailedTest(error)) return undefined;
    throw new Error(`JSONPath: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

function merged(object: ApiObject, value: unknown, definition: Definition): JsonObject {
  const { type, custom } = definition;
  const given = { ...toApplyConfiguration(value), apiVersion: apiVersionOf(type), kind: type.kind };
  const { object: applied, unknownFields } = custom?.decodePart(given) ?? decodePart(type, given);
  if (unknownFields.length > 0) {
    throw new Error(`error applying patch: failed to convert patch object to typed object: ${unknownFields.map(undeclared).join(', ')}`);
  }
  const mergeType = mergeTypeFor(definition);
  const atomic = atomicPlaces(mergeType, applied);
  if (atomic.length > 0) {
    throw new Error(
      `error applying patch: invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: ${atomic.join(', ')}`,
    );
  }
  return mergeApplied(mergeType, asJson(object), applied);
}

/** `unknown field "spec.foo"` → as server-side apply says it. */
function undeclared(problem: string): string {
  return `.${/"(.*)"/.exec(problem)?.[1] ?? problem}: field not declared in schema`;
}

function decoded(patched: JsonObject, definition: Definition): ApiObject {
  const { object, unknownFields } = decodeAs(definition, { ...patched, metadata: patched.metadata ?? {} });
  if (unknownFields.length > 0 && definition.custom === undefined) throw new Error(`strict decoding error: ${unknownFields.join(', ')}`);
  return object;
}
