/**
 * Lets go of ResourceClaims: reservations of pods that are gone or done are taken back, with the last of them the allocation, so that the claim may be allocated elsewhere;
 * and a claim that was made for a pod goes once that pod will not run any more. The key is the claim's. Upstream: pkg/controller/resourceclaim (syncClaim).
 */
import { pods, resourceclaims } from '#api/generated/resources.ts';
import type { Pod, ResourceClaimConsumerReference, ResourceResourceClaim } from '#api/generated/types.ts';
import { keyOf, type ObjectKey } from '#api/meta/object-key.ts';
import { controllerOf } from '#api/meta/owner-reference.ts';
import { isReason } from '#api/meta/status.ts';
import { without } from '#api/meta/with-defined.ts';
import { type Action, remove, updateStatus } from '#client/apply-actions.ts';
import { type ControllerDefinition, onChange, onRelatedChange } from '#client/controller.ts';
import { claimNamesOf, isDone } from './resource-claim/pod-claims.ts';
import type { SharedCaches } from './shared-caches.ts';

/** As upstream's --concurrent-resource-claim-syncs. */
const WORKERS = 10;
/** Holds a claim that is allocated. */
const FINALIZER = 'resource.kubernetes.io/delete-protection';

export interface ResourceClaimSnapshot {
  readonly claim: ResourceResourceClaim;
  /** Uids of pods for which it is reserved and which still need it. */
  readonly users: ReadonlySet<string>;
  /** The pod that it was made for, if our cache has one of that name. */
  readonly maker: Pod | undefined;
}

export function resourceClaimController(caches: SharedCaches): ControllerDefinition<ResourceClaimSnapshot> {
  return {
    name: 'resource-claim',
    informers: [caches.resourceClaims, caches.pods],
    triggers: [
      onChange(caches.resourceClaims),
      onRelatedChange(caches.pods, (pod) => {
        const isLeaving = isDone(pod) || caches.pods.store.find(keyOf(pod)) === undefined;
        return isLeaving ? claimNamesOf(pod).map((name) => ({ namespace: pod.metadata.namespace ?? '', name })) : [];
      }),
    ],
    snapshot: (key) => snapshotResourceClaim(key, caches),
    reconcile: reconcileResourceClaim,
    workers: WORKERS,
  };
}

async function snapshotResourceClaim(key: ObjectKey, caches: SharedCaches): Promise<ResourceClaimSnapshot | undefined> {
  const claim = caches.resourceClaims.store.find(key);
  if (claim === undefined) return undefined;
  const users = new Set<string>();
  for (const user of claim.status?.reservedFor ?? []) if (await needsClaim(user, key.namespace, caches)) users.add(user.uid);
  const owner = controllerOf(claim);
  const maker = owner?.kind === 'Pod' ? caches.pods.store.find({ ...key, name: owner.name }) : undefined;
  return { claim, users, maker };
}

/** Of what is no pod we know nothing. A pod that our cache lacks is asked for: the scheduler may have been faster. */
async function needsClaim(user: ResourceClaimConsumerReference, namespace: string, caches: SharedCaches): Promise<boolean> {
  if ((user.apiGroup ?? '') !== '' || user.resource !== 'pods') return true;
  const key = { namespace, name: user.name };
  const cached = caches.pods.store.find(key);
  if (cached !== undefined) return cached.metadata.uid === user.uid && !isDone(cached);
  try {
    return (await caches.client.resource(pods).get(key)).metadata.uid === user.uid;
  } catch (error) {
    if (isReason(error, 'NotFound')) return false;
    throw error;
  }
}

export function reconcileResourceClaim({ claim, users, maker }: ResourceClaimSnapshot): readonly Action[] {
  const reservedFor = claim.status?.reservedFor ?? [];
  const kept = reservedFor.filter(({ uid }) => users.has(uid));
  const isHeld = (claim.metadata.finalizers ?? []).includes(FINALIZER);
  const isUnused = kept.length === 0;
  if (kept.length < reservedFor.length) return [release(claim, kept, isHeld && isUnused)];
  if (!isUnused) return [];
  if (claim.metadata.deletionTimestamp !== undefined) {
    if (!isHeld) return [];
    return claim.status?.allocation === undefined ? [letGo(claim)] : [release(claim, kept, true)];
  }
  const isUseless = maker !== undefined && (maker.metadata.uid !== controllerOf(claim)?.uid || isDone(maker));
  return isUseless ? [remove(resourceclaims, claim)] : [];
}

function release(claim: ResourceResourceClaim, kept: readonly ResourceClaimConsumerReference[], isFreed: boolean): Action {
  const rest = without(claim.status ?? {}, 'reservedFor', ...(isFreed ? (['allocation'] as const) : []));
  const status = kept.length === 0 ? rest : { ...rest, reservedFor: kept };
  return updateStatus(resourceclaims, { ...claim, status });
}

/** A merge patch replaces the whole list, hence the version: nobody else's finalizer may get lost. */
function letGo(claim: ResourceResourceClaim): Action {
  const { uid, resourceVersion, finalizers = [] } = claim.metadata;
  const others = finalizers.filter((finalizer) => finalizer !== FINALIZER);
  const patch = { metadata: { uid, resourceVersion, finalizers: others.length === 0 ? null : others } };
  return { verb: 'patch', type: resourceclaims, key: keyOf(claim), patchType: 'merge', patch };
}
