/** Documents that clients keep: a tag that is the same as long as the document is, and whether the client has it already (RFC 9110, If-None-Match). */
import { createHash } from 'node:crypto';

const tags = new WeakMap<Buffer, string>();

/** In quotes, as the header has it; worked out once per document. */
export function entityTagOf(document: Buffer): string {
  const known = tags.get(document);
  if (known !== undefined) return known;
  const tag = `"${createHash('sha512').update(document).digest('hex').toUpperCase()}"`;
  tags.set(document, tag);
  return tag;
}

export function isKnownBy(ifNoneMatch: string | undefined, tag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  return ifNoneMatch.split(',').some((known) => known.trim() === '*' || known.trim().replace(/^W\//, '') === tag);
}
