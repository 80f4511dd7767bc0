/**
 * The client's border: what the server sent is `unknown` here and typed from here on. Checks what every object has in common (a name, a
 * version, the right kind) and trusts the server, which validated the rest against the kind's schema. Failures become `ApiError`s.
 */
import type { StatusDetails } from '#api/generated/types.ts';
import { type ApiList, type ApiObject, apiVersionOf, type ResourceType } from '#api/meta/resource-type.ts';
import { ApiError, type StatusReason, statusCodes } from '#api/meta/status.ts';

export type JsonRecord = Readonly<Record<string, unknown>>;

export function isRecord(value: unknown): value is JsonRecord {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Whether the value is an object of this resource, as far as all kinds agree. */
export function isObjectOf<T extends ApiObject>(type: ResourceType<T>, value: unknown): value is T {
  return isRecord(value) && value.kind === type.kind && isRecord(value.metadata) && typeof value.metadata.name === 'string';
}

/** Items of a list may leave out `apiVersion` and `kind`, which the list already says; they are put back. */
export function decodeObject<T extends ApiObject>(type: ResourceType<T>, value: unknown): T {
  const object: unknown =
    isRecord(value) && value.kind === undefined ? { apiVersion: apiVersionOf(type), kind: type.kind, ...value } : value;
  if (isObjectOf(type, object)) return object;
  throw new ApiError('InternalError', `the server answered with something that is no ${type.kind}: ${excerpt(value)}`);
}

/** The answer to a review has no name. */
export function decodeReview<T extends ApiObject>(type: ResourceType<T>, value: unknown): T {
  if (isReviewOf(type, value)) return value;
  throw new ApiError('InternalError', `the server answered with something that is no ${type.kind}: ${excerpt(value)}`);
}

function isReviewOf<T extends ApiObject>(type: ResourceType<T>, value: unknown): value is T {
  return isRecord(value) && value.kind === type.kind && isRecord(value.metadata);
}

export function decodeList<T extends ApiObject>(type: ResourceType<T>, value: unknown): ApiList<T> {
  if (!isRecord(value) || !isRecord(value.metadata) || (value.items !== null && !Array.isArray(value.items))) {
    throw new ApiError('InternalError', `the server answered with something that is no list of ${type.plural}: ${excerpt(value)}`);
  }
  const items: readonly unknown[] = value.items ?? [];
  return {
    apiVersion: apiVersionOf(type),
    kind: `${type.kind}List`,
    metadata: value.metadata,
    items: items.map((item) => decodeObject(type, item)),
  };
}

/** The error in a failed answer: its `Status` when it has one, else what the HTTP code means. `retryAfterSeconds` is the header's. */
export function decodeStatus(code: number, body: unknown, retryAfterSeconds?: number): ApiError {
  const status: JsonRecord = isRecord(body) && body.kind === 'Status' ? body : {};
  const reason = isStatusReason(status.reason) ? status.reason : reasonForCode(code);
  const message =
    typeof status.message === 'string' && status.message !== '' ? status.message : `the server answered ${code}: ${excerpt(body)}`;
  const details: StatusDetails = {
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
    ...(isRecord(status.details) ? status.details : {}),
  };
  return new ApiError(reason, message, { code, ...(Object.keys(details).length === 0 ? {} : { details }) });
}

/** How long the server asked to be left alone; undefined when it did not say. */
export function retryAfterMs(error: unknown): number | undefined {
  const seconds = error instanceof ApiError ? error.details?.retryAfterSeconds : undefined;
  return typeof seconds === 'number' && seconds > 0 ? seconds * 1_000 : undefined;
}

function isStatusReason(value: unknown): value is StatusReason {
  return typeof value === 'string' && Object.hasOwn(statusCodes, value);
}

function reasonForCode(code: number): StatusReason {
  if (code === statusCodes.Conflict) return 'Conflict';
  if (code === statusCodes.Expired) return 'Expired';
  const known = Object.entries(statusCodes).find(([, known]) => known === code)?.[0];
  if (isStatusReason(known)) return known;
  return code >= 500 ? 'InternalError' : 'BadRequest';
}

/** Enough of a body to recognise it in a log. */
const EXCERPT_CHARACTERS_MAX = 200;

function excerpt(body: unknown): string {
  const text = typeof body === 'string' ? body : (JSON.stringify(body) ?? 'nothing');
  return text.length > EXCERPT_CHARACTERS_MAX ? `${text.slice(0, EXCERPT_CHARACTERS_MAX)}…` : text;
}
