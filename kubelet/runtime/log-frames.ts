/**
 * Docker's framing of a container's output: each piece is preceded by eight bytes, the stream (1 output, 2 error), three zeroes and the
 * length, big-endian. The parser is a generator over chunks, so whoever reads it slowly slows the source down, and a frame that is cut
 * anywhere between two chunks comes out whole or in pieces, but never wrong.
 */

const HEADER_BYTES = 8;

export interface LogPiece {
  readonly stream: 'stdout' | 'stderr';
  readonly bytes: Uint8Array;
}

/** Takes the framed bytes in whatever chunks they come; gives the payload, in order. Throws on bytes that are no frame. */
export async function* parseLogFrames(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<LogPiece> {
  let header = Buffer.alloc(0);
  let stream: LogPiece['stream'] = 'stdout';
  let missingBytes = 0;
  for await (const chunk of chunks) {
    let rest = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    while (rest.length > 0) {
      if (missingBytes === 0) {
        const taken = rest.subarray(0, HEADER_BYTES - header.length);
        header = Buffer.concat([header, taken]);
        rest = rest.subarray(taken.length);
        if (header.length < HEADER_BYTES) break;
        stream = streamOf(header);
        missingBytes = header.readUInt32BE(4);
        header = Buffer.alloc(0);
        continue;
      }
      const bytes = rest.subarray(0, missingBytes);
      missingBytes -= bytes.length;
      rest = rest.subarray(bytes.length);
      yield { stream, bytes };
    }
  }
}

function streamOf(header: Buffer): LogPiece['stream'] {
  const kind = header[0];
  // 0 is standard input echoed back, which Docker documents as output.
  if (kind === 0 || kind === 1) return 'stdout';
  if (kind === 2) return 'stderr';
  throw new Error(`not a frame of container output: stream ${kind}`);
}

/** The payload of both streams in the order it came, for callers that do not tell them apart. */
export async function* joinLogFrames(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const piece of parseLogFrames(chunks)) yield piece.bytes;
}

/** Reads the payload as text, at most the last `bytesMax` bytes of it. */
export async function readTail(chunks: AsyncIterable<Uint8Array>, bytesMax: number): Promise<string> {
  let kept = Buffer.alloc(0);
  for await (const bytes of chunks) {
    kept = Buffer.concat([kept, bytes]);
    if (kept.length > bytesMax) kept = kept.subarray(kept.length - bytesMax);
  }
  return kept.toString('utf8');
}
