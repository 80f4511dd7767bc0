/**
 * The types a field's value can have, each with both directions: from the wire to JSON and back. Scalars are here; `message-type.ts` builds messages out of
 * all types, `well-known.ts` has the messages that are something simpler in JSON.
 */
import type { Json } from '#api/meta/json.ts';
import {
  BYTES,
  FIXED64,
  ProtobufError,
  type Reader,
  readDelimited,
  readInteger,
  VARINT,
  type WireType,
  type Writer,
  writeInteger,
} from './wire.ts';

export interface ValueType {
  readonly wireType: WireType;
  /** What a scalar is when nobody has set it; undefined for messages, which JSON shows even when they are empty. */
  readonly zero: Json | undefined;
  /** Whether upstream writes the field when it is not set: all but byte strings, where nothing is not the same as empty. */
  readonly isWrittenUnset: boolean;
  /** The reader stands behind the tag. Undefined when JSON says nothing in this case. Throws `ProtobufError` and what the reader throws. */
  read(reader: Reader, depth: number): Json | undefined;
  /** What follows the tag. `undefined` is a value that is not set. */
  write(writer: Writer, value: Json | undefined): void;
}

const text: ValueType = {
  wireType: BYTES,
  zero: '',
  isWrittenUnset: true,
  read: (reader) => readText(reader, 'utf8'),
  write: (writer, value) => writer.string(typeof value === 'string' ? value : ''),
};

const bytes: ValueType = {
  wireType: BYTES,
  zero: '',
  isWrittenUnset: false,
  read: (reader) => readText(reader, 'base64'),
  write: (writer, value) => writer.bytes(Buffer.from(typeof value === 'string' ? value : '', 'base64')),
};

const boolean: ValueType = {
  wireType: VARINT,
  zero: false,
  isWrittenUnset: true,
  read: (reader) => readInteger(reader) !== 0,
  write: (writer, value) => writer.bool(value === true),
};

const int64: ValueType = {
  wireType: VARINT,
  zero: 0,
  isWrittenUnset: true,
  read: readInteger,
  write: (writer, value) => writeInteger(writer, typeof value === 'number' ? value : 0),
};

/** Written like the larger ones; what is larger is cut, as upstream's decoder does. */
const int32: ValueType = { ...int64, read: (reader) => readInteger(reader) | 0 };

const double: ValueType = {
  wireType: FIXED64,
  zero: 0,
  isWrittenUnset: true,
  read: (reader) => {
    const value = reader.double();
    if (!Number.isFinite(value)) throw new ProtobufError(`json: unsupported value: ${value}`);
    return value;
  },
  write: (writer, value) => writer.double(typeof value === 'number' ? value : 0),
};

/** By their names in `api/generated/schemas.ts`. */
export const scalarTypes: ReadonlyMap<string, ValueType> = new Map([
  ['string', text],
  ['bytes', bytes],
  ['boolean', boolean],
  ['int32', int32],
  ['int64', int64],
  ['double', double],
]);

export function readText(reader: Reader, encoding: 'utf8' | 'base64'): string {
  return readDelimited(reader, () => {
    const start = reader.pos;
    reader.skip(reader.len - start);
    return bufferOf(reader).toString(encoding, start, reader.pos);
  });
}

/** Readers are only ever made of Buffers. */
function bufferOf({ buf }: Reader): Buffer {
  return Buffer.isBuffer(buf) ? buf : Buffer.from(buf);
}
