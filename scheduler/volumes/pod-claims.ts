/** The persistent volume claims that a pod's volumes are, by name or as the pod's own. */
import type { Pod, Volume } from '#api/generated/types.ts';

export interface PodClaim {
  readonly name: string;
  /** Made for this pod from a template in it. */
  readonly isEphemeral: boolean;
}

export function podClaimsOf({ metadata, spec }: Pod): readonly PodClaim[] {
  return (spec.volumes ?? []).flatMap((volume) => claimOf(volume, metadata.name) ?? []);
}

export function claimNamesOf(pod: Pod): readonly string[] {
  return podClaimsOf(pod).map(({ name }) => name);
}

function claimOf({ name, persistentVolumeClaim, ephemeral }: Volume, podName: string): PodClaim | undefined {
  if (persistentVolumeClaim !== undefined) return { name: persistentVolumeClaim.claimName, isEphemeral: false };
  return ephemeral === undefined ? undefined : { name: `${podName}-${name}`, isEphemeral: true };
}
