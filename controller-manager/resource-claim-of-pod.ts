/**
 * Makes the ResourceClaims that a pod wants from templates, notes their names in the pod's status, and reserves allocated claims for pods that got a node without the
 * scheduler. The key is the pod's. Upstream: pkg/controller/resourceclaim (syncPod).
 */
import { pods, resourceclaims } from '#api/generated/resources.ts';
import type { Pod, PodResourceClaim, PodResourceClaimStatus, ResourceClaimTemplate, ResourceResourceClaim } from '#api/generated/types.ts';
import { keyOf, type ObjectKey } from '#api/meta/object-key.ts';
import { controllerReference } from '#api/meta/owner-reference.ts';
import type { Draft } from '#api/meta/resource-type.ts';
import { type Action, create, updateStatus } from '#client/apply-actions.ts';
import { type ControllerDefinition, onRelatedChange } from '#client/controller.ts';
import { randomSuffix } from '#component/random.ts';
import { claimNameOf, isDone, isMadeFor } from './resource-claim/pod-claims.ts';
import { CONTROLLER, RESOURCE_CLAIM, type SharedCaches } from './shared-caches.ts';

/** As upstream's --concurrent-resource-claim-syncs. */
const WORKERS = 10;
/** By which a claim that was made finds the wish it was made for, should the pod's status not say so yet. */
const WISH_ANNOTATION = 'resource.kubernetes.io/pod-claim-name';
/** Leaves room for the hyphen and the suffix. */
const BASE_CHARS_MAX = 57;

export interface PodClaimsSnapshot {
  readonly pod: Pod;
  /** Claims that the pod controls. */
  readonly own: readonly ResourceResourceClaim[];
  readonly findClaim: (name: string) => ResourceResourceClaim | undefined;
  readonly findTemplate: (name: string) => ResourceClaimTemplate | undefined;
  /** Makes the end of a claim's name. */
  readonly suffix: () => string;
}

export function podResourceClaimController(caches: SharedCaches): ControllerDefinition<PodClaimsSnapshot> {
  const { pods: podInformer, resourceClaims, resourceClaimTemplates } = caches;
  const asksFor = ({ spec }: Pod) => (spec.resourceClaims ?? []).length > 0;
  return {
    name: 'pod-resource-claim',
    informers: [podInformer, resourceClaims, resourceClaimTemplates],
    triggers: [
      onRelatedChange(podInformer, (pod) => (asksFor(pod) ? [keyOf(pod)] : [])),
      onRelatedChange(resourceClaims, (claim) =>
        podInformer.store.listByIndex(RESOURCE_CLAIM, `${claim.metadata.namespace}/${claim.metadata.name}`).map(keyOf),
      ),
      onRelatedChange(resourceClaimTemplates, ({ metadata }) => podInformer.store.list(metadata.namespace).filter(asksFor).map(keyOf)),
    ],
    snapshot: (key) => snapshotPodClaims(key, caches),
    reconcile: reconcilePodClaims,
    workers: WORKERS,
  };
}

function snapshotPodClaims(key: ObjectKey, caches: SharedCaches): PodClaimsSnapshot | undefined {
  const pod = caches.pods.store.find(key);
  if (pod === undefined) return undefined;
  return {
    pod,
    own: caches.resourceClaims.store.listByIndex(CONTROLLER, pod.metadata.uid),
    findClaim: (name) => caches.resourceClaims.store.find({ ...key, name }),
    findTemplate: (name) => caches.resourceClaimTemplates.store.find({ ...key, name }),
    suffix: () => randomSuffix(caches.random),
  };
}

export function reconcilePodClaims(snapshot: PodClaimsSnapshot): readonly Action[] {
  const { pod } = snapshot;
  // What was made for a pod that is over is being removed, and must not come back.
  if (pod.metadata.deletionTimestamp !== undefined || isDone(pod)) return [];
  const made: PodResourceClaimStatus[] = [];
  const actions: Action[] = [];
  for (const wish of pod.spec.resourceClaims ?? []) {
    const outcome = fulfil(snapshot, wish);
    if ('problem' in outcome) {
      const message = `PodResourceClaim ${wish.name}: ${outcome.problem}`;
      return [...actions, { verb: 'event', regarding: pod, type: 'Warning', reason: 'FailedResourceClaimCreation', message }];
    }
    actions.push(...outcome.actions);
    if (outcome.claimName !== undefined) made.push({ name: wish.name, resourceClaimName: outcome.claimName });
  }
  return [...actions, ...note(pod, made), ...reserve(snapshot)];
}

type Outcome = { readonly actions: readonly Action[]; readonly claimName?: string } | { readonly problem: string };

const nothing: Outcome = { actions: [] };

/** A claim that was deleted, or is another's by now, is made anew. */
function fulfil({ pod, own, findClaim, findTemplate, suffix }: PodClaimsSnapshot, wish: PodResourceClaim): Outcome {
  const known = claimNameOf(pod, wish);
  if (known.state === 'unneeded') return nothing;
  if (known.state === 'named') {
    const claim = findClaim(known.name);
    if (!known.isMadeForPod || (claim !== undefined && isMadeFor(pod, claim))) return nothing;
  }
  const unnoted = own.find(({ metadata }) => metadata.annotations?.[WISH_ANNOTATION] === wish.name);
  if (unnoted !== undefined) return { actions: [], claimName: unnoted.metadata.name };
  const templateName = wish.resourceClaimTemplateName ?? '';
  const template = findTemplate(templateName);
  if (template === undefined) {
    return { problem: `resource claim template "${templateName}": resourceclaimtemplate.resource.k8s.io "${templateName}" not found` };
  }
  const claim = newClaim(pod, wish, template, suffix());
  return { actions: [create(resourceclaims, claim, announce(pod, wish))], claimName: claim.metadata.name ?? '' };
}

function announce(pod: Pod, wish: PodResourceClaim) {
  return {
    regarding: pod,
    failed: { reason: 'FailedResourceClaimCreation', message: `PodResourceClaim ${wish.name}: create ResourceClaim : {error}` },
  };
}

function newClaim(pod: Pod, wish: PodResourceClaim, { spec }: ResourceClaimTemplate, suffix: string): Draft<ResourceResourceClaim> {
  const { namespace } = pod.metadata;
  const generateName = baseName(pod.metadata.name, wish.name);
  return {
    apiVersion: 'resource.k8s.io/v1',
    kind: 'ResourceClaim',
    metadata: {
      generateName,
      name: `${generateName}${suffix}`,
      ...(namespace === undefined ? {} : { namespace }),
      ...(spec.metadata?.labels === undefined ? {} : { labels: spec.metadata.labels }),
      annotations: { ...spec.metadata?.annotations, [WISH_ANNOTATION]: wish.name },
      ownerReferences: [controllerReference(pod, pods)],
    },
    spec: spec.spec,
  };
}

/** Names that are too long are shortened both, in proportion. */
function baseName(podName: string, wishName: string): string {
  const whole = `${podName}-${wishName}-`;
  if (whole.length <= BASE_CHARS_MAX) return whole;
  const part = (name: string) => name.slice(0, Math.floor((name.length * BASE_CHARS_MAX) / whole.length));
  return `${part(podName)}-${part(wishName)}`;
}

function note({ metadata }: Pod, made: readonly PodResourceClaimStatus[]): readonly Action[] {
  if (made.length === 0) return [];
  const patch = { metadata: { uid: metadata.uid }, status: { resourceClaimStatuses: made } };
  const key = { namespace: metadata.namespace ?? '', name: metadata.name };
  return [{ verb: 'patch', type: pods, key, patchType: 'strategic', patch, subresource: 'status' }];
}

/** The scheduler reserves for the pods that it places. */
function reserve({ pod, findClaim }: PodClaimsSnapshot): readonly Action[] {
  const { name, uid } = pod.metadata;
  if ((pod.spec.nodeName ?? '') === '') return [];
  return (pod.spec.resourceClaims ?? []).flatMap((wish) => {
    const known = claimNameOf(pod, wish);
    const claim = known.state === 'named' ? findClaim(known.name) : undefined;
    const reservedFor = claim?.status?.reservedFor ?? [];
    if (claim?.status?.allocation === undefined || reservedFor.some((user) => user.uid === uid)) return [];
    const status = { ...claim.status, reservedFor: [...reservedFor, { resource: 'pods', name, uid }] };
    return [updateStatus(resourceclaims, { ...claim, status })];
  });
}
