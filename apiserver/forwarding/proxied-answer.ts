/**
 * What becomes of the answer of a pod, a Service or a node on its way to the client: redirects and links lead through the proxy, and it lets no other origin in.
 * Given to `forward.ts` by `server.ts`. Compressed pages are unpacked to be rewritten and packed again.
 */
import type { OutgoingHttpHeaders } from 'node:http';
import { type Duplex, Transform } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { createDeflate, createGunzip, createGzip, createInflate } from 'node:zlib';
import { withoutCrossOrigin } from './forward-target.ts';
import { linkRewriter, type ProxiedAt, rewriteUrl } from './rewrite-links.ts';

interface Changed {
  readonly headers: OutgoingHttpHeaders;
  readonly body: readonly Duplex[];
}

export function changeProxiedAnswer({ headers: given }: { readonly headers: OutgoingHttpHeaders }, place: ProxiedAt): Changed {
  const headers = withoutCrossOrigin(given);
  const { location } = headers;
  if (typeof location === 'string' && location !== '') return { headers: { ...headers, location: rewriteUrl(location, place) }, body: [] };
  const packing = packingOf(headers['content-encoding']);
  const type = String(headers['content-type'] ?? '').split(';')[0];
  if (type?.trim() !== 'text/html' || packing === undefined) return { headers, body: [] };
  const { 'content-length': _length, ...rest } = headers;
  return { headers: rest, body: [...packing.unpack(), decodeText(), linkRewriter(place), ...packing.pack()] };
}

interface Packing {
  unpack(): readonly Duplex[];
  pack(): readonly Duplex[];
}

/** Undefined for one that we cannot read: such pages pass as they are, as upstream's do. */
function packingOf(encoding: unknown): Packing | undefined {
  if (encoding === undefined || encoding === '' || encoding === 'identity') return { unpack: () => [], pack: () => [] };
  if (encoding === 'gzip') return { unpack: () => [createGunzip()], pack: () => [createGzip()] };
  if (encoding === 'deflate') return { unpack: () => [createInflate()], pack: () => [createDeflate()] };
  return undefined;
}

/** A character may be cut in two between chunks. */
function decodeText(): Transform {
  const decoder = new StringDecoder('utf8');
  return new Transform({
    encoding: 'utf8',
    transform: (chunk: Buffer, _encoding, done) => done(null, decoder.write(chunk)),
    flush: (done) => done(null, decoder.end()),
  });
}
