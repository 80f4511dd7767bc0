/**
 * What a pod's claim leads to: the claim must be bound, and bound to a volume that is bound to it. Asks the API each time, as a node may read single claims and
 * volumes but not watch them all. Messages are upstream's (pkg/kubelet/volumemanager/populator).
 */
import { persistentvolumeclaims, persistentvolumes } from '#api/generated/resources.ts';
import type { PersistentVolumeClaim, Pod, Volume } from '#api/generated/types.ts';
import { isReason } from '#api/meta/status.ts';
import type { Client } from '#client/client.ts';
import type { PodVolume } from './volume-kind.ts';

/** A claim that cannot be used (yet). */
export class ClaimError extends Error {}

export interface ClaimedVolumes {
  /** A volume that claims nothing is itself. Throws with upstream's message while the claim cannot be used. */
  resolve(pod: Pod, volume: Volume): Promise<PodVolume>;
}

export function createClaimedVolumes(client: Client): ClaimedVolumes {
  async function getClaim(pod: Pod, name: string): Promise<PersistentVolumeClaim> {
    const { namespace = '' } = pod.metadata;
    try {
      return await client.resource(persistentvolumeclaims).get({ namespace, name });
    } catch (error) {
      throw problem(`${namespace}/${name}`, `failed to fetch PVC from API server: ${messageOf(error)}`);
    }
  }

  return {
    resolve: async (pod, inline) => {
      const name = claimNameOf(pod, inline);
      if (name === undefined) return { name: inline.name, specName: inline.name, inline };
      const claim = await getClaim(pod, name);
      const key = `${pod.metadata.namespace ?? ''}/${name}`;
      throwIfUnusable(pod, inline, claim, key);
      const volumeName = claim.spec.volumeName ?? '';
      const volume = await client
        .resource(persistentvolumes)
        .get({ namespace: '', name: volumeName })
        .catch((error: unknown) => {
          throw isReason(error, 'NotFound') ? problem(key, `failed to fetch PV ${volumeName} from API server: ${messageOf(error)}`) : error;
        });
      const { claimRef } = volume.spec;
      if (claimRef === undefined)
        throw problem(key, `found PV object ${volumeName} with nil pvc.Spec.ClaimRef indicating it is not yet bound to the claim`);
      if (claimRef.uid !== claim.metadata.uid) {
        const found = `found PV object ${volumeName} with unexpected pvc.Spec.ClaimRef.UID ${claimRef.uid ?? ''}`;
        throw problem(key, `${found} (expected ${claim.metadata.uid})`);
      }
      return { name: inline.name, specName: volumeName, inline, claimed: { claim, volume } };
    },
  };
}

/** An ephemeral volume's claim is called after pod and volume. */
export function claimNameOf({ metadata }: Pod, { name, persistentVolumeClaim, ephemeral }: Volume): string | undefined {
  return persistentVolumeClaim?.claimName ?? (ephemeral === undefined ? undefined : `${metadata.name}-${name}`);
}

function throwIfUnusable(pod: Pod, inline: Volume, claim: PersistentVolumeClaim, key: string): void {
  const { deletionTimestamp, ownerReferences = [] } = claim.metadata;
  if (inline.ephemeral !== undefined && !ownerReferences.some(({ uid }) => uid === pod.metadata.uid)) {
    throw problem(key, `PVC ${key} was not created for pod ${pod.metadata.namespace ?? ''}/${pod.metadata.name} (pod is not owner)`);
  }
  if (deletionTimestamp !== undefined) throw problem(key, 'PVC is being deleted');
  if (claim.status?.phase !== 'Bound' || (claim.spec.volumeName ?? '') === '') throw problem(key, 'PVC is not bound');
}

function problem(key: string, message: string): ClaimError {
  return new ClaimError(`error processing PVC ${key}: ${message}`);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
