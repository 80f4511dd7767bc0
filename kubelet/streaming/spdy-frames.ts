/**
 * Frames of SPDY/3.1: bytes to frames and back. Pure; the header blocks inside stay as they are (`spdy-header-block.ts`). The parser is a generator over chunks, so
 * whoever reads it slowly slows its source down; data comes in the pieces in which it arrived, everything else whole and bounded.
 * Source: https://www.chromium.org/spdy/spdy-protocol/spdy-protocol-draft3-1/
 */

export type SpdyFrame =
  | { readonly type: 'synStream'; readonly streamId: number; readonly headerBlock: Buffer; readonly isLast: boolean }
  | { readonly type: 'synReply'; readonly streamId: number; readonly headerBlock: Buffer; readonly isLast: boolean }
  | { readonly type: 'headers'; readonly streamId: number; readonly headerBlock: Buffer; readonly isLast: boolean }
  | { readonly type: 'rstStream'; readonly streamId: number; readonly statusCode: number }
  | { readonly type: 'ping'; readonly id: number }
  | { readonly type: 'goAway'; readonly lastStreamId: number; readonly statusCode: number }
  | { readonly type: 'data'; readonly streamId: number; readonly bytes: Buffer; readonly isLast: boolean };

export const resetCodes = { protocolError: 1, refusedStream: 3, cancel: 5 } as const;

const HEADER_BYTES = 8;
const VERSION = 3;
const FLAG_LAST = 0x01;
/** Streams are named by a handful of short headers; a control frame that is longer is an attack. */
const CONTROL_BYTES_MAX = 64 * 1024;
/** 24 bits. */
export const DATA_BYTES_MAX = 0xff_ffff;
const ID_MASK = 0x7fff_ffff;
const controlTypes = { synStream: 1, synReply: 2, rstStream: 3, ping: 6, goAway: 7, headers: 8 } as const;

/** The bytes of a frame; a data frame must not be longer than `DATA_BYTES_MAX`. */
export function encodeFrame(frame: SpdyFrame): Buffer {
  switch (frame.type) {
    case 'synStream':
      // Between the id and the headers: no associated stream, highest priority, no credential.
      return control(controlTypes.synStream, frame.isLast, Buffer.concat([words(frame.streamId, 0), Buffer.alloc(2), frame.headerBlock]));
    case 'synReply':
    case 'headers':
      return control(controlTypes[frame.type], frame.isLast, Buffer.concat([words(frame.streamId), frame.headerBlock]));
    case 'rstStream':
      return control(controlTypes.rstStream, false, words(frame.streamId, frame.statusCode));
    case 'ping':
      return control(controlTypes.ping, false, words(frame.id));
    case 'goAway':
      return control(controlTypes.goAway, false, words(frame.lastStreamId, frame.statusCode));
    case 'data':
      return Buffer.concat([words(frame.streamId & ID_MASK, flagsAndLength(frame.isLast, frame.bytes.length)), frame.bytes]);
  }
}

function control(type: number, isLast: boolean, payload: Buffer): Buffer {
  return Buffer.concat([words(((0x8000 | VERSION) << 16) | type, flagsAndLength(isLast, payload.length)), payload]);
}

function flagsAndLength(isLast: boolean, length: number): number {
  return ((isLast ? FLAG_LAST : 0) << 24) | length;
}

function words(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  values.forEach((value, index) => {
    bytes.writeUInt32BE(value >>> 0, index * 4);
  });
  return bytes;
}

/** Throws on bytes that are no frames, and when they end within one. */
export async function* parseFrames(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<SpdyFrame> {
  let held: Buffer = Buffer.alloc(0);
  let data: { readonly streamId: number; readonly isLast: boolean; missing: number } | undefined;
  for await (const chunk of chunks) {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    held = held.length === 0 ? bytes : Buffer.concat([held, bytes]);
    for (;;) {
      if (data !== undefined) {
        if (held.length === 0 && data.missing > 0) break;
        const piece = held.subarray(0, data.missing);
        held = held.subarray(piece.length);
        data.missing -= piece.length;
        const isWhole = data.missing === 0;
        yield { type: 'data', streamId: data.streamId, bytes: piece, isLast: data.isLast && isWhole };
        if (isWhole) data = undefined;
        continue;
      }
      if (held.length < HEADER_BYTES) break;
      const first = held.readUInt32BE(0);
      const isLast = ((held[4] ?? 0) & FLAG_LAST) !== 0;
      const length = held.readUInt32BE(4) & DATA_BYTES_MAX;
      if (first >>> 31 === 0) {
        data = { streamId: first, isLast, missing: length };
        held = held.subarray(HEADER_BYTES);
        continue;
      }
      if (length > CONTROL_BYTES_MAX) throw new Error(`a control frame of ${length} bytes is too long`);
      if (((first >>> 16) & 0x7fff) !== VERSION) throw new Error('not a frame of SPDY/3.1');
      if (held.length < HEADER_BYTES + length) break;
      const frame = decodeControl(first & 0xffff, isLast, held.subarray(HEADER_BYTES, HEADER_BYTES + length));
      held = held.subarray(HEADER_BYTES + length);
      if (frame !== undefined) yield frame;
    }
  }
  if (held.length > 0 || data !== undefined) throw new Error('the connection ended within a frame');
}

/** Undefined for what changes nothing here: settings, and windows, which neither side of Kubernetes' streams keeps. */
function decodeControl(type: number, isLast: boolean, payload: Buffer): SpdyFrame | undefined {
  const word = (at: number): number => {
    if (payload.length < at + 4) throw new Error('a control frame is too short');
    return payload.readUInt32BE(at);
  };
  switch (type) {
    case controlTypes.synStream:
      word(4);
      return { type: 'synStream', streamId: word(0) & ID_MASK, headerBlock: payload.subarray(10), isLast };
    case controlTypes.synReply:
      return { type: 'synReply', streamId: word(0) & ID_MASK, headerBlock: payload.subarray(4), isLast };
    case controlTypes.headers:
      return { type: 'headers', streamId: word(0) & ID_MASK, headerBlock: payload.subarray(4), isLast };
    case controlTypes.rstStream:
      return { type: 'rstStream', streamId: word(0) & ID_MASK, statusCode: word(4) };
    case controlTypes.ping:
      return { type: 'ping', id: word(0) };
    case controlTypes.goAway:
      return { type: 'goAway', lastStreamId: word(0) & ID_MASK, statusCode: word(4) };
    default:
      return undefined;
  }
}
