/** Addresses and ranges of addresses, IPv4 and IPv6: what validation must know of them. A range is `10.0.0.0/8` as text, a number and its bits here. */
import { isIP } from 'node:net';

export interface Cidr {
  readonly family: 4 | 6;
  /** The address as written, which may have bits behind the prefix. */
  readonly address: bigint;
  readonly prefixBits: number;
}

/** Undefined for what is no range. */
export function parseCidr(text: string): Cidr | undefined {
  const [, address = '', bits = ''] = /^([^/]+)\/(0|[1-9]\d{0,2})$/.exec(text) ?? [];
  const family = isIP(address);
  if (family !== 4 && family !== 6) return undefined;
  const prefixBits = Number(bits);
  return prefixBits > widthOf(family) ? undefined : { family, address: addressNumber(address), prefixBits };
}

/** Whether all of `inner` lies in `outer`, and is less than it. */
export function isStrictlyWithin(inner: Cidr, outer: Cidr): boolean {
  if (inner.family !== outer.family || inner.prefixBits <= outer.prefixBits) return false;
  const shift = BigInt(widthOf(outer.family) - outer.prefixBits);
  return inner.address >> shift === outer.address >> shift;
}

/** The one way to write a range: no bits behind the prefix, the shortest form. */
export function canonicalCidr({ family, address, prefixBits }: Cidr): string {
  const shift = BigInt(widthOf(family) - prefixBits);
  return `${formatAddress((address >> shift) << shift, family)}/${prefixBits}`;
}

/** The one way to write an address; undefined for what is none. */
export function canonicalAddress(text: string): string | undefined {
  const family = isIP(text);
  return family === 4 || family === 6 ? formatAddress(addressNumber(text), family) : undefined;
}

function widthOf(family: 4 | 6): number {
  return family === 4 ? 32 : 128;
}

function addressNumber(text: string): bigint {
  if (!text.includes(':')) return text.split('.').reduce((sum, part) => (sum << 8n) | BigInt(part), 0n);
  // The last two groups may be written as an IPv4 address.
  const plain = text.replace(/\d+\.\d+\.\d+\.\d+$/, (tail) => {
    const value = addressNumber(tail);
    return `${(value >> 16n).toString(16)}:${(value & 0xffffn).toString(16)}`;
  });
  const [head = '', tail] = plain.split('::');
  const groups = (part: string) => part.split(':').filter((group) => group !== '');
  const [before, after] = [groups(head), groups(tail ?? '')];
  const missing = Array.from({ length: 8 - before.length - after.length }, () => '0');
  return [...before, ...missing, ...after].reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n);
}

function formatAddress(address: bigint, family: 4 | 6): string {
  const part = (index: number, bits: bigint) => (address >> (BigInt(index) * bits)) & ((1n << bits) - 1n);
  if (family === 4) return [3, 2, 1, 0].map((index) => part(index, 8n)).join('.');
  const groups = [7, 6, 5, 4, 3, 2, 1, 0].map((index) => part(index, 16n).toString(16));
  const { start, length } = longestZeroRun(groups);
  if (length < 2) return groups.join(':');
  return `${groups.slice(0, start).join(':')}::${groups.slice(start + length).join(':')}`;
}

/** The first of the longest: RFC 5952. */
function longestZeroRun(groups: readonly string[]): { readonly start: number; readonly length: number } {
  let longest = { start: 0, length: 0 };
  for (let start = 0, index = 0; index < groups.length; index++) {
    if (groups[index] !== '0') start = index + 1;
    else if (index + 1 - start > longest.length) longest = { start, length: index + 1 - start };
  }
  return longest;
}
