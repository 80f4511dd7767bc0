/**
 * Filling the cache reads every object twice over: as the database's message and as the copy that is kept. V8 counts the messages' memory late, so that
 * without help a start ends with nearly as much garbage as objects, strewn between them where the allocator cannot give it back. Used by `watch-cache.ts`.
 */

/** Below this a collection costs more than it gives. */
const GARBAGE_BYTES_MIN = 4 * 1024 * 1024;

/** Of what is kept: each collection looks at all of it, so that they must become rarer as it grows. */
const GARBAGE_SHARE = 1 / 8;

export interface FillGarbage {
  /** Bytes were read and copied; collects when what was thrown away is worth it. */
  add(bytes: number): void;
}

/** `collect` is a full collection of V8's; without it nothing is done. */
export function createFillGarbage(collect: (() => void) | undefined): FillGarbage {
  let keptBytes = 0;
  let garbageBytes = 0;
  return {
    add: (bytes) => {
      keptBytes += bytes;
      garbageBytes += bytes;
      if (collect === undefined || garbageBytes < Math.max(GARBAGE_BYTES_MIN, keptBytes * GARBAGE_SHARE)) return;
      collect();
      garbageBytes = 0;
    },
  };
}
