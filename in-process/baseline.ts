/**
 * Back to how the cluster was when it became ready, without starting anything again: what came since is removed from the storage, what changed or went is put back.
 * To the components it looks like any other change. Leases and the nodes' own state are left alone: they live on.
 */
import type { Storage, StoredItem } from '../apiserver/storage/storage.ts';

const PREFIX = '/registry/';
const KEPT = ['/registry/coordination.k8s.io/leases/', '/registry/core/nodes/'];
const PAGE_ITEMS_MAX = 10_000;
/** A controller may still act on what it saw before; a few rounds later it has seen everything. */
const ROUNDS_MAX = 20;

export interface Baseline {
  /** Throws when the cluster does not come to rest as it was. */
  restore(): Promise<void>;
}

/** Remembers what is there now. */
export async function takeBaseline(storage: Storage, settle: () => Promise<void>): Promise<Baseline> {
  const wanted = new Map((await readAll(storage)).map(({ key, bytes }) => [key, contentOf(bytes)]));
  return {
    restore: async () => {
      for (let round = 0; round < ROUNDS_MAX; round++) {
        const changes = await restoreOnce(storage, wanted);
        await settle();
        if (changes === 0) return;
      }
      throw new Error('the cluster does not come to rest as it was');
    },
  };
}

/** Gives how many objects were not as they should be. */
async function restoreOnce(storage: Storage, wanted: ReadonlyMap<string, string>): Promise<number> {
  const items = await readAll(storage);
  const extra = items.filter(({ key }) => !wanted.has(key));
  const changed = items.filter(({ key, bytes }) => wanted.has(key) && wanted.get(key) !== contentOf(bytes));
  const present = new Set(items.map(({ key }) => key));
  const missing = [...wanted].filter(([key]) => !present.has(key));
  // Who was faster is looked at again in the next round.
  await Promise.allSettled([
    ...extra.map(({ key, revision }) => storage.delete(key, revision)),
    ...changed.map(({ key, revision }) => storage.update(key, revision, parse(wanted.get(key)))),
    ...missing.map(([key, content]) => storage.create(key, parse(content))),
  ]);
  return extra.length + changed.length + missing.length;
}

async function readAll(storage: Storage): Promise<readonly StoredItem[]> {
  const page = await storage.list(PREFIX, { limit: PAGE_ITEMS_MAX });
  const items = [...page.items];
  for (let { hasMore } = page; hasMore; ) {
    const next = await storage.list(PREFIX, { limit: PAGE_ITEMS_MAX, revision: page.revision, after: items.at(-1)?.key ?? '' });
    items.push(...next.items);
    hasMore = next.hasMore;
  }
  return items.filter(({ key }) => !KEPT.some((prefix) => key.startsWith(prefix)));
}

/** The object without its revision, which every write changes. */
function contentOf(bytes: Buffer): string {
  return bytes.toString().replace(/"resourceVersion":"\d+",?/, '');
}

function parse(content = '{}'): object {
  const value: unknown = JSON.parse(content);
  if (typeof value !== 'object' || value === null) throw new Error('a stored object is no object');
  return value;
}
