/**
 * The API's own value types, which are messages in protobuf and something simpler in JSON: times, quantities, numbers that may be words, and pieces of JSON within
 * an object. Source: apimachinery's `time_proto.go`, `quantity_proto.go` and `intstr.go`.
 */
import { isJsonObject, type Json, type JsonObject } from '#api/meta/json.ts';
import { createMessageType, type MessageDescription } from './message-type.ts';
import { scalarTypes, type ValueType } from './value-type.ts';
import { ProtobufError } from './wire.ts';

/** How a message is told in JSON, and back. */
export interface Simplification extends Pick<MessageDescription, 'numbers' | 'schema'> {
  /** Takes the message's fields; undefined when JSON says nothing in this case. Throws `ProtobufError`. */
  simplify(members: JsonObject): Json | undefined;
  /** Takes the JSON; `undefined` is a value that is not set. */
  expand(value: Json | undefined): JsonObject;
}

export function createSimpleType({ numbers, schema, simplify, expand }: Simplification, getType: MessageDescription['getType']): ValueType {
  const message = createMessageType({ numbers, schema, getType });
  return {
    ...message,
    read: (reader, depth) => {
      const members = message.read(reader, depth);
      return simplify(isJsonObject(members) ? members : {});
    },
    write: (writer, value) => message.write(writer, expand(value)),
  };
}

const NANOS_PER_MILLISECOND = 1_000_000;
const NANOS_PER_MICROSECOND = 1_000;
const NANOS_PER_SECOND = 1_000_000_000;

/** JSON's times have years of four digits. */
const EPOCH_SECONDS_MIN = -62_167_219_200;
const EPOCH_SECONDS_MAX = 253_402_300_799;

/** Nothing in the message is no time at all, which JSON writes as null and we leave out. Of whole seconds the rest is dropped, as upstream. */
function timeType(hasMicros: boolean): Simplification {
  return {
    numbers: 'seconds=1? nanos=2?',
    schema: { seconds: 'int64', nanos: 'int32' },
    simplify: ({ seconds, nanos }) => {
      if (seconds === undefined && nanos === undefined) return undefined;
      const text = secondsText(numberOf(seconds));
      return hasMicros ? `${text}.${microsText(numberOf(nanos))}Z` : `${text}Z`;
    },
    expand: (value) => {
      const epochMs = typeof value === 'string' ? Date.parse(value) : Number.NaN;
      if (typeof value !== 'string' || Number.isNaN(epochMs)) return {};
      const seconds = Math.floor(epochMs / 1000);
      const micros = Number(/\.\d{3}(\d{1,3})/.exec(value)?.[1]?.padEnd(3, '0') ?? 0);
      return { seconds, nanos: (epochMs - seconds * 1000) * NANOS_PER_MILLISECOND + micros * NANOS_PER_MICROSECOND };
    },
  };
}

function secondsText(seconds: number): string {
  if (seconds >= EPOCH_SECONDS_MIN && seconds <= EPOCH_SECONDS_MAX) return new Date(seconds * 1000).toISOString().slice(0, 19);
  throw new ProtobufError('year is not in the range [0, 9999]');
}

function microsText(nanos: number): string {
  const bounded = Math.min(Math.max(nanos, 0), NANOS_PER_SECOND - 1);
  return String(Math.trunc(bounded / NANOS_PER_MICROSECOND)).padStart(6, '0');
}

const quantity: Simplification = {
  numbers: 'string=1',
  schema: { string: 'string' },
  simplify: ({ string = '0' }) => string,
  expand: (value) => ({ string: typeof value === 'string' || typeof value === 'number' ? String(value) : '0' }),
};

const INT = 0;
const STRING = 1;

const intOrString: Simplification = {
  numbers: 'type=1 intVal=2 strVal=3',
  schema: { type: 'int64', intVal: 'int32', strVal: 'string' },
  simplify: ({ type = INT, intVal = 0, strVal = '' }) => {
    if (type === INT) return intVal;
    if (type === STRING) return strVal;
    throw new ProtobufError('impossible IntOrString.Type');
  },
  expand: (value) => (typeof value === 'string' ? { type: STRING, strVal: value } : { type: INT, intVal: numberOf(value) }),
};

/** Bytes that are JSON themselves. */
function jsonType(field: string): Simplification {
  return {
    numbers: `${field}=1?`,
    schema: { [field]: 'string' },
    simplify: ({ [field]: text }) => (typeof text === 'string' && text !== '' ? parseJson(text) : undefined),
    expand: (value) => (value === undefined ? {} : { [field]: JSON.stringify(value) }),
  };
}

function parseJson(text: string): Json {
  try {
    const value: Json = JSON.parse(text);
    return value;
  } catch (error) {
    throw new ProtobufError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

/** A list in a message of its own. */
const strings: Simplification = {
  numbers: 'items=1',
  schema: { items: '[]string' },
  simplify: ({ items = [] }) => items,
  expand: (value) => ({ items: value ?? [] }),
};

/** A subresource that is there and says nothing more. */
const nothing: Simplification = { numbers: '', schema: {}, simplify: () => ({}), expand: () => ({}) };

function numberOf(value: Json | undefined): number {
  return typeof value === 'number' ? value : 0;
}

function getScalar(name: string): ValueType {
  const type = scalarTypes.get(name);
  if (type === undefined) throw new Error(`no scalar is called ${name}`);
  return type;
}

/** By their names in `schemas.ts`, or after the colon in `protobuf-fields.ts`. */
export const wellKnownTypes: ReadonlyMap<string, ValueType> = new Map([
  ['time', createSimpleType(timeType(false), getScalar)],
  ['micro-time', createSimpleType(timeType(true), getScalar)],
  ['quantity', createSimpleType(quantity, getScalar)],
  ['int-or-string', createSimpleType(intOrString, getScalar)],
  ['RawExtension', createSimpleType(jsonType('raw'), getScalar)],
  ['FieldsV1', createSimpleType(jsonType('Raw'), getScalar)],
  ['JSON', createSimpleType(jsonType('raw'), getScalar)],
  ['ExtraValue', createSimpleType(strings, getScalar)],
  ['Verbs', createSimpleType(strings, getScalar)],
  ['CustomResourceSubresourceStatus', createSimpleType(nothing, getScalar)],
]);
