/** Randomness as a parameter: real in `main.ts`, seeded in tests and simulations. */
import { randomBytes, randomUUID } from 'node:crypto';

export interface Random {
  /** A number in [0, 1). */
  next(): number;
  /** A version 4 UUID. */
  uuid(): string;
}

export const systemRandom: Random = {
  next: () => randomBytes(6).readUIntBE(0, 6) / 2 ** 48,
  uuid: () => randomUUID(),
};

/** Mulberry32: small, good enough for simulations, the same sequence for the same seed. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const hex = (digits: number) => Array.from({ length: digits }, () => Math.floor(next() * 16).toString(16)).join('');
  return { next, uuid: () => `${hex(8)}-${hex(4)}-4${hex(3)}-${'89ab'[Math.floor(next() * 4)]}${hex(3)}-${hex(12)}` };
}

/** No vowels and no lookalikes, as upstream's `rand.SafeEncodeString`: no word can appear in a generated name. */
const SAFE_ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';

/** A random name suffix, such as the five characters that `generateName` appends. */
export function randomSuffix(random: Random, length = 5): string {
  return Array.from({ length }, () => SAFE_ALPHABET[Math.floor(random.next() * SAFE_ALPHABET.length)]).join('');
}
