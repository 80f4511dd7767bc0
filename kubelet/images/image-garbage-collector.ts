/**
 * Makes room on the engine's disk: once more than so much of it is used, images that this kubelet pulled and that no container uses are removed, the longest unused first, until
 * less than so much is used. What the user built or pulled is the user's. The engine itself refuses to remove an image that any container of any node uses.
 * Source: https://kubernetes.io/docs/concepts/architecture/garbage-collection/#container-image-lifecycle
 */
import type { Clock } from '#component/clock.ts';
import type { Logger } from '#component/logger.ts';
import type { ContainerRuntime } from '../runtime/container-runtime.ts';
import type { Disk } from '../stats/disk-stats.ts';
import type { ImageLedger, PulledImage } from './image-ledger.ts';

export interface ImagePolicy {
  readonly highPercent: number;
  readonly lowPercent: number;
  /** Younger ones are about to be used. */
  readonly ageMsMin: number;
}

export interface ImageGarbageCollector {
  /** Looks at the disk now and then, until aborted. */
  run(signal: AbortSignal): Promise<void>;
  /** All that nobody uses; gives the bytes that were won. */
  removeUnused(): Promise<number>;
}

export interface ImageGarbageCollectorDeps {
  readonly policy: ImagePolicy;
  readonly ledger: ImageLedger;
  readonly runtime: Pick<ContainerRuntime, 'findImage' | 'removeImage'>;
  readonly readDisk: () => Promise<Disk>;
  /** Ids of images that containers of this node were made of. */
  readonly imagesInUse: () => ReadonlySet<string>;
  /** An event about the node. */
  readonly report: (type: 'Warning', reason: string, message: string) => void;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Upstream's `ImageGCPeriod`. */
const LOOK_MS = 300_000;

/** How many bytes must go for the disk to be as empty as it should; 0 while it is not too full. */
export function bytesToFree({ capacityBytes, availableBytes }: Disk, { highPercent, lowPercent }: ImagePolicy): number {
  const usedPercent = 100 - Math.floor((Math.min(availableBytes, capacityBytes) * 100) / capacityBytes);
  if (usedPercent < highPercent) return 0;
  return Math.max(0, Math.floor((capacityBytes * (100 - lowPercent)) / 100) - availableBytes);
}

/** Which may go, in the order in which they should. */
export function removableImages(
  images: readonly PulledImage[],
  inUse: ReadonlySet<string>,
  nowMs: number,
  { ageMsMin }: ImagePolicy,
): readonly PulledImage[] {
  return images
    .filter(({ imageId, pulledAtMs }) => !inUse.has(imageId) && nowMs - pulledAtMs >= ageMsMin)
    .toSorted((left, right) => left.lastUsedAtMs - right.lastUsedAtMs || left.pulledAtMs - right.pulledAtMs);
}

export function createImageGarbageCollector(deps: ImageGarbageCollectorDeps): ImageGarbageCollector {
  const { ledger, runtime, clock, log, policy } = deps;

  async function free(bytesWanted: number): Promise<number> {
    const inUse = deps.imagesInUse();
    const nowMs = clock.now();
    ledger.noteUse(inUse, nowMs);
    let freed = 0;
    for (const { name } of removableImages(ledger.all(), inUse, nowMs, policy)) {
      if (freed >= bytesWanted) break;
      freed += await remove(name);
    }
    return freed;
  }

  async function remove(name: string): Promise<number> {
    try {
      const image = await runtime.findImage(name);
      if (image !== undefined && (await runtime.removeImage(name)) === 'in-use') return 0;
      ledger.forget(name);
      log.info({ image: name, bytes: image?.sizeBytes }, 'removed an image that nobody uses');
      return image?.sizeBytes ?? 0;
    } catch (error) {
      log.warn({ err: error, image: name }, 'cannot remove an image');
      return 0;
    }
  }

  async function look(): Promise<void> {
    ledger.noteUse(deps.imagesInUse(), clock.now());
    const wanted = bytesToFree(await deps.readDisk(), policy);
    // Without images of ours there is nothing to do, and nothing to complain of: the disk is the user's.
    if (wanted === 0 || ledger.all().length === 0) return;
    const freed = await free(wanted);
    if (freed >= wanted) return;
    const message = `Failed to garbage collect required amount of images. Attempted to free ${wanted} bytes, but only found ${freed} bytes eligible to free.`;
    deps.report('Warning', 'FreeDiskSpaceFailed', message);
  }

  return {
    removeUnused: () => free(Number.POSITIVE_INFINITY),
    run: async (signal) => {
      while (!signal.aborted) {
        await look().catch((error: unknown) => log.warn({ err: error }, 'cannot look after images'));
        await clock.sleep(LOOK_MS, signal).catch(() => {});
      }
    },
  };
}
