/**
 * What becomes of a StatefulSet's claims when it shrinks or goes: `persistentVolumeClaimRetentionPolicy` as owner references, which the garbage
 * collector follows. A claim that is to go with the set is owned by it; one whose pod is leaving is owned by the pod. Upstream: KEP-1847.
 */
import { persistentvolumeclaims, pods, statefulsets } from '#api/generated/resources.ts';
import type { OwnerReference, PersistentVolumeClaim, Pod, StatefulSet } from '#api/generated/types.ts';
import { keyOf } from '#api/meta/object-key.ts';
import { controllerReference } from '#api/meta/owner-reference.ts';
import type { Action } from '#client/apply-actions.ts';

/** The patch that gives the claim the owner it should have; none when it has. Claims that somebody else controls are left alone. */
export function retainAsAsked(set: StatefulSet, pod: Pod, claim: PersistentVolumeClaim, isLeaving: boolean): readonly Action[] {
  const references = claim.metadata.ownerReferences ?? [];
  const ours = new Set([set.metadata.uid, pod.metadata.uid]);
  const others = references.filter(({ uid }) => !ours.has(uid));
  const wanted = wantedOwner(set, pod, isLeaving);
  const held = references.filter(({ uid }) => ours.has(uid));
  const isAsWanted =
    held.length === (wanted === undefined ? 0 : 1) && held.every(({ uid, controller }) => uid === wanted?.uid && controller);
  if (isAsWanted || others.some(({ controller }) => controller === true)) return [];
  const ownerReferences = wanted === undefined ? others : [...others, wanted];
  const { uid, resourceVersion } = claim.metadata;
  return [
    {
      verb: 'patch',
      type: persistentvolumeclaims,
      key: keyOf(claim),
      patchType: 'merge',
      // A merge patch replaces the whole list, hence the version.
      patch: { metadata: { uid, resourceVersion, ownerReferences: ownerReferences.length === 0 ? null : ownerReferences } },
    },
  ];
}

/** A claim left over from a pod of the same name that is gone: it is about to be collected, and must not be mounted again. */
export function isStaleClaim(claim: PersistentVolumeClaim, podName: string): boolean {
  return (claim.metadata.ownerReferences ?? []).some(
    ({ apiVersion, kind, name }) => apiVersion === 'v1' && kind === 'Pod' && name === podName,
  );
}

function wantedOwner(set: StatefulSet, pod: Pod, isLeaving: boolean): OwnerReference | undefined {
  const { whenDeleted = 'Retain', whenScaled = 'Retain' } = set.spec.persistentVolumeClaimRetentionPolicy ?? {};
  if (isLeaving && whenScaled === 'Delete') return controllerReference(pod, pods);
  return whenDeleted === 'Delete' ? controllerReference(set, statefulsets) : undefined;
}
