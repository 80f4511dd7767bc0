/**
 * A pod goes where its volumes are, or can be. Claims that wait for their first pod get a volume there before the pod is bound. Upstream:
 * pkg/scheduler/framework/plugins/volumebinding.
 */

import { classOf } from '#api/core/v1/volume-matching.ts';
import type { PersistentVolumeClaim, Pod } from '#api/generated/types.ts';
import { isControlledBy } from '#api/meta/owner-reference.ts';
import { always, type Hints } from '../cluster-event.ts';
import { type BindingPoints, type FilterPoint, fits, type Misfit, neverFits, type SchedulerPlugin } from '../plugin.ts';
import { assumePlan, bindClaims, type ClaimBindingDeps } from '../volumes/bind-claims.ts';
import { isFullyBound } from '../volumes/claim.ts';
import { type PodClaims, planNodeVolumes, type VolumePlan } from '../volumes/plan-node-volumes.ts';
import { claimNamesOf, podClaimsOf } from '../volumes/pod-claims.ts';
import type { Storage } from '../volumes/storage.ts';

const UNBOUND_IMMEDIATE = neverFits('pod has unbound immediate PersistentVolumeClaims');

export interface VolumeBindingArgs {
  /** How long volumes may take to be made and bound. */
  readonly bindTimeoutMs: number;
}

export function createVolumeBinding(deps: ClaimBindingDeps): SchedulerPlugin {
  return {
    name: 'VolumeBinding',
    hints: createHints(),
    prepare: ({ pod, claimKeys }) => {
      if (claimKeys.length === 0) return {};
      const claims = sortClaims(pod, deps.storage);
      return 'fits' in claims ? { preFilter: claims } : createCycle(claims, deps);
    },
  };
}

/** Which of the pod's claims are bound, and which wait for it; or why it cannot be scheduled with them. */
function sortClaims(pod: Pod, storage: Storage): PodClaims | Misfit {
  const bound: PersistentVolumeClaim[] = [];
  const delayed: PersistentVolumeClaim[] = [];
  for (const { name, isEphemeral } of podClaimsOf(pod)) {
    const claim = storage.findClaim(`${pod.metadata.namespace}/${name}`);
    const trouble = findTrouble(pod, name, claim, isEphemeral);
    if (claim === undefined || trouble !== undefined) return neverFits(trouble ?? '');
    if (isFullyBound(claim)) bound.push(claim);
    else if (isDelayed(claim, storage)) delayed.push(claim);
    else return UNBOUND_IMMEDIATE;
  }
  return { bound, delayed };
}

function findTrouble(pod: Pod, name: string, claim: PersistentVolumeClaim | undefined, isEphemeral: boolean): string | undefined {
  if (claim === undefined) {
    const what = `persistentvolumeclaim "${name}"`;
    return isEphemeral ? `waiting for ephemeral volume controller to create the ${what}` : `${what} not found`;
  }
  if (claim.status?.phase === 'Lost') {
    return `persistentvolumeclaim "${name}" bound to non-existent persistentvolume "${claim.spec.volumeName ?? ''}"`;
  }
  if (claim.metadata.deletionTimestamp !== undefined) return `persistentvolumeclaim "${name}" is being deleted`;
  if (!isEphemeral || isControlledBy(claim, pod)) return undefined;
  return `PVC ${claim.metadata.namespace}/${name} was not created for pod ${pod.metadata.namespace}/${pod.metadata.name} (pod is not owner)`;
}

/** A claim that a user has given a volume by name waits for the binder alone. */
function isDelayed(claim: PersistentVolumeClaim, storage: Storage): boolean {
  return (claim.spec.volumeName ?? '') === '' && storage.findClass(classOf(claim))?.volumeBindingMode === 'WaitForFirstConsumer';
}

function createCycle(claims: PodClaims, deps: ClaimBindingDeps): FilterPoint & BindingPoints {
  const plans = new Map<string, VolumePlan>();
  let takeBack = (): void => undefined;
  return {
    filter: ({ name, node }) => {
      const plan = planNodeVolumes(claims, node, deps.storage);
      if ('fits' in plan) return plan;
      plans.set(name, plan);
      return fits;
    },
    ...(claims.delayed.length === 0
      ? {}
      : {
          reserve: (nodeName) => {
            const plan = plans.get(nodeName);
            if (plan === undefined) return neverFits(`no volumes were planned for node ${nodeName}`);
            takeBack = assumePlan(plan, nodeName, deps.storage);
            return fits;
          },
          unreserve: () => takeBack(),
          preBind: async (nodeName, signal) => {
            const plan = plans.get(nodeName);
            return plan === undefined ? fits : bindClaims(plan, nodeName, deps, signal);
          },
        }),
  };
}

function createHints(): Hints {
  return {
    'claim-changed': (pod, { claim }) =>
      claim.metadata.namespace === pod.metadata.namespace && claimNamesOf(pod).includes(claim.metadata.name),
    'volume-changed': always,
    'storage-changed': always,
    'node-added': always,
    'node-changed': (_pod, { node, previous }) => {
      const [now = {}, before = {}] = [node.metadata.labels, previous.metadata.labels];
      return Object.keys({ ...now, ...before }).some((key) => now[key] !== before[key]);
    },
  };
}
