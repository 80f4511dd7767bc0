/**
 * How much may be in one body, whatever form it has: no object of the API comes near these limits, and what goes beyond them takes far longer than its length suggests,
 * in every step that follows. JSON is measured before it is parsed, values from elsewhere as soon as they are there.
 */

export const NESTING_DEPTH_MAX = 200;
/** Lists and maps. */
export const BOXES_MAX = 100_000;

const TOO_DEEP = `exceeded max depth of ${NESTING_DEPTH_MAX}`;
const TOO_MANY = `exceeded max of ${BOXES_MAX} lists and maps`;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** What is too much about JSON, by its brackets outside of strings; undefined when nothing is. Whether it is JSON at all is the parser's to say. */
export function excessOfJson(json: Buffer): string | undefined {
  let depth = 0;
  let boxes = 0;
  for (let at = 0; at < json.length; at++) {
    switch (json[at]) {
      case QUOTE:
        for (at++; at < json.length && json[at] !== QUOTE; at++) if (json[at] === BACKSLASH) at++;
        break;
      case 0x5b:
      case 0x7b:
        if (++depth > NESTING_DEPTH_MAX) return TOO_DEEP;
        if (++boxes > BOXES_MAX) return TOO_MANY;
        break;
      case 0x5d:
      case 0x7d:
        depth--;
        break;
    }
  }
  return undefined;
}

/** The same of a value; one that contains itself is too deep, one that contains another many times is that many. */
export function excessOfValue(value: unknown): string | undefined {
  let boxes = 0;
  const visit = (inner: unknown, depth: number): string | undefined => {
    if (typeof inner !== 'object' || inner === null) return undefined;
    if (depth > NESTING_DEPTH_MAX) return TOO_DEEP;
    if (++boxes > BOXES_MAX) return TOO_MANY;
    for (const key in inner) {
      const excess = visit(Reflect.get(inner, key), depth + 1);
      if (excess !== undefined) return excess;
    }
    return undefined;
  };
  return visit(value, 1);
}
