/**
 * What a reconcile may ask for, and the one executor that does it, in order. Creating stops at the first failure (a quota would repeat it
 * a hundred times), status is still written, and the sync counts as failed. `AlreadyExists` on create and `NotFound` on delete count as done.
 */
import type { ObjectKey } from '#api/meta/object-key.ts';
import type { ApiObject, Draft, ResourceType } from '#api/meta/resource-type.ts';
import type { PatchType } from './resource-client.ts';

/** What people are told of a write's outcome, as an Event. The name of a created object and an error's text are only known afterwards. */
export interface Announcement {
  readonly regarding: ApiObject;
  /** Recorded once the write went through; `{name}` stands for the object's name. */
  readonly done?: { readonly reason: string; readonly message: string };
  /** Recorded as a warning when the server refused; `{error}` stands for its message. */
  readonly failed?: { readonly reason: string; readonly message: string };
}

export type Action =
  | { readonly verb: 'create'; readonly type: ResourceType<ApiObject>; readonly object: Draft<ApiObject>; readonly announce?: Announcement }
  | {
      readonly verb: 'update';
      readonly type: ResourceType<ApiObject>;
      readonly object: ApiObject;
      /** `finalize` */
      readonly subresource?: string;
      readonly announce?: Announcement;
    }
  | { readonly verb: 'updateStatus'; readonly type: ResourceType<ApiObject>; readonly object: ApiObject }
  | {
      readonly verb: 'patch';
      readonly type: ResourceType<ApiObject>;
      readonly key: ObjectKey;
      readonly patchType: PatchType;
      readonly patch: unknown;
      readonly subresource?: string;
    }
  | {
      readonly verb: 'delete';
      readonly type: ResourceType<ApiObject>;
      readonly key: ObjectKey;
      readonly uid: string;
      readonly gracePeriodSeconds?: number;
      readonly propagationPolicy?: 'Foreground' | 'Background' | 'Orphan';
      /** Deletes only this version of the object. */
      readonly resourceVersion?: string;
      readonly announce?: Announcement;
    }
  | {
      readonly verb: 'event';
      readonly regarding: ApiObject;
      readonly type: 'Normal' | 'Warning';
      readonly reason: string;
      readonly message: string;
    }
  /** Look at this key again after a while, without a failure. */
  | { readonly verb: 'requeue'; readonly afterMs: number };

/** Typed makers: `create(pods, pod)` lets the compiler check the object against the resource. */
export function create<T extends ApiObject>(type: ResourceType<T>, object: Draft<T>): Action {
  return { verb: 'create', type, object };
}
export function update<T extends ApiObject>(type: ResourceType<T>, object: T): Action {
  return { verb: 'update', type, object };
}
export function updateStatus<T extends ApiObject>(type: ResourceType<T>, object: T): Action {
  return { verb: 'updateStatus', type, object };
}
export function remove<T extends ApiObject>(type: ResourceType<T>, object: T): Action {
  const { namespace = '', name, uid } = object.metadata;
  return { verb: 'delete', type, key: { namespace, name }, uid };
}
