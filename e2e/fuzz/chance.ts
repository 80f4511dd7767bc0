/** Chance from a seed: the same seed makes the same choices, so that an input can be made again from its number. Used by all generators of this folder. */

export interface Chance {
  /** 0 … below − 1. */
  below(bound: number): number;
  /** True once in so many times. */
  oneIn(count: number): boolean;
  pick<T>(items: readonly [T, ...T[]] | readonly T[]): T;
  /** Of alternatives with weights. */
  weighted<T>(items: readonly (readonly [number, T])[]): T;
}

export function createChance(seed: number): Chance {
  let state = seed >>> 0;
  // mulberry32: small, fast, and good enough to choose inputs by.
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (bound: number) => Math.floor(next() * bound);
  const pick = <T>(items: readonly T[]): T => {
    const item = items[below(items.length)];
    if (item === undefined) throw new Error('there is nothing to pick from');
    return item;
  };
  return {
    below,
    pick,
    oneIn: (count) => below(count) === 0,
    weighted: (items) => {
      let left = below(items.reduce((sum, [weight]) => sum + weight, 0));
      for (const [weight, item] of items) {
        if (left < weight) return item;
        left -= weight;
      }
      return pick(items)[1];
    },
  };
}

/** Of one input of a run: neighbours have nothing in common. */
export function chanceOf(seed: number, index: number): Chance {
  return createChance(Math.imul(seed ^ Math.imul(index + 1, 0x9e3779b1), 0x85ebca6b));
}
