/**
 * Values for the fields of any kind: mostly what the schema says, now and then what it does not. A body is made along `api/generated/schemas.ts`, or from a sample that
 * is known to be right; then a few places in it are spoilt.
 */
import { schemas } from '#api/generated/schemas.ts';
import type { Chance } from './chance.ts';

const DEPTH_MAX = 5;
const FIELDS_SHARE = 5;

export const NAMES = ['a', 'b', 'web', 'node-1', 'kubernetes'] as const;

/** Members that are dangerous to whoever takes an object for a table. */
export const HOSTILE_KEYS = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  'valueOf',
  '__defineGetter__',
  'then',
  'length',
] as const;

const TEXTS = [
  '',
  'a',
  'main',
  'nginx',
  'web',
  'default',
  'Always',
  'TCP',
  'true',
  '0',
  '-1',
  '100m',
  '1Gi',
  '50%',
  '*',
  '/',
  '..',
  'a/b',
  'example.com/a',
  '10.0.0.1',
  '10.96.0.7',
  '::1',
  '10.0.0.0/8',
  '* * * * *',
  '2026-01-01T00:00:00Z',
  'not a name',
  'UPPER',
  'ünïcödé',
  '\u0000',
  '\ud800',
  '😀'.repeat(30),
  'x'.repeat(64),
  'x'.repeat(254),
  '$(A)',
  '{.metadata.name}',
  'self.a == 1',
  'data:,',
  '1e999',
  '9'.repeat(40),
] as const;

const NUMBERS = [
  0, 1, 2, 3, 80, 443, 30_000, 65_535, 65_536, -1, -2_147_483_648, 2_147_483_647, 4_294_967_296, 1e18, 1e21, 0.5, -0,
] as const;

export function anyText(chance: Chance): string {
  if (chance.oneIn(40)) return chance.pick(HOSTILE_KEYS);
  return chance.oneIn(30) ? 'y'.repeat(chance.below(3_000)) : chance.pick(TEXTS);
}

/** Anything JSON can say. */
export function anyValue(chance: Chance, depth = 0): unknown {
  const kind = chance.below(depth > 3 ? 5 : 8);
  if (kind === 0) return null;
  if (kind === 1) return chance.oneIn(2);
  if (kind === 2) return chance.pick(NUMBERS);
  if (kind < 5) return anyText(chance);
  if (kind === 5) return Array.from({ length: chance.below(4) }, () => anyValue(chance, depth + 1));
  return record(Array.from({ length: chance.below(4) }, () => [anyKey(chance), anyValue(chance, depth + 1)]));
}

function anyKey(chance: Chance): string {
  return chance.oneIn(4) ? chance.pick(HOSTILE_KEYS) : anyText(chance);
}

/** `__proto__` as a member like any other, as JSON.parse makes it. */
function record(entries: readonly (readonly [string, unknown])[]): Record<string, unknown> {
  return Object.fromEntries(entries);
}

/** An object of a model: required fields nearly always, the others sometimes. */
export function ofModel(model: string, chance: Chance, depth = 0): Record<string, unknown> {
  const fields = Object.entries(schemas[model] ?? {});
  const chosen = fields.filter(([, type]) => (type.endsWith('!') ? !chance.oneIn(20) : depth < DEPTH_MAX && chance.oneIn(FIELDS_SHARE)));
  return record(chosen.map(([name, type]) => [name, chance.oneIn(60) ? anyValue(chance) : ofType(type.replace(/!$/, ''), chance, depth)]));
}

function ofType(type: string, chance: Chance, depth: number): unknown {
  if (type.startsWith('[]')) return Array.from({ length: chance.below(3) }, () => ofType(type.slice(2), chance, depth + 1));
  if (type.startsWith('{}')) {
    return record(Array.from({ length: chance.below(3) }, () => [anyKey(chance), ofType(type.slice(2), chance, depth + 1)]));
  }
  if (Object.hasOwn(schemas, type)) return depth > DEPTH_MAX ? {} : ofModel(type, chance, depth + 1);
  switch (type) {
    case 'boolean':
      return chance.oneIn(2);
    case 'int32':
    case 'int64':
    case 'double':
      return chance.pick(NUMBERS);
    case 'time':
    case 'micro-time':
      return chance.pick(['2026-01-01T00:00:00Z', '2026-01-01T00:00:00.123456Z', '9999-99-99T00:00:00Z', '', '1']);
    case 'quantity':
      return chance.pick(['1', '100m', '1Gi', '1e3', '-1', '1e99', 'x', 5]);
    case 'bytes':
      return chance.pick(['', 'YQ==', 'not base64!', 'A']);
    case 'any':
      return anyValue(chance);
    default:
      return type === 'int-or-string' ? chance.pick([1, 80, 'http', '50%', '-1%', '']) : anyText(chance);
  }
}

/** The same value with a few places spoilt: something else there, something more, or nothing. The given value is left alone. */
export function spoil(value: unknown, chance: Chance): unknown {
  if (Array.isArray(value)) {
    const copy: unknown[] = [...value];
    if (copy.length === 0 || chance.oneIn(6)) return spoilWhole(copy, chance);
    const at = chance.below(copy.length);
    copy[at] = spoil(copy[at], chance);
    return copy;
  }
  if (typeof value !== 'object' || value === null) return chance.oneIn(2) ? anyValue(chance) : anyText(chance);
  const entries = Object.entries(value);
  if (entries.length === 0 || chance.oneIn(8)) return spoilWhole(value, chance);
  const at = chance.below(entries.length);
  return record(entries.map(([key, inner], index) => [key, index === at ? spoil(inner, chance) : inner]));
}

function spoilWhole(value: object, chance: Chance): unknown {
  const entries = Object.entries(value);
  switch (chance.below(5)) {
    case 0:
      return anyValue(chance);
    case 1:
      return Array.isArray(value) ? [...value, ...value, anyValue(chance)] : record([...entries, [anyKey(chance), anyValue(chance)]]);
    case 2:
      return Array.isArray(value) ? value.slice(1) : record(entries.slice(1));
    case 3:
      return nested(chance.pick([3, 50, 250]), chance);
    default:
      return record(entries.map(([key, inner]) => [chance.oneIn(3) ? anyKey(chance) : key, inner]));
  }
}

/** Boxes in boxes. */
export function nested(depth: number, chance: Chance): unknown {
  let value: unknown = 1;
  for (let level = 0; level < depth; level++) value = chance.oneIn(2) ? [value] : { a: value };
  return value;
}
