/**
 * The verbs of one resource, typed by its objects. Every method rejects with an `ApiError` that carries the server's reason (NotFound,
 * Conflict, Expired, …); a failure to reach the server is an `ApiError` of reason `ServiceUnavailable` with the cause.
 */
import { keyOf, type ObjectKey } from '#api/meta/object-key.ts';
import type { ApiList, ApiObject, Draft, ResourceType } from '#api/meta/resource-type.ts';
import { ApiError } from '#api/meta/status.ts';
import { decodeList, decodeObject, isRecord } from './object-decoder.ts';
import { collectionPath, objectPath, queryString } from './resource-path.ts';
import type { Transport } from './transport.ts';
import { decodeWatchStream } from './watch-stream.ts';

export interface ListOptions {
  /** Absent: all namespaces, or a cluster-wide resource. */
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly resourceVersion?: string;
  readonly resourceVersionMatch?: 'Exact' | 'NotOlderThan';
  readonly limit?: number;
  readonly continue?: string;
}

export interface WatchOptions {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly resourceVersion: string;
  readonly timeoutSeconds?: number;
}

export type WatchEvent<T extends ApiObject> =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: T }
  | { readonly type: 'BOOKMARK'; readonly resourceVersion: string };

export type PatchType = 'json' | 'merge' | 'strategic';

export interface DeleteRequest {
  readonly gracePeriodSeconds?: number;
  readonly propagationPolicy?: 'Foreground' | 'Background' | 'Orphan';
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
}

export interface ResourceClient<T extends ApiObject> {
  /** With a subresource (`scale`) the type is that of what it answers with. */
  get(key: ObjectKey, subresource?: string): Promise<T>;
  list(options?: ListOptions): Promise<ApiList<T>>;
  /** Ends when the server closes the stream; throws `Expired` when the server no longer has that version. Bookmarks are always asked for. */
  watch(options: WatchOptions, signal: AbortSignal): AsyncIterable<WatchEvent<T>>;
  create(object: Draft<T>): Promise<T>;
  /** Replaces the object; its `resourceVersion` must be the current one, else `Conflict`. */
  update(object: T, subresource?: string): Promise<T>;
  updateStatus(object: T): Promise<T>;
  patch(key: ObjectKey, type: PatchType, patch: unknown, subresource?: string): Promise<T>;
  /** Resolves with the object when it goes on existing for a while (grace period, finalizers), with undefined when it is gone. */
  delete(key: ObjectKey, request?: DeleteRequest): Promise<T | undefined>;
  /** POST to a subresource: `binding`, `eviction`, `token`. */
  createSubresource(key: ObjectKey, subresource: string, body: unknown): Promise<unknown>;
}

const patchContentTypes: Readonly<Record<PatchType, string>> = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
};

/** The verbs over HTTP. */
export function createResourceClient<T extends ApiObject>(type: ResourceType<T>, transport: Transport): ResourceClient<T> {
  const replace = async (object: T, subresource?: string): Promise<T> => {
    const path = objectPath(type, keyOf(object), subresource);
    return decodeObject(type, await transport.request({ method: 'PUT', path, body: object }));
  };
  return {
    get: async (key, subresource) =>
      decodeObject(type, await transport.request({ method: 'GET', path: objectPath(type, key, subresource) })),
    list: async ({ namespace, ...parameters } = {}) => {
      const path = collectionPath(type, namespace) + queryString(parameters);
      return decodeList(type, await transport.request({ method: 'GET', path }));
    },
    watch: ({ namespace, ...parameters }, signal) => {
      const path = collectionPath(type, namespace) + queryString({ ...parameters, watch: true, allowWatchBookmarks: true });
      return decodeWatchStream(type, transport.stream(path, signal));
    },
    create: async (object) => {
      const path = collectionPath(type, namespaceForCreate(type, object));
      return decodeObject(type, await transport.request({ method: 'POST', path, body: object }));
    },
    update: replace,
    updateStatus: (object) => replace(object, 'status'),
    patch: async (key, patchType, patch, subresource) => {
      const path = objectPath(type, key, subresource);
      const contentType = patchContentTypes[patchType];
      return decodeObject(type, await transport.request({ method: 'PATCH', path, body: patch, contentType }));
    },
    delete: async (key, request = {}) => {
      const body = { kind: 'DeleteOptions', apiVersion: 'v1', ...request };
      const answer = await transport.request({ method: 'DELETE', path: objectPath(type, key), body });
      if (isRecord(answer) && answer.kind === 'Status') return undefined;
      const object = decodeObject(type, answer);
      return isGoingOn(object) ? object : undefined;
    },
    createSubresource: (key, subresource, body) => transport.request({ method: 'POST', path: objectPath(type, key, subresource), body }),
  };
}

/** The server may answer a deletion with the object's last state; only a grace period or a finalizer keeps it in existence. */
export function isGoingOn({ metadata }: ApiObject): boolean {
  return (metadata.finalizers ?? []).length > 0 || (metadata.deletionGracePeriodSeconds ?? 0) > 0;
}

/** The namespace a new object goes to. Throws `BadRequest` when its resource needs one and it has none. */
export function namespaceForCreate<T extends ApiObject>(type: ResourceType<T>, object: Draft<T>): string {
  const namespace = object.metadata.namespace ?? '';
  if (type.isNamespaced && namespace === '') {
    throw new ApiError('BadRequest', `an empty namespace may not be set during creation (${type.plural})`);
  }
  return namespace;
}
