/**
 * Sets of completion indexes as a Job's status has them: ordered intervals, written `1,3-5,7`. Their size is that of their gaps, so a Job of a hundred
 * thousand completions costs no more than one of ten that went as smoothly. Pure. Upstream: pkg/controller/job/indexed_job_utils.go.
 */

/** First and last, both included; ascending, and never next to each other. */
export type IndexSet = readonly (readonly [number, number])[];

export const noIndexes: IndexSet = [];

/** What the text names below `completions`; parts that are no interval are passed over. */
export function parseIndexes(text: string, completions: number): IndexSet {
  const intervals = text.split(',').flatMap((part) => {
    const [, first, last = first] = /^(\d+)(?:-(\d+))?$/.exec(part) ?? [];
    return first === undefined ? [] : [[Number(first), Math.min(Number(last), completions - 1)] as const];
  });
  return normalize(intervals.filter(([first, last]) => first <= last));
}

/** Two neighbours are named one by one, more of them by the first and the last. */
export function formatIndexes(set: IndexSet): string {
  return set.map(([first, last]) => (first === last ? `${first}` : `${first}${last === first + 1 ? ',' : '-'}${last}`)).join(',');
}

export function countIndexes(set: IndexSet): number {
  return set.reduce((sum, [first, last]) => sum + last - first + 1, 0);
}

export function hasIndex(set: IndexSet, index: number): boolean {
  return set.some(([first, last]) => first <= index && index <= last);
}

export function withIndexes(set: IndexSet, indexes: Iterable<number>): IndexSet {
  const more = [...indexes].map((index) => [index, index] as const);
  return more.length === 0 ? set : normalize([...set, ...more]);
}

export function unite(left: IndexSet, right: IndexSet): IndexSet {
  return normalize([...left, ...right]);
}

/** How many of `wanted` are in the set. */
export function countShared(set: IndexSet, wanted: IndexSet): number {
  return countIndexes(set) + countIndexes(wanted) - countIndexes(unite(set, wanted));
}

/** The lowest indexes below `completions` that are not in the set, as many as asked for. */
export function firstMissing(set: IndexSet, count: number, completions: number): readonly number[] {
  const missing: number[] = [];
  let candidate = 0;
  for (const [first, last] of [...set, [completions, completions] as const]) {
    for (; candidate < Math.min(first, completions) && missing.length < count; candidate++) missing.push(candidate);
    candidate = Math.max(candidate, last + 1);
  }
  return missing;
}

function normalize(intervals: IndexSet): IndexSet {
  const merged: [number, number][] = [];
  for (const [first, last] of intervals.toSorted(([left], [right]) => left - right)) {
    const previous = merged.at(-1);
    if (previous !== undefined && first <= previous[1] + 1) previous[1] = Math.max(previous[1], last);
    else merged.push([first, last]);
  }
  return merged;
}
