/** Work on many objects in turns of the event loop, so that others get theirs in between. */

interface WithBytes {
  readonly bytes: Buffer;
}

/** Of objects that are parsed and written again before others get their turn: a few milliseconds' worth. */
export const TURN_BYTES_MAX = 256 * 1024;

/** `turnBytesMax` is smaller for what takes longer. */
export async function mapInTurns<T extends WithBytes, R>(
  items: readonly T[],
  change: (item: T) => R,
  turnBytesMax = TURN_BYTES_MAX,
): Promise<readonly R[]> {
  const changed: R[] = [];
  let turnBytes = 0;
  for (const item of items) {
    changed.push(change(item));
    turnBytes += item.bytes.length;
    if (turnBytes < turnBytesMax) continue;
    turnBytes = 0;
    await nextTurn();
  }
  return changed;
}

export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
