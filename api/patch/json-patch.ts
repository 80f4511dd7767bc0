/**
 * JSON patch (RFC 6902, `application/json-patch+json`): a list of operations, all applied or none. The operations themselves are the
 * `rfc6902` library's; here are the bounds that keep a hostile list from costing us memory, and the answers upstream gives.
 */
import { applyPatch, type Operation, Pointer } from 'rfc6902';
import { isJsonObject, isTooDeep, type JsonObject } from '../meta/json.ts';
import { ApiError } from '../meta/status.ts';

/** Upstream's bound. */
const OPERATIONS_MAX = 10_000;

/** What all `copy` operations together may add (upstream's bound): copies of copies double with every step. */
const COPIED_BYTES_MAX = 3 * 1024 * 1024;

/**
 * Takes the stored object and the patch's body; gives the patched object, the original stays as it is.
 * Throws BadRequest for a body that is no patch, RequestEntityTooLarge for too many operations, and upstream's 422 when an operation
 * cannot be applied or a `test` fails.
 */
export function applyJsonPatch(original: JsonObject, patch: unknown): JsonObject {
  const operations = decodeOperations(patch);
  let document: unknown = structuredClone(original);
  let copiedBytes = 0;
  for (const operation of operations) {
    if (operation.op === 'copy') copiedBytes += copySize(document, operation.from);
    if (copiedBytes > COPIED_BYTES_MAX) throw unprocessable();
    document = applyOne(document, operation);
  }
  if (!isJsonObject(document) || isTooDeep(document)) throw unprocessable();
  return document;
}

/** Whether a patch could not be applied because one of its own tests said no. */
export function isFailedTest(error: unknown): boolean {
  return error instanceof Error && error.cause instanceof Error && error.cause.name === 'TestError';
}

function applyOne(document: unknown, operation: Operation): unknown {
  if (operation.path === '' && (operation.op === 'add' || operation.op === 'replace')) return structuredClone(operation.value);
  try {
    const [error] = applyPatch(document, [operation]);
    if (error) throw error;
    return document;
  } catch (error) {
    throw unprocessable(error);
  }
}

function copySize(document: unknown, from: string): number {
  try {
    return JSON.stringify(Pointer.fromJSON(from).evaluate(document).value)?.length ?? 0;
  } catch (error) {
    throw unprocessable(error);
  }
}

/** Upstream hides which operation it was; the code and the words are what clients look for. */
function unprocessable(cause?: unknown): ApiError {
  return new ApiError('Invalid', 'the server rejected our request due to an error in our request', { details: {}, cause });
}

function decodeOperations(patch: unknown): readonly Operation[] {
  if (!Array.isArray(patch))
    throw new ApiError('BadRequest', 'error decoding patch: json: cannot unmarshal object into Go value of type jsonpatch.Patch');
  if (patch.length > OPERATIONS_MAX) {
    const message = `Request entity is too large: The allowed maximum operations in a JSON patch is ${OPERATIONS_MAX}, got ${patch.length}`;
    throw new ApiError('RequestEntityTooLarge', message);
  }
  if (isTooDeep(patch)) throw new ApiError('BadRequest', 'error decoding patch: json: exceeded max depth');
  return patch.map((operation: unknown) => (isOperation(operation) ? operation : rejectOperation()));
}

function rejectOperation(): never {
  throw unprocessable();
}

const operationNames = ['add', 'remove', 'replace', 'move', 'copy', 'test'] as const;

/** Has the members its operation needs, and addresses nothing that every JavaScript object inherits. */
function isOperation(value: unknown): value is Operation {
  if (!isJsonObject(value) || !operationNames.some((name) => name === value.op)) return false;
  if (!isSafePointer(value.path)) return false;
  if (value.op === 'move' || value.op === 'copy') return isSafePointer(value.from);
  return value.op === 'remove' || Object.hasOwn(value, 'value');
}

const inheritedNames = new Set(['__proto__', 'constructor', 'prototype']);

function isSafePointer(pointer: unknown): pointer is string {
  if (typeof pointer !== 'string' || (pointer !== '' && !pointer.startsWith('/'))) return false;
  return !Pointer.fromJSON(pointer).tokens.some((token) => inheritedNames.has(token));
}
