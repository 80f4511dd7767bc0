/**
 * Binary search in an array that is sorted by key. Keys are compared by UTF-16 code unit, which is etcd's byte order for every name the API
 * accepts outside of characters beyond the basic plane.
 */

/** The index of the first entry whose key is not less than `key`; the array's length if there is none. */
export function lowerBound<T>(sorted: readonly T[], key: string, keyOf: (entry: T) => string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const entry = sorted[middle];
    if (entry !== undefined && keyOf(entry) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The entries whose key starts with `prefix`, as a new array. */
export function withPrefix<T>(sorted: readonly T[], prefix: string, keyOf: (entry: T) => string): readonly T[] {
  return sorted.slice(lowerBound(sorted, prefix, keyOf), lowerBound(sorted, endOfPrefix(prefix), keyOf));
}

/** The least string greater than every string with this prefix. */
export function endOfPrefix(prefix: string): string {
  return prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1);
}
