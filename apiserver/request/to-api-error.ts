/**
 * Whatever went wrong, as the error the client is told. Errors with a reason pass as they are; those of the HTTP layer and of the database get one; all
 * others are ours and are logged with their cause. No bad input may end here as an internal error.
 */
import { ApiError } from '#api/meta/status.ts';
import { StorageError } from '../storage/storage.ts';

export const BODY_BYTES_MAX = 3 * 1024 * 1024;

export function toApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof StorageError) return storageFailure(error);
  const code = textOf(error, 'code');
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
    return new ApiError('RequestEntityTooLarge', `Request entity too large: limit is ${BODY_BYTES_MAX}`);
  }
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') {
    const accepted = 'application/json, application/yaml';
    return new ApiError(
      'UnsupportedMediaType',
      `the body of the request was in an unknown format - accepted media types include: ${accepted}`,
    );
  }
  const message = error instanceof Error ? error.message : String(error);
  if (code?.startsWith('FST_ERR_')) return new ApiError('BadRequest', message, { cause: error });
  return new ApiError('InternalError', `Internal error occurred: ${message}`, { cause: error });
}

function storageFailure(error: StorageError): ApiError {
  if (error.reason === 'compacted')
    return new ApiError('Expired', 'The resourceVersion for the provided list is too old.', { cause: error });
  return new ApiError('Conflict', `Operation cannot be fulfilled: ${error.message}`, { cause: error });
}

function textOf(error: unknown, property: string): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const value: unknown = Reflect.get(error, property);
  return typeof value === 'string' ? value : undefined;
}
