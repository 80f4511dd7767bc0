/** Where a resource lives on the server: the path and query of each request, from its `ResourceType`. Pure. */
import type { ObjectKey } from '#api/meta/object-key.ts';
import type { ResourceDescription } from '#api/meta/resource-type.ts';
import { ApiError } from '#api/meta/status.ts';

/** `/api/v1/namespaces/default/pods`; without a namespace the collection across all of them. */
export function collectionPath(type: ResourceDescription, namespace = ''): string {
  const root = type.group === '' ? `/api/${type.version}` : `/apis/${type.group}/${type.version}`;
  const scope = type.isNamespaced && namespace !== '' ? `/namespaces/${encodeURIComponent(namespace)}` : '';
  return `${root}${scope}/${type.plural}`;
}

/** `/api/v1/namespaces/default/pods/web`, with `/status` or another subresource after it. Throws `BadRequest` without a name or namespace. */
export function objectPath(type: ResourceDescription, key: ObjectKey, subresource?: string): string {
  if (key.name === '') throw new ApiError('BadRequest', 'resource name may not be empty');
  if (type.isNamespaced && key.namespace === '') {
    throw new ApiError('BadRequest', `an empty namespace may not be set when a resource name is provided (${type.plural} "${key.name}")`);
  }
  const path = `${collectionPath(type, key.namespace)}/${encodeURIComponent(key.name)}`;
  return subresource === undefined ? path : `${path}/${subresource}`;
}

/** `?limit=500&watch=true`; undefined values and empty strings are left out. */
export function queryString(parameters: Readonly<Record<string, string | number | boolean | undefined>>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined && value !== '') query.set(name, String(value));
  }
  return query.size === 0 ? '' : `?${query}`;
}
