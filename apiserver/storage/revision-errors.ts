/** The two ways a resourceVersion can be out of reach, in upstream's words (k8s.io/apiserver, pkg/storage/errors.go and cacher/watch_cache.go). */
import { ApiError } from '#api/meta/status.ts';

/** Upstream's `resourceVersionTooHighRetrySeconds`. */
const RETRY_AFTER_SECONDS = 1;

/** The caller knows a newer revision than we do: it should ask again soon. */
export function tooLargeResourceVersion(wanted: bigint, current: bigint): ApiError {
  return new ApiError('Timeout', `Timeout: Too large resource version: ${wanted}, current: ${current}`, {
    details: {
      retryAfterSeconds: RETRY_AFTER_SECONDS,
      causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
    },
  });
}

/** A watch starts further back than we remember; `oldest` is the oldest revision it could start behind. */
export function tooOldResourceVersion(wanted: bigint, oldest: bigint): ApiError {
  return new ApiError('Expired', `too old resource version: ${wanted} (${oldest})`);
}
