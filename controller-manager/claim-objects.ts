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
  /** Whether the server confirmed that the owner still lives: a stale cache must not give orphans to a dead owner. */
  readonly mayAdopt: boolean;
}

export interface ClaimResult<T extends ApiObject> {
  readonly claimed: readonly T[];
  /** Adoptions and releases still to be made; what is adopted counts as claimed once the caches show it. */
  readonly actions: readonly Action[];
}

export function claimObjects<T extends ApiObject>({ owner, ownerType, selector, type, candidates, mayAdopt }: Claim<T>): ClaimResult<T> {
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
      const reference = controllerReference(owner, ownerType);
      actions.push(patchOwners(type, object, [...(object.metadata.ownerReferences ?? []), reference]));
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

function release<T extends ApiObject>(type: ResourceType<T>, object: T, owner: ApiObject): Action {
  return patchOwners(
    type,
    object,
    (object.metadata.ownerReferences ?? []).filter(({ uid }) => uid !== owner.metadata.uid),
  );
}

/** A merge patch replaces the whole list, hence the version: nobody else's owner may get lost. */
function patchOwners<T extends ApiObject>(type: ResourceType<T>, object: T, ownerReferences: readonly object[]): Action {
  const { uid, resourceVersion } = object.metadata;
  return {
    verb: 'patch',
    type,
    key: keyOf(object),
    patchType: 'merge',
    patch: { metadata: { uid, resourceVersion, ownerReferences: ownerReferences.length === 0 ? null : ownerReferences } },
  };
}
