/**
 * Objects of any model, made along `schemas.ts` for properties that must hold for all of them: a few fields of each model, because whole pods would take
 * minutes. Only of values that JSON and protobuf both have.
 */
import fc from 'fast-check';
import { protobufFields } from '#api/generated/protobuf-fields.ts';
import { schemas } from '#api/generated/schemas.ts';

const FIELDS_MAX = 4;
const DEPTH_MAX = 4;

/** Everything that has a message and is described by a schema. */
export const models: readonly string[] = Object.keys(protobufFields).filter((model) => model in schemas);

const text = fc.string({ unit: 'grapheme', maxLength: 8 });
const seconds = fc.integer({ min: 0, max: 4_000_000_000 }).map((epoch) => new Date(epoch * 1000).toISOString().slice(0, 19));
const micros = fc.integer({ min: 0, max: 999_999 }).map((value) => String(value).padStart(6, '0'));

const scalars: ReadonlyMap<string, fc.Arbitrary<unknown>> = new Map<string, fc.Arbitrary<unknown>>([
  ['string', text],
  ['bytes', fc.uint8Array({ maxLength: 8 }).map((bytes) => Buffer.from(bytes).toString('base64'))],
  ['boolean', fc.boolean()],
  ['int32', fc.integer()],
  ['int64', fc.maxSafeInteger()],
  // Protobuf keeps the sign of nothing, JSON does not.
  ['double', fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => (value === 0 ? 0 : value))],
  ['time', seconds.map((value) => `${value}Z`)],
  ['micro-time', fc.tuple(seconds, micros).map(([value, fraction]) => `${value}.${fraction}Z`)],
  ['quantity', fc.constantFrom('100m', '2Gi', '3', '1e3')],
  ['int-or-string', fc.oneof(fc.integer(), text)],
  ['any', fc.dictionary(text, fc.oneof(fc.integer(), text, fc.array(text, { maxLength: 2 })), { maxKeys: 2 })],
]);

/** What the schemas call `any` and the table has a name for. */
const specials: ReadonlyMap<string, fc.Arbitrary<unknown>> = new Map<string, fc.Arbitrary<unknown>>([
  ['CustomResourceSubresourceStatus', fc.constant({})],
  ['JSONSchemaPropsOrArray', fc.constantFrom<unknown>({ type: 'string' }, [{ type: 'string' }])],
  ['JSONSchemaPropsOrBool', fc.constantFrom<unknown>({ type: 'string' }, true, false)],
  ['JSONSchemaPropsOrStringArray', fc.constantFrom<unknown>({ type: 'string' }, ['a', 'b'])],
]);

export function arbitraryModel(model: string, depth = 0): fc.Arbitrary<object> {
  const schema = schemas[model] ?? {};
  const isOnWire = (field: string) => hasNumber(model, field) && (depth < DEPTH_MAX || isShallow(schema[field] ?? ''));
  const names = Object.keys(schema).filter(isOnWire);
  return fc.subarray(names, { maxLength: Math.min(FIELDS_MAX, names.length) }).chain((chosen) => {
    const members = chosen.map((name): [string, fc.Arbitrary<unknown>] => [name, arbitraryField(model, name, schema[name] ?? '', depth)]);
    return fc.record(Object.fromEntries(members));
  });
}

function arbitraryField(model: string, name: string, type: string, depth: number): fc.Arbitrary<unknown> {
  const special = new RegExp(`(?:^| )${RegExp.escape(name)}=\\d+[?!]?:(\\w+)`).exec(protobufFields[model] ?? '')?.[1];
  const item = special === undefined ? undefined : specials.get(special);
  return arbitraryType(type.replace(/!$/, ''), depth, item);
}

function arbitraryType(type: string, depth: number, item: fc.Arbitrary<unknown> | undefined): fc.Arbitrary<unknown> {
  if (type.startsWith('[]')) return fc.array(arbitraryType(type.slice(2), depth, item), { minLength: 1, maxLength: 2 });
  if (type.startsWith('{}')) return fc.dictionary(text, arbitraryType(type.slice(2), depth, item), { minKeys: 1, maxKeys: 2 });
  return item ?? scalars.get(type) ?? arbitraryModel(type, depth + 1);
}

/** A field of the model itself or of a message whose fields stand among the model's. */
function hasNumber(model: string, field: string): boolean {
  return (protobufFields[model] ?? '').split(' ').some((part) => {
    const name = part.split('=')[0] ?? '';
    return name === field || (name.startsWith('...') && hasNumber(name.slice(3), field));
  });
}

function isShallow(type: string): boolean {
  return scalars.has(type.replace(/^(\[\]|\{\})*|!$/g, ''));
}

/** Without what says nothing: protobuf cannot tell an empty list from none, nor some zeros from absence. */
export function withoutEmpty(value: unknown): unknown {
  if (Array.isArray(value)) return value.length === 0 ? undefined : value.map((item) => withoutEmpty(item) ?? null);
  if (typeof value !== 'object' || value === null)
    return value === '' || value === 0 || value === false || value === '0' ? undefined : value;
  const members = Object.entries(value)
    .map(([name, inner]): [string, unknown] => [name, withoutEmpty(inner)])
    .filter(([, inner]) => inner !== undefined);
  return members.length === 0 ? undefined : Object.fromEntries(members);
}
