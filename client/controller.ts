/**
 * Runs one controller: events become keys, keys wait in a queue until the caches have seen the controller's own writes (read your
 * writes), a snapshot is taken, the pure `reconcile` decides, `applyActions` acts, failures come back with back-off. One key never runs
 * twice at once. What all controllers share lives here and is tested here, once.
 */
import type { ObjectKey } from '#api/meta/object-key.ts';
import type { ApiObject } from '#api/meta/resource-type.ts';
import type { Clock } from '#component/clock.ts';
import type { Logger } from '#component/logger.ts';
import type { Random } from '#component/random.ts';
import type { Action } from './apply-actions.ts';
import type { Client } from './client.ts';
import type { EventRecorder } from './event-recorder.ts';
import type { Informer } from './informer.ts';

/** Subscribes to something and calls `enqueue` with the keys it concerns; returns a function that unsubscribes. */
export type Trigger = (enqueue: (key: ObjectKey) => void) => () => void;

export interface ActionFailure {
  readonly action: Action;
  readonly message: string;
}

export interface ControllerDefinition<Snapshot> {
  readonly name: string;
  /** Every informer that `snapshot` reads: the first reconcile waits for them, and own writes are waited for in them. */
  readonly informers: readonly Informer<ApiObject>[];
  readonly triggers: readonly Trigger[];
  /**
   * What is known about the key now; undefined when there is nothing left to do for it. A promise where the server itself must be asked
   * (does this owner still exist?). `lastFailure` is the first action that failed in the key's previous sync.
   */
  snapshot(key: ObjectKey, lastFailure: ActionFailure | undefined): Snapshot | undefined | Promise<Snapshot | undefined>;
  reconcile(snapshot: Snapshot): readonly Action[];
  /** How many keys may be reconciled at once; 1 if absent. */
  readonly workers?: number;
}

export interface ControllerDeps {
  readonly client: Client;
  readonly events: EventRecorder;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** Wakes the key of each object that changed. */
export declare function onChange<T extends ApiObject>(informer: Informer<T>): Trigger;
/** Wakes the controlling owner of each object that changed, when the owner is of this kind. */
export declare function onOwnedChange<T extends ApiObject>(informer: Informer<T>, ownerKind: string): Trigger;
/** Wakes whatever keys `keysOf` finds for each object that changed (for an update, of the old and of the new object). */
export declare function onRelatedChange<T extends ApiObject>(informer: Informer<T>, keysOf: (object: T) => readonly ObjectKey[]): Trigger;

/** Works until aborted. */
export declare function runController<Snapshot>(
  definition: ControllerDefinition<Snapshot>,
  deps: ControllerDeps,
  signal: AbortSignal,
): Promise<void>;
