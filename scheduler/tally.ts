/** How many there are of what is named. */
export interface Tally {
  add(name: string, amount: 1 | -1): void;
  get(name: string): number;
}

export function createTally(): Tally {
  const counts = new Map<string, number>();
  return {
    add: (name, amount) => {
      const count = (counts.get(name) ?? 0) + amount;
      if (count === 0) counts.delete(name);
      else counts.set(name, count);
    },
    get: (name) => counts.get(name) ?? 0,
  };
}
