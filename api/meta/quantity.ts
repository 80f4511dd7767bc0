/**
 * Quantities: exact amounts such as `100m`, `1.5Gi` or `2e3`. Kept as whole billionths in a bigint, so that no amount is ever rounded by
 * floating point; the format remembers which family of suffixes its author used, because the canonical text keeps it.
 * Everything that adds, compares or shows resources uses this file; the decoder makes every stored quantity canonical.
 * Source: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
 */

export type QuantityFormat = 'binary' | 'decimal' | 'exponent';

export interface Quantity {
  /** The amount in billionths, the finest the API keeps. */
  readonly nanos: bigint;
  readonly format: QuantityFormat;
}

/** What is wrong with a text that is no quantity; the message is what users see. */
export class QuantityError extends Error {}

const GRAMMAR = /^([+-]?)([0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$/;
const FORMAT_WRONG = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
const NUMERIC_WRONG = 'unable to parse numeric part of quantity';
const SUFFIX_WRONG = "unable to parse quantity's suffix";

const NANOS_PER_UNIT = 1_000_000_000n;
const MILLIS_PER_UNIT = 1000n;

/** The largest amount there is: upstream's, what fits a signed 64-bit integer. Larger ones become this one. */
const UNITS_MAX = 2n ** 63n - 1n;

/** Texts longer than this are refused before any arithmetic; the longest sensible quantity is a tenth of it. */
const QUANTITY_CHARACTERS_MAX = 256;

/** An exponent beyond this is beyond every bound (above the maximum, or below a billionth), so arithmetic can stop here. */
const EXPONENT_MAX = 100;

const decimalSuffixes = new Map([
  ['n', -9],
  ['u', -6],
  ['m', -3],
  ['', 0],
  ['k', 3],
  ['M', 6],
  ['G', 9],
  ['T', 12],
  ['P', 15],
  ['E', 18],
]);

const binarySuffixes = new Map([
  ['Ki', 10n],
  ['Mi', 20n],
  ['Gi', 30n],
  ['Ti', 40n],
  ['Pi', 50n],
  ['Ei', 60n],
]);

/** Takes what an author wrote; gives the exact amount, rounded away from zero to billionths. Throws `QuantityError`. */
export function parseQuantity(text: string): Quantity {
  const [, sign = '', digits = '', suffix = ''] = (text.length <= QUANTITY_CHARACTERS_MAX && GRAMMAR.exec(text)) || [];
  if (digits === '') throw new QuantityError(FORMAT_WRONG);
  const number = /^(\d*)\.?(\d*)$/.exec(digits);
  if (!number || digits === '.') throw new QuantityError(NUMERIC_WRONG);
  const [, whole = '', fraction = ''] = number;
  const scale = parseSuffix(suffix);
  const nanos = scaled(BigInt(whole + fraction), { ...scale, exponent: scale.exponent - fraction.length + 9 });
  const bounded = nanos > UNITS_MAX * NANOS_PER_UNIT ? UNITS_MAX * NANOS_PER_UNIT : nanos;
  return { nanos: sign === '-' ? -bounded : bounded, format: scale.format };
}

export function isQuantity(text: string): boolean {
  try {
    parseQuantity(text);
    return true;
  } catch (error) {
    if (error instanceof QuantityError) return false;
    throw error;
  }
}

interface Scale {
  readonly format: QuantityFormat;
  /** Powers of ten to multiply by. */
  readonly exponent: number;
  /** Powers of two to multiply by. */
  readonly shift: bigint;
}

function parseSuffix(suffix: string): Scale {
  const decimal = decimalSuffixes.get(suffix);
  if (decimal !== undefined) return { format: 'decimal', exponent: decimal, shift: 0n };
  const binary = binarySuffixes.get(suffix);
  if (binary !== undefined) return { format: 'binary', exponent: 0, shift: binary };
  const exponent = /^[eE]([-+]?\d+)$/.exec(suffix)?.[1];
  if (exponent === undefined) throw new QuantityError(SUFFIX_WRONG);
  return { format: 'exponent', exponent: Math.max(-EXPONENT_MAX, Math.min(EXPONENT_MAX, Number(exponent))), shift: 0n };
}

function scaled(digits: bigint, { exponent, shift }: Scale): bigint {
  const shifted = digits << shift;
  return exponent >= 0 ? shifted * 10n ** BigInt(exponent) : divideRoundingUp(shifted, 10n ** BigInt(-exponent));
}

/** Away from zero: a resource asked for must never become none. */
function divideRoundingUp(dividend: bigint, divisor: bigint): bigint {
  const quotient = dividend / divisor;
  if (dividend % divisor === 0n) return quotient;
  return dividend < 0n ? quotient - 1n : quotient + 1n;
}

/** The canonical text: no fraction, the largest suffix that keeps it exact, in the author's family of suffixes. */
export function formatQuantity({ nanos, format }: Quantity): string {
  if (nanos === 0n) return '0';
  const magnitude = nanos < 0n ? -nanos : nanos;
  const sign = nanos < 0n ? '-' : '';
  const isBinary = format === 'binary' && magnitude >= 1024n * NANOS_PER_UNIT && magnitude % NANOS_PER_UNIT === 0n;
  if (isBinary) return sign + formatBinary(magnitude / NANOS_PER_UNIT);
  return sign + formatDecimal(magnitude, format === 'exponent');
}

function formatBinary(units: bigint): string {
  const suffixes = [...binarySuffixes].reverse();
  const [suffix, shift] = suffixes.find(([, bits]) => units % (1n << bits) === 0n) ?? ['', 0n];
  return `${units >> shift}${suffix}`;
}

function formatDecimal(magnitude: bigint, isExponent: boolean): string {
  let mantissa = magnitude;
  let exponent = -9;
  while (mantissa % 1000n === 0n) {
    mantissa /= 1000n;
    exponent += 3;
  }
  if (isExponent) return exponent === 0 ? `${mantissa}` : `${mantissa}e${exponent}`;
  const suffix = [...decimalSuffixes].find(([, power]) => power === exponent)?.[0] ?? '';
  return `${mantissa}${suffix}`;
}

/** The canonical text of a text: what the API stores. Throws `QuantityError`. */
export function canonicalQuantity(text: string): string {
  return formatQuantity(parseQuantity(text));
}

/** Whole units, rounded up (`1500m` is 2). Inexact above 2^53, where nothing that counts bytes or cores goes. */
export function quantityToNumber(quantity: Quantity): number {
  return Number(divideRoundingUp(quantity.nanos, NANOS_PER_UNIT));
}

/** Thousandths, rounded up: how processor time is compared. */
export function quantityToMilli(quantity: Quantity): number {
  return Number(divideRoundingUp(quantity.nanos, NANOS_PER_UNIT / MILLIS_PER_UNIT));
}

/** At least thousandths, as stored resource lists are: `100u` becomes `1m`. */
export function roundUpToMilli(quantity: Quantity): Quantity {
  const step = NANOS_PER_UNIT / MILLIS_PER_UNIT;
  return { ...quantity, nanos: divideRoundingUp(quantity.nanos, step) * step };
}

export function quantityFromNumber(units: number, format: QuantityFormat = 'decimal'): Quantity {
  return { nanos: BigInt(Math.ceil(units)) * NANOS_PER_UNIT, format };
}

export function quantityFromMilli(millis: number): Quantity {
  return { nanos: BigInt(Math.ceil(millis)) * (NANOS_PER_UNIT / MILLIS_PER_UNIT), format: 'decimal' };
}

export function compareQuantities(left: Quantity, right: Quantity): -1 | 0 | 1 {
  if (left.nanos === right.nanos) return 0;
  return left.nanos < right.nanos ? -1 : 1;
}

/** The sum keeps the left side's format, unless that side is zero. */
export function addQuantities(left: Quantity, right: Quantity): Quantity {
  return { nanos: left.nanos + right.nanos, format: left.nanos === 0n ? right.format : left.format };
}

export function subtractQuantities(left: Quantity, right: Quantity): Quantity {
  return { nanos: left.nanos - right.nanos, format: left.nanos === 0n ? right.format : left.format };
}
