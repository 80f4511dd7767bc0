/**
 * emptyDir: a directory that every user of the pod may write to and that lives as long as the pod, on the node's disk or in memory. One in memory is a file system
 * of its own, no larger than its limit, the pod's memory or the node's. Upstream: pkg/volume/emptydir.
 */
import { chmod, mkdir } from 'node:fs/promises';
import type { EmptyDirVolumeSource, Pod } from '#api/generated/types.ts';
import { amountOf, unitsOf } from '../resource-amounts.ts';
import type { EngineHost } from './engine-host.ts';
import { ownershipOf, type SetUp, type VolumeKind } from './volume-kind.ts';
import { giveToGroup } from './volume-ownership.ts';

const EVERYBODY = 0o777;

export function emptyDirKind(host: EngineHost): VolumeKind {
  return {
    directory: 'kubernetes.io~empty-dir',
    isKindOf: ({ inline }) => inline.emptyDir !== undefined,
    setUp: async (request) => {
      const { place, volume, pod, isFirst } = request;
      const medium = volume.inline.emptyDir?.medium ?? '';
      if (medium !== '' && medium !== 'Memory')
        throw new Error(`unknown storage medium ${JSON.stringify(medium)}: this node has no huge pages`);
      await mkdir(place.local, { recursive: true });
      const isMounted = medium === 'Memory' && (await mountUnlessThere(request, host));
      if (isFirst || isMounted) {
        const reached = host.local(place.onHost);
        await chmod(reached, EVERYBODY);
        const ownership = ownershipOf(pod, false);
        if (ownership !== undefined) await giveToGroup(reached, ownership);
      }
      return { path: place.onHost };
    },
  };
}

/** Whether it had to be mounted: it is new, or the machine was restarted. */
async function mountUnlessThere({ place, volume, pod, context }: SetUp, host: EngineHost): Promise<boolean> {
  if ((await host.mountsBelow(place.onHost)).length > 0) return false;
  await host.mountMemory(place.onHost, {
    sizeBytesMax: memorySizeOf(pod, volume.inline.emptyDir, unitsOf(context.facts.allocatable.get('memory'))),
  });
  return true;
}

/** The smallest of what the volume, the pod and the node may have. */
export function memorySizeOf({ spec }: Pod, emptyDir: EmptyDirVolumeSource | undefined, nodeBytes: number): number {
  const limits = spec.containers.map(({ resources }) => amountOf(resources?.limits, 'memory'));
  const ofPod = limits.every((limit) => limit > 0) ? limits.reduce((sum, limit) => sum + limit, 0) : 0;
  const ofVolume = emptyDir?.sizeLimit === undefined ? 0 : amountOf({ limit: emptyDir.sizeLimit }, 'limit');
  return Math.ceil(Math.min(...[nodeBytes, ofPod, ofVolume].filter((bytes) => bytes > 0)));
}
