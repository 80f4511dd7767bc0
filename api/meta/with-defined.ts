/** How defaults are written: a copy of an object in which some members are set, and none becomes `undefined`. */

type Changes<T> = { readonly [K in keyof T]?: T[K] | undefined };

/** `withDefined(spec, { replicas: spec.replicas ?? 1 })`; a change that is undefined leaves the member as it is. */
export function withDefined<T extends object>(object: T, changes: Changes<T>): T {
  const defined = Object.entries(changes).filter(([, value]) => value !== undefined);
  return { ...object, ...Object.fromEntries(defined) };
}

/** A copy without some members. */
export function without<T extends object, K extends keyof T & string>(object: T, ...keys: readonly K[]): Omit<T, K> {
  const { ...copy } = object;
  for (const key of keys) delete copy[key];
  return copy;
}
