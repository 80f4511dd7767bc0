/**
 * How a pod and its ResourceClaims find each other: by name where the pod names one, else by what the pod's status says was made for it. Pure. Upstream:
 * k8s.io/dynamic-resource-allocation/resourceclaim.
 */
import type { Pod, PodResourceClaim, ResourceResourceClaim } from '#api/generated/types.ts';
import { controllerOf } from '#api/meta/owner-reference.ts';
import { isOver } from '../pod-readiness.ts';

export type ClaimName =
  | { readonly state: 'named'; readonly name: string; readonly isMadeForPod: boolean }
  /** To be made from its template. */
  | { readonly state: 'missing' }
  /** None is needed. */
  | { readonly state: 'unneeded' };

export function claimNameOf({ status }: Pod, { name, resourceClaimName, resourceClaimTemplateName }: PodResourceClaim): ClaimName {
  if (resourceClaimName !== undefined) return { state: 'named', name: resourceClaimName, isMadeForPod: false };
  if (resourceClaimTemplateName === undefined) return { state: 'unneeded' };
  const made = (status?.resourceClaimStatuses ?? []).find((claim) => claim.name === name);
  if (made === undefined) return { state: 'missing' };
  if (made.resourceClaimName === undefined) return { state: 'unneeded' };
  return { state: 'named', name: made.resourceClaimName, isMadeForPod: true };
}

/** The names of all claims that the pod has. */
export function claimNamesOf(pod: Pod): readonly string[] {
  return (pod.spec.resourceClaims ?? []).flatMap((claim) => {
    const found = claimNameOf(pod, claim);
    return found.state === 'named' ? [found.name] : [];
  });
}

export function isMadeFor(pod: Pod, claim: ResourceResourceClaim): boolean {
  return controllerOf(claim)?.uid === pod.metadata.uid;
}

/** None of its containers runs or ever will. */
export function isDone(pod: Pod): boolean {
  return isOver(pod) || (pod.metadata.deletionTimestamp !== undefined && (pod.spec.nodeName ?? '') === '');
}
