/**
 * The verbs of one resource, typed by its objects. Every method rejects with an `ApiError` that carries the server's reason (NotFound,
 * Conflict, Expired, …); a failure to reach the server is an `ApiError` of reason `ServiceUnavailable` with the cause.
 */
import type { ObjectKey } from '#api/meta/object-key.ts';
import type { ApiList, ApiObject, Draft } from '#api/meta/resource-type.ts';

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
  get(key: ObjectKey): Promise<T>;
  list(options?: ListOptions): Promise<ApiList<T>>;
  /** Ends when the server closes the stream; throws `Expired` when the server no longer has that version. Bookmarks are always asked for. */
  watch(options: WatchOptions, signal: AbortSignal): AsyncIterable<WatchEvent<T>>;
  create(object: Draft<T>): Promise<T>;
  /** Replaces the object; its `resourceVersion` must be the current one, else `Conflict`. */
  update(object: T): Promise<T>;
  updateStatus(object: T): Promise<T>;
  patch(key: ObjectKey, type: PatchType, patch: unknown, subresource?: string): Promise<T>;
  /** Resolves with the object when it goes on existing for a while (grace period, finalizers), with undefined when it is gone. */
  delete(key: ObjectKey, request?: DeleteRequest): Promise<T | undefined>;
  /** POST to a subresource: `binding`, `eviction`, `token`. */
  createSubresource(key: ObjectKey, subresource: string, body: unknown): Promise<unknown>;
}
