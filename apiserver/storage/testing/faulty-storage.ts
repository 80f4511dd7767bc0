/** A storage that does what another does, except where a test says otherwise: to be deaf, slow or away. */
import type { Storage } from '../storage.ts';

export function withFaults(inner: Storage, faults: Partial<Storage>): Storage {
  return {
    get: (key) => inner.get(key),
    list: (prefix, options) => inner.list(prefix, options),
    create: (key, object) => inner.create(key, object),
    update: (key, expected, object) => inner.update(key, expected, object),
    delete: (key, expected) => inner.delete(key, expected),
    currentRevision: () => inner.currentRevision(),
    oldestRevision: (notBefore) => inner.oldestRevision(notBefore),
    watch: (prefix, fromRevision, signal, onProgress) => inner.watch(prefix, fromRevision, signal, onProgress),
    close: () => inner.close(),
    ...faults,
  };
}
