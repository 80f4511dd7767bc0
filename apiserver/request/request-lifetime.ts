/**
 * How long a request may take: until the client goes away, and at most a minute for everything that is not a stream. One signal says both to the pipeline.
 */
import type { ServerResponse } from 'node:http';
import { ApiError } from '#api/meta/status.ts';
import type { Clock } from '#component/clock.ts';

export interface RequestLifetime {
  /** Aborted when the client has gone or the time is over. */
  readonly signal: AbortSignal;
  /** Aborted when the client has gone: what a stream, which may last for hours, goes by. */
  readonly connection: AbortSignal;
  /** The request is answered; nothing is waited for any more. */
  end(): void;
}

/** Upstream's request timeout. */
const REQUEST_MS_MAX = 60_000;

export function createRequestLifetimes(clock: Clock) {
  return {
    /** A stream has no deadline: it ends by itself, with its client or with the server. */
    begin(response: ServerResponse, { isStream }: { readonly isStream: boolean }): RequestLifetime {
      const gone = new AbortController();
      const over = new AbortController();
      const onClose = () => {
        gone.abort(new ApiError('Timeout', 'the client has closed the connection'));
        over.abort(gone.signal.reason);
      };
      response.once('close', onClose);
      const timeout = () => over.abort(new ApiError('Timeout', 'Timeout: request did not complete within the allotted timeout'));
      const cancel = isStream ? () => {} : clock.after(REQUEST_MS_MAX, timeout);
      return {
        signal: over.signal,
        connection: gone.signal,
        end: () => {
          cancel();
          response.off('close', onClose);
        },
      };
    },
  };
}
