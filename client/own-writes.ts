/**
 * Read your writes: a controller that has just written an object must not decide again from a cache that does not show it yet, or it would
 * create the same Pods twice. Each key's writes are remembered until the informers of their types have seen them; a key asked for before
 * that is set aside and woken when they have. Used by `controller.ts` alone.
 */
import { formatKey } from '#api/meta/object-key.ts';
import type { ApiObject } from '#api/meta/resource-type.ts';
import type { Clock } from '#component/clock.ts';
import type { Logger } from '#component/logger.ts';
import type { Write } from './apply-actions.ts';
import type { Informer } from './informer.ts';

/** A cache that is further behind than this has lost touch; waiting longer would stop the controller with it. */
const WAIT_MS_MAX = 30_000;

export interface OwnWrites {
  record(key: string, writes: readonly Write[]): void;
  /** Whether the caches show everything written for the key. If not, the key is woken when they do, or after 30 s. */
  areSeen(key: string): boolean;
  close(): void;
}

interface OwnWritesDeps {
  readonly informers: readonly Informer<ApiObject>[];
  readonly clock: Clock;
  readonly log: Logger;
  readonly wake: (key: string) => void;
}

export function createOwnWrites({ informers, clock, log, wake }: OwnWritesDeps): OwnWrites {
  const unseen = new Map<string, readonly Write[]>();
  /** Keys set aside, with what cancels their timer. */
  const waiting = new Map<string, () => void>();

  const stillUnseen = (key: string): readonly Write[] => {
    const writes = (unseen.get(key) ?? []).filter((write) => !informers.every((informer) => hasSeen(informer, write)));
    if (writes.length === 0) unseen.delete(key);
    else unseen.set(key, writes);
    return writes;
  };
  const release = (key: string): void => {
    waiting.get(key)?.();
    waiting.delete(key);
    wake(key);
  };
  const giveUp = (key: string): void => {
    log.warn({ key, writes: stillUnseen(key).map(describe) }, 'the caches do not show our own writes; going on without');
    unseen.delete(key);
    release(key);
  };
  const releaseSeen = (): void => {
    for (const key of [...waiting.keys()]) if (stillUnseen(key).length === 0) release(key);
  };
  const unsubscribers = informers.map((informer) => informer.onAdvance(releaseSeen));

  return {
    record: (key, writes) => {
      const all = [...stillUnseen(key), ...writes];
      if (all.length > 0) unseen.set(key, all);
      stillUnseen(key);
    },
    areSeen: (key) => {
      if (stillUnseen(key).length === 0) return true;
      if (!waiting.has(key))
        waiting.set(
          key,
          clock.after(WAIT_MS_MAX, () => giveUp(key)),
        );
      return false;
    },
    close: () => {
      for (const unsubscribe of unsubscribers) unsubscribe();
      for (const cancel of waiting.values()) cancel();
      waiting.clear();
    },
  };
}

/**
 * Revisions come from one counter, so an informer that has reached the write's has seen it, even when the object is gone again since or
 * does not match its selector. A deletion has no revision we know of: it is seen when the object is no longer held.
 */
function hasSeen(informer: Informer<ApiObject>, write: Write): boolean {
  if (informer.type.group !== write.type.group || informer.type.plural !== write.type.plural) return true;
  if (write.outcome === 'written') return informer.syncedRevision() >= write.revision;
  return informer.store.find(write.key)?.metadata.uid !== write.uid;
}

function describe(write: Write): string {
  return `${write.type.plural} ${formatKey(write.key)}`;
}
