/**
 * What an expression sees of an object: the members its schema names, integers as integers, times and durations by their format. Lists and maps count
 * what of them is looked through.
 * Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation-rules.
 */
import { type Budget, countedList, countedMap } from '../cel/budget.ts';
import { isJsonArray, isJsonObject, type Json, type JsonObject, memberOf } from '../meta/json.ts';
import type { Schema } from './schema.ts';

/** Of a resource, `apiVersion`, `kind` and its names are visible besides. */
export function toExpressionValue(schema: Schema, value: Json, budget: Budget, isResource = schema.isEmbeddedResource): unknown {
  if (typeof value === 'number') return schema.type === 'number' || !Number.isSafeInteger(value) ? value : BigInt(value);
  if (typeof value === 'string') return textValue(schema.constraints.format, value);
  if (isJsonArray(value)) return listValue(schema, value, budget);
  if (isJsonObject(value)) return mapValue(schema, value, budget, isResource);
  return value;
}

function textValue(format: string, text: string): unknown {
  if (format !== 'date-time' && format !== 'date') return text;
  const time = new Date(text);
  return Number.isNaN(time.getTime()) ? text : time;
}

function listValue({ items }: Schema, list: readonly Json[], budget: Budget): unknown {
  return countedList(items === undefined ? [] : list.map((item) => toExpressionValue(items, item, budget)), budget);
}

/** Null stands for what is not there. Members nobody described are not visible. */
function mapValue(schema: Schema, object: JsonObject, budget: Budget, isResource: boolean): unknown {
  const additional = schema.additionalProperties;
  const members = Object.entries(object).flatMap(([name, value]): [string, unknown][] => {
    if (value === null) return [];
    if (isResource && name === 'metadata') return [[name, namesOnly(value)]];
    if (isResource && (name === 'apiVersion' || name === 'kind')) return [[name, value]];
    const property = schema.properties.get(name);
    if (property !== undefined) return [[escapeName(name), toExpressionValue(property, value, budget)]];
    return additional === undefined || additional === true ? [] : [[name, toExpressionValue(additional, value, budget)]];
  });
  return countedMap(members, budget);
}

function namesOnly(metadata: Json): unknown {
  const names = ['name', 'generateName'].flatMap((name): [string, unknown][] => {
    const value = isJsonObject(metadata) ? memberOf(metadata, name) : undefined;
    return value === undefined ? [] : [[name, value]];
  });
  return new Map(names);
}

const KEYWORDS: ReadonlySet<string> = new Set(
  'true false null in as break const continue else for function if import let loop package namespace return var void while'.split(' '),
);
const ESCAPES: Readonly<Record<string, string>> = { __: '__underscores__', '.': '__dot__', '-': '__dash__', '/': '__slash__' };

/** A member's name as expressions spell it. */
export function escapeName(name: string): string {
  return KEYWORDS.has(name) ? `__${name}__` : name.replace(/__|[./-]/g, (part) => ESCAPES[part] ?? part);
}
