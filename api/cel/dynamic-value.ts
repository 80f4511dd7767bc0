/** Objects as expressions see them that were not written for one schema: whole numbers are integers, everything else is what its JSON is. */
import { isJsonArray, isJsonObject, type Json } from '../meta/json.ts';
import { type Budget, countedList, countedMap } from './budget.ts';

export function toDynamicValue(value: Json, budget: Budget): unknown {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : value;
  if (isJsonArray(value))
    return countedList(
      value.map((item) => toDynamicValue(item, budget)),
      budget,
    );
  if (!isJsonObject(value)) return value;
  return countedMap(
    Object.entries(value).map(([name, member]): [string, unknown] => [name, toDynamicValue(member, budget)]),
    budget,
  );
}

/** Members that are worked out when they are first asked for, and not again; a failure is one every time. */
export function lazyMembers(members: ReadonlyMap<string, () => unknown>): ReadonlyMap<string, unknown> {
  const map = new Map<string, unknown>();
  const failures = new Map<string, unknown>();
  const get = (name: string): unknown => {
    if (failures.has(name)) throw failures.get(name);
    const evaluate = map.has(name) ? undefined : members.get(name);
    try {
      if (evaluate !== undefined) map.set(name, evaluate());
    } catch (error) {
      failures.set(name, error);
      throw error;
    }
    return Map.prototype.get.call(map, name);
  };
  return Object.defineProperty(map, 'get', { value: get });
}
