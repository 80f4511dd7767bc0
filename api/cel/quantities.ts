/**
 * Quantities (`10Mi`) and semantic versions (`1.2.3-alpha`) in expressions: amounts that are compared. Source: k8s.io/apiserver,
 * pkg/cel/library/{quantity,semverlib}.go.
 */
import {
  type Quantity as Amount,
  addQuantities,
  compareQuantities,
  isQuantity,
  parseQuantity,
  quantityFromNumber,
  subtractQuantities,
} from '../meta/quantity.ts';
import { type Library, withFunctions } from './library.ts';

class Quantity {
  readonly amount: Amount;
  constructor(amount: Amount) {
    this.amount = amount;
  }
}

const UNIT_NANOS = 1_000_000_000n;
const INT64_MAX = 2n ** 63n - 1n;

export const quantities: Library = (environment) =>
  withFunctions(environment.registerType('kubernetes.Quantity', Quantity), {
    'isQuantity(string): bool': isQuantity,
    'quantity(string): kubernetes.Quantity': (text: string) => new Quantity(parseQuantity(text)),
    'kubernetes.Quantity.isInteger(): bool': ({ amount }: Quantity) => isInteger(amount),
    'kubernetes.Quantity.asInteger(): int': ({ amount }: Quantity) => asInteger(amount),
    'kubernetes.Quantity.asApproximateFloat(): double': ({ amount }: Quantity) => Number(amount.nanos) / Number(UNIT_NANOS),
    'kubernetes.Quantity.sign(): int': ({ amount }: Quantity) => (amount.nanos > 0n ? 1n : amount.nanos < 0n ? -1n : 0n),
    'kubernetes.Quantity.add(kubernetes.Quantity): kubernetes.Quantity': (left: Quantity, right: Quantity) => sum(left, right.amount),
    'kubernetes.Quantity.add(int): kubernetes.Quantity': (left: Quantity, right: bigint) => sum(left, units(right)),
    'kubernetes.Quantity.sub(kubernetes.Quantity): kubernetes.Quantity': (left: Quantity, right: Quantity) =>
      difference(left, right.amount),
    'kubernetes.Quantity.sub(int): kubernetes.Quantity': (left: Quantity, right: bigint) => difference(left, units(right)),
    'kubernetes.Quantity.isLessThan(kubernetes.Quantity): bool': (left: Quantity, right: Quantity) => compare(left, right) < 0,
    'kubernetes.Quantity.isGreaterThan(kubernetes.Quantity): bool': (left: Quantity, right: Quantity) => compare(left, right) > 0,
    'kubernetes.Quantity.compareTo(kubernetes.Quantity): int': (left: Quantity, right: Quantity) => BigInt(compare(left, right)),
  }).registerOperator('kubernetes.Quantity == kubernetes.Quantity', (left: Quantity, right: Quantity) => compare(left, right) === 0);

function units(count: bigint): Amount {
  return { ...quantityFromNumber(0), nanos: count * UNIT_NANOS };
}

function sum(left: Quantity, right: Amount): Quantity {
  return new Quantity(addQuantities(left.amount, right));
}

function difference(left: Quantity, right: Amount): Quantity {
  return new Quantity(subtractQuantities(left.amount, right));
}

function compare(left: Quantity, right: Quantity): number {
  return compareQuantities(left.amount, right.amount);
}

function isInteger({ nanos }: Amount): boolean {
  const value = nanos / UNIT_NANOS;
  return nanos % UNIT_NANOS === 0n && value <= INT64_MAX && value >= -INT64_MAX - 1n;
}

function asInteger(amount: Amount): bigint {
  if (!isInteger(amount)) throw new Error('cannot convert value to integer');
  return amount.nanos / UNIT_NANOS;
}

class Semver {
  readonly numbers: readonly bigint[];
  readonly prerelease: readonly string[];
  constructor(numbers: readonly bigint[], prerelease: readonly string[]) {
    this.numbers = numbers;
    this.prerelease = prerelease;
  }
}

export const versions: Library = (environment) =>
  withFunctions(environment.registerType('kubernetes.Semver', Semver), {
    'isSemver(string): bool': (text: string) => parseSemver(text) !== undefined,
    'isSemver(string, bool): bool': (text: string, isLax: boolean) => parseSemver(isLax ? normalized(text) : text) !== undefined,
    'semver(string): kubernetes.Semver': getSemver,
    'semver(string, bool): kubernetes.Semver': (text: string, isLax: boolean) => getSemver(isLax ? normalized(text) : text),
    'kubernetes.Semver.major(): int': ({ numbers }: Semver) => numbers[0] ?? 0n,
    'kubernetes.Semver.minor(): int': ({ numbers }: Semver) => numbers[1] ?? 0n,
    'kubernetes.Semver.patch(): int': ({ numbers }: Semver) => numbers[2] ?? 0n,
    'kubernetes.Semver.isLessThan(kubernetes.Semver): bool': (left: Semver, right: Semver) => compareSemver(left, right) < 0,
    'kubernetes.Semver.isGreaterThan(kubernetes.Semver): bool': (left: Semver, right: Semver) => compareSemver(left, right) > 0,
    'kubernetes.Semver.compareTo(kubernetes.Semver): int': (left: Semver, right: Semver) => BigInt(compareSemver(left, right)),
  }).registerOperator('kubernetes.Semver == kubernetes.Semver', (left: Semver, right: Semver) => compareSemver(left, right) === 0);

const IDENTIFIER = '(?:0|[1-9]\\d*|\\d*[A-Za-z-][0-9A-Za-z-]*)';
const SEMVER = new RegExp(
  `^(0|[1-9]\\d*)\\.(0|[1-9]\\d*)\\.(0|[1-9]\\d*)(?:-(${IDENTIFIER}(?:\\.${IDENTIFIER})*))?(?:\\+[0-9A-Za-z-]+(?:\\.[0-9A-Za-z-]+)*)?$`,
);

function parseSemver(text: string): Semver | undefined {
  const [, major, minor, patch, prerelease] = SEMVER.exec(text) ?? [];
  if (major === undefined || minor === undefined || patch === undefined) return undefined;
  return new Semver([major, minor, patch].map(BigInt), prerelease === undefined ? [] : prerelease.split('.'));
}

function getSemver(text: string): Semver {
  const version = parseSemver(text);
  if (version === undefined) throw new Error(`Semver ${JSON.stringify(text)} parse error during conversion from string`);
  return version;
}

/** Without a `v`, with a minor and a patch, and no zeros in front. */
function normalized(text: string): string {
  const [, numbers = '', rest = ''] = /^v?([^-+]*)(.*)$/s.exec(text) ?? [];
  const parts = numbers.split('.').map((part) => part.replace(/^0+(?=\d)/, ''));
  while (parts.length < 3) parts.push('0');
  return `${parts.join('.')}${rest}`;
}

function compareSemver(left: Semver, right: Semver): -1 | 0 | 1 {
  for (const [index, number] of left.numbers.entries()) {
    const other = right.numbers[index] ?? 0n;
    if (number !== other) return number < other ? -1 : 1;
  }
  if (left.prerelease.length === 0 || right.prerelease.length === 0) {
    return left.prerelease.length === right.prerelease.length ? 0 : left.prerelease.length === 0 ? 1 : -1;
  }
  for (const [index, part] of left.prerelease.entries()) {
    const order = comparePrerelease(part, right.prerelease[index]);
    if (order !== 0) return order;
  }
  return left.prerelease.length === right.prerelease.length ? 0 : -1;
}

function comparePrerelease(left: string, right: string | undefined): -1 | 0 | 1 {
  if (right === undefined) return 1;
  if (left === right) return 0;
  const [isNumber, isOtherNumber] = [/^\d+$/.test(left), /^\d+$/.test(right)];
  if (isNumber && isOtherNumber) return BigInt(left) < BigInt(right) ? -1 : 1;
  return isNumber !== isOtherNumber ? (isNumber ? -1 : 1) : left < right ? -1 : 1;
}
