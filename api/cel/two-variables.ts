/**
 * Comprehensions with two variables: `list.all(index, value, …)`, `map.transformMap(key, value, …)` and their kin. They are macros of the library, which
 * hands over code rather than values; each is checked once, with the types of its variables, and evaluated item by item. Source: cel-go,
 * ext/comprehensions.go.
 */
import type { Environment } from '@marcbachmann/cel-js';
import type { Library } from './library.ts';

/** What the library hands to macros, as far as it is used here; its own declarations leave it out. */
interface Code {
  readonly op: string;
  readonly args: unknown;
}
interface ValueType {
  readonly kind: string;
  readonly keyType?: ValueType;
  readonly valueType?: ValueType;
}
interface Scope {
  forkWithVariable(name: string, type: ValueType): Scope;
  reuse(parent: Scope): Scope;
  setIterValue(value: unknown, evaluator: Evaluator): Scope;
}
interface Checker {
  check(code: Code, scope: Scope): ValueType;
  getType(name: string): ValueType;
}
interface Evaluator {
  run(code: Code, scope: Scope): unknown;
}
interface Macro {
  readonly receiver: Code;
  readonly names: readonly [string, string];
  readonly bodies: readonly Code[];
  outer?: Scope;
  inner?: Scope;
}

type Entry = readonly [unknown, unknown];
type Run = (body: number, entry: Entry) => unknown;

interface Comprehension {
  readonly type: string;
  /** `run` evaluates the filter, if there is one, at 0 and the last body at -1. */
  combine(entries: readonly Entry[], run: Run): unknown;
}

const isTrue = (value: unknown): boolean => {
  if (typeof value !== 'boolean') throw new Error('no such overload');
  return value;
};

/** An error counts only if no other item decides. */
function decideBy(entries: readonly Entry[], run: Run, deciding: boolean): boolean {
  let failure: unknown;
  for (const entry of entries) {
    try {
      if (isTrue(run(-1, entry)) === deciding) return deciding;
    } catch (error) {
      failure ??= error;
    }
  }
  if (failure !== undefined) throw failure;
  return !deciding;
}

const chosen = (entries: readonly Entry[], run: Run) => entries.filter((entry) => isTrue(run(0, entry)));
const listOf = (entries: readonly Entry[], run: Run) => entries.map((entry) => run(-1, entry));
const mapOf = (entries: readonly Entry[], run: Run) => new Map(entries.map((entry) => [entry[0], run(-1, entry)]));

function entriesOf(entries: readonly Entry[], run: Run): ReadonlyMap<unknown, unknown> {
  const made = new Map<unknown, unknown>();
  for (const [key, value] of entries.flatMap((entry) => membersOf(run(-1, entry)))) {
    if (made.has(key)) throw new Error(`insert failed: key ${String(key)} already exists`);
    made.set(key, value);
  }
  return made;
}

const comprehensions: Readonly<Record<string, Comprehension>> = {
  'all(ast, ast, ast)': { type: 'bool', combine: (entries, run) => decideBy(entries, run, false) },
  'exists(ast, ast, ast)': { type: 'bool', combine: (entries, run) => decideBy(entries, run, true) },
  'existsOne(ast, ast, ast)': { type: 'bool', combine: (entries, run) => entries.filter((entry) => isTrue(run(-1, entry))).length === 1 },
  'exists_one(ast, ast, ast)': { type: 'bool', combine: (entries, run) => entries.filter((entry) => isTrue(run(-1, entry))).length === 1 },
  'transformList(ast, ast, ast)': { type: 'list', combine: listOf },
  'transformList(ast, ast, ast, ast)': { type: 'list', combine: (entries, run) => listOf(chosen(entries, run), run) },
  'transformMap(ast, ast, ast)': { type: 'map', combine: mapOf },
  'transformMap(ast, ast, ast, ast)': { type: 'map', combine: (entries, run) => mapOf(chosen(entries, run), run) },
  'transformMapEntry(ast, ast, ast)': { type: 'map', combine: entriesOf },
  'transformMapEntry(ast, ast, ast, ast)': { type: 'map', combine: (entries, run) => entriesOf(chosen(entries, run), run) },
};

export const twoVariables: Library = (environment) => {
  for (const [signature, comprehension] of Object.entries(comprehensions)) register(environment, signature, comprehension);
  return environment;
};

function register(environment: Environment, signature: string, { type, combine }: Comprehension): void {
  environment.registerFunction(
    `list.${signature}: ${type}`,
    ({ args, receiver }: { readonly args: readonly Code[]; readonly receiver: Code }) => {
      const [first, second, ...bodies] = args;
      const macro: Macro = { receiver, names: [nameOf(first), nameOf(second)], bodies };
      return {
        ...macro,
        async: false,
        typeCheck: (checker: Checker, own: Macro, scope: Scope) => checkMacro(checker, own, scope, type),
        evaluate: (evaluator: Evaluator, own: Macro, scope: Scope) => {
          const { outer, inner } = own;
          if (outer === undefined || inner === undefined) throw new Error('evaluated before it was checked');
          const run: Run = (body, [key, value]) => {
            const code = own.bodies.at(body);
            if (code === undefined) throw new Error('no such overload');
            return evaluator.run(code, inner.reuse(outer.reuse(scope).setIterValue(key, evaluator)).setIterValue(value, evaluator));
          };
          return combine(membersOf(evaluator.run(own.receiver, scope)), run);
        },
      };
    },
  );
}

function nameOf(code: Code | undefined): string {
  if (code?.op !== 'id' || typeof code.args !== 'string') throw new Error('argument must be a simple name');
  return code.args;
}

function checkMacro(checker: Checker, macro: Macro, scope: Scope, type: string): ValueType {
  const range = checker.check(macro.receiver, scope);
  const dynamic = checker.getType('dyn');
  if (range.kind !== 'list' && range.kind !== 'map' && range.kind !== 'dyn') {
    throw new Error('expression cannot be range of a comprehension (must be list, map, or dynamic)');
  }
  const keyType = range.kind === 'list' ? checker.getType('int') : (range.keyType ?? dynamic);
  macro.outer = scope.forkWithVariable(macro.names[0], keyType);
  macro.inner = macro.outer.forkWithVariable(macro.names[1], range.valueType ?? dynamic);
  for (const body of macro.bodies) checker.check(body, macro.inner);
  return checker.getType(type);
}

function membersOf(range: unknown): readonly Entry[] {
  if (Array.isArray(range)) return range.map((value: unknown, index): Entry => [BigInt(index), value]);
  if (range instanceof Map) return [...range.keys()].map((key): Entry => [key, range.get(key)]);
  if (typeof range === 'object' && range !== null && range.constructor === Object) return Object.entries(range);
  throw new Error('expression cannot be range of a comprehension (must be list, map, or dynamic)');
}
