/** The name of an object within its resource: `namespace/name`, or `name` alone where there is no namespace. */
import type { ApiObject } from './resource-type.ts';

export interface ObjectKey {
  /** Empty for objects of cluster-wide resources. */
  readonly namespace: string;
  readonly name: string;
}

export function keyOf(object: ApiObject): ObjectKey {
  return { namespace: object.metadata.namespace ?? '', name: object.metadata.name };
}

/** `default/web`, or `worker-1` for a cluster-wide object; what queues and logs use. */
export function formatKey(key: ObjectKey): string {
  return key.namespace === '' ? key.name : `${key.namespace}/${key.name}`;
}

/** The inverse of `formatKey`. */
export function parseKey(text: string): ObjectKey {
  const slash = text.indexOf('/');
  return slash < 0 ? { namespace: '', name: text } : { namespace: text.slice(0, slash), name: text.slice(slash + 1) };
}
