/**
 * Errors as the API reports them: a `Status` with a code and a reason that programs may rely on, and a message for people.
 * Source: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/ and apimachinery's `errors` package.
 */
import type { Status, StatusCause, StatusDetails } from '../generated/types.ts';

/** Reasons and the HTTP code each one goes with. */
export const statusCodes = {
  BadRequest: 400,
  Unauthorized: 401,
  Forbidden: 403,
  NotFound: 404,
  MethodNotAllowed: 405,
  NotAcceptable: 406,
  AlreadyExists: 409,
  Conflict: 409,
  Gone: 410,
  Expired: 410,
  RequestEntityTooLarge: 413,
  UnsupportedMediaType: 415,
  Invalid: 422,
  TooManyRequests: 429,
  InternalError: 500,
  NotImplemented: 501,
  ServiceUnavailable: 503,
  Timeout: 504,
} as const;

export type StatusReason = keyof typeof statusCodes;

/** A refusal or failure with a reason from the closed list above; the server writes it as a `Status`, the client reads it back. */
export class ApiError extends Error {
  readonly reason: StatusReason;
  readonly code: number;
  readonly details: StatusDetails | undefined;
  /** The whole answer, where somebody else has worded it: a webhook may refuse for reasons that are not in the list. */
  readonly status: Status | undefined;

  constructor(
    reason: StatusReason,
    message: string,
    options: { details?: StatusDetails; code?: number; status?: Status; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'ApiError';
    this.reason = reason;
    this.code = options.code ?? statusCodes[reason];
    this.details = options.details;
    this.status = options.status;
  }
}

export function isReason(error: unknown, ...reasons: readonly StatusReason[]): error is ApiError {
  return error instanceof ApiError && reasons.includes(error.reason);
}

/** The body that answers a failed request. */
export function toStatus(error: ApiError): Status {
  if (error.status !== undefined) return error.status;
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: error.message,
    reason: error.reason,
    ...(error.details === undefined ? {} : { details: error.details }),
    code: error.code,
  };
}

interface Named {
  readonly group: string;
  readonly plural: string;
}

/** `pods` or `deployments.apps`: how messages name a resource. */
export function qualifiedResource({ group, plural }: Named): string {
  return group === '' ? plural : `${plural}.${group}`;
}

function detailsOf(resource: Named, name: string, causes?: readonly StatusCause[]): StatusDetails {
  return {
    ...(name === '' ? {} : { name }),
    ...(resource.group === '' ? {} : { group: resource.group }),
    kind: resource.plural,
    ...(causes === undefined ? {} : { causes }),
  };
}

export function notFound(resource: Named, name: string): ApiError {
  return new ApiError('NotFound', `${qualifiedResource(resource)} "${name}" not found`, { details: detailsOf(resource, name) });
}

export function alreadyExists(resource: Named, name: string): ApiError {
  return new ApiError('AlreadyExists', `${qualifiedResource(resource)} "${name}" already exists`, { details: detailsOf(resource, name) });
}

export function conflict(resource: Named, name: string, why: string): ApiError {
  return new ApiError('Conflict', `Operation cannot be fulfilled on ${qualifiedResource(resource)} "${name}": ${why}`, {
    details: detailsOf(resource, name),
  });
}

export function forbidden(resource: Named, name: string, why: string): ApiError {
  return new ApiError('Forbidden', `${qualifiedResource(resource)}${name === '' ? '' : ` "${name}"`} is forbidden: ${why}`, {
    details: detailsOf(resource, name),
  });
}

/** One problem with one field, in upstream's words: `spec.replicas: Invalid value: -1: must be greater than or equal to 0`. */
export interface FieldProblem {
  readonly type:
    | 'FieldValueRequired'
    | 'FieldValueInvalid'
    | 'FieldValueNotSupported'
    | 'FieldValueForbidden'
    | 'FieldValueDuplicate'
    | 'FieldValueTooLong'
    | 'FieldValueTooMany'
    | 'FieldValueNotFound'
    | 'FieldValueTypeInvalid';
  readonly field: string;
  /** Without the field's path: `Invalid value: -1: must be …`. */
  readonly message: string;
}

/** All problems of one object at once (422). */
export function invalid(resource: Named & { readonly kind: string }, name: string, problems: readonly FieldProblem[]): ApiError {
  const texts = problems.map((problem) => `${problem.field}: ${problem.message}`);
  const all = texts.length === 1 ? (texts[0] ?? '') : `[${texts.join(', ')}]`;
  const qualifiedKind = resource.group === '' ? resource.kind : `${resource.kind}.${resource.group}`;
  return new ApiError('Invalid', `${qualifiedKind} "${name}" is invalid: ${all}`, {
    details: {
      ...(name === '' ? {} : { name }),
      ...(resource.group === '' ? {} : { group: resource.group }),
      kind: resource.kind,
      causes: problems.map((problem) => ({ reason: problem.type, message: problem.message, field: problem.field })),
    },
  });
}
