/**
 * Tables for the rules of kinds: each row says what is special about an object and what is wrong with it then. Used by the tests beside the kinds. The base
 * object must be valid, so that a row's problems are the row's own.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeObject } from '../decode.ts';
import { isJsonObject } from '../meta/json.ts';
import type { ApiObject, ResourceType } from '../meta/resource-type.ts';
import type { FieldProblem } from '../meta/status.ts';
import { applyMergePatch } from '../patch/merge-patch.ts';

export interface Rules<T extends ApiObject> {
  readonly type: ResourceType<T>;
  /** As its author writes it; `metadata` may be left out. */
  readonly base: object;
  applyDefaults?(object: T): T;
  /** Once the defaults are there. */
  prepare?(object: T): T;
  validate(object: T): readonly FieldProblem[];
  validateUpdate?(object: T, previous: T): readonly FieldProblem[];
}

export interface Case {
  readonly it: string;
  /** A merge patch of the base object: null takes a field away. */
  readonly change: object;
  readonly problems: readonly string[];
}

/** The base object with a change, complete as the server would store it. */
export function anObject<T extends ApiObject>(rules: Rules<T>, change: object = {}): T {
  const metadata = { name: 'a', uid: 'u', ...(rules.type.isNamespaced ? { namespace: 'default' } : {}) };
  const base: unknown = { metadata, ...rules.base };
  if (!isJsonObject(base)) throw new Error('the base is an object');
  const { object } = decodeObject(rules.type, applyMergePatch(base, change));
  const defaulted = rules.applyDefaults?.(object) ?? object;
  return rules.prepare?.(defaulted) ?? defaulted;
}

const texts = (problems: readonly FieldProblem[]) => problems.map(({ field, message }) => `${field}: ${message}`);

/** One test per row, and one that the base is right and its defaults stay. */
export function testRules<T extends ApiObject>(rules: Rules<T>, cases: readonly Case[]): void {
  const { kind } = rules.type;
  test(`a plain ${kind} is valid, and its defaults are there once`, () => {
    assert.deepEqual(texts(rules.validate(anObject(rules))), []);
    const once = anObject(rules);
    assert.deepEqual(rules.applyDefaults?.(once) ?? once, once);
  });
  for (const { it, change, problems } of cases) {
    test(`a ${kind} ${it}`, () => assert.deepEqual(texts(rules.validate(anObject(rules, change))), problems));
  }
}

/** The same for changes of a stored object. */
export function testUpdates<T extends ApiObject>(rules: Rules<T>, cases: readonly (Case & { readonly from?: object })[]): void {
  for (const { it, from = {}, change, problems } of cases) {
    test(`a stored ${rules.type.kind} ${it}`, () => {
      const previous = anObject(rules, from);
      const next = anObject(rules, isJsonObject(from) ? applyMergePatch(from, change) : change);
      assert.deepEqual(texts(rules.validateUpdate?.(next, previous) ?? []), problems);
    });
  }
}
