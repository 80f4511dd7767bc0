/**
 * What every kind has in common: the shape of an object, of a list, and the description of a resource (where it lives, what it is
 * called, what may be done with it). `generated/resources.ts` holds one `ResourceType` per built-in resource; a custom resource
 * definition makes one at run time. The type parameter ties a resource to its objects' type, so `client.resource(pods)` gives Pods.
 */
import type { ListMeta, ObjectMeta } from '../generated/types.ts';

/** An object as the server stores it: named, versioned, complete. */
export interface ApiObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
}

/** An object as its author writes it, before the server gave it a uid, a version and defaults. */
export type Draft<T extends ApiObject> = Omit<T, 'metadata'> & { readonly metadata: Partial<ObjectMeta> };

export interface ApiList<T extends ApiObject> {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ListMeta;
  readonly items: readonly T[];
}

export interface Subresource {
  readonly name: string;
  readonly kind: string;
  readonly verbs: readonly string[];
}

export interface ResourceDescription {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  /** The model in `generated/schemas.ts` that describes the object's fields. */
  readonly schema: string;
  readonly isNamespaced: boolean;
  readonly verbs: readonly string[];
  readonly subresources: readonly Subresource[];
  /** Where its objects are stored, if not under its own group: one object may be seen in two groups. */
  readonly storageGroup?: string;
}

declare const objectType: unique symbol;

export interface ResourceType<T extends ApiObject> extends ResourceDescription {
  /** Only in the type system: what the resource's objects are. */
  readonly [objectType]?: T;
}

export function resourceType<T extends ApiObject>(description: ResourceDescription): ResourceType<T> {
  return description;
}

/** `v1` for the core group, `group/version` otherwise: what `apiVersion` says in this resource's objects. */
export function apiVersionOf(type: Pick<ResourceDescription, 'group' | 'version'>): string {
  return type.group === '' ? type.version : `${type.group}/${type.version}`;
}

/** Is of this kind, and so, having been decoded or stored by the API server, of this type. */
export function isOfType<T extends ApiObject>(type: ResourceType<T>, object: ApiObject): object is T {
  return object.kind === type.kind && object.apiVersion === apiVersionOf(type);
}
