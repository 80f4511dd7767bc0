/**
 * Objects as bytes. What is stored is canonical JSON: `apiVersion`, `kind`, `metadata` first, and no resourceVersion, because the database
 * only knows it after the write. What is read has the resourceVersion spliced in, without parsing. Called by the storages and by nobody else
 * who writes; whoever writes to the database past `encodeObject` breaks the splice.
 */

/**
 * Where metadata's fields begin. The first occurrence is the right one: before it there are only two strings, and inside a JSON string a quote is
 * always preceded by a backslash, so these bytes cannot occur there.
 */
const METADATA_START = Buffer.from('"metadata":{');
const CLOSING_BRACE = 0x7d;

/** Canonical JSON of an object without its resourceVersion. Throws a TypeError for what has no apiVersion, kind and metadata. */
export function encodeObject(object: object): Buffer {
  const { apiVersion, kind, metadata, ...rest }: Readonly<Record<string, unknown>> = { ...object };
  if (typeof apiVersion !== 'string' || typeof kind !== 'string') throw new TypeError('an object to be stored has apiVersion and kind');
  if (!isRecord(metadata)) throw new TypeError(`an object to be stored has metadata: ${kind}`);
  const { resourceVersion: _, ...storedMetadata } = metadata;
  // Joined by hand: a field whose name is a number would come first in a JavaScript object, before metadata.
  const head = `{"apiVersion":${JSON.stringify(apiVersion)},"kind":${JSON.stringify(kind)},"metadata":${JSON.stringify(storedMetadata)}`;
  const tail = JSON.stringify(rest);
  return Buffer.from(tail === '{}' ? `${head}}` : `${head},${tail.slice(1)}`);
}

/** The bytes that go to clients: stored bytes with the resourceVersion as the first field of metadata. */
export function withRevision(stored: Buffer, revision: bigint): Buffer {
  const found = stored.indexOf(METADATA_START);
  if (found < 0) throw new TypeError('stored bytes have no metadata');
  const start = found + METADATA_START.length;
  const field = `"resourceVersion":"${revision}"${stored[start] === CLOSING_BRACE ? '' : ','}`;
  // Of its own, not cut from Node's pool: kept for as long as the object is, it would hold on to whatever short-lived shares its slab.
  const bytes = Buffer.allocUnsafeSlow(stored.length + field.length);
  stored.copy(bytes, 0, 0, start);
  bytes.write(field, start, 'latin1');
  stored.copy(bytes, start + field.length, start);
  return bytes;
}

/** Whether writing `object` would store what `item` already holds; such a write is left out, as upstream does. */
export function isUnchanged(item: { readonly bytes: Buffer; readonly revision: bigint }, object: object): boolean {
  return withRevision(encodeObject(object), item.revision).equals(item.bytes);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
