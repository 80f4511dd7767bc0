/**
 * Who belongs to whom: an owner claims the objects that match its selector and have no controller (adoption) and lets go of those it
 * controls that no longer match (release). Called by the workloads' controllers for Pods, ReplicaSets and ControllerRevisions.
 * Only objects that count as claimed may be acted on; the patches carry the object's uid, so a successor of the same name is never hit.
 * Upstream: pkg/controller/controller_ref_manager.go.
 */
import type { LabelSelector } from '#api/generated/types.ts';
import { compileLabelSelector, type LabelMatcher } from '#api/meta/label-selector.ts';
import { keyOf } from '#api/meta/object-key.ts';
import { controllerOf, controllerReference } from '#api/meta/owner-reference.ts';
import type { ApiObject, ResourceType } from '#api/meta/resource-type.ts';
import type { Action } from '#client/apply-actions.ts';
import { onRelatedChange, type Trigger } from '#client/controller.ts';
import type { Informer } from '#client/informer.ts';

export interface Claim<T extends ApiObject> {
  readonly owner: ApiObject;
  readonly ownerType: ResourceType<ApiObject>;
  readonly selector: LabelSelector;
  readonly type: ResourceType<T>;
  readonly candidates: readonly T[];
  /** What an adopted object gets besides its owner. */
  readonly finalizer?: string;
  /** Whether the server confirmed that the owner still lives: a stale cache must not give orphans to a dead owner. */
  readonly mayAdopt: boolean;
}

export interface ClaimResult<T extends ApiObject> {
  readonly claimed: readonly T[];
  /** Adoptions and releases still to be made; what is adopted counts as claimed once the caches show it. */
  readonly actions: readonly Action[];
}

export function claimObjects<T extends ApiObject>(claim: Claim<T>): ClaimResult<T> {
  const { owner, selector, type, candidates, mayAdopt } = claim;
  const matches = compileLabelSelector(selector);
  const claimed: T[] = [];
  const actions: Action[] = [];
  const ownerIsGoing = owner.metadata.deletionTimestamp !== undefined;
  for (const object of candidates) {
    const controller = controllerOf(object);
    const isMatch = matches(object.metadata.labels);
    if (controller?.uid === owner.metadata.uid) {
      if (isMatch) claimed.push(object);
      else if (!ownerIsGoing) actions.push(release(type, object, owner));
    } else if (isAdoptable(owner, object, matches) && mayAdopt) {
      actions.push(adopt(claim, object));
    }
  }
  return { claimed, actions };
}

/** Whether this object has no controller and the owner would take it. */
export function isAdoptable(owner: ApiObject, object: ApiObject, matches: LabelMatcher): boolean {
  return (
    controllerOf(object) === undefined &&
    owner.metadata.deletionTimestamp === undefined &&
    object.metadata.deletionTimestamp === undefined &&
    owner.metadata.namespace === object.metadata.namespace &&
    matches(object.metadata.labels)
  );
}

/** An object without a controller wakes the owners that would take it. */
export function onOrphanChange<T extends ApiObject, O extends ApiObject & { readonly spec: { readonly selector?: LabelSelector } }>(
  objects: Informer<T>,
  owners: Informer<O>,
): Trigger {
  return onRelatedChange(objects, (object) => {
    if (controllerOf(object) !== undefined) return [];
    const { labels, namespace } = object.metadata;
    return owners.store
      .list(namespace)
      .filter(({ spec }) => spec.selector !== undefined && compileLabelSelector(spec.selector)(labels))
      .map(keyOf);
  });
}

function adopt<T extends ApiObject>({ owner, ownerType, type, finalizer }: Claim<T>, object: T): Action {
  const { ownerReferences = [], finalizers = [] } = object.metadata;
  const more = finalizer === undefined || finalizers.includes(finalizer) ? {} : { finalizers: [...finalizers, finalizer] };
  return patchLists(type, object, { ownerReferences: [...ownerReferences, controllerReference(owner, ownerType)], ...more });
}

function release<T extends ApiObject>(type: ResourceType<T>, object: T, owner: ApiObject): Action {
  const others = (object.metadata.ownerReferences ?? []).filter(({ uid }) => uid !== owner.metadata.uid);
  return patchLists(type, object, { ownerReferences: others.length === 0 ? null : others });
}

/** A merge patch replaces whole lists, hence the version: nobody else's owner may get lost. */
function patchLists<T extends ApiObject>(type: ResourceType<T>, object: T, lists: object): Action {
  const { uid, resourceVersion } = object.metadata;
  return { verb: 'patch', type, key: keyOf(object), patchType: 'merge', patch: { metadata: { uid, resourceVersion, ...lists } } };
}
