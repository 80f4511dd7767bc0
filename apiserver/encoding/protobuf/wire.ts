/**
 * Protobuf's wire format, below any meaning: the fields of a message as numbers and bytes, read from a client who may send anything, and the writer for answers.
 * The one home of protobufjs. Whatever the bytes are, reading throws a `ProtobufError` and nothing else, and what it gives are views of those bytes, so that
 * a small message never becomes a large one here. Source: https://protobuf.dev/programming-guides/encoding/.
 */
import protobuf from 'protobufjs/minimal.js';

/** What is wrong with the bytes, in the words of upstream's decoder where it has any. */
export class ProtobufError extends Error {}

export const VARINT = 0;
export const FIXED64 = 1;
export const BYTES = 2;
const FIXED32 = 5;

export type WireType = typeof VARINT | typeof FIXED64 | typeof BYTES;

export interface WireField {
  readonly number: number;
  readonly wireType: WireType;
  /** A number for a varint or a double; bytes for everything that has a length. */
  readonly value: number | Buffer;
}

export type Writer = protobuf.Writer;

/** Larger ones are written as the largest there is: JSON's numbers cannot tell them apart. */
const INT64_END = 2 ** 63;
const INT64_MAX = '9223372036854775807';

/** The fields of one message in the order of the bytes. Throws `ProtobufError`. */
export function readFields(bytes: Buffer): readonly WireField[] {
  return guarded(() => {
    const reader = protobuf.Reader.create(bytes);
    const fields: WireField[] = [];
    while (reader.pos < reader.len) {
      const field = readField(reader, bytes);
      if (field !== undefined) fields.push(field);
    }
    if (reader.pos > reader.len) throw new ProtobufError('unexpected EOF');
    return fields;
  });
}

/** Numbers without tags, one after the other: how some writers send a list of numbers. Throws `ProtobufError`. */
export function readPacked(bytes: Buffer, wireType: WireType): readonly number[] {
  return guarded(() => {
    const reader = protobuf.Reader.create(bytes);
    const values: number[] = [];
    while (reader.pos < reader.len) values.push(wireType === FIXED64 ? reader.double() : readInteger(reader));
    return values;
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

/** Undefined for a 32-bit number, which no message of the API has: it is passed over, as any unknown field. */
function readField(reader: protobuf.Reader, bytes: Buffer): WireField | undefined {
  const tag = reader.uint32();
  const number = tag >>> 3;
  const wireType = tag & 7;
  if (number === 0) throw new ProtobufError(`illegal tag ${number} (wire type ${tag})`);
  switch (wireType) {
    case VARINT:
      return { number, wireType, value: readInteger(reader) };
    case FIXED64:
      return { number, wireType, value: reader.double() };
    case BYTES:
      return { number, wireType, value: readBytes(reader, bytes) };
    case FIXED32:
      reader.skip(4);
      return undefined;
    default:
      // Groups: given up long ago, and a way to make a reader recurse.
      throw new ProtobufError(`illegal wireType ${wireType}`);
  }
}

function readInteger(reader: protobuf.Reader): number {
  const value: unknown = reader.int64();
  return Number(value);
}

function readBytes(reader: protobuf.Reader, bytes: Buffer): Buffer {
  const length = reader.uint32();
  const start = reader.pos;
  reader.skip(length);
  return bytes.subarray(start, start + length);
}

/** The library tells of bytes that end too early with a RangeError and of endless numbers with an Error. */
function guarded<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof ProtobufError) throw error;
    if (error instanceof RangeError) throw new ProtobufError('unexpected EOF', { cause: error });
    throw new ProtobufError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}
