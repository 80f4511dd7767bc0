/**
 * Finds keys that occur twice in one JSON object, which `JSON.parse` silently merges: strict field validation must name them. Takes text that is
 * known to be valid JSON and walks it once. Source: sigs.k8s.io/json, whose paths (`spec.containers[0].name`) these are.
 */

/** Enough to be told what is wrong; more would only make the answer long. */
export const DUPLICATES_REPORTED_MAX = 100;

export interface Level {
  readonly path: string;
  /** Undefined inside an array. */
  readonly keys: Set<string> | undefined;
  index: number;
  key: string;
}

/** A key that its object had before. */
export interface DuplicateKey {
  /** Undefined in YAML, whose parser knows lines. */
  readonly path: string | undefined;
  readonly key: string;
  readonly line: number;
}

/** Gives each repeated key once, in order. */
export function findDuplicateKeys(json: string): readonly DuplicateKey[] {
  const duplicates: DuplicateKey[] = [];
  walkKeys(json, (level, isRepeated, at) => {
    if (!isRepeated || duplicates.length === DUPLICATES_REPORTED_MAX) return;
    const path = pathOfKey(level);
    if (!duplicates.some((other) => other.path === path)) duplicates.push({ path, key: level.key, line: lineOf(json, at) });
  });
  return duplicates;
}

/** Counted from one. */
export function lineOf(text: string, end: number): number {
  let line = 1;
  for (let at = text.indexOf('\n'); at >= 0 && at < end; at = text.indexOf('\n', at + 1)) line++;
  return line;
}

/** Calls `visit` with every key of every object, in the order of the text: where it is, and whether the object had that key before. */
export function walkKeys(json: string, visit: (level: Level, isRepeated: boolean, at: number) => void): void {
  const levels: Level[] = [];
  let expectsKey = false;
  for (let at = 0; at < json.length; at++) {
    const level = levels.at(-1);
    switch (json.charCodeAt(at)) {
      case 0x22: {
        const end = endOfString(json, at);
        if (expectsKey && level?.keys) {
          level.key = keyOf(json.slice(at, end + 1));
          visit(level, level.keys.has(level.key), at);
          level.keys.add(level.key);
          expectsKey = false;
        }
        at = end;
        break;
      }
      case 0x7b:
        levels.push({ path: pathOfChild(level), keys: new Set(), index: 0, key: '' });
        expectsKey = true;
        break;
      case 0x5b:
        levels.push({ path: pathOfChild(level), keys: undefined, index: 0, key: '' });
        expectsKey = false;
        break;
      case 0x7d:
      case 0x5d:
        levels.pop();
        expectsKey = false;
        break;
      case 0x2c:
        if (level?.keys) expectsKey = true;
        else if (level) level.index++;
        break;
    }
  }
}

function endOfString(json: string, start: number): number {
  let at = start + 1;
  while (at < json.length && json.charCodeAt(at) !== 0x22) at += json.charCodeAt(at) === 0x5c ? 2 : 1;
  return at;
}

function keyOf(literal: string): string {
  if (!literal.includes('\\')) return literal.slice(1, -1);
  const key: unknown = JSON.parse(literal);
  return String(key);
}

/** Of the key that was read last. */
export function pathOfKey({ path, key }: Level): string {
  return joinPath(path, key);
}

function joinPath(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`;
}

function pathOfChild(level: Level | undefined): string {
  if (level === undefined) return '';
  return level.keys ? joinPath(level.path, level.key) : `${level.path}[${level.index}]`;
}
