/** Many pieces of a body as few: large enough to be worth a write, small enough that other requests get their turn in between. */

/** A body up to this size is written at once; what is larger goes out as fast as the client reads. */
export const SLAB_BYTES = 256 * 1024;

export function* slabs(pieces: readonly Buffer[]): Generator<Buffer> {
  let slab: Buffer[] = [];
  let bytes = 0;
  for (const piece of pieces) {
    slab.push(piece);
    bytes += piece.length;
    if (bytes < SLAB_BYTES) continue;
    yield Buffer.concat(slab, bytes);
    slab = [];
    bytes = 0;
  }
  if (bytes > 0) yield Buffer.concat(slab, bytes);
}
