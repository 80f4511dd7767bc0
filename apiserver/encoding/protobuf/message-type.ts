/**
 * Messages: a list of numbered fields, each of a type, made once per model from `api/generated/protobuf-fields.ts` (numbers, presence) and `schemas.ts` (types).
 * Reading gives the JSON object that the same client would have sent as JSON: what its library leaves out because it is zero is left out. Writing gives the very
 * bytes that upstream writes: fields by number, unset ones included unless they are optional, map entries by key.
 */
import { protobufFields } from '#api/generated/protobuf-fields.ts';
import { schemas } from '#api/generated/schemas.ts';
import { isJsonArray, isJsonObject, type Json, type JsonObject } from '#api/meta/json.ts';
import { jsonSchemaTypes } from './json-schema-types.ts';
import { bytesOf, scalarTypes, type ValueType } from './value-type.ts';
import { wellKnownTypes } from './well-known.ts';
import { BYTES, ProtobufError, readFields, readPacked, type WireField, type Writer, writeTag } from './wire.ts';

/** As for JSON bodies; no object of the API comes near this. */
const NESTING_DEPTH_MAX = 200;

export interface MessageType extends ValueType {
  /** Throws `ProtobufError`. */
  readMembers(bytes: Buffer, depth: number): JsonObject;
  /** The fields alone, without a length before them. */
  writeMembers(writer: Writer, object: JsonObject): void;
}

interface Field {
  readonly name: string;
  readonly number: number;
  /** `inlined`: the fields of a message that stand among the outer one's in JSON. */
  readonly shape: 'one' | 'list' | 'map' | 'inlined';
  /** Only on the wire when it is set, so that zero is a value like others. */
  readonly isOptional: boolean;
  /** In JSON even when it is zero. */
  readonly isZeroKept: boolean;
  readonly type: () => ValueType;
}

type Schema = Readonly<Record<string, string>>;

const messageTypes = new Map<string, MessageType>();

/** The message of a model; undefined when the model has none, and its kind therefore no protobuf. */
export function findMessageType(model: string): MessageType | undefined {
  const known = messageTypes.get(model);
  if (known !== undefined) return known;
  const schema = Object.hasOwn(schemas, model) ? schemas[model] : undefined;
  const numbers = Object.hasOwn(protobufFields, model) ? protobufFields[model] : undefined;
  if (schema === undefined || numbers === undefined) return undefined;
  const type = createMessageType(numbers, schema);
  messageTypes.set(model, type);
  return type;
}

/** `numbers` in the notation of `protobuf-fields.ts`, `schema` in that of `schemas.ts`. */
export function createMessageType(numbers: string, schema: Schema): MessageType {
  const fields = parseFields(numbers, schema);
  const readMembers = (bytes: Buffer, depth: number) => readMessage(fields, bytes, depth);
  const writeMembers = (writer: Writer, object: JsonObject) => {
    for (const field of fields) writeField(writer, field, object);
  };
  return {
    wireType: BYTES,
    zero: undefined,
    isWrittenUnset: true,
    readMembers,
    writeMembers,
    read: (wire, depth) => readMembers(bytesOf(wire), depth),
    write: (writer, value) => {
      writer.fork();
      writeMembers(writer, isJsonObject(value) ? value : {});
      writer.ldelim();
    },
  };
}

function parseFields(numbers: string, schema: Schema): readonly Field[] {
  const fields = numbers.split(' ').flatMap((part) => parseField(part, schema) ?? []);
  return fields.sort((left, right) => left.number - right.number);
}

/** `replicas=1?`, `name=1!`, `data=2:RawExtension`, `...ProbeHandler=1`. */
function parseField(part: string, schema: Schema): Field | undefined {
  const [, dots, name = '', digits = '', mark = '', special = ''] = /^(\.\.\.)?([^=]+)=(\d+)([?!]?)(?::(\w+))?$/.exec(part) ?? [];
  if (name === '') return undefined;
  const base = { name, number: Number(digits), isOptional: mark === '?' };
  if (dots !== undefined) {
    const type = createMessageType(protobufFields[name] ?? '', schema);
    return { ...base, shape: 'inlined', isZeroKept: false, type: () => type };
  }
  const schemaType = schema[name] ?? '';
  const shape = shapeOf(schemaType, special);
  const item = schemaType.replace(/!$/, '').replace(shape === 'one' ? '' : /^(\[\]|\{\})/, '');
  const isZeroKept = mark !== '' || schemaType.endsWith('!');
  return { ...base, shape, isZeroKept, type: once(() => getType(special === '' ? item : special)) };
}

/** Lists that are wrapped in a message are one value to whoever holds them. */
function shapeOf(schemaType: string, special: string): 'one' | 'list' | 'map' {
  if (schemaType.startsWith('{}')) return 'map';
  return schemaType.startsWith('[]') && special !== 'Verbs' ? 'list' : 'one';
}

const valueTypes = new Map([...scalarTypes, ...wellKnownTypes, ...jsonSchemaTypes(() => getType('JSONSchemaProps'))]);

function getType(name: string): ValueType {
  const type = valueTypes.get(name) ?? findMessageType(name);
  if (type === undefined) throw new Error(`no protobuf type is called ${name}`);
  return type;
}

/** Types are looked up when first needed: a message may contain itself. */
function once<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

function readMessage(fields: readonly Field[], bytes: Buffer, depth: number): JsonObject {
  if (depth > NESTING_DEPTH_MAX) throw new ProtobufError(`exceeded max depth of ${NESTING_DEPTH_MAX}`);
  const received = Map.groupBy(readFields(bytes), ({ number }) => number);
  const members: [string, Json][] = [];
  for (const field of fields) {
    const wires = received.get(field.number);
    if (wires === undefined) continue;
    const value = readField(field, wires, depth + 1);
    if (field.shape === 'inlined') members.push(...Object.entries(isJsonObject(value) ? value : {}));
    else if (value !== undefined) members.push([field.name, value]);
  }
  return Object.fromEntries(members);
}

function readField(field: Field, wires: readonly WireField[], depth: number): Json | undefined {
  const type = field.type();
  switch (field.shape) {
    case 'list':
      return wires.flatMap((wire) => readItems(field, type, wire, depth));
    case 'map':
      return Object.fromEntries(wires.flatMap((wire) => readEntry(field, type, wire, depth)));
    case 'inlined':
      return type.read(mergedOf(field, type, wires), depth);
    case 'one': {
      const value = type.read(mergedOf(field, type, wires), depth);
      return !field.isZeroKept && value === type.zero ? undefined : value;
    }
  }
}

/** A scalar's last value counts; messages that come in parts are one after the other the whole. */
function mergedOf(field: Field, type: ValueType, wires: readonly WireField[]): number | Buffer {
  for (const wire of wires) throwIfMismatched(field.name, type, wire);
  const values = wires.map(({ value }) => value);
  const last = values.at(-1) ?? 0;
  const isMessage = type.zero === undefined;
  return isMessage && values.length > 1 ? Buffer.concat(values.filter((value) => typeof value !== 'number')) : last;
}

function readItems(field: Field, type: ValueType, wire: WireField, depth: number): readonly Json[] {
  const isPacked = type.wireType !== BYTES && wire.wireType === BYTES;
  if (!isPacked) throwIfMismatched(field.name, type, wire);
  const values = isPacked ? readPacked(bytesOf(wire.value), type.wireType) : [wire.value];
  return values.flatMap((value) => type.read(value, depth) ?? []);
}

/** A message of a key and a value, either of which may be missing. */
function readEntry(field: Field, type: ValueType, wire: WireField, depth: number): readonly (readonly [string, Json])[] {
  const entry = readFields(bytesOf(wire.value));
  const key = entry.findLast(({ number }) => number === 1);
  const value = entry.findLast(({ number }) => number === 2);
  if (value !== undefined) throwIfMismatched(field.name, type, value);
  const empty = type.wireType === BYTES ? Buffer.alloc(0) : 0;
  const json = type.read(value?.value ?? empty, depth);
  return json === undefined ? [] : [[key === undefined ? '' : bytesOf(key.value).toString('utf8'), json]];
}

function throwIfMismatched(name: string, type: ValueType, { wireType }: WireField): void {
  if (wireType !== type.wireType) throw new ProtobufError(`wrong wireType = ${wireType} for field ${name}`);
}

function writeField(writer: Writer, field: Field, object: JsonObject): void {
  const type = field.type();
  if (field.shape === 'inlined') return writeOne(writer, field, type, object);
  const value = (Object.hasOwn(object, field.name) ? object[field.name] : undefined) ?? undefined;
  switch (field.shape) {
    case 'list':
      for (const item of isJsonArray(value) ? value : []) writeOne(writer, field, type, item);
      return;
    case 'map':
      for (const [key, inner] of isJsonObject(value) ? sortedEntries(value) : []) writeEntry(writer, field.number, key, type, inner);
      return;
    case 'one':
      if (value !== undefined || (type.isWrittenUnset && !field.isOptional)) writeOne(writer, field, type, value);
  }
}

function writeOne(writer: Writer, { number }: Field, type: ValueType, value: Json | undefined): void {
  type.write(writeTag(writer, number, type.wireType), value);
}

function writeEntry(writer: Writer, number: number, key: string, type: ValueType, value: Json): void {
  writeTag(writer, number, BYTES).fork();
  writeTag(writer, 1, BYTES).string(key);
  type.write(writeTag(writer, 2, type.wireType), value);
  writer.ldelim();
}

function sortedEntries(object: JsonObject): readonly [string, Json][] {
  return Object.entries(object).sort(([left], [right]) => (left < right ? -1 : 1));
}
