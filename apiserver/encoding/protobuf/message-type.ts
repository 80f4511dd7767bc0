/**
 * Messages: a list of numbered fields, each of a type. Reading gives the JSON object that the same client would have sent as JSON: what its library leaves out
 * because it is zero is left out. Writing gives the very bytes that upstream writes: fields by number, unset ones included unless they are optional, map
 * entries by key. A message that comes in several parts is its last part, which no writer of these messages ever sends.
 */
import { isJsonArray, isJsonObject, type Json, type JsonObject, memberOf } from '#api/meta/json.ts';
import { readText, type ValueType } from './value-type.ts';
import { BYTES, ProtobufError, type Reader, readDelimited, readTag, readWith, skipField, type Writer, writeTag } from './wire.ts';

/** As for JSON bodies; no object of the API comes near this. */
const NESTING_DEPTH_MAX = 200;

export interface MessageType extends ValueType {
  /** Throws `ProtobufError`. */
  readMembers(bytes: Buffer): JsonObject;
  /** The fields alone, without a length before them. */
  writeMembers(writer: Writer, object: JsonObject): void;
}

export interface MessageDescription {
  /** In the notation of `api/generated/protobuf-fields.ts`: `replicas=1?`, `name=1!`, `data=2:RawExtension`, `...ProbeHandler=1`. */
  readonly numbers: string;
  /** In the notation of `schemas.ts`. */
  readonly schema: Readonly<Record<string, string>>;
  /** Finds the types of fields when they are first needed: a message may contain itself. */
  getType(name: string): ValueType;
  /** Finds the numbers of a message whose fields stand among this one's. */
  numbersOf?(message: string): string;
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

export function createMessageType(description: MessageDescription): MessageType {
  const fields = parseFields(description);
  const byNumber = new Map(fields.map((field) => [field.number, field]));
  const writeMembers = (writer: Writer, object: JsonObject) => {
    for (const field of fields) writeField(writer, field, object);
  };
  return {
    wireType: BYTES,
    zero: undefined,
    isWrittenUnset: true,
    readMembers: (bytes) => readWith(bytes, (reader) => readMessage(byNumber, reader, 0)),
    writeMembers,
    read: (reader, depth) => readDelimited(reader, () => readMessage(byNumber, reader, depth)),
    write: (writer, value) => {
      writer.fork();
      writeMembers(writer, isJsonObject(value) ? value : {});
      writer.ldelim();
    },
  };
}

function parseFields(description: MessageDescription): readonly Field[] {
  const parts = description.numbers.split(' ');
  return parts.flatMap((part) => parseField(part, description) ?? []).sort((left, right) => left.number - right.number);
}

function parseField(part: string, { schema, getType, numbersOf }: MessageDescription): Field | undefined {
  const [, dots, name = '', digits = '', mark = '', special = ''] = /^(\.\.\.)?([^=]+)=(\d+)([?!]?)(?::(\w+))?$/.exec(part) ?? [];
  if (name === '') return undefined;
  const base = { name, number: Number(digits), isOptional: mark === '?' };
  if (dots !== undefined) {
    const numbers = numbersOf?.(name) ?? '';
    const inner = createMessageType({ numbers, schema, getType, ...(numbersOf === undefined ? {} : { numbersOf }) });
    return { ...base, shape: 'inlined', isZeroKept: false, type: () => inner };
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

function once<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

/** What has been read of a message. Made when there is something: a message may be a million empty ones. */
interface Members {
  /** By the names of fields, which are ours. */
  readonly values: { [name: string]: Json };
  lists?: Map<string, Json[]>;
  /** Entries by key: no key of a client's may be anything but data. */
  maps?: Map<string, Map<string, Json>>;
}

function readMessage(fields: ReadonlyMap<number, Field>, reader: Reader, depth: number): JsonObject {
  if (depth > NESTING_DEPTH_MAX) throw new ProtobufError(`exceeded max depth of ${NESTING_DEPTH_MAX}`);
  const members: Members = { values: {} };
  while (reader.pos < reader.len) {
    const { number, wireType } = readTag(reader);
    const field = fields.get(number);
    if (field === undefined) skipField(reader, wireType);
    else readField(field, wireType, members, { reader, depth: depth + 1 });
  }
  for (const [name, list] of members.lists ?? []) members.values[name] = list;
  for (const [name, entries] of members.maps ?? []) members.values[name] = Object.fromEntries(entries);
  return members.values;
}

interface Source {
  readonly reader: Reader;
  readonly depth: number;
}

function readField(field: Field, wireType: number, members: Members, { reader, depth }: Source): void {
  const type = field.type();
  switch (field.shape) {
    case 'list': {
      members.lists ??= new Map();
      readItems(
        field,
        wireType,
        members.lists.getOrInsertComputed(field.name, () => []),
        { reader, depth },
      );
      return;
    }
    case 'map': {
      throwIfMismatched(field.name, BYTES, wireType);
      members.maps ??= new Map();
      readEntry(
        field,
        members.maps.getOrInsertComputed(field.name, () => new Map()),
        { reader, depth },
      );
      return;
    }
    case 'inlined':
      throwIfMismatched(field.name, BYTES, wireType);
      Object.assign(members.values, type.read(reader, depth));
      return;
    case 'one': {
      throwIfMismatched(field.name, type.wireType, wireType);
      const value = type.read(reader, depth);
      const isSaid = value !== undefined && (field.isZeroKept || value !== type.zero);
      if (isSaid) members.values[field.name] = value;
      // The last of several values counts; deleting is slow, and so left to the bytes that need it.
      else if (Object.hasOwn(members.values, field.name)) delete members.values[field.name];
    }
  }
}

/** One item, or, as some writers send numbers, many without tags. */
function readItems(field: Field, wireType: number, items: Json[], { reader, depth }: Source): void {
  const type = field.type();
  const readItem = () => {
    const item = type.read(reader, depth);
    if (item !== undefined) items.push(item);
  };
  if (type.wireType === BYTES || wireType !== BYTES) {
    throwIfMismatched(field.name, type.wireType, wireType);
    readItem();
    return;
  }
  readDelimited(reader, () => {
    while (reader.pos < reader.len) readItem();
  });
}

/** A message of a key and a value, either of which may be missing. */
function readEntry(field: Field, entries: Map<string, Json>, { reader, depth }: Source): void {
  const type = field.type();
  readDelimited(reader, () => {
    let key = '';
    let value: Json | undefined = type.zero ?? {};
    while (reader.pos < reader.len) {
      const { number, wireType } = readTag(reader);
      if (number === 1) {
        throwIfMismatched(field.name, BYTES, wireType);
        key = readText(reader, 'utf8');
      } else if (number === 2) {
        throwIfMismatched(field.name, type.wireType, wireType);
        value = type.read(reader, depth);
      } else skipField(reader, wireType);
    }
    if (value !== undefined) entries.set(key, value);
  });
}

function throwIfMismatched(name: string, expected: number, wireType: number): void {
  if (wireType !== expected) throw new ProtobufError(`wrong wireType = ${wireType} for field ${name}`);
}

function writeField(writer: Writer, field: Field, object: JsonObject): void {
  const type = field.type();
  const value = field.shape === 'inlined' ? object : valueAt(object, field.name);
  if (field.shape === 'list') {
    for (const item of isJsonArray(value) ? value : []) writeOne(writer, field, type, item);
  } else if (field.shape === 'map') {
    for (const [key, inner] of isJsonObject(value) ? sortedEntries(value) : []) writeEntry(writer, field.number, key, type, inner);
  } else if (value !== undefined || (type.isWrittenUnset && !field.isOptional)) {
    writeOne(writer, field, type, value);
  }
}

/** Null says as much as nothing. */
function valueAt(object: JsonObject, name: string): Json | undefined {
  return memberOf(object, name) ?? undefined;
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
