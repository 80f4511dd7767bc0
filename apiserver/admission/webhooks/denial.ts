/** What the client is told when a webhook says no, or does not answer. Source: k8s.io/apiserver, pkg/admission/plugin/webhook/errors/statuserror.go. */

import { decodeObject } from '#api/decode.ts';
import type { Status } from '#api/generated/types.ts';
import type { JsonObject } from '#api/meta/json.ts';
import { ApiError } from '#api/meta/status.ts';

/** Lower codes would call a refusal a success; HTTP knows none above. */
const CODE_MIN = 400;
const CODE_MAX = 599;

/** The webhook's own status, which may have any reason and code, made one of a refusal. */
export function denialOf(webhookName: string, result: JsonObject): ApiError {
  const { code, message, reason, details } = readResult(result);
  const deniedBy = `admission webhook ${JSON.stringify(webhookName)} denied the request`;
  const why = message === '' ? reason : message;
  const text = why === '' ? `${deniedBy} without explanation` : `${deniedBy}: ${why}`;
  const sound = Number.isInteger(code) && code >= CODE_MIN && code <= CODE_MAX ? code : CODE_MIN;
  const status: Status = {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: text,
    ...(reason === '' ? {} : { reason }),
    ...(details === undefined ? {} : { details }),
    code: sound,
  };
  return new ApiError('Forbidden', text, { code: sound, status });
}

interface Result {
  readonly code: number;
  readonly message: string;
  readonly reason: string;
  readonly details: Status['details'];
}

/** Fields of the wrong type are as good as absent. */
function readResult({ code, message, reason, details }: JsonObject): Result {
  return {
    code: typeof code === 'number' ? code : 0,
    message: typeof message === 'string' ? message : '',
    reason: typeof reason === 'string' ? reason : '',
    details: readDetails(details),
  };
}

function readDetails(details: unknown): Status['details'] {
  if (details === undefined || details === null) return undefined;
  try {
    const status: Status = decodeObject('Status', { details }).object;
    return status.details;
  } catch (error) {
    if (error instanceof ApiError) return undefined;
    throw error;
  }
}

export function internalError(message: string, cause?: unknown): ApiError {
  return new ApiError('InternalError', `Internal error occurred: ${message}`, { details: { causes: [{ message }] }, cause });
}
