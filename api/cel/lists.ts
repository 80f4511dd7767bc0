/** Lists and sets in expressions. Source: k8s.io/apiserver, pkg/cel/library/lists.go; cel-go, ext/sets.go. */
import { type Library, withFunctions, withNamespace } from './library.ts';
import { valuesEqual } from './values-equal.ts';

type List = readonly unknown[];

export const lists: Library = (environment) =>
  withFunctions(withNamespace(environment, 'sets', 'SetsNamespace'), {
    'list.isSorted(): bool': (list: List) =>
      orderedOf(list).every((value, index, all) => index === 0 || (all[index - 1] ?? value) <= value),
    'list.sum(): dyn': sumOf,
    'list.min(): dyn': (list: List) => extremeOf(list, 'min', (left, right) => left < right),
    'list.max(): dyn': (list: List) => extremeOf(list, 'max', (left, right) => left > right),
    'list.indexOf(dyn): int': (list: List, wanted: unknown) => BigInt(list.findIndex((value) => valuesEqual(value, wanted))),
    'list.lastIndexOf(dyn): int': (list: List, wanted: unknown) => BigInt(list.findLastIndex((value) => valuesEqual(value, wanted))),
    'SetsNamespace.contains(list, list): bool': (_sets: unknown, list: List, wanted: List) => contains(list, wanted),
    'SetsNamespace.equivalent(list, list): bool': (_sets: unknown, left: List, right: List) =>
      contains(left, right) && contains(right, left),
    'SetsNamespace.intersects(list, list): bool': (_sets: unknown, left: List, right: List) => left.some((value) => includes(right, value)),
  });

type Ordered = bigint | number | string | boolean | Date;

function isOrdered(value: unknown): value is Ordered {
  return ['bigint', 'number', 'string', 'boolean'].includes(typeof value) || value instanceof Date;
}

function orderedOf(list: List): readonly Ordered[] {
  if (!list.every(isOrdered)) throw new Error('no such overload');
  return list;
}

function extremeOf(list: List, name: string, isBetter: (left: Ordered, right: Ordered) => boolean): Ordered {
  const [first, ...rest] = orderedOf(list);
  if (first === undefined) throw new Error(`${name} called on empty list`);
  return rest.reduce((best, value) => (isBetter(value, best) ? value : best), first);
}

function sumOf(list: List): bigint | number {
  if (list.every((value) => typeof value === 'bigint')) return list.reduce((sum: bigint, value) => sum + value, 0n);
  if (list.every((value) => typeof value === 'number')) return list.reduce((sum: number, value) => sum + value, 0);
  throw new Error('no such overload');
}

function includes(list: List, wanted: unknown): boolean {
  return list.some((value) => valuesEqual(value, wanted));
}

function contains(list: List, wanted: List): boolean {
  return wanted.every((value) => includes(list, value));
}
