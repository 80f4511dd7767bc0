/**
 * Label selectors: the text of `?labelSelector=` and `kubectl -l`, and the structure inside objects. Both become the same list of
 * requirements, and a requirement list becomes a matcher once, so that a watch evaluates a plain function per event.
 * Callers keep matchers rather than texts; an empty selector matches everything, an absent one in an object is for its kind to interpret.
 * Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/ ; messages as apimachinery's labels package.
 */
import type { LabelSelector } from '../generated/types.ts';
import { invalidValue } from './field-path.ts';
import { labelValueProblems, qualifiedNameProblems } from './names.ts';

export type Labels = Readonly<Record<string, string>>;
export type LabelMatcher = (labels: Labels | undefined) => boolean;

export type LabelOperator = 'in' | 'notin' | '=' | '==' | '!=' | 'exists' | '!' | 'gt' | 'lt';

export interface LabelRequirement {
  readonly key: string;
  readonly operator: LabelOperator;
  /** Sorted, without duplicates. */
  readonly values: readonly string[];
}

/** What is wrong with a selector's text, in upstream's words; the server answers it as 400. */
export class SelectorError extends Error {}

/** A selector is part of a URL; longer ones are refused before they are scanned. */
const SELECTOR_CHARACTERS_MAX = 64 * 1024;

/** Takes `app=web,tier in (a,b),!old`; gives the function that labels are asked with. Throws `SelectorError`. */
export function parseLabelSelector(text: string): LabelMatcher {
  return matcherOf(parseLabelRequirements(text));
}

/** The same as a list, sorted by key, for who wants to print it or index by it. Throws `SelectorError`. */
export function parseLabelRequirements(text: string): readonly LabelRequirement[] {
  if (text.length > SELECTOR_CHARACTERS_MAX) throw new SelectorError(`a selector must be no more than ${SELECTOR_CHARACTERS_MAX} bytes`);
  const requirements = parseTokens(createTokenReader(scan(text)));
  return requirements.toSorted((left, right) => (left.key < right.key ? -1 : left.key > right.key ? 1 : 0));
}

/** The selector inside an object as a matcher; one with an operator that does not exist matches nothing. */
export function compileLabelSelector(selector: LabelSelector): LabelMatcher {
  return matcherOf(requirementsOf(selector));
}

const structuredOperators = new Map<string, LabelOperator>([
  ['In', 'in'],
  ['NotIn', 'notin'],
  ['Exists', 'exists'],
  ['DoesNotExist', '!'],
]);

/** A selector's structure as requirements, sorted by key; unknown operators become a requirement that nothing meets. */
export function requirementsOf(selector: LabelSelector): readonly LabelRequirement[] {
  const equalities = Object.entries(selector.matchLabels ?? {}).map(([key, value]) => requirement(key, '=', [value]));
  const expressions = (selector.matchExpressions ?? []).map(({ key, operator, values = [] }) =>
    requirement(key, structuredOperators.get(operator) ?? 'in', structuredOperators.has(operator) ? values : []),
  );
  return [...equalities, ...expressions].toSorted((left, right) => (left.key < right.key ? -1 : left.key > right.key ? 1 : 0));
}

/** As `kubectl get` shows it: `app=web,tier in (a,b),!old`; `<none>` for an empty selector. */
export function formatLabelSelector(selector: LabelSelector | undefined): string {
  if (selector === undefined) return '<error>';
  const text = formatRequirements(requirementsOf(selector));
  return text === '' ? '<none>' : text;
}

export function formatRequirements(requirements: readonly LabelRequirement[]): string {
  return requirements.map(formatRequirement).join(',');
}

/** `app=web,tier=front`, sorted; `<none>` without labels. */
export function formatLabels(labels: Labels | undefined): string {
  const pairs = Object.entries(labels ?? {}).map(([key, value]) => `${key}=${value}`);
  return pairs.length === 0 ? '<none>' : pairs.sort().join(',');
}

function formatRequirement({ key, operator, values }: LabelRequirement): string {
  switch (operator) {
    case 'exists':
      return key;
    case '!':
      return `!${key}`;
    case 'in':
    case 'notin':
      return `${key} ${operator} (${values.join(',')})`;
    case 'gt':
      return `${key}>${values[0] ?? ''}`;
    case 'lt':
      return `${key}<${values[0] ?? ''}`;
    default:
      return `${key}${operator}${values[0] ?? ''}`;
  }
}

export function matcherOf(requirements: readonly LabelRequirement[]): LabelMatcher {
  const tests = requirements.map(testOf);
  return (labels = {}) => tests.every((test) => test(labels));
}

function testOf({ key, operator, values }: LabelRequirement): (labels: Labels) => boolean {
  const accepted = new Set(values);
  const valueIn = (labels: Labels) => (Object.hasOwn(labels, key) ? labels[key] : undefined);
  const isAccepted = (labels: Labels) => {
    const value = valueIn(labels);
    return value !== undefined && accepted.has(value);
  };
  switch (operator) {
    case 'exists':
      return (labels) => valueIn(labels) !== undefined;
    case '!':
      return (labels) => valueIn(labels) === undefined;
    case 'notin':
    case '!=':
      return (labels) => !isAccepted(labels);
    case 'gt':
    case 'lt':
      return (labels) => comparesTo(valueIn(labels), operator, values[0] ?? '');
    default:
      return isAccepted;
  }
}

const INTEGER = /^[+-]?\d{1,19}$/;

function comparesTo(value: string | undefined, operator: 'gt' | 'lt', bound: string): boolean {
  if (value === undefined || !INTEGER.test(value)) return false;
  return operator === 'gt' ? BigInt(value.replace('+', '')) > BigInt(bound.replace('+', '')) : BigInt(value) < BigInt(bound);
}

function requirement(key: string, operator: LabelOperator, values: readonly string[]): LabelRequirement {
  return { key, operator, values: [...new Set(values)].sort() };
}

type TokenKind = 'identifier' | 'end' | 'error' | '!' | ',' | '(' | ')' | '=' | '==' | '!=' | '>' | '<' | 'in' | 'notin';

interface Token {
  readonly kind: TokenKind;
  readonly text: string;
}

const symbols = ['!', ',', '(', ')', '=', '==', '!=', '>', '<'] as const;

/** A symbol takes the longest run that is one; words are everything between symbols and white space. */
function scan(text: string): readonly Token[] {
  const tokens: Token[] = [];
  for (const [part] of text.matchAll(/==|!=|[=!(),<>]|[^\s=!(),<>]+/g)) {
    const symbol = symbols.find((known) => known === part);
    const word: TokenKind = part === 'in' || part === 'notin' ? part : 'identifier';
    tokens.push({ kind: symbol ?? word, text: part });
  }
  return [...tokens, { kind: 'end', text: '' }];
}

interface TokenReader {
  /** The next token, where `in` and `notin` are words like any other. */
  peek(): Token;
  next(): Token;
  /** The next token, where `in` and `notin` are operators. */
  nextOperator(): Token;
}

function createTokenReader(tokens: readonly Token[]): TokenReader {
  let position = 0;
  const end: Token = { kind: 'end', text: '' };
  const asWord = (token: Token): Token => (token.kind === 'in' || token.kind === 'notin' ? { ...token, kind: 'identifier' } : token);
  return {
    peek: () => asWord(tokens[position] ?? end),
    next: () => asWord(tokens[position++] ?? end),
    nextOperator: () => tokens[position++] ?? end,
  };
}

function parseTokens(reader: TokenReader): readonly LabelRequirement[] {
  const requirements: LabelRequirement[] = [];
  for (;;) {
    const first = reader.peek();
    if (first.kind === 'end') return requirements;
    if (first.kind !== 'identifier' && first.kind !== '!') {
      throw new SelectorError(`found '${first.text}', expected: !, identifier, or 'end of string'`);
    }
    requirements.push(parseRequirement(reader));
    const separator = reader.next();
    if (separator.kind === 'end') return requirements;
    if (separator.kind !== ',') throw new SelectorError(`found '${separator.text}', expected: ',' or 'end of string'`);
    const following = reader.peek();
    if (following.kind !== 'identifier' && following.kind !== '!') {
      throw new SelectorError(`found '${following.text}', expected: identifier after ','`);
    }
  }
}

function parseRequirement(reader: TokenReader): LabelRequirement {
  const first = reader.next();
  const isNegated = first.kind === '!';
  const key = isNegated ? reader.next() : first;
  if (key.kind !== 'identifier') throw unparsable(`found '${key.text}', expected: identifier`);
  refuse('<nil>', key.text, qualifiedNameProblems(key.text));
  if (isNegated) return requirement(key.text, '!', []);
  const following = reader.peek();
  if (following.kind === 'end' || following.kind === ',') return requirement(key.text, 'exists', []);
  const operator = parseOperator(reader);
  const values = operator === 'in' || operator === 'notin' ? parseValues(reader) : [parseExactValue(reader)];
  const parsed = requirement(key.text, operator, values);
  refuseValues(parsed);
  return parsed;
}

function unparsable(message: string): SelectorError {
  return new SelectorError(`unable to parse requirement: ${message}`);
}

/** Texts outside any object have no path; upstream prints the missing one as `<nil>`. */
function refuse(path: string, value: string, problems: readonly string[]): void {
  if (problems.length > 0) throw unparsable(`${path}: ${invalidValue(path, value, problems.join('; ')).message}`);
}

function refuseValues({ key, operator, values }: LabelRequirement): void {
  for (const [index, value] of values.entries()) {
    if ((operator === 'gt' || operator === 'lt') && !INTEGER.test(value)) {
      refuse(`values[${index}]`, value, ["for 'Gt', 'Lt' operators, the value must be an integer"]);
    }
    refuse(`values[${index}][${key}]`, value, labelValueProblems(value));
  }
}

const operators: Readonly<Partial<Record<TokenKind, LabelOperator>>> = {
  in: 'in',
  notin: 'notin',
  '=': '=',
  '==': '==',
  '!=': '!=',
  '>': 'gt',
  '<': 'lt',
};

function parseOperator(reader: TokenReader): LabelOperator {
  const token = reader.nextOperator();
  const operator = operators[token.kind];
  if (operator === undefined) throw unparsable(`found '${token.text}', expected: in, notin, =, ==, !=, gt, lt`);
  return operator;
}

function parseExactValue(reader: TokenReader): string {
  const following = reader.peek();
  if (following.kind === 'end' || following.kind === ',') return '';
  const token = reader.next();
  if (token.kind !== 'identifier') throw unparsable(`found '${token.text}', expected: identifier`);
  return token.text;
}

/** `(a,b)`; an item may be empty, which is the empty value. */
function parseValues(reader: TokenReader): readonly string[] {
  const open = reader.next();
  if (open.kind !== '(') throw unparsable(`found '${open.text}' expected: '('`);
  const values: string[] = [];
  let item = '';
  for (;;) {
    const token = reader.next();
    if (token.kind === ')') return [...values, item];
    if (token.kind === ',') {
      values.push(item);
      item = '';
    } else if (token.kind !== 'identifier') {
      throw unparsable(`found '${token.text}', expected: ',', ')' or identifier`);
    } else if (item !== '') {
      throw unparsable(`found '${token.text}', expected: ',' or ')'`);
    } else {
      item = token.text;
    }
  }
}
