/**
 * What expressions may cost: lists and maps tell a budget how much of them is looked through, which bounds what an evaluation can take however large the
 * object is. The language's library counts no steps, so this stands in the place of upstream's cost (k8s.io/apiserver, pkg/apis/cel/config.go).
 */

/** How many items and members all expressions about one object together may look through: some ten milliseconds. */
const LOOKED_THROUGH_MAX = 200_000;

export class BudgetError extends Error {}

export interface Budget {
  /** Throws a BudgetError when nothing is left. */
  spend(count: number): void;
}

export function createBudget(): Budget {
  let left = LOOKED_THROUGH_MAX;
  return {
    spend: (count) => {
      left -= count;
      if (left < 0) throw new BudgetError('validation failed due to running out of cost budget, no further validation rules will be run');
    },
  };
}

/** Whether an evaluation failed because its budget was spent. */
export function isOutOfBudget(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) if (cause instanceof BudgetError) return true;
  return false;
}

/** Whoever goes through a list asks for its length first, or for its iterator, which asks for it at every step. */
export function countedList(values: readonly unknown[], budget: Budget): unknown {
  return new Proxy(values, {
    get: (target, name, receiver) => {
      if (name === 'length' || name === Symbol.iterator) budget.spend(target.length);
      if (name === Symbol.iterator) return () => target[Symbol.iterator]();
      const value: unknown = Reflect.get(target, name, receiver);
      return value;
    },
  });
}

/** Whoever goes through a map asks for its keys first. The library knows plain maps only, so this is one. */
export function countedMap(members: Iterable<readonly [string, unknown]>, budget: Budget): ReadonlyMap<string, unknown> {
  const map = new Map(members);
  const keys = () => {
    budget.spend(map.size);
    return Map.prototype.keys.call(map);
  };
  return Object.defineProperty(map, 'keys', { value: keys });
}
