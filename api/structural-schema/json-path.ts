/**
 * The JSON paths of printer columns, scale and selectable fields: members, indices, slices, wildcards, and filters that compare one member with a
 * literal, such as `.status.conditions[?(@.type=="Ready")].status`. Source: https://kubernetes.io/docs/reference/kubectl/jsonpath/.
 */
import { isJsonArray, isJsonObject, type Json, memberOf } from '../meta/json.ts';

export type JsonPath = readonly Step[];

type Step =
  | { readonly kind: 'member'; readonly name: string }
  | { readonly kind: 'index'; readonly index: number }
  | { readonly kind: 'slice'; readonly from: number | undefined; readonly to: number | undefined }
  | { readonly kind: 'all' }
  | { readonly kind: 'filter'; readonly path: JsonPath; readonly operator: string; readonly literal: Json | undefined };

export class JsonPathError extends Error {}

/** A path is a column's address, not a program. */
const STEPS_MAX = 64;

/** Takes `.spec.replicas`; `.` is the whole object. Throws a JsonPathError saying what is wrong. */
export function parseJsonPath(text: string): JsonPath {
  const steps: Step[] = [];
  let rest = text.startsWith('$') ? text.slice(1) : text;
  if (rest === '.') return steps;
  while (rest !== '') {
    const [step, length] = readStep(rest);
    steps.push(step);
    if (steps.length > STEPS_MAX) throw new JsonPathError(`more than ${STEPS_MAX} steps`);
    rest = rest.slice(length);
  }
  return steps;
}

/** All values at the path, in order. */
export function findAt(path: JsonPath, value: Json): readonly Json[] {
  return path.reduce<readonly Json[]>((values, step) => values.flatMap((inner) => follow(step, inner)), [value]);
}

const memberStep = /^\.((?:[^.[\]\\\s]|\\.)+)/;
const quotedStep = /^\[(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")\]/;
const indexStep = /^\[(-?\d{1,9})\]/;
const sliceStep = /^\[(-?\d{1,9})?:(-?\d{1,9})?\]/;
const filterStep = /^\[\?\(\s*@((?:\.[^\s.[\]()=!<>]+)+)\s*(?:(==|!=|<=|>=|<|>)\s*('[^']*'|"[^"]*"|[^\s'")]+))?\s*\)\]/;

function readStep(text: string): readonly [Step, number] {
  if (text.startsWith('.*') || text.startsWith('[*]')) return [{ kind: 'all' }, text.startsWith('.') ? 2 : 3];
  const member = memberStep.exec(text);
  if (member) return [{ kind: 'member', name: withoutEscapes(member[1] ?? '') }, member[0].length];
  const quoted = quotedStep.exec(text);
  if (quoted) return [{ kind: 'member', name: withoutEscapes(quoted[1] ?? quoted[2] ?? '') }, quoted[0].length];
  const index = indexStep.exec(text);
  if (index) return [{ kind: 'index', index: Number(index[1]) }, index[0].length];
  const slice = sliceStep.exec(text);
  if (slice) return [{ kind: 'slice', from: numberOf(slice[1]), to: numberOf(slice[2]) }, slice[0].length];
  const filter = filterStep.exec(text);
  if (filter) {
    const path = parseJsonPath(filter[1] ?? '');
    return [{ kind: 'filter', path, operator: filter[2] ?? '', literal: literalOf(filter[3]) }, filter[0].length];
  }
  throw new JsonPathError(`not a path that is understood: ${JSON.stringify(text)}`);
}

function withoutEscapes(text: string): string {
  return text.replace(/\\(.)/g, '$1');
}

function numberOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text);
}

function literalOf(text: string | undefined): Json | undefined {
  if (text === undefined) return undefined;
  if (/^['"]/.test(text)) return text.slice(1, -1);
  if (text === 'true' || text === 'false') return text === 'true';
  const number = Number(text);
  if (Number.isNaN(number)) throw new JsonPathError(`${text} is neither a number nor a quoted text`);
  return number;
}

function follow(step: Step, value: Json): readonly Json[] {
  switch (step.kind) {
    case 'member': {
      const member = isJsonObject(value) ? memberOf(value, step.name) : undefined;
      return member === undefined || member === null ? [] : [member];
    }
    case 'index': {
      const item = isJsonArray(value) ? value.at(step.index) : undefined;
      return item === undefined || item === null ? [] : [item];
    }
    case 'slice':
      return isJsonArray(value) ? value.slice(step.from, step.to) : [];
    case 'all':
      return isJsonArray(value) ? value : isJsonObject(value) ? Object.values(value) : [];
    case 'filter':
      return isJsonArray(value) ? value.filter((item) => isMatching(step, item)) : [];
  }
}

function isMatching({ path, operator, literal }: Extract<Step, { kind: 'filter' }>, item: Json): boolean {
  const [found] = findAt(path, item);
  if (operator === '' || found === undefined || literal === undefined) return operator === '' && found !== undefined;
  if (operator === '==') return found === literal;
  if (operator === '!=') return found !== literal;
  if (typeof found !== typeof literal || (typeof found !== 'number' && typeof found !== 'string')) return false;
  const order = typeof found === 'number' ? found - Number(literal) : found < String(literal) ? -1 : found > String(literal) ? 1 : 0;
  return operator === '<' ? order < 0 : operator === '<=' ? order <= 0 : operator === '>' ? order > 0 : order >= 0;
}
