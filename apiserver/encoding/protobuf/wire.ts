/**
 * Protobuf's wire format, below any meaning: numbers, lengths and bytes, read from a client who may send anything, and the writer for answers. The one home of
 * protobufjs. Whatever the bytes are, `readWith` throws a `ProtobufError` and nothing else, and nothing is copied or set aside for what a message merely announces.
 * Source: https://protobuf.dev/programming-guides/encoding/.
 */
import protobuf from 'protobufjs/minimal.js';

/** What is wrong with the bytes, in the words of upstream's decoder where it has any. */
export class ProtobufError extends Error {}

export const VARINT = 0;
export const FIXED64 = 1;
export const BYTES = 2;
const FIXED32 = 5;

export type WireType = typeof VARINT | typeof FIXED64 | typeof BYTES;

/** Where we are in the bytes; `len` is the end of the message that is being read. */
export type Reader = protobuf.Reader;
export type Writer = protobuf.Writer;

/** Larger ones are written as the largest there is: JSON's numbers cannot tell them apart. */
const INT64_END = 2 ** 63;
const INT64_MAX = '9223372036854775807';

/** Parts with a length in one body: a byte may be the whole of one, and each becomes an object. The largest objects that are stored have a few thousand. */
const PARTS_MAX = 200_000;
let partsLeft = PARTS_MAX;

/** Reads one message. Throws `ProtobufError`, also for what the library throws: RangeErrors at an early end, Errors for endless numbers. */
export function readWith<T>(bytes: Buffer, read: (reader: Reader) => T): T {
  try {
    const reader = protobuf.Reader.create(bytes);
    partsLeft = PARTS_MAX;
    const value = read(reader);
    throwUnlessAt(reader, bytes.length);
    return value;
  } catch (error) {
    if (error instanceof ProtobufError) throw error;
    if (error instanceof RangeError) throw new ProtobufError('unexpected EOF', { cause: error });
    throw new ProtobufError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

/** The reader stands before a length; `read` sees the bytes of that length and nothing else, and has to use them all. */
export function readDelimited<T>(reader: Reader, read: () => T): T {
  if (--partsLeft < 0) throw new ProtobufError(`exceeded max of ${PARTS_MAX} parts`);
  const outerEnd = reader.len;
  const length = reader.uint32();
  const end = reader.pos + length;
  if (end > outerEnd) throw new ProtobufError('unexpected EOF');
  reader.len = end;
  const value = read();
  throwUnlessAt(reader, end);
  reader.len = outerEnd;
  return value;
}

/** A number can begin within a message and end behind it. */
function throwUnlessAt(reader: Reader, end: number): void {
  if (reader.pos !== end) throw new ProtobufError('unexpected EOF');
}

export interface Tag {
  readonly number: number;
  readonly wireType: number;
}

export function readTag(reader: Reader): Tag {
  const tag = reader.uint32();
  const number = tag >>> 3;
  if (number === 0) throw new ProtobufError(`illegal tag ${number} (wire type ${tag})`);
  return { number, wireType: tag & 7 };
}

/** A field nobody knows. Groups are refused: given up long ago, and a way to make a reader recurse. */
export function skipField(reader: Reader, wireType: number): void {
  if (wireType === VARINT) reader.skip();
  else if (wireType === FIXED64) reader.skip(8);
  else if (wireType === FIXED32) reader.skip(4);
  else if (wireType === BYTES) readDelimited(reader, () => reader.skip(reader.len - reader.pos));
  else throw new ProtobufError(`illegal wireType ${wireType}`);
}

export function readInteger(reader: Reader): number {
  const value: unknown = reader.int64();
  return Number(value);
}

/** The parts of a message that have a length, by number; of several with one number the last. Views of the bytes, not copies. Throws `ProtobufError`. */
export function splitMessage(bytes: Buffer): ReadonlyMap<number, Buffer> {
  return readWith(bytes, (reader) => {
    const parts = new Map<number, Buffer>();
    while (reader.pos < reader.len) {
      const { number, wireType } = readTag(reader);
      if (wireType === BYTES) parts.set(number, readPart(reader, bytes));
      else skipField(reader, wireType);
    }
    return parts;
  });
}

function readPart(reader: Reader, bytes: Buffer): Buffer {
  return readDelimited(reader, () => {
    const start = reader.pos;
    reader.skip(reader.len - start);
    return bytes.subarray(start, reader.pos);
  });
}

export function createWriter(): Writer {
  return protobuf.Writer.create();
}

export function writeTag(writer: Writer, number: number, wireType: WireType): Writer {
  return writer.uint32(number * 8 + wireType);
}

export function writeInteger(writer: Writer, value: number): void {
  writer.int64(value >= INT64_END ? INT64_MAX : value);
}

export function finish(writer: Writer): Buffer {
  const bytes = writer.finish();
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
