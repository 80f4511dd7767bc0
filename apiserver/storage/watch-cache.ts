/**
 * The API server's picture of the database: every object as final bytes plus the few parsed facts that selectors need, and a bounded window of past
 * changes. Fed by one storage watch over the whole prefix and by nothing else; writes never touch it. Serves GET, LIST and WATCH at a known
 * revision. Upstream: k8s.io/apiserver, pkg/storage/cacher; KEP-2340 (consistent reads from cache).
 */
import type { Clock } from '#component/clock.ts';
import type { Logger } from '#component/logger.ts';
import type { Storage } from './storage.ts';

export interface CachedObject {
  readonly key: string;
  readonly namespace: string;
  readonly name: string;
  readonly revision: bigint;
  /** Final JSON, resourceVersion included; shared, never written to. */
  readonly bytes: Buffer;
  readonly labels: Readonly<Record<string, string>>;
  /** Selectable fields by path (`spec.nodeName`), as `fieldsOf` gave them. */
  readonly fields: Readonly<Record<string, string>>;
}

export interface CacheEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly revision: bigint;
  /** After the change; for DELETED the last state with the deletion's revision. */
  readonly object: CachedObject;
  /** Before the change, so that a selector can turn MODIFIED into ADDED or DELETED. */
  readonly previous: CachedObject | undefined;
}

export interface CacheWatch {
  /** All events behind the last read position, oldest first, after waiting for at least one (or for `wake`); empty when only the revision advanced. */
  next(signal: AbortSignal): Promise<{ readonly events: readonly CacheEvent[]; readonly revision: bigint }>;
  close(): void;
}

export interface WatchCache {
  /** Fills the cache, then follows the storage until aborted; relists by itself when the storage has compacted what it needs. */
  run(signal: AbortSignal): Promise<void>;
  isReady(): boolean;
  /** The revision the cache reflects. */
  revision(): bigint;
  find(key: string): CachedObject | undefined;
  /** Objects whose key starts with `prefix`, in key order, all as of `revision()`. */
  list(prefix: string): readonly CachedObject[];
  /** Waits until the cache reflects `revision`; throws ApiError Timeout (too large resource version) after 3 s. */
  waitFor(revision: bigint, signal: AbortSignal): Promise<void>;
  /** Waits until the cache reflects everything acknowledged before the call. Callers that arrive together share one storage read. */
  waitUntilCurrent(signal: AbortSignal): Promise<void>;
  /** Changes after `sinceRevision` of keys starting with `prefix`; throws ApiError Expired when the window no longer reaches back that far. */
  watch(prefix: string, sinceRevision: bigint): CacheWatch;
}

export interface WatchCacheOptions {
  readonly storage: Storage;
  /** The selectable fields of an object, by its key's resource. */
  readonly fieldsOf: (key: string, object: unknown) => Readonly<Record<string, string>>;
  readonly clock: Clock;
  readonly log: Logger;
}

export declare function createWatchCache(options: WatchCacheOptions): WatchCache;
