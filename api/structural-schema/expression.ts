/**
 * Expressions in CEL, as `x-kubernetes-validations` have them: compiled once, evaluated on values of `expression-value.ts`. The language is
 * `@marcbachmann/cel-js`'s; here are the functions Kubernetes adds, regular expressions that cannot run for ever, and what is refused because it is not
 * here. Types are checked as far as they are known without the schema; a field that is not there is an error when the rule is evaluated.
 * Source: https://kubernetes.io/docs/reference/using-api/cel/.
 */
import { Environment, Optional } from '@marcbachmann/cel-js';
import { parsePattern } from './pattern.ts';

export interface Expression {
  readonly usesOldSelf: boolean;
  /** Throws when the evaluation fails: a member that is not there, a division by zero, the budget spent. */
  evaluate(variables: object): unknown;
}

/** What an expression can speak of: the value a schema's rule is for, or a write and its request. */
export type Vocabulary = 'rule' | 'admission';

/** Far above what rules written by people need. */
const NODES_MAX = 5_000;
const DEPTH_MAX = 100;
const PATTERNS_REMEMBERED_MAX = 256;

/** An expression, or why it is none. `type` is what it must give. */
export function compileExpression(text: string, type: 'bool' | 'string', vocabulary: Vocabulary = 'rule'): Expression | string {
  const source = withOwnFunctions(text);
  const environment = environments[vocabulary];
  const checked = environment.check(source);
  if (!checked.valid) return firstLine(checked.error);
  if (checked.type !== type && checked.type !== 'dyn') return `must evaluate to a ${type}`;
  const run = environment.parse(source);
  return {
    usesOldSelf: /\boldSelf\b/.test(withoutTexts(text)),
    evaluate: (variables) => {
      const result: unknown = run({ ...variables });
      return result;
    },
  };
}

/** As expressions see what may be there or not. */
export function toOptional(value: unknown): unknown {
  return value === undefined ? Optional.none() : Optional.of(value);
}

/** What went wrong, without the picture of where. */
export function firstLine(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.split('\n', 1)[0] ?? '';
}

/** Texts in all their spellings; what is between them is code. */
const TEXT = /[rR]?(?:"""[\s\S]*?"""|'''[\s\S]*?''')|[rR](?:"[^"\n]*"|'[^'\n]*')|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'/;
const TEXT_OR_MATCHES = new RegExp(`(${TEXT.source})|\\bmatches(?=\\s*\\()`, 'g');

/** The language's own `matches` uses an engine that a pattern can keep busy for hours. */
function withOwnFunctions(source: string): string {
  return source.replace(TEXT_OR_MATCHES, (_match, text: string | undefined) => text ?? 'linearMatches');
}

function withoutTexts(source: string): string {
  return source.replace(new RegExp(TEXT.source, 'g'), '""');
}

const patterns = new Map<string, ReturnType<typeof parsePattern>>();

function patternOf(text: string) {
  const known = patterns.get(text);
  if (known !== undefined) return known;
  const pattern = parsePattern(text);
  if (pattern === undefined) throw new Error(`invalid regular expression: ${text}`);
  if (patterns.size >= PATTERNS_REMEMBERED_MAX) patterns.clear();
  patterns.set(text, pattern);
  return pattern;
}

type Ordered = bigint | number | string;

function isOrdered(value: unknown): value is Ordered {
  return typeof value === 'bigint' || typeof value === 'number' || typeof value === 'string';
}

function orderedOf(list: readonly unknown[]): readonly Ordered[] {
  if (!list.every(isOrdered)) throw new Error('no such overload');
  return list;
}

function extremeOf(list: readonly unknown[], isBetter: (left: Ordered, right: Ordered) => boolean): Ordered {
  const [first, ...rest] = orderedOf(list);
  if (first === undefined) throw new Error('min or max called on an empty list');
  return rest.reduce((best, value) => (isBetter(value, best) ? value : best), first);
}

function sumOf(list: readonly unknown[]): bigint | number {
  if (list.every((value) => typeof value === 'bigint')) return list.reduce((sum: bigint, value) => sum + value, 0n);
  if (list.every((value) => typeof value === 'number')) return list.reduce((sum: number, value) => sum + value, 0);
  throw new Error('no such overload');
}

function replaceFirst(text: string, wanted: string, by: string, times: bigint): string {
  const parts = text.split(wanted);
  const count = times < 0n ? parts.length : Math.min(Number(times), parts.length - 1);
  return parts.slice(1).reduce((made, part, index) => `${made}${index < count ? by : wanted}${part}`, parts[0] ?? '');
}

function charAt(text: string, index: bigint): string {
  if (index < 0n || index > BigInt(text.length)) throw new Error(`index out of range: ${index}`);
  return text.charAt(Number(index));
}

const functions = new Environment({
  enableOptionalTypes: true,
  homogeneousAggregateLiterals: false,
  limits: { maxAstNodes: NODES_MAX, maxDepth: DEPTH_MAX },
})
  .registerFunction('string.linearMatches(string): bool', (text: string, pattern: string) => patternOf(pattern).matches(text))
  .registerFunction('linearMatches(string, string): bool', (text: string, pattern: string) => patternOf(pattern).matches(text))
  .registerFunction('string.find(string): string', (text: string, pattern: string) => patternOf(pattern).findAll(text, 1)[0] ?? '')
  .registerFunction('string.findAll(string): list<string>', (text: string, pattern: string) => [...patternOf(pattern).findAll(text, -1)])
  .registerFunction('string.findAll(string, int): list<string>', (text: string, pattern: string, max: bigint) => [
    ...patternOf(pattern).findAll(text, Number(max)),
  ])
  .registerFunction('string.replace(string, string): string', (text: string, wanted: string, by: string) =>
    text.replaceAll(wanted, () => by),
  )
  .registerFunction('string.replace(string, string, int): string', replaceFirst)
  .registerFunction('string.charAt(int): string', charAt)
  .registerFunction('list.isSorted(): bool', (list: readonly unknown[]) =>
    orderedOf(list).every((value, index, all) => index === 0 || (all[index - 1] ?? value) <= value),
  )
  .registerFunction('list.sum(): dyn', sumOf)
  .registerFunction('list.min(): dyn', (list: readonly unknown[]) => extremeOf(list, (left, right) => left < right))
  .registerFunction('list.max(): dyn', (list: readonly unknown[]) => extremeOf(list, (left, right) => left > right))
  .registerFunction('list.indexOf(dyn): int', (list: readonly unknown[], wanted: unknown) => BigInt(list.indexOf(wanted)))
  .registerFunction('list.lastIndexOf(dyn): int', (list: readonly unknown[], wanted: unknown) => BigInt(list.lastIndexOf(wanted)));

const environments: Readonly<Record<Vocabulary, Environment>> = {
  rule: functions.clone().registerVariable('self', 'dyn').registerVariable('oldSelf', 'dyn'),
  admission: functions.clone().registerVariable('object', 'dyn').registerVariable('oldObject', 'dyn').registerVariable('request', 'dyn'),
};
