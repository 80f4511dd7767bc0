/** Lists of indexes of an indexed Job, as texts: `1,3-5,7`. Ascending, without overlaps, below the number of completions. */

export type IndexList = { readonly isValid: true; readonly count: number } | { readonly isValid: false; readonly problem: string };

/** Gives how many indexes the text names, or what is wrong with it in upstream's words. An empty text names none. */
export function parseIndexList(text: string, completions: number): IndexList {
  if (text === '') return { isValid: true, count: 0 };
  let last = -1;
  let count = 0;
  for (const part of text.split(',')) {
    const interval = parseInterval(part, completions);
    if (typeof interval === 'string') return { isValid: false, problem: interval };
    const [first, end] = interval;
    if (last >= first) return { isValid: false, problem: `non-increasing order, previous: ${last}, current: ${first}` };
    count += end - first + 1;
    last = end;
  }
  return { isValid: true, count };
}

function parseInterval(text: string, completions: number): readonly [number, number] | string {
  const limits = text.split('-');
  if (limits.length > 2) {
    return `the fragment ${JSON.stringify(text)} violates the requirement that an index interval can have at most two parts separated by '-'`;
  }
  const numbers: number[] = [];
  for (const limit of limits) {
    if (!/^\d{1,10}$/.test(limit)) return `cannot convert string to integer for index: ${JSON.stringify(limit)}`;
    if (Number(limit) >= completions) return `too large index: ${JSON.stringify(limit)}`;
    numbers.push(Number(limit));
  }
  const [first = 0, end = first] = numbers;
  if (limits.length === 2 && first >= end) return `non-increasing order, previous: ${first}, current: ${end}`;
  return [first, end];
}
