/** The kinds of volumes that are files made of API objects: configMap, secret, downwardAPI, projected. Each change of an object renews them. */
import { writeAtomically } from './atomic-writer.ts';
import { renderVolumeFiles } from './volume-files.ts';
import type { PodVolume, VolumeKind } from './volume-kind.ts';

export const apiFilesKinds: readonly VolumeKind[] = [
  kindOf('kubernetes.io~configmap', ({ inline }) => inline.configMap !== undefined),
  kindOf('kubernetes.io~secret', ({ inline }) => inline.secret !== undefined),
  kindOf('kubernetes.io~downward-api', ({ inline }) => inline.downwardAPI !== undefined),
  kindOf('kubernetes.io~projected', ({ inline }) => inline.projected !== undefined),
];

function kindOf(directory: string, isKindOf: (volume: PodVolume) => boolean): VolumeKind {
  return {
    directory,
    isKindOf,
    setUp: async ({ pod, volume, place, context }) => {
      const files = renderVolumeFiles(volume.inline, context) ?? [];
      await writeAtomically(place.local, files, pod.spec.securityContext?.fsGroup);
      return { path: place.onHost };
    },
  };
}
