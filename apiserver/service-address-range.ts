/**
 * A range of numbers to give out: IPv4 addresses or ports. Its lower part is kept for those who ask for a certain one (the cluster's DNS is `10.96.0.10`);
 * the rest is given out at random. Source: KEP-3070 and KEP-3668, which reserve the same part.
 */
import type { Random } from '#component/random.ts';

export interface AddressRange {
  readonly first: number;
  readonly last: number;
}

const STATIC_PART_MIN = 16;
const STATIC_PART_MAX = 256;
const STATIC_PART_DIVISOR = 16;

/** Takes `10.96.0.0/16`; leaves out the network's and the broadcast address. Throws for anything else. */
export function parseRange(cidr: string): AddressRange {
  const [address = '', length = ''] = cidr.split('/');
  const base = addressNumber(address);
  const bits = Number(length);
  if (base === undefined || !Number.isInteger(bits) || bits < 8 || bits > 28) {
    throw new Error(`the service CIDR must be an IPv4 network from /8 to /28, not ${JSON.stringify(cidr)}`);
  }
  const size = 2 ** (32 - bits);
  const network = base - (base % size);
  return { first: network + 1, last: network + size - 2 };
}

export function isInRange({ first, last }: AddressRange, place: number | string): boolean {
  const number = typeof place === 'string' ? addressNumber(place) : place;
  return number !== undefined && number >= first && number <= last;
}

/** Every place once: from a random one of the dynamic part on, then those of the static part. */
export function* placesToTry({ first, last }: AddressRange, random: Random): Generator<number> {
  const size = last - first + 1;
  const staticSize = Math.min(Math.max(STATIC_PART_MIN, Math.floor(size / STATIC_PART_DIVISOR)), STATIC_PART_MAX, size);
  const dynamicFirst = first + staticSize;
  const dynamicSize = size - staticSize;
  const start = Math.floor(random.next() * dynamicSize);
  for (let offset = 0; offset < dynamicSize; offset++) yield dynamicFirst + ((start + offset) % dynamicSize);
  for (let place = first; place < dynamicFirst; place++) yield place;
}

export function addressAt(place: number): string {
  return [24, 16, 8, 0].map((shift) => (place >>> shift) & 0xff).join('.');
}

function addressNumber(address: string): number | undefined {
  const parts = address.split('.');
  if (parts.length !== 4 || parts.some((part) => !/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255)) return undefined;
  return parts.reduce((number, part) => number * 256 + Number(part), 0);
}
