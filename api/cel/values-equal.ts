/**
 * Whether two values of an expression are equal, for functions that compare what is in lists: numbers by their amount, lists and maps by what is in them.
 */

export function valuesEqual(left: unknown, right: unknown): boolean {
  if (left === right) return true;
  // An integer and a double are different types, of which neither is more or less than the other if they are the same amount.
  if (isNumeric(left) && isNumeric(right)) return left >= right && left <= right;
  if (left instanceof Date && right instanceof Date) return left.getTime() === right.getTime();
  if (Array.isArray(left) && Array.isArray(right))
    return left.length === right.length && left.every((value, index) => valuesEqual(value, right[index]));
  const [members, others] = [membersOf(left), membersOf(right)];
  if (members === undefined || others === undefined || members.size !== others.size) return false;
  return [...members].every(([name, value]) => others.has(name) && valuesEqual(value, others.get(name)));
}

function isNumeric(value: unknown): value is bigint | number {
  return typeof value === 'bigint' || typeof value === 'number';
}

function membersOf(value: unknown): ReadonlyMap<unknown, unknown> | undefined {
  if (value instanceof Map) return value;
  return typeof value === 'object' && value !== null && value.constructor === Object
    ? new Map<unknown, unknown>(Object.entries(value))
    : undefined;
}
