/**
 * `metadata.resourceVersion`: what clients send is compared and then dropped, because stored objects carry none; storage puts the true one
 * into the bytes that go out.
 */
import type { ApiObject } from '#api/meta/resource-type.ts';
import { ApiError } from '#api/meta/status.ts';

/** The object as it is stored. */
export function withoutResourceVersion<T extends ApiObject>(object: T): T {
  const { resourceVersion: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}

/** Takes a query's or an object's version; undefined for none. Throws BadRequest for anything but a whole number. */
export function parseResourceVersion(text: string | null | undefined): bigint | undefined {
  if (text === null || text === undefined || text === '') return undefined;
  if (!/^\d{1,19}$/.test(text)) {
    throw new ApiError(
      'BadRequest',
      `Invalid value: ${JSON.stringify(text)}: strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`,
    );
  }
  return BigInt(text);
}
