/** Builders for the watch cache's values; a test names only what matters to it. */
import type { CachedObject, CacheEvent } from '../watch-cache.ts';

export function aCachedObject(parts: Partial<CachedObject> = {}): CachedObject {
  const key = parts.key ?? '/registry/core/configmaps/default/web';
  const [namespace = '', name = ''] = key.split('/').slice(-2);
  return { key, namespace, name, revision: 1n, bytes: Buffer.from('{}'), labels: {}, fields: {}, ...parts };
}

export function aCacheEvent(revision: bigint, parts: Partial<CachedObject> = {}): CacheEvent {
  return { type: 'ADDED', revision, object: aCachedObject({ ...parts, revision }), previous: undefined };
}

/** A stored ConfigMap of this name. */
export function aConfigMap(name: string, data: Readonly<Record<string, string>> = {}, labels: Readonly<Record<string, string>> = {}) {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default', labels }, data };
}
