/** `"%s has %d".format([name, count])`: a text with values put into it. Source: cel-go, ext/formatting.go. */

/** More digits than a number has. */
const PRECISION_MAX = 100;
const PRECISION_DEFAULT = 6;
const CLAUSE = /%(?:(%)|(?:\.(\d+))?([a-zA-Z]))/g;

/** Throws when a clause and its value do not fit, or there are too few values. */
export function formatText(template: string, values: readonly unknown[]): string {
  let next = 0;
  return template.replace(CLAUSE, (_match, percent: string | undefined, precision: string | undefined, clause: string | undefined) => {
    if (percent !== undefined) return '%';
    if (next >= values.length) throw new Error(`index ${next} out of range`);
    return formatClause(clause ?? '', Math.min(Number(precision ?? PRECISION_DEFAULT), PRECISION_MAX), values[next++]);
  });
}

function formatClause(clause: string, precision: number, value: unknown): string {
  switch (clause) {
    case 's':
      return shown(value);
    case 'd':
      return typeof value === 'bigint' || isUnsigned(value)
        ? String(value)
        : typeof value === 'number'
          ? nonFinite(value)
          : wrong('decimal', 'integers');
    case 'f':
      return Number.isFinite(numberOf(value)) ? numberOf(value).toFixed(precision) : nonFinite(numberOf(value));
    case 'e':
      return Number.isFinite(numberOf(value))
        ? numberOf(value)
            .toExponential(precision)
            .replace(/e([+-])(\d)$/, 'e$10$2')
        : nonFinite(numberOf(value));
    case 'b':
      return typeof value === 'boolean'
        ? value
          ? '1'
          : '0'
        : typeof value === 'bigint'
          ? value.toString(2)
          : wrong('binary', 'integers and bools');
    case 'o':
      return typeof value === 'bigint' ? value.toString(8) : wrong('octal', 'integers');
    case 'x':
      return hexadecimal(value);
    case 'X':
      return hexadecimal(value).toUpperCase();
    default:
      throw new Error(`could not parse formatting clause: unrecognized formatting clause ${JSON.stringify(clause)}`);
  }
}

function isUnsigned(value: unknown): boolean {
  return typeof value === 'object' && value !== null && typeof value.valueOf() === 'bigint';
}

function wrong(clause: string, allowed: string): never {
  throw new Error(`${clause} clause can only be used on ${allowed}`);
}

function numberOf(value: unknown): number {
  if (typeof value !== 'number' && typeof value !== 'bigint')
    throw new Error('fixed-point clause can only be used on doubles and integers');
  return Number(value);
}

function nonFinite(value: number): string {
  return value === Number.POSITIVE_INFINITY ? 'Infinity' : value === Number.NEGATIVE_INFINITY ? '-Infinity' : String(value);
}

function hexadecimal(value: unknown): string {
  if (typeof value === 'bigint') return value.toString(16);
  if (typeof value === 'string') return Buffer.from(value).toString('hex');
  return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : wrong('hexadecimal', 'integers, byte buffers, and strings');
}

/** As `%s` shows a value: lists and maps with what is in them. */
function shown(value: unknown): string {
  if (value instanceof Date) return value.toISOString().replace('.000Z', 'Z');
  if (value instanceof Uint8Array) return Buffer.from(value).toString('utf8');
  if (Array.isArray(value)) return `[${value.map(shown).join(', ')}]`;
  if (value instanceof Map) return shownMembers([...value]);
  if (typeof value === 'object' && value !== null && value.constructor === Object) return shownMembers(Object.entries(value));
  return typeof value === 'number' ? nonFinite(value) : String(value);
}

function shownMembers(members: readonly (readonly [unknown, unknown])[]): string {
  return `{${members
    .map(([name, value]) => `${shown(name)}: ${shown(value)}`)
    .sort()
    .join(', ')}}`;
}
