/**
 * Lets etcd forget its past, as upstream does: every five minutes, what was over five minutes ago. Run by the API server, the only writer; were
 * there several, each would compact, which is harmless because each only forgets what is older than its own five minutes.
 */
import type { Clock } from '#component/clock.ts';
import type { Logger } from '#component/logger.ts';
import type { EtcdStorage } from './etcd-storage.ts';

/** Upstream's `--etcd-compaction-interval`. It is also how long a client may be away and still resume its watch or its paging. */
const COMPACTION_INTERVAL_MS = 5 * 60_000;

interface CompactionOptions {
  readonly storage: Pick<EtcdStorage, 'currentRevision' | 'compact'>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Resolves when aborted. A failure is logged and left to the next round. */
export async function runCompaction({ storage, clock, log }: CompactionOptions, signal: AbortSignal): Promise<void> {
  let past: bigint | undefined;
  while (!signal.aborted) {
    try {
      const current = await storage.currentRevision();
      if (past !== undefined) await storage.compact(past);
      past = current;
    } catch (error) {
      log.warn({ err: error }, 'the database was not compacted');
    }
    await clock.sleep(COMPACTION_INTERVAL_MS, signal).catch(() => undefined);
  }
}
