/**
 * Does what was planned for a pod's claims, before the pod is bound: reserves volumes for claims, tells provisioners the node, and waits until
 * the binder and the provisioners have done their part.
 */

import { BOUND_BY_CONTROLLER, SELECTED_NODE } from '#api/core/v1/volume-matching.ts';
import { persistentvolumeclaims, persistentvolumes } from '#api/generated/resources.ts';
import type { PersistentVolume, PersistentVolumeClaim } from '#api/generated/types.ts';
import { formatKey, keyOf } from '#api/meta/object-key.ts';
import type { Client } from '#client/client.ts';
import type { Clock } from '#component/clock.ts';
import { doesNotFit, fits, neverFits, type Verdict } from '../plugin.ts';
import { isFullyBound } from './claim.ts';
import type { VolumePlan } from './plan-node-volumes.ts';
import type { Storage } from './storage.ts';

export interface ClaimBindingDeps {
  readonly client: Client;
  readonly clock: Clock;
  readonly storage: Storage;
  /** Calls back when a claim or a volume has changed; returns a function that ends it. */
  readonly onStorageChange: (callback: () => void) => () => void;
  /** How long the binder and provisioners may take. */
  readonly bindTimeoutMs: number;
}

/** The volume as it will be once it is the claim's. */
export function reservedVolume(volume: PersistentVolume, claim: PersistentVolumeClaim): PersistentVolume {
  const { metadata } = claim;
  if (volume.spec.claimRef?.uid === metadata.uid) return volume;
  const claimRef = {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    name: metadata.name,
    namespace: metadata.namespace ?? '',
    uid: metadata.uid,
    resourceVersion: metadata.resourceVersion,
  };
  // A user who named the claim in the volume has bound it; we only complete it.
  const annotations =
    volume.spec.claimRef === undefined ? { ...volume.metadata.annotations, [BOUND_BY_CONTROLLER]: 'yes' } : volume.metadata.annotations;
  return {
    ...volume,
    metadata: { ...volume.metadata, ...(annotations === undefined ? {} : { annotations }) },
    spec: { ...volume.spec, claimRef },
  };
}

export function claimOnNode(claim: PersistentVolumeClaim, nodeName: string): PersistentVolumeClaim {
  return { ...claim, metadata: { ...claim.metadata, annotations: { ...claim.metadata.annotations, [SELECTED_NODE]: nodeName } } };
}

/** From then on other pods see the volumes as taken and the claims as on their way. Returns the function that takes it back. */
export function assumePlan({ toBind, toProvision }: VolumePlan, nodeName: string, { assumedVolumes, assumedClaims }: Storage): () => void {
  for (const { claim, volume } of toBind) assumedVolumes.assume(volume.metadata.name, reservedVolume(volume, claim));
  for (const claim of toProvision) assumedClaims.assume(formatKey(keyOf(claim)), claimOnNode(claim, nodeName));
  return () => {
    for (const { volume } of toBind) assumedVolumes.forget(volume.metadata.name);
    for (const claim of toProvision) assumedClaims.forget(formatKey(keyOf(claim)));
  };
}

/** Throws what the server answers: the pod is tried again with what is there then. */
export async function bindClaims(plan: VolumePlan, nodeName: string, deps: ClaimBindingDeps, signal: AbortSignal): Promise<Verdict> {
  const { client } = deps;
  for (const { claim, volume } of plan.toBind) {
    const wanted = reservedVolume(volume, claim);
    if (wanted !== volume) await client.resource(persistentvolumes).update(wanted);
  }
  for (const claim of plan.toProvision) {
    const wanted = claimOnNode(claim, nodeName);
    if (claim.metadata.annotations?.[SELECTED_NODE] !== nodeName) await client.resource(persistentvolumeclaims).update(wanted);
  }
  const keys = [...plan.toBind.map(({ claim }) => claim), ...plan.toProvision].map((claim) => formatKey(keyOf(claim)));
  const provisioned = new Set(plan.toProvision.map((claim) => formatKey(keyOf(claim))));
  return untilBound(keys, provisioned, nodeName, deps, signal);
}

async function untilBound(
  keys: readonly string[],
  provisioned: ReadonlySet<string>,
  nodeName: string,
  deps: ClaimBindingDeps,
  signal: AbortSignal,
): Promise<Verdict> {
  const outcome = Promise.withResolvers<Verdict>();
  const check = (): void => {
    const verdicts = keys.map((key) => judgeClaim(key, deps.storage.findClaim(key), provisioned.has(key) ? nodeName : undefined));
    const no = verdicts.find((verdict) => verdict?.fits === false);
    if (no !== undefined) outcome.resolve(no);
    else if (verdicts.every((verdict) => verdict?.fits)) outcome.resolve(fits);
  };
  const stopWatching = deps.onStorageChange(check);
  const cancel = deps.clock.after(deps.bindTimeoutMs, () => outcome.reject(new Error('binding volumes: context deadline exceeded')));
  const abort = (): void => outcome.reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  try {
    check();
    return await outcome.promise;
  } finally {
    stopWatching();
    cancel();
    signal.removeEventListener('abort', abort);
  }
}

/** Undefined while it is being bound. A provisioner gives up on a node by taking the annotation away. */
function judgeClaim(key: string, claim: PersistentVolumeClaim | undefined, provisionedFor: string | undefined): Verdict | undefined {
  const name = key.slice(key.indexOf('/') + 1);
  if (claim === undefined) return neverFits(`persistentvolumeclaim "${name}" not found`);
  if (claim.metadata.deletionTimestamp !== undefined) return neverFits(`persistentvolumeclaim "${name}" is being deleted`);
  if (isFullyBound(claim)) return fits;
  const hasMoved = provisionedFor !== undefined && claim.metadata.annotations?.[SELECTED_NODE] !== provisionedFor;
  return hasMoved ? doesNotFit(`provisioning failed for PVC "${name}"`) : undefined;
}
