/**
 * Runs one controller: events become keys, keys wait in a queue until the caches have seen the controller's own writes (read your
 * writes), a snapshot is taken, the pure `reconcile` decides, `applyActions` acts, failures come back with back-off. One key never runs
 * twice at once. What all controllers share lives here and is tested here, once.
 */
import { formatKey, keyOf, type ObjectKey, parseKey } from '#api/meta/object-key.ts';
import type { ApiObject } from '#api/meta/resource-type.ts';
import { isReason } from '#api/meta/status.ts';
import type { Clock } from '#component/clock.ts';
import type { Logger } from '#component/logger.ts';
import type { Random } from '#component/random.ts';
import { type Action, applyActions, messageOf } from './apply-actions.ts';
import type { Client } from './client.ts';
import type { EventRecorder } from './event-recorder.ts';
import type { Change, Informer } from './informer.ts';
import { revisionOf } from './object-store.ts';
import { createOwnWrites, type OwnWrites } from './own-writes.ts';
import { createWorkQueue, type WorkQueue } from './work-queue.ts';

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
export function onChange<T extends ApiObject>(informer: Informer<T>): Trigger {
  return onRelatedChange(informer, (object) => [keyOf(object)]);
}

/** Wakes the controlling owner of each object that changed, when the owner is of this kind. */
export function onOwnedChange<T extends ApiObject>(informer: Informer<T>, ownerKind: string): Trigger {
  return onRelatedChange(informer, ({ metadata }) =>
    (metadata.ownerReferences ?? [])
      .filter((owner) => owner.controller === true && owner.kind === ownerKind)
      .map((owner) => ({ namespace: metadata.namespace ?? '', name: owner.name })),
  );
}

/** Wakes whatever keys `keysOf` finds for each object that changed (for an update, of the old and of the new object). */
export function onRelatedChange<T extends ApiObject>(informer: Informer<T>, keysOf: (object: T) => readonly ObjectKey[]): Trigger {
  const objectsOf = (change: Change<T>) => (change.type === 'updated' ? [change.previous, change.object] : [change.object]);
  return (enqueue) =>
    informer.onChange((change) => {
      for (const key of objectsOf(change).flatMap(keysOf)) enqueue(key);
    });
}

/** Works until aborted; resolves when the reconciles under way have ended. */
export async function runController<Snapshot>(
  definition: ControllerDefinition<Snapshot>,
  deps: ControllerDeps,
  signal: AbortSignal,
): Promise<void> {
  const log = deps.log.child({ controller: definition.name });
  const queue = createWorkQueue(deps.clock);
  const ownWrites = createOwnWrites({ informers: definition.informers, clock: deps.clock, log, wake: (key) => queue.add(key) });
  const unsubscribers = definition.triggers.map((trigger) => trigger((key) => queue.add(formatKey(key))));
  try {
    await Promise.all(definition.informers.map((informer) => informer.whenSynced(signal)));
    log.info('caches are in sync; starting');
    const controller: Controller<Snapshot> = { definition, deps, log, queue, ownWrites, lastFailures: new Map(), unanswered: new Map() };
    await Promise.all(Array.from({ length: definition.workers ?? 1 }, () => runWorker(controller, signal)));
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    for (const unsubscribe of unsubscribers) unsubscribe();
    ownWrites.close();
    queue.close();
  }
}

type Creation = Extract<Action, { readonly verb: 'create' }>;

interface Controller<Snapshot> {
  readonly definition: ControllerDefinition<Snapshot>;
  readonly deps: ControllerDeps;
  readonly log: Logger;
  readonly queue: WorkQueue;
  readonly ownWrites: OwnWrites;
  /** The first action that failed, of the keys whose last sync failed. */
  readonly lastFailures: Map<string, ActionFailure>;
  /** Creations of the last sync whose answers were lost, by key. */
  readonly unanswered: Map<string, readonly Creation[]>;
}

async function runWorker<Snapshot>(controller: Controller<Snapshot>, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const key = await controller.queue.take(signal);
    try {
      await askForUnanswered(key, controller);
      // Not yet fresh: set aside without holding up this worker, and added again once the caches have caught up.
      if (controller.ownWrites.areSeen(key)) await reconcileKey(key, controller);
    } catch (error) {
      const delayMs = controller.queue.addAfterFailure(key);
      // A conflict only says that somebody was faster; the cache will show what they wrote.
      const level = isReason(error, 'Conflict') ? 'debug' : 'warn';
      controller.log[level]({ key, delayMs, err: error }, 'reconciling failed; trying again');
    } finally {
      controller.queue.done(key);
    }
  }
}

/**
 * A creation without an answer may have been carried out, under a name that only the server knows: before anybody decides again, the caches must show
 * whatever there is of that kind now.
 */
async function askForUnanswered<Snapshot>(key: string, { unanswered, ownWrites, deps }: Controller<Snapshot>): Promise<void> {
  const creations = unanswered.get(key);
  if (creations === undefined) return;
  for (const { type, object } of creations) {
    const { namespace } = object.metadata;
    const { items } = await deps.client.resource(type).list(namespace === undefined ? {} : { namespace });
    ownWrites.record(
      key,
      items.map((item) => ({ outcome: 'written', type, key: keyOf(item), revision: revisionOf(item) })),
    );
  }
  unanswered.delete(key);
}

function unansweredAmong(failures: readonly { readonly action: Action; readonly error: unknown }[]): readonly Creation[] {
  const creations = failures.flatMap(({ action, error }) =>
    action.verb === 'create' && isReason(error, 'ServiceUnavailable', 'Timeout', 'InternalError') ? [action] : [],
  );
  // Asking once for each kind and namespace is enough.
  return [...new Map(creations.map((creation) => [`${creation.type.plural} ${creation.object.metadata.namespace}`, creation])).values()];
}

async function reconcileKey<Snapshot>(key: string, controller: Controller<Snapshot>): Promise<void> {
  const { definition, deps, log, queue, ownWrites, lastFailures, unanswered } = controller;
  const snapshot = await definition.snapshot(parseKey(key), lastFailures.get(key));
  const actions = snapshot === undefined ? [] : definition.reconcile(snapshot);
  const { writes, failures, requeueAfterMs } = await applyActions(actions, deps);
  ownWrites.record(key, writes);
  const lost = unansweredAmong(failures);
  if (lost.length > 0) unanswered.set(key, lost);
  lastFailures.delete(key);
  if (actions.length > 0) log.debug({ key, actions: actions.map((action) => action.verb), failures: failures.length }, 'reconciled');
  const [first] = failures;
  if (first !== undefined) {
    lastFailures.set(key, { action: first.action, message: messageOf(first.error) });
    throw first.error;
  }
  queue.forget(key);
  if (requeueAfterMs !== undefined) queue.addAfter(key, requeueAfterMs);
}
