/**
 * The border between JSON and typed objects: every body that the server stores passes here, and so does every patched object. Walks the
 * value along `generated/schemas.ts`: keeps known fields, reports unknown ones, checks types, and makes values canonical (quantities,
 * times, null as absent), so that behind this file an object is what its type says. Pure; fields given twice are the JSON reader's to find.
 * Messages are upstream's, whose clients show them as they are.
 */
import { schemas } from './generated/schemas.ts';
import { isJsonArray, isJsonObject, isTooDeep, JSON_DEPTH_MAX, type Json, type JsonObject } from './meta/json.ts';
import { canonicalQuantity, QuantityError } from './meta/quantity.ts';
import type { ApiObject, ResourceType } from './meta/resource-type.ts';
import { ApiError } from './meta/status.ts';
import { normalizeTime } from './meta/time.ts';

export interface Decoded<T> {
  readonly object: T;
  /** `unknown field "spec.foo"`, in order of appearance: errors, warnings or nothing, as the request's `fieldValidation` says. */
  readonly unknownFields: readonly string[];
}

/** A client that sends this many unknown fields needs no more of them named. */
const UNKNOWN_FIELDS_MAX = 100;

/**
 * Takes any JSON value; gives the object of that kind and what was left out of it.
 * Throws BadRequest when a field has a value that its type cannot hold, in upstream's words.
 */
export function decodeObject<T extends ApiObject>(type: ResourceType<T>, value: unknown): Decoded<T>;
/** The same for a model by its name in `generated/schemas.ts`, such as `DeleteOptions` or `Scale`. */
export function decodeObject(schemaName: string, value: unknown): Decoded<JsonObject>;
export function decodeObject(target: string | { readonly schema: string; readonly version: string }, value: unknown): Decoded<unknown> {
  return decodeAs(target, value, false);
}

/**
 * A part of an object of that kind, as server-side apply takes it: checked and in canonical form like a whole one, but nothing that its author left out is
 * filled in. Throws BadRequest.
 */
export function decodePart(target: { readonly schema: string; readonly version: string }, value: unknown): Decoded<JsonObject> {
  const { object, unknownFields } = decodeAs(target, value, true);
  return { object: isJsonObject(object) ? object : {}, unknownFields };
}

function decodeAs(
  target: string | { readonly schema: string; readonly version: string },
  value: unknown,
  isPart: boolean,
): Decoded<unknown> {
  const schemaName = typeof target === 'string' ? target : target.schema;
  const unknownFields: string[] = [];
  try {
    const model = modelOf(schemaName);
    if (!isJsonObject(value)) throw new DecodeError(`json: cannot unmarshal ${jsonTypeOf(value)} into Go value of type v1.${schemaName}`);
    const object = decodeModel(model, value, { path: '', goPath: '', depth: 0, unknownFields, isPart });
    return { object, unknownFields };
  } catch (error) {
    if (!(error instanceof DecodeError) && !(error instanceof QuantityError)) throw error;
    throw new ApiError('BadRequest', withKind(error.message, value, schemaName), { cause: error });
  }
}

function withKind(message: string, value: unknown, schemaName: string): string {
  const kind = isJsonObject(value) && typeof value.kind === 'string' ? value.kind : schemaName;
  const apiVersion = isJsonObject(value) && typeof value.apiVersion === 'string' ? value.apiVersion : 'v1';
  return `${kind} in version ${JSON.stringify(apiVersion.split('/').at(-1))} cannot be handled as a ${kind}: ${message}`;
}

class DecodeError extends Error {}

/** A field's type, read once from the compact notation of the schemas. */
interface FieldType {
  readonly container: 'none' | 'list' | 'map';
  /** Of a list's or map's items. */
  readonly item: FieldType | undefined;
  /** A scalar's format, `any` or a model's name. */
  readonly name: string;
}

interface Model {
  readonly name: string;
  readonly fields: ReadonlyMap<string, FieldType>;
  /** What an object of this model always has; an author who leaves it out gets the empty value of its type. */
  readonly required: readonly string[];
  /** Lists and maps that are there even when they are empty. */
  readonly keptEmpty: ReadonlySet<string>;
}

/**
 * The field of a model in which an empty list says something else than an absent one. No policies at all are refused, policies left out are the usual
 * ones; and clients of Kubernetes 1.33 and older insist on a slice's endpoints.
 */
const EMPTY_WITH_MEANING: Readonly<Record<string, string>> = { V2HPAScalingRules: 'policies', EndpointSlice: 'endpoints' };

const models = new Map<string, Model>();

function modelOf(name: string): Model {
  const known = models.get(name);
  if (known !== undefined) return known;
  const schema = Object.hasOwn(schemas, name) ? schemas[name] : undefined;
  if (schema === undefined) throw new Error(`there is no schema called ${name}`);
  const fields = Object.entries(schema).map(([field, text]) => [field, parseFieldType(text.replace(/!$/, ''))] as const);
  const isKind = ['apiVersion', 'kind', 'metadata'].every((field) => Object.hasOwn(schema, field));
  const isRequired = (field: string, text: string) => text.endsWith('!') || (isKind && (field === 'metadata' || field === 'spec'));
  const required = Object.entries(schema).filter(([field, text]) => isRequired(field, text));
  const names = required.map(([field]) => field);
  const keptEmpty = new Set([...names, EMPTY_WITH_MEANING[name] ?? '']);
  const model = { name, fields: new Map(fields), required: names, keptEmpty };
  models.set(name, model);
  return model;
}

function parseFieldType(text: string): FieldType {
  if (text.startsWith('[]')) return { container: 'list', item: parseFieldType(text.slice(2)), name: text };
  if (text.startsWith('{}')) return { container: 'map', item: parseFieldType(text.slice(2)), name: text };
  return { container: 'none', item: undefined, name: text };
}

/** Where we are: the path users see, the path Go's JSON reader would name (without indices), and how deep. */
interface Place {
  readonly path: string;
  readonly goPath: string;
  readonly depth: number;
  readonly unknownFields: string[];
  /** Nothing is filled in. */
  readonly isPart: boolean;
}

function decodeModel(model: Model, value: JsonObject, place: Place): JsonObject {
  if (place.depth > JSON_DEPTH_MAX) throw new DecodeError('json: exceeded max depth');
  const members: [string, Json][] = [];
  for (const key of Object.keys(value)) {
    const fieldType = model.fields.get(key);
    const path = place.path === '' ? key : `${place.path}.${key}`;
    if (fieldType === undefined) {
      if (place.unknownFields.length < UNKNOWN_FIELDS_MAX) place.unknownFields.push(`unknown field ${JSON.stringify(path)}`);
      continue;
    }
    const inner = value[key];
    if (inner === null || inner === undefined) continue;
    const goPath = place.goPath === '' ? key : `${place.goPath}.${key}`;
    const next = { ...place, path, goPath, depth: place.depth + 1 };
    const decoded = decodeValue(fieldType, inner, next, model.name);
    if (place.isPart || !isEmptyContainer(decoded, fieldType) || model.keptEmpty.has(key)) members.push([key, decoded]);
  }
  return Object.fromEntries(place.isPart ? members : [...members, ...missingMembers(model, value, place)]);
}

/** An empty list or map says what an absent one says, and is stored as that. */
function isEmptyContainer(value: Json, { container }: FieldType): boolean {
  if (container === 'list') return isJsonArray(value) && value.length === 0;
  return container === 'map' && isJsonObject(value) && Object.keys(value).length === 0;
}

/** Types promise required fields, and code behind this border relies on it; validation says which of them may not be empty. */
function missingMembers(model: Model, value: JsonObject, place: Place): readonly [string, Json][] {
  return model.required.flatMap((field): readonly [string, Json][] => {
    const type = model.fields.get(field);
    const isPresent = Object.hasOwn(value, field) && value[field] !== null && value[field] !== undefined;
    if (isPresent || type === undefined || type.name === 'time' || type.name === 'micro-time' || type.name === 'any') return [];
    return [[field, decodeValue(type, emptyOf(type), { ...place, depth: place.depth + 1 }, model.name)]];
  });
}

function decodeValue(type: FieldType, value: Json, place: Place, owner: string): Json {
  if (type.container === 'list' && type.item !== undefined) return decodeList(type.item, type, value, place, owner);
  if (type.container === 'map' && type.item !== undefined) return decodeMap(type.item, type, value, place, owner);
  const decodeScalar = scalars.get(type.name);
  if (decodeScalar !== undefined) return decodeScalar(value, place, owner);
  if (!isJsonObject(value)) throw mismatch(value, place, owner, `v1.${type.name}`);
  return decodeModel(modelOf(type.name), value, place);
}

function decodeList(item: FieldType, type: FieldType, value: Json, place: Place, owner: string): Json {
  if (!isJsonArray(value)) throw mismatch(value, place, owner, goTypeOf(type));
  return value.map((inner, index) => {
    const path = `${place.path}[${index}]`;
    return decodeValue(item, inner ?? emptyOf(item), { ...place, path, depth: place.depth + 1 }, owner);
  });
}

/** `Object.fromEntries` defines members, so a key called `__proto__` stays a key. */
function decodeMap(item: FieldType, type: FieldType, value: Json, place: Place, owner: string): Json {
  if (!isJsonObject(value)) throw mismatch(value, place, owner, goTypeOf(type));
  const entries = Object.entries(value).map(([key, inner]): [string, Json] => {
    const next = { ...place, path: `${place.path}[${key}]`, depth: place.depth + 1 };
    return [key, decodeValue(item, inner ?? emptyOf(item), next, owner)];
  });
  return Object.fromEntries(entries);
}

/** What null in a list or map stands for: upstream's empty value of the type. */
function emptyOf(type: FieldType): Json {
  if (type.container === 'list') return [];
  if (type.container === 'map') return {};
  return empties.get(type.name) ?? (scalars.has(type.name) ? null : {});
}

const empties: ReadonlyMap<string, Json> = new Map<string, Json>([
  ['string', ''],
  ['bytes', ''],
  ['quantity', '0'],
  ['boolean', false],
  ['int32', 0],
  ['int64', 0],
  ['double', 0],
  ['int-or-string', 0],
]);

type ScalarDecoder = (value: Json, place: Place, owner: string) => Json;

const INT32_MAX = 2 ** 31 - 1;
const INT64_MAX = 2 ** 63;

const scalars: ReadonlyMap<string, ScalarDecoder> = new Map<string, ScalarDecoder>([
  ['any', (value, { depth }) => (isTooDeep(value, depth) ? fail(new DecodeError('json: exceeded max depth')) : value)],
  ['string', (value, place, owner) => (typeof value === 'string' ? value : fail(mismatch(value, place, owner, 'string')))],
  ['boolean', (value, place, owner) => (typeof value === 'boolean' ? value : fail(mismatch(value, place, owner, 'bool')))],
  ['double', (value, place, owner) => (typeof value === 'number' ? value : fail(mismatch(value, place, owner, 'float64')))],
  ['int32', (value, place, owner) => decodeInteger(value, INT32_MAX, () => mismatch(value, place, owner, 'int32'))],
  ['int64', (value, place, owner) => decodeInteger(value, INT64_MAX, () => mismatch(value, place, owner, 'int64'))],
  ['int-or-string', (value, place, owner) => decodeIntOrString(value, place, owner)],
  ['quantity', (value, place, owner) => decodeQuantity(value, place, owner)],
  ['bytes', (value, place, owner) => decodeBytes(value, place, owner)],
  ['time', (value, place, owner) => decodeTime(value, 'time', place, owner)],
  ['micro-time', (value, place, owner) => decodeTime(value, 'micro-time', place, owner)],
]);

function fail(error: Error): never {
  throw error;
}

function decodeInteger(value: Json, max: number, error: () => Error): number {
  return typeof value === 'number' && Number.isInteger(value) && value <= max && value >= -max - 1 ? value : fail(error());
}

function decodeIntOrString(value: Json, place: Place, owner: string): Json {
  if (typeof value === 'string') return value;
  return decodeInteger(value, INT32_MAX, () => mismatch(value, place, owner, typeof value === 'number' ? 'int32' : 'string'));
}

/** Quantities may be written as plain numbers; they are stored as text. */
function decodeQuantity(value: Json, place: Place, owner: string): string {
  if (typeof value !== 'string' && typeof value !== 'number') throw mismatch(value, place, owner, 'resource.Quantity');
  return value === '' ? '0' : canonicalQuantity(String(value).trim());
}

const BASE64 = /^[A-Za-z0-9+/\r\n]*={0,2}[\r\n]*$/;

function decodeBytes(value: Json, place: Place, owner: string): string {
  if (typeof value !== 'string') throw mismatch(value, place, owner, '[]uint8');
  const text = value.replace(/[\r\n]/g, '');
  const at = BASE64.test(value) ? text.length : value.search(/[^A-Za-z0-9+/=\r\n]/);
  if (!BASE64.test(value) || text.length % 4 !== 0) throw new DecodeError(`illegal base64 data at input byte ${Math.max(at, 0)}`);
  return text;
}

function decodeTime(value: Json, precision: 'time' | 'micro-time', place: Place, owner: string): string {
  if (typeof value !== 'string') throw mismatch(value, place, owner, 'string');
  const time = normalizeTime(value, precision);
  if (time !== undefined) return time;
  const layout = precision === 'time' ? '2006-01-02T15:04:05Z07:00' : '2006-01-02T15:04:05.000000Z07:00';
  throw new DecodeError(`parsing time ${JSON.stringify(value)} as "${layout}": cannot parse ${JSON.stringify(value)} as "2006"`);
}

function mismatch(value: Json, { goPath }: Place, owner: string, goType: string): DecodeError {
  return new DecodeError(`json: cannot unmarshal ${jsonTypeOf(value, goType)} into Go struct field ${owner}.${goPath} of type ${goType}`);
}

/** Numbers of the right kind but out of range are named with their value, as Go does. */
function jsonTypeOf(value: unknown, goType = ''): string {
  if (value === null || value === undefined) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return goType.startsWith('int') ? `number ${value}` : 'number';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}

const goScalars: Readonly<Record<string, string>> = {
  string: 'string',
  boolean: 'bool',
  int32: 'int32',
  int64: 'int64',
  double: 'float64',
  bytes: '[]uint8',
  quantity: 'resource.Quantity',
  'int-or-string': 'intstr.IntOrString',
};

function goTypeOf(type: FieldType): string {
  if (type.container === 'list' && type.item !== undefined) return `[]${goTypeOf(type.item)}`;
  if (type.container === 'map' && type.item !== undefined) return `map[string]${goTypeOf(type.item)}`;
  return goScalars[type.name] ?? `v1.${type.name}`;
}
