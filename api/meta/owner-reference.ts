/** Who owns an object: the references that controllers adopt by and the garbage collector follows. */
import type { OwnerReference } from '../generated/types.ts';
import type { ApiObject, ResourceDescription } from './resource-type.ts';
import { apiVersionOf } from './resource-type.ts';

type Owned = { readonly metadata: { readonly ownerReferences?: readonly OwnerReference[] } };

/** The one owner that manages the object, if any. */
export function controllerOf(object: Owned): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find((reference) => reference.controller === true);
}

export function isControlledBy(object: Owned, owner: Pick<ApiObject, 'metadata'>): boolean {
  return controllerOf(object)?.uid === owner.metadata.uid;
}

/** What a controller writes into the objects it makes: deleting them waits for it when its own deletion is in the foreground. */
export function controllerReference(owner: ApiObject, type: Pick<ResourceDescription, 'group' | 'version' | 'kind'>): OwnerReference {
  return {
    apiVersion: apiVersionOf(type),
    kind: type.kind,
    name: owner.metadata.name,
    uid: owner.metadata.uid,
    controller: true,
    blockOwnerDeletion: true,
  };
}
