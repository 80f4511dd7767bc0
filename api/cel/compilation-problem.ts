/**
 * Why an expression does not compile, in the words and with the picture of upstream's compiler: `ERROR: <input>:1:5: undefined field 'foo'`. The library
 * says the same in its own words.
 */
import type { TypeError as CelTypeError, ParseError } from '@marcbachmann/cel-js';
import type { RewrittenSource } from './rewrite-source.ts';

type CelError = ParseError | CelTypeError;

export function compilationProblem(error: CelError | undefined, source: string, rewritten: RewrittenSource): string {
  const node = error?.node;
  const range = error?.range ?? node?.range;
  const { text, at } = translate(error, { start: node?.pos ?? range?.start ?? 0, from: range?.start ?? 0, to: range?.end ?? 0 }, rewritten);
  return `ERROR: ${pictureOf(source, Math.min(rewritten.positionOf(at), source.length), text)}`;
}

/** Of the part of the rewritten text that is wrong: where it is said to be, and all of it. */
interface Part {
  readonly start: number;
  readonly from: number;
  readonly to: number;
}

function translate(
  error: CelError | undefined,
  part: Part,
  { text: source }: RewrittenSource,
): { readonly text: string; readonly at: number } {
  const summary = error?.summary ?? (error?.message ?? '').split('\n', 1)[0] ?? '';
  const field = /^No such key: (.*)$/.exec(summary)?.[1];
  if (field !== undefined) return { text: `undefined field '${field}'`, at: Math.max(part.start - 1, 0) };
  const name = /^Unknown variable: (.*)$/.exec(summary)?.[1];
  if (name !== undefined) return { text: `undeclared reference to '${name}' (in container '')`, at: part.start };
  const [, left, operator, right] = /^no such overload: (.+?) (\+|-|\*|\/|%|==|!=|<=|>=|<|>|in) (.+)$/.exec(summary) ?? [];
  if (left !== undefined && operator !== undefined) {
    const at = source.slice(part.from, part.to).lastIndexOf(operator);
    const named = operator === 'in' ? '@in' : `_${operator}_`;
    return { text: `found no matching overload for '${named}' applied to '(${left}, ${right})'`, at: part.from + Math.max(at, 0) };
  }
  return functionProblem(summary, part, source) ?? { text: syntaxProblem(error, summary), at: part.start };
}

function functionProblem(summary: string, part: Part, source: string): { readonly text: string; readonly at: number } | undefined {
  const [, receiver, name = '', values = ''] = /^found no matching overload for '(?:(.+)\.)?(\w+)\((.*)\)'$/.exec(summary) ?? [];
  if (name === '') return undefined;
  const shown = name === 'linearMatches' ? 'matches' : name === 'hasField' ? 'has' : name;
  const call = source.slice(part.from, part.to).lastIndexOf(`${name}(`);
  const applied = receiver === undefined ? `(${values})` : `${receiver}.(${values})`;
  return {
    text: `found no matching overload for '${shown}' applied to '${applied}'`,
    at: part.from + Math.max(call, 0) + (call < 0 ? 0 : name.length),
  };
}

function syntaxProblem(error: CelError | undefined, summary: string): string {
  return error?.name === 'ParseError' ? `Syntax error: ${summary}` : summary;
}

/** Lines and columns from one; the line, and a row of dots up to the place. */
function pictureOf(source: string, position: number, text: string): string {
  const before = source.slice(0, position);
  const line = before.split('\n').length;
  const column = position - (before.lastIndexOf('\n') + 1);
  return `<input>:${line}:${column + 1}: ${text}\n | ${source.split('\n')[line - 1] ?? ''}\n | ${'.'.repeat(column)}^`;
}
