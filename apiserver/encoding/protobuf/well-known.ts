/**
 * The API's own value types, which are messages in protobuf and something simpler in JSON: times, quantities, numbers that may be words, and pieces of JSON within
 * an object. Source: apimachinery's `time_proto.go`, `quantity_proto.go` and `intstr.go`.
 */
import { isJsonArray, type Json } from '#api/meta/json.ts';
import { bytesOf, numberOf, type ValueType } from './value-type.ts';
import { BYTES, ProtobufError, readFields, VARINT, type WireField, type Writer, writeInteger, writeTag } from './wire.ts';

const NANOS_PER_MILLISECOND = 1_000_000;
const NANOS_PER_MICROSECOND = 1_000;

/** JSON's times have years of four digits. */
const EPOCH_SECONDS_MIN = -62_167_219_200;
const EPOCH_SECONDS_MAX = 253_402_300_799;

/** How a value is read from the fields of its message. Undefined when JSON says nothing in this case. */
export type Read = (fields: readonly WireField[], depth: number) => Json | undefined;

/** Writes the fields alone. */
export type Write = (writer: Writer, value: Json | undefined) => void;

export function createWellKnownType(read: Read, writeMembers: Write): ValueType {
  return {
    wireType: BYTES,
    zero: undefined,
    isWrittenUnset: true,
    read: (wire, depth) => read(readFields(bytesOf(wire)), depth),
    write: (writer, value) => {
      writer.fork();
      writeMembers(writer, value);
      writer.ldelim();
    },
  };
}

function lastOf(fields: readonly WireField[], number: number): number | Buffer | undefined {
  return fields.findLast((field) => field.number === number)?.value;
}

function numberAt(fields: readonly WireField[], number: number): number {
  return numberOf(lastOf(fields, number) ?? 0);
}

function textAt(fields: readonly WireField[], number: number): string {
  return bytesOf(lastOf(fields, number) ?? Buffer.alloc(0)).toString('utf8');
}

/** Nothing in the message is no time at all, which JSON writes as null and we leave out. */
function readTime(hasMicros: boolean): Read {
  return (fields) => {
    if (fields.length === 0) return undefined;
    const seconds = numberAt(fields, 1);
    const nanos = numberAt(fields, 2);
    if (!(seconds >= EPOCH_SECONDS_MIN && seconds <= EPOCH_SECONDS_MAX)) throw new ProtobufError('year is not in the range [0, 9999]');
    const text = new Date(seconds * 1000).toISOString().slice(0, 19);
    const micros = Math.trunc(Math.min(Math.max(nanos, 0), 1e9 - 1) / NANOS_PER_MICROSECOND);
    return hasMicros ? `${text}.${String(micros).padStart(6, '0')}Z` : `${text}Z`;
  };
}

const writeTime: Write = (writer, value) => {
  if (typeof value !== 'string' || Number.isNaN(Date.parse(value))) return;
  const epochMs = Date.parse(value);
  const micros = Number(/\.\d{3}(\d{1,3})/.exec(value)?.[1]?.padEnd(3, '0') ?? 0);
  const seconds = Math.floor(epochMs / 1000);
  writeInteger(writeTag(writer, 1, VARINT), seconds);
  const nanos = (epochMs - seconds * 1000) * NANOS_PER_MILLISECOND + micros * NANOS_PER_MICROSECOND;
  writeInteger(writeTag(writer, 2, VARINT), nanos);
};

const readQuantity: Read = (fields) => textAt(fields, 1) || '0';

const writeQuantity: Write = (writer, value) => {
  writeTag(writer, 1, BYTES).string(typeof value === 'string' || typeof value === 'number' ? String(value) : '0');
};

const INT = 0;
const STRING = 1;

const readIntOrString: Read = (fields) => {
  const type = numberAt(fields, 1);
  if (type === INT) return numberAt(fields, 2) | 0;
  if (type === STRING) return textAt(fields, 3);
  throw new ProtobufError('impossible IntOrString.Type');
};

const writeIntOrString: Write = (writer, value) => {
  const isText = typeof value === 'string';
  writeInteger(writeTag(writer, 1, VARINT), isText ? STRING : INT);
  writeInteger(writeTag(writer, 2, VARINT), typeof value === 'number' ? value : 0);
  writeTag(writer, 3, BYTES).string(isText ? value : '');
};

/** Bytes that are JSON themselves. */
const readJson: Read = (fields) => {
  const text = textAt(fields, 1);
  if (text === '') return undefined;
  try {
    const value: Json = JSON.parse(text);
    return value;
  } catch (error) {
    throw new ProtobufError(error instanceof Error ? error.message : String(error), { cause: error });
  }
};

const writeJson: Write = (writer, value) => {
  if (value !== undefined) writeTag(writer, 1, BYTES).string(JSON.stringify(value));
};

const readStrings: Read = (fields) => fields.filter(({ number }) => number === 1).map(({ value }) => bytesOf(value).toString('utf8'));

const writeStrings: Write = (writer, value) => {
  for (const item of isJsonArray(value) ? value : []) writeTag(writer, 1, BYTES).string(String(item));
};

/** A subresource that is there and says nothing more. */
const readNothing: Read = () => ({});

/** By their names in `schemas.ts`, or after the colon in `protobuf-fields.ts`. */
export const wellKnownTypes: ReadonlyMap<string, ValueType> = new Map([
  ['time', createWellKnownType(readTime(false), writeTime)],
  ['micro-time', createWellKnownType(readTime(true), writeTime)],
  ['quantity', createWellKnownType(readQuantity, writeQuantity)],
  ['int-or-string', createWellKnownType(readIntOrString, writeIntOrString)],
  ['RawExtension', createWellKnownType(readJson, writeJson)],
  ['FieldsV1', createWellKnownType(readJson, writeJson)],
  ['JSON', createWellKnownType(readJson, writeJson)],
  ['ExtraValue', createWellKnownType(readStrings, writeStrings)],
  ['Verbs', createWellKnownType(readStrings, writeStrings)],
  ['CustomResourceSubresourceStatus', createWellKnownType(readNothing, () => {})],
]);
