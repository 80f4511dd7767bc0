/** The kinds of volumes that are a place on the engine's host as it is: hostPath, in a pod or as a persistent volume, and local persistent volumes. */
import { stat } from 'node:fs/promises';
import type { EngineHost } from './engine-host.ts';
import { checkHostPath } from './host-path.ts';
import { ownershipOf, type VolumeKind } from './volume-kind.ts';
import { giveToGroup } from './volume-ownership.ts';

/** `toHost`: a path as pods write it, where it is on the engine's host. */
export function hostPathKind(host: EngineHost, toHost: (path: string) => string): VolumeKind {
  return {
    directory: 'kubernetes.io~host-path',
    isKindOf: ({ inline, claimed }) => (claimed === undefined ? inline.hostPath : claimed.volume.spec.hostPath) !== undefined,
    setUp: async ({ volume: { inline, claimed } }) => {
      const source = claimed === undefined ? inline.hostPath : claimed.volume.spec.hostPath;
      const path = await checkHostPath({ ...source, path: toHost(source?.path ?? '') }, host);
      return {
        path,
        ...readOnlyIf(inline.persistentVolumeClaim?.readOnly),
        ...(claimed?.volume.spec.volumeMode === 'Block' ? { isDevice: true } : {}),
      };
    },
  };
}

export function localKind(host: EngineHost, toHost: (path: string) => string): VolumeKind {
  return {
    directory: 'kubernetes.io~local-volume',
    isKindOf: ({ claimed }) => claimed?.volume.spec.local !== undefined,
    setUp: async ({ pod, volume: { inline, claimed }, isFirst }) => {
      const spec = claimed?.volume.spec;
      const path = toHost(spec?.local?.path ?? '');
      const resolved = await host.resolve(path);
      if (resolved === undefined) throw new Error(`path ${JSON.stringify(path)} does not exist`);
      const isDevice = (await stat(host.local(resolved))).isBlockDevice();
      if (spec?.volumeMode === 'Block') {
        if (!isDevice) throw new Error(`MapVolume.MapPodDevice: ${path} is not a block device`);
        return { path: resolved, isDevice: true };
      }
      if (isDevice) throw new Error(`${path} is a block device; this node mounts local volumes that are directories only`);
      const ownership = ownershipOf(pod, false);
      const isReadOnly = inline.persistentVolumeClaim?.readOnly === true;
      if (isFirst && !isReadOnly && ownership !== undefined) await giveToGroup(host.local(resolved), ownership);
      return { path: resolved, ...readOnlyIf(isReadOnly) };
    },
  };
}

function readOnlyIf(isReadOnly: boolean | undefined): { readonly isReadOnly?: true } {
  return isReadOnly === true ? { isReadOnly: true } : {};
}
