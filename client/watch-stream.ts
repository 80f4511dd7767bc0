/**
 * Decodes a watch: bytes as they arrive → lines → typed events. One JSON object per line, split anywhere across chunks. An `ERROR` frame
 * ends the stream as the `ApiError` it carries (`Expired` above all).
 */
import type { ApiObject, ResourceType } from '#api/meta/resource-type.ts';
import { ApiError } from '#api/meta/status.ts';
import { decodeObject, decodeStatus, isRecord } from './object-decoder.ts';
import type { WatchEvent } from './resource-client.ts';

/** etcd takes objects of up to 1.5 MiB; a frame far beyond that is no watch event, and must not fill our memory. */
export const FRAME_BYTES_MAX = 8 * 1024 * 1024;

const NEWLINE = 0x0a;

/** Yields each frame's event; throws the error of an `ERROR` frame, `InternalError` for what is no frame. */
export async function* decodeWatchStream<T extends ApiObject>(
  type: ResourceType<T>,
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<WatchEvent<T>> {
  for await (const line of splitLines(chunks)) yield decodeWatchEvent(type, line);
}

/** Lines without their end; an unfinished last line is dropped, because the connection broke in it. */
export async function* splitLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  let parts: Uint8Array[] = [];
  let partBytes = 0;
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      const line = Buffer.concat([...parts, chunk.subarray(start, end)]).toString('utf8');
      parts = [];
      partBytes = 0;
      start = end + 1;
      if (line.trim() !== '') yield line;
    }
    if (start === chunk.length) continue;
    parts.push(chunk.subarray(start));
    partBytes += chunk.length - start;
    if (partBytes > FRAME_BYTES_MAX) throw new ApiError('InternalError', `a watch frame is longer than ${FRAME_BYTES_MAX} bytes`);
  }
}

function decodeWatchEvent<T extends ApiObject>(type: ResourceType<T>, line: string): WatchEvent<T> {
  const frame = parseFrame(line);
  switch (frame.type) {
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED':
      return { type: frame.type, object: decodeObject(type, frame.object) };
    case 'BOOKMARK':
      return { type: 'BOOKMARK', resourceVersion: bookmarkRevision(frame.object) };
    case 'ERROR':
      throw decodeStatus(isRecord(frame.object) && typeof frame.object.code === 'number' ? frame.object.code : 500, frame.object);
    default:
      throw new ApiError('InternalError', `unknown watch event ${JSON.stringify(frame.type)}`);
  }
}

function parseFrame(line: string): { readonly type: unknown; readonly object: unknown } {
  try {
    const frame: unknown = JSON.parse(line);
    return isRecord(frame) ? { type: frame.type, object: frame.object } : { type: undefined, object: undefined };
  } catch (cause) {
    throw new ApiError('InternalError', 'a watch frame is not JSON', { cause });
  }
}

function bookmarkRevision(object: unknown): string {
  const metadata = isRecord(object) ? object.metadata : undefined;
  if (isRecord(metadata) && typeof metadata.resourceVersion === 'string') return metadata.resourceVersion;
  throw new ApiError('InternalError', 'a bookmark has no resourceVersion');
}
