/** Where objects are stored: `/registry/<group>/<plural>/<namespace>/<name>`, the core group as `core`. */
import type { ResourceDescription } from '#api/meta/resource-type.ts';

type Located = Pick<ResourceDescription, 'group' | 'plural' | 'isNamespaced' | 'storageGroup'>;

/** The prefix of all objects of a resource, or of those in one namespace. Ends with a slash. */
export function storagePrefix(type: Located, namespace = ''): string {
  const group = type.storageGroup ?? type.group;
  const prefix = `/registry/${group === '' ? 'core' : group}/${type.plural}/`;
  return type.isNamespaced && namespace !== '' ? `${prefix}${namespace}/` : prefix;
}

/** The key of one object. */
export function storageKey(type: Located, namespace: string, name: string): string {
  return `${storagePrefix(type, namespace)}${name}`;
}
