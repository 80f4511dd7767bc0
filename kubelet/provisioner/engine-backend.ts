/**
 * Volumes for claims of the class `standard`: each is a volume of the engine, a directory on its host, which all nodes on that engine reach. It outlives pods and
 * nodes, shows in `docker volume ls`, and goes with its claim. A size is not enforced, but more than the disk has free is refused.
 */
import { chmod, statfs } from 'node:fs/promises';
import type { PersistentVolume } from '#api/generated/types.ts';
import { formatQuantity, quantityFromNumber } from '#api/meta/quantity.ts';
import type { ContainerRuntime } from '../runtime/container-runtime.ts';
import type { EngineHost } from '../volumes/engine-host.ts';
import { NoRoomError, type VolumeBackend } from './volume-backend.ts';

export const ENGINE_PROVISIONER = 'volumes.keelson.dev';
/** On nodes: the engine that their pods and volumes are on. */
export const ENGINE_LABEL = 'topology.keelson.dev/engine';

/** Any user of any pod may write, as for an emptyDir; an fsGroup narrows it. */
const EVERYBODY = 0o777;

export interface EngineBackendOptions {
  /** The value of `ENGINE_LABEL` on nodes of this engine. */
  readonly engine: string;
}

export function createEngineBackend(
  { engine }: EngineBackendOptions,
  { runtime, host }: { readonly runtime: ContainerRuntime; readonly host: EngineHost },
): VolumeBackend {
  /** What is promised to other volumes and not yet used is not counted: like the disk itself, it is shared. */
  async function throwIfTooLarge(path: string, sizeBytes: number): Promise<void> {
    const { bsize, bavail } = await statfs(host.local(path));
    const freeBytes = bsize * bavail;
    if (sizeBytes > freeBytes)
      throw new NoRoomError(`not enough free storage: ${inWords(sizeBytes)} requested, ${inWords(freeBytes)} available`);
  }

  return {
    name: ENGINE_PROVISIONER,

    create: async ({ name, claim, sizeBytes }) => {
      if (claim.spec.volumeMode === 'Block') throw new Error('volumes of this class are directories; volumeMode Block is not supported');
      if (claim.spec.dataSource !== undefined || claim.spec.dataSourceRef !== undefined)
        throw new Error('volumes of this class start empty; dataSource is not supported');
      const path = await runtime.createDataVolume(name);
      try {
        await throwIfTooLarge(path, sizeBytes);
      } catch (error) {
        await runtime.removeDataVolume(name);
        throw error;
      }
      await chmod(host.local(path), EVERYBODY);
      const onEngine = { matchExpressions: [{ key: ENGINE_LABEL, operator: 'In', values: [engine] }] };
      return { spec: { local: { path }, nodeAffinity: { required: { nodeSelectorTerms: [onEngine] } } }, sizeBytes };
    },

    delete: ({ metadata }) => runtime.removeDataVolume(metadata.name),

    enlarge: async (volume: PersistentVolume, sizeBytes) => {
      await throwIfTooLarge(volume.spec.local?.path ?? '', sizeBytes);
      return { sizeBytes, needsNode: false };
    },
  };
}

/** An engine's id as the value of a label, which has no colons. */
export function engineLabelValue(engineId: string): string {
  return engineId
    .replaceAll(/[^A-Za-z0-9_.-]/g, '-')
    .slice(0, 63)
    .replace(/[-_.]+$/, '');
}

/** Rounded, so that the same failure has the same words the next time. */
function inWords(bytes: number): string {
  const unit = [2 ** 30, 2 ** 20].find((size) => bytes >= size) ?? 1;
  return formatQuantity(quantityFromNumber(Math.floor(bytes / unit) * unit, 'binary'));
}
