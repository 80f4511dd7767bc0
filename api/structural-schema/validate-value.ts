/**
 * Whether a value is what its schema asks for, with all problems at once, in upstream's words. On an update the parts that did not change are not held
 * against the object (ratcheting), so that a stricter schema does not lock up what was there before. Pure.
 * Source: k8s.io/kube-openapi, pkg/validation/validate, and k8s.io/apiextensions-apiserver, pkg/apiserver/validation (KEP-4008).
 */
import { duplicate, invalidValue, notSupported, required, tooLong, tooMany } from '../meta/field-path.ts';
import { isJsonArray, isJsonObject, type Json, type JsonObject, jsonEquals, memberOf } from '../meta/json.ts';
import type { FieldProblem } from '../meta/status.ts';
import { isInFormat } from './formats.ts';
import type { Constraints, Schema } from './schema.ts';

/** Nobody reads more, and a large object that is wrong everywhere must not make an answer larger than itself. */
const PROBLEMS_MAX = 256;

/** `previous` is what was there before; undefined for what is new. */
export function validateValue(schema: Schema, value: Json, path: string, previous?: Json): readonly FieldProblem[] {
  const problems = problemsOf(schema, value, path, previous);
  const distinct = new Map(problems.map((problem) => [`${problem.field}\n${problem.message}`, problem]));
  return [...distinct.values()].slice(0, PROBLEMS_MAX);
}

function problemsOf(schema: Schema, value: Json, path: string, previous: Json | undefined): readonly FieldProblem[] {
  if (previous !== undefined && jsonEquals(value, previous)) return [];
  const { constraints } = schema;
  if (value === null) return [...typeProblems(schema, value, path), ...enumProblems(constraints, value, path)];
  return [
    ...typeProblems(schema, value, path),
    ...junctorProblems(constraints, value, path),
    ...(typeof value === 'string' ? textProblems(constraints, value, path) : []),
    ...(typeof value === 'number' ? numberProblems(constraints, value, path) : []),
    ...(isJsonArray(value) ? listProblems(schema, value, path, previous) : []),
    ...enumProblems(constraints, value, path),
    ...(isJsonObject(value) ? objectProblems(schema, value, path, previous) : []),
  ];
}

/** A problem whose words name the path once more and the body it is in. */
function bodyProblem(path: string, value: Json, complaint: string): FieldProblem {
  return invalidValue(fieldOf(path), value, `${path} in body ${complaint}`);
}

function typeProblem(path: string, expected: string, found: string): FieldProblem {
  const detail = `${path} in body must be of type ${expected}: ${JSON.stringify(found)}`;
  return { ...invalidValue(fieldOf(path), found, detail), type: 'FieldValueTypeInvalid' };
}

/** The path as the Status names it; upstream's validator starts paths at the root with a dot in some places. */
function fieldOf(path: string): string {
  return path === '' ? '<nil>' : path.replace(/^\./, '');
}

function child(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}

function typeProblems({ type, isNullable, isIntOrString, constraints }: Schema, value: Json, path: string): readonly FieldProblem[] {
  const expected = isIntOrString ? ['integer', 'string'] : type === '' ? [] : [type];
  const { format } = constraints;
  if (value === null) return expected.length === 0 || isNullable ? [] : [typeProblem(path, expected.join(','), 'null')];
  const found = typeOf(value);
  const isText = found === 'string' || found === 'array';
  // Upstream lets a format stand in for the type where the value is a text.
  if (isText && format !== '' && !expected.includes('number') && !expected.includes('integer')) return [];
  const isFit = expected.length === 0 || expected.includes(found) || (expected.includes('number') && found === 'integer');
  if (isFit) return [];
  if (!isText && format !== '') return [typeProblem(path, format, numberFormat(value))];
  return [typeProblem(path, expected.join(','), found)];
}

function typeOf(value: Exclude<Json, null>): string {
  if (isJsonArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  return typeof value;
}

function numberFormat(value: Json): string {
  return typeof value !== 'number' ? '' : Number.isInteger(value) ? 'int64' : 'double';
}

function enumProblems(constraints: Constraints, value: Json, path: string): readonly FieldProblem[] {
  const allowed = constraints.enum;
  if (allowed === undefined || allowed.some((one) => jsonEquals(one, value))) return [];
  const shown = allowed.map((one) => (typeof one === 'string' ? one : JSON.stringify(one)));
  return [notSupported(fieldOf(path), value, shown)];
}

function textProblems({ minLength, maxLength, pattern, format }: Constraints, value: string, path: string): readonly FieldProblem[] {
  const problems: FieldProblem[] = [];
  const length = minLength === undefined && maxLength === undefined ? 0 : [...value].length;
  if (maxLength !== undefined && length > maxLength) problems.push(tooLong(fieldOf(path), maxLength));
  else if (minLength !== undefined && length < minLength) {
    problems.push(bodyProblem(path, value, `should be at least ${minLength} chars long`));
  } else if (pattern !== undefined && !pattern.matches(value)) {
    problems.push(bodyProblem(path, value, `should match '${pattern.text}'`));
  }
  if (format !== '' && !isInFormat(format, value)) problems.push(typeProblem(path, format, value));
  return problems;
}

function numberProblems(constraints: Constraints, value: number, path: string): readonly FieldProblem[] {
  const { minimum, isMinimumExclusive, maximum, isMaximumExclusive, multipleOf } = constraints;
  const problems: FieldProblem[] = [];
  if (multipleOf !== undefined && multipleOf > 0 && !Number.isInteger(value / multipleOf)) {
    problems.push(bodyProblem(path, value, `should be a multiple of ${multipleOf}`));
  }
  if (maximum !== undefined && (isMaximumExclusive ? value >= maximum : value > maximum)) {
    problems.push(bodyProblem(path, value, `should be less than ${isMaximumExclusive ? '' : 'or equal to '}${maximum}`));
  }
  if (minimum !== undefined && (isMinimumExclusive ? value <= minimum : value < minimum)) {
    problems.push(bodyProblem(path, value, `should be greater than ${isMinimumExclusive ? '' : 'or equal to '}${minimum}`));
  }
  return problems;
}

function listProblems(schema: Schema, items: readonly Json[], path: string, previous: Json | undefined): readonly FieldProblem[] {
  const { minItems, maxItems } = schema.constraints;
  const itemSchema = schema.items;
  const previousItems = isJsonArray(previous) ? previous : [];
  const problems: FieldProblem[] =
    itemSchema === undefined
      ? []
      : items.flatMap((item, index) => problemsOf(itemSchema, item, `${path}[${index}]`, correlate(schema, item, previousItems)));
  if (minItems !== undefined && items.length < minItems) {
    problems.push(bodyProblem(path, items.length, `should have at least ${minItems} items`));
  }
  if (maxItems !== undefined && items.length > maxItems) problems.push(tooMany(fieldOf(path), items.length, maxItems));
  return [...problems, ...duplicateProblems(schema, items, path)];
}

/** Items of a map-like list are known by their keys; those of other lists are not known from one version of the object to the next. */
function correlate(schema: Schema, item: Json, previous: readonly Json[]): Json | undefined {
  if (schema.listType !== 'map' || previous.length === 0) return undefined;
  const key = keyOf(schema, item);
  return previous.find((candidate) => jsonEquals(keyOf(schema, candidate), key));
}

function keyOf({ listMapKeys, items }: Schema, item: Json): JsonObject {
  const object = isJsonObject(item) ? item : {};
  return Object.fromEntries(
    listMapKeys.flatMap((name): [string, Json][] => {
      const value = memberOf(object, name) ?? items?.properties.get(name)?.default;
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

function duplicateProblems(schema: Schema, items: readonly Json[], path: string): readonly FieldProblem[] {
  if (schema.listType !== 'set' && schema.listType !== 'map') return [];
  const isMap = schema.listType === 'map';
  const seen = new Set<string>();
  return items.flatMap((item, index) => {
    const identity = isMap ? keyOf(schema, item) : item;
    const text = canonical(identity);
    if (seen.has(text)) return [duplicate(`${fieldOf(path)}[${index}]`, identity)];
    seen.add(text);
    return [];
  });
}

/** Equal values give equal texts, whatever the order of their members. */
function canonical(value: Json): string {
  if (isJsonArray(value)) return `[${value.map(canonical).join()}]`;
  if (!isJsonObject(value)) return JSON.stringify(value);
  const members = Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1));
  return `{${members.map(([name, inner]) => `${JSON.stringify(name)}:${canonical(inner)}`).join()}}`;
}

function objectProblems(schema: Schema, object: JsonObject, path: string, previous: Json | undefined): readonly FieldProblem[] {
  const { required: names, minProperties, maxProperties } = schema.constraints;
  const entries = Object.entries(object);
  if (minProperties !== undefined && entries.length < minProperties) {
    return [bodyProblem(path, entries.length, `should have at least ${minProperties} properties`)];
  }
  if (maxProperties !== undefined && entries.length > maxProperties) return [tooMany(fieldOf(path), entries.length, maxProperties)];
  const before = isJsonObject(previous) ? previous : {};
  const additional = schema.additionalProperties;
  const problems = entries.flatMap(([name, value]) => {
    const inner = schema.properties.get(name) ?? (additional === true ? undefined : additional);
    return inner === undefined ? [] : problemsOf(inner, value, child(path, name), memberOf(before, name));
  });
  const missing = names.filter((name) => !Object.hasOwn(object, name)).map((name) => required(child(path, name)));
  return [...problems, ...missing];
}

/** Under `anyOf`, `oneOf` and `not` it is whole values that count, not what changed in them. */
function junctorProblems({ allOf, anyOf, oneOf, not }: Constraints, value: Json, path: string): readonly FieldProblem[] {
  const tryAll = (schemas: readonly Schema[]) => schemas.map((schema) => problemsOf(schema, value, path, undefined));
  const quoted = JSON.stringify(path);
  const problems: FieldProblem[] = [];
  const any = tryAll(anyOf);
  if (any.length > 0 && !any.some((found) => found.length === 0)) {
    problems.push(junctorProblem(`${quoted} must validate at least one schema (anyOf)`), ...(any[0] ?? []));
  }
  const one = tryAll(oneOf);
  const valid = one.filter((found) => found.length === 0).length;
  if (one.length > 0 && valid !== 1) {
    const why = valid === 0 ? 'Found none valid' : `Found ${valid} valid alternatives`;
    problems.push(
      junctorProblem(`${quoted} must validate one and only one schema (oneOf). ${why}`),
      ...(valid === 0 ? (one[0] ?? []) : []),
    );
  }
  const all = tryAll(allOf);
  if (all.some((found) => found.length > 0)) {
    const isNone = all.every((found) => found.length > 0);
    problems.push(...all.flat(), junctorProblem(`${quoted} must validate all the schemas (allOf)${isNone ? '. None validated' : ''}`));
  }
  if (not !== undefined && problemsOf(not, value, path, undefined).length === 0) {
    problems.push(junctorProblem(`${quoted} must not validate the schema (not)`));
  }
  return problems;
}

/** Upstream's validator does not know the field here and says so in this way. */
function junctorProblem(message: string): FieldProblem {
  return invalidValue('<nil>', '', message);
}
