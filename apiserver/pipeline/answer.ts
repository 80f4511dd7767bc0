/**
 * What a verb gives back, before it is known in which form the client wants it. `encoding/encode-answer.ts` makes bytes of it. Objects stay the
 * bytes they are stored as wherever nothing needs to look inside.
 */
import type { Status } from '#api/generated/types.ts';
import type { ApiObject } from '#api/meta/resource-type.ts';
import { servedBytesOf } from '../encoding/served-bytes.ts';
import type { ForwardTarget } from '../forwarding/forward-target.ts';
import type { KubeletTarget } from '../kubelet-client.ts';
import type { ResourceDefinition } from '../resources/resource-definition.ts';

/** Where a stream's bytes go. */
export interface ByteSink {
  /** Every write is a message of its own: nothing may be put together or cut. */
  readonly isOfMessages: boolean;
  /** False when the client cannot keep up: wait for `drained` before writing more. */
  write(chunk: Buffer): boolean;
  /** Resolves when there is room again or the signal is aborted. */
  drained(signal: AbortSignal): Promise<void>;
}

/** The client's connection is to be joined to a kubelet's. */
export interface ConnectionAnswer {
  readonly type: 'connection';
  readonly target: KubeletTarget;
}

/** The request goes on to another server, with the part of its path that is behind `proxy`. */
export interface ForwardAnswer {
  readonly type: 'forward';
  readonly target: Omit<ForwardTarget, 'path'>;
}

export type Answer =
  | ConnectionAnswer
  | ForwardAnswer
  /** One stored object. */
  | {
      readonly type: 'object';
      readonly statusCode: 200 | 201 | 202;
      readonly definition: ResourceDefinition<ApiObject>;
      readonly bytes: Buffer;
    }
  | { readonly type: 'list'; readonly definition: ResourceDefinition<ApiObject>; readonly page: ListPage }
  /** Something that is not a stored object: a Scale, a review, a Status. */
  | { readonly type: 'value'; readonly statusCode: number; readonly value: object }
  /** Runs until done or aborted; the response has begun by then, so that errors can only end it. */
  | {
      readonly type: 'stream';
      readonly contentType: string;
      run(sink: ByteSink, signal: AbortSignal): Promise<void>;
    };

export interface ListPage {
  readonly items: readonly { readonly bytes: Buffer }[];
  readonly revision: bigint;
  readonly continueToken: string | undefined;
  readonly remainingItemCount: number | undefined;
}

/** Takes the object as it is stored. */
export async function objectAnswer(
  definition: ResourceDefinition<ApiObject>,
  bytes: Buffer,
  statusCode: 200 | 201 | 202 = 200,
): Promise<Answer> {
  return { type: 'object', statusCode, definition, bytes: await servedBytesOf(definition, bytes) };
}

export function statusAnswer(status: Status): Answer {
  return { type: 'value', statusCode: status.code ?? 200, value: status };
}
