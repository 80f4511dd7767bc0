/**
 * How many pods are in each domain of one topology, and how many in the emptiest. Pods may be added and taken away one by one without
 * looking through all domains again, which is what preemption does for every node it considers.
 */
export interface DomainCounts {
  /** The domain exists from then on, also with 0. */
  add(domain: string, amount: number): void;
  get(domain: string): number;
  /** In the emptiest domain; 0 without any. */
  least(): number;
  /** How many domains there are. */
  size(): number;
}

export function createDomainCounts(): DomainCounts {
  const counts = new Map<string, number>();
  /** How many domains have a count. */
  const domainsWith = new Map<number, number>();
  let least: number | undefined;

  const shift = (count: number, by: 1 | -1): void => {
    const domains = (domainsWith.get(count) ?? 0) + by;
    if (domains === 0) domainsWith.delete(count);
    else domainsWith.set(count, domains);
  };
  return {
    add: (domain, amount) => {
      const before = counts.get(domain);
      const after = (before ?? 0) + amount;
      if (before === after) return;
      counts.set(domain, after);
      if (before !== undefined) shift(before, -1);
      shift(after, 1);
      if (least !== undefined && after < least) least = after;
      else if (least === undefined || !domainsWith.has(least)) least = undefined;
    },
    get: (domain) => counts.get(domain) ?? 0,
    least: () => {
      least ??= counts.size === 0 ? 0 : domainsWith.keys().reduce((min, count) => Math.min(min, count));
      return least;
    },
    size: () => counts.size,
  };
}
