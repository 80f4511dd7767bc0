/**
 * Header blocks of SPDY/3.1: names and values, compressed as one zlib stream per connection and direction, with a dictionary that the protocol fixes. Reading follows
 * that stream; writing keeps to zlib's stored blocks, which every reader takes, because the few bytes we send are not worth a compressor per connection.
 * Source: https://www.chromium.org/spdy/spdy-protocol/spdy-protocol-draft3-1/ (section 2.6.10), RFC 1950, RFC 1951.
 */
import { createInflate } from 'node:zlib';

/** Names in lower case. */
export type SpdyHeaders = ReadonlyMap<string, string>;

/** Of one block, unpacked: a stream's name is a handful of short headers. */
const BLOCK_BYTES_MAX = 64 * 1024;

const dictionaryNames =
  'options head post put delete trace accept accept-charset accept-encoding accept-language accept-ranges age allow authorization cache-control connection content-base content-encoding content-language content-length content-location content-md5 content-range content-type date etag expect expires from host if-match if-modified-since if-none-match if-range if-unmodified-since last-modified location max-forwards pragma proxy-authenticate proxy-authorization range referer retry-after server te trailer transfer-encoding upgrade user-agent vary via warning www-authenticate method get status';
const dictionaryMoreNames = ['200 OK', 'version', 'HTTP/1.1', 'url', 'public', 'set-cookie', 'keep-alive', 'origin'];
const dictionaryRest =
  '100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized403 Forbidden404 Not Found500 Internal Server Error501 Not Implemented503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMTchunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,text/javascript,publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0.';

export const headerDictionary = Buffer.concat([
  ...[...dictionaryNames.split(' '), ...dictionaryMoreNames].map(lengthAndText),
  Buffer.from(dictionaryRest),
]);

function lengthAndText(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([word(bytes.length), bytes]);
}

function word(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** Not compressed yet. */
export function encodeHeaders(headers: SpdyHeaders): Buffer {
  return Buffer.concat([word(headers.size), ...[...headers].flatMap(([name, value]) => [lengthAndText(name), lengthAndText(value)])]);
}

/** Throws on bytes that are no header block. */
export function decodeHeaders(block: Buffer): SpdyHeaders {
  let at = 0;
  const takeWord = (): number => {
    if (at + 4 > block.length) throw new Error('a header block is too short');
    at += 4;
    return block.readUInt32BE(at - 4);
  };
  const takeText = (): string => {
    const length = takeWord();
    if (at + length > block.length) throw new Error('a header block is too short');
    at += length;
    return block.toString('utf8', at - length, at);
  };
  const headers = new Map<string, string>();
  for (let left = takeWord(); left > 0; left--) {
    const name = takeText();
    headers.set(name.toLowerCase(), takeText());
  }
  return headers;
}

export interface HeaderReader {
  /** One block after the other, in the order in which they came. Rejects on bytes that do not belong to the stream. */
  read(block: Buffer): Promise<SpdyHeaders>;
  close(): void;
}

export function createHeaderReader(): HeaderReader {
  const inflate = createInflate({ dictionary: headerDictionary });
  let pieces: Buffer[] = [];
  let bytes = 0;
  inflate.on('data', (piece: Buffer) => {
    bytes += piece.length;
    pieces.push(piece);
    if (bytes > BLOCK_BYTES_MAX) inflate.destroy(new Error('a header block is too long'));
  });
  inflate.on('error', () => {});
  return {
    read: async (block) => {
      pieces = [];
      bytes = 0;
      await new Promise<void>((resolve, reject) => {
        // A stream that was destroyed while it worked calls nobody back.
        inflate.once('close', () => reject(inflate.errored ?? new Error('the header stream is closed')));
        inflate.write(block, (error) => (error ? reject(error) : resolve()));
      });
      inflate.removeAllListeners('close');
      if (inflate.errored !== null) throw inflate.errored;
      // What is unpacked by now may still lie in its buffer: reading hands it to the listener.
      while (inflate.read() !== null);
      return decodeHeaders(Buffer.concat(pieces));
    },
    close: () => inflate.destroy(),
  };
}

/** An empty block is how zlib marks a flush; Go's reader gives nothing away before it. */
const FLUSH = storedBlock(Buffer.alloc(0));

export interface HeaderWriter {
  write(headers: SpdyHeaders): Buffer;
}

/** RFC 1950: deflate, no dictionary asked for. */
const ZLIB_HEADER = Buffer.of(0x78, 0x01);

export function createHeaderWriter(): HeaderWriter {
  let isFirst = true;
  return {
    write: (headers) => {
      const start = isFirst ? ZLIB_HEADER : Buffer.alloc(0);
      isFirst = false;
      return Buffer.concat([start, storedBlock(encodeHeaders(headers)), FLUSH]);
    },
  };
}

/** RFC 1951, 3.2.4: not the last block, not compressed, its length and the length's complement. */
function storedBlock(bytes: Buffer): Buffer {
  const header = Buffer.alloc(5);
  header.writeUInt16LE(bytes.length, 1);
  header.writeUInt16LE(bytes.length ^ 0xffff, 3);
  return Buffer.concat([header, bytes]);
}
