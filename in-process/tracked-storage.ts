/**
 * A database outside this process, made known to the cluster's `Activity`: calls to it are under way until they are answered, and a write until the watch has brought it
 * back, so that `settle` and the virtual clock wait for it as they do for what is in memory.
 */
import type { Storage } from '../apiserver/storage/storage.ts';
import type { Activity } from './activity.ts';

/** What the watch cache watches, and there is no other watch. */
const EVERYTHING = '/registry/';

export function trackStorage(inner: Storage, activity: Activity): Storage {
  /** Writes that the watch has not brought yet: by their revision, what says that they are over. */
  const unseen = new Map<bigint, () => void>();
  let seen = 0n;
  let isWatched = false;

  const see = (revision: bigint): void => {
    if (revision > seen) seen = revision;
    for (const [written, end] of unseen) {
      if (isWatched && written > seen) continue;
      unseen.delete(written);
      end();
    }
  };
  const read = async <Result>(call: () => Promise<Result>): Promise<Result> => {
    const end = activity.begin();
    return call().finally(end);
  };
  const write = async <Result>(call: () => Promise<Result>, revisionOf: (result: Result) => bigint): Promise<Result> => {
    const end = activity.begin();
    try {
      const result = await call();
      unseen.set(revisionOf(result), end);
      see(seen);
      return result;
    } catch (error) {
      end();
      throw error;
    }
  };

  return {
    get: (key) => read(() => inner.get(key)),
    list: (prefix, options) => read(() => inner.list(prefix, options)),
    currentRevision: () => read(() => inner.currentRevision()),
    oldestRevision: (notBefore) => read(() => inner.oldestRevision(notBefore)),
    create: (...args) =>
      write(
        () => inner.create(...args),
        ({ revision }) => revision,
      ),
    update: (...args) =>
      write(
        () => inner.update(...args),
        ({ revision }) => revision,
      ),
    delete: (...args) =>
      write(
        () => inner.delete(...args),
        (revision) => revision,
      ),
    watch: async function* (prefix, fromRevision, signal, onProgress) {
      if (prefix !== EVERYTHING) return yield* inner.watch(prefix, fromRevision, signal, onProgress);
      isWatched = true;
      try {
        const progress = (revision: bigint) => {
          onProgress(revision);
          see(revision);
        };
        for await (const events of inner.watch(prefix, fromRevision, signal, progress)) {
          yield events;
          // Whoever asks for more has dealt with these.
          see(events.at(-1)?.item.revision ?? seen);
        }
      } finally {
        isWatched = false;
        see(seen);
      }
    },
    close: () => inner.close(),
  };
}
