/** Long answers, compressed for those who ask for it: as a stream, in zlib's own threads, as fast as the client reads. From upstream's threshold on, at its level. */
import { Readable } from 'node:stream';
import { createGzip } from 'node:zlib';
import { slabs } from './slabs.ts';

/** Shorter ones take longer to compress than to send. */
const COMPRESSED_BYTES_MIN = 128 * 1024;
const LEVEL = 1;

/** As upstream reads the header: `gzip` by name, without weights. */
export function isCompressed(acceptEncoding: string | readonly string[] | undefined, bytes: number): boolean {
  if (bytes < COMPRESSED_BYTES_MIN || acceptEncoding === undefined) return false;
  return String(acceptEncoding)
    .split(',')
    .some((encoding) => encoding.trim() === 'gzip');
}

export function compressed(pieces: readonly Buffer[]): Readable {
  const plain = Readable.from(slabs(pieces), { objectMode: false });
  const gzip = createGzip({ level: LEVEL });
  plain.once('error', (error) => gzip.destroy(error));
  gzip.once('close', () => plain.destroy());
  return plain.pipe(gzip);
}
