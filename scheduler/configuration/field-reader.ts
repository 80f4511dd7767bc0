/**
 * Reads a document of a configuration field by field: each with its type, its default and its bounds. What is wrong is gathered with its path,
 * and so are fields that nobody asked for, so that a user sees everything at once.
 */
import { forbiddenField, invalidValue, notSupported, required } from '#api/meta/field-path.ts';
import { isJsonArray, isJsonObject, type Json, type JsonObject } from '#api/meta/json.ts';
import type { FieldProblem } from '#api/meta/status.ts';

export interface Bounds {
  readonly min: number;
  readonly max: number;
  /** Upstream's words for what is outside. */
  readonly otherwise: string;
}

export interface FieldReader {
  readonly path: string;
  /** The path of a member, for problems that are found elsewhere. */
  pathOf(name: string): string;
  text(name: string, fallback?: string): string;
  /** One of these. */
  choice<T extends string>(name: string, allowed: readonly T[], fallback: T): T;
  /** Undefined when it is absent. */
  integer(name: string, bounds: Bounds): number | undefined;
  boolean(name: string, fallback: boolean): boolean;
  texts(name: string): readonly string[];
  /** Undefined when it is absent. */
  child(name: string): FieldReader | undefined;
  children(name: string): readonly FieldReader[];
  /** As it is; undefined when it is absent. */
  raw(name: string): Json | undefined;
  report(problem: FieldProblem): void;
  /** Reports what was not asked for. */
  finish(): void;
}

export function createFieldReader(value: JsonObject, path: string, problems: FieldProblem[]): FieldReader {
  const asked = new Set<string>();
  const pathOf = (name: string): string => (path === '' ? name : `${path}.${name}`);
  const report = (problem: FieldProblem): void => {
    problems.push(problem);
  };
  const take = (name: string): Json | undefined => {
    asked.add(name);
    return value[name] ?? undefined;
  };
  /** Of the type, or reported. */
  const typed = <T extends Json>(name: string, what: string, isOfType: (found: Json) => found is T): T | undefined => {
    const found = take(name);
    if (found === undefined || isOfType(found)) return found;
    report(invalidValue(pathOf(name), found, `must be ${what}`));
    return undefined;
  };
  const objectsIn = (name: string): readonly FieldReader[] => {
    const list = typed(name, 'a list', isJsonArray) ?? [];
    return list.flatMap((item, index) => {
      const itemPath = `${pathOf(name)}[${index}]`;
      if (isJsonObject(item)) return [createFieldReader(item, itemPath, problems)];
      report(invalidValue(itemPath, item, 'must be an object'));
      return [];
    });
  };
  return {
    path,
    pathOf,
    text: (name, fallback) => {
      const found = typed(name, 'a string', isText);
      if ((found ?? '') === '' && fallback === undefined) report(required(pathOf(name)));
      return found ?? fallback ?? '';
    },
    choice: (name, allowed, fallback) => {
      const found = typed(name, 'a string', isText);
      const chosen = allowed.find((one) => one === found);
      if (found !== undefined && chosen === undefined) report(notSupported(pathOf(name), found, allowed));
      return chosen ?? fallback;
    },
    integer: (name, { min, max, otherwise }) => {
      const found = typed(name, 'a whole number', isWhole);
      if (found !== undefined && (found < min || found > max)) report(invalidValue(pathOf(name), found, otherwise));
      return found;
    },
    boolean: (name, fallback) => typed(name, 'true or false', isBoolean) ?? fallback,
    texts: (name) => (typed(name, 'a list', isJsonArray) ?? []).filter(isText),
    child: (name) => {
      const found = typed(name, 'an object', isJsonObject);
      return found && createFieldReader(found, pathOf(name), problems);
    },
    children: objectsIn,
    raw: take,
    report,
    finish: () => {
      for (const name of Object.keys(value)) if (!asked.has(name)) report(forbiddenField(pathOf(name), 'unknown field'));
    },
  };
}

const isText = (value: Json): value is string => typeof value === 'string';
const isWhole = (value: Json): value is number => typeof value === 'number' && Number.isInteger(value);
const isBoolean = (value: Json): value is boolean => typeof value === 'boolean';
