/**
 * A local copy of one resource, kept current by list and watch: readers ask the `store`, handlers hear of every change. The copy is
 * read-only, may lag behind the server, and never goes back in time.
 */
import type { ObjectKey } from '#api/meta/object-key.ts';
import type { ApiObject, ResourceType } from '#api/meta/resource-type.ts';
import type { Clock } from '#component/clock.ts';
import type { Logger } from '#component/logger.ts';
import type { Random } from '#component/random.ts';
import type { Client } from './client.ts';

export interface ObjectStore<T extends ApiObject> {
  find(key: ObjectKey): T | undefined;
  list(namespace?: string): readonly T[];
  /** Objects whose index function gave this value; `indexes` of the informer name them. */
  listByIndex(index: string, value: string): readonly T[];
}

export type Change<T extends ApiObject> =
  | { readonly type: 'added'; readonly object: T }
  | { readonly type: 'updated'; readonly object: T; readonly previous: T }
  | { readonly type: 'deleted'; readonly object: T };

export interface Informer<T extends ApiObject> {
  readonly type: ResourceType<T>;
  readonly store: ObjectStore<T>;
  /** The newest resourceVersion this copy is known to reflect, bookmarks included; 0n before the first list. */
  syncedRevision(): bigint;
  hasSynced(): boolean;
  /** Resolves once the first list is in the store. */
  whenSynced(signal: AbortSignal): Promise<void>;
  /** Calls back after each change is in the store; objects already there are reported as added. Returns a function that unsubscribes. */
  onChange(handler: (change: Change<T>) => void): () => void;
  /** Calls back after every advance of `syncedRevision`, bookmarks included. Returns a function that unsubscribes. */
  onAdvance(handler: () => void): () => void;
  run(signal: AbortSignal): Promise<void>;
}

export interface InformerOptions<T extends ApiObject> {
  readonly type: ResourceType<T>;
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** Each gives the values under which an object is found by `listByIndex`. */
  readonly indexes?: Readonly<Record<string, (object: T) => readonly string[]>>;
}

export interface InformerDeps {
  readonly client: Client;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export declare function createInformer<T extends ApiObject>(options: InformerOptions<T>, deps: InformerDeps): Informer<T>;
