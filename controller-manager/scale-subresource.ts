/**
 * The `scale` of any object that has one, built in or custom: how many replicas it is to have, how many it has, and by which labels its pods are found. Autoscalers set it,
 * disruption budgets count by it. Which resource a kind belongs to is known from discovery. Upstream: client-go's scale client.
 */
import type { Scale } from '#api/generated/types.ts';
import type { ObjectKey } from '#api/meta/object-key.ts';
import { type ApiObject, type ResourceType, resourceType } from '#api/meta/resource-type.ts';
import { isReason } from '#api/meta/status.ts';
import type { Client } from '#client/client.ts';
import type { ResourceCaches } from './resource-caches.ts';

export interface KindReference {
  /** Absent or without a group: the core group. */
  readonly apiVersion?: string;
  readonly kind: string;
}

export type FoundScale =
  | { readonly isFound: true; readonly scale: Scale; readonly type: ResourceType<Scale> }
  | {
      readonly isFound: false;
      readonly problem: string;
      /** `unknown`: nothing serves the kind; `unscaled`: it has no scale; `gone`: there is no such object. */
      readonly why: 'unknown' | 'unscaled' | 'gone' | 'refused';
    };

/** The resource of a kind, seen through its scale. Undefined for a kind that nothing serves. */
export function scaleTypeOf(
  { apiVersion = 'v1', kind }: KindReference,
  caches: Pick<ResourceCaches, 'findByKind'>,
): ResourceType<Scale> | undefined {
  const type: ResourceType<ApiObject> | undefined = caches.findByKind(apiVersion, kind)?.type;
  return type === undefined ? undefined : resourceType<Scale>({ ...type, kind: 'Scale' });
}

/** Asks the server; what it refuses is an answer too. */
export async function findScale(
  reference: KindReference,
  key: ObjectKey,
  { client, all }: { readonly client: Pick<Client, 'resource'>; readonly all: Pick<ResourceCaches, 'findByKind'> },
): Promise<FoundScale> {
  const type = scaleTypeOf(reference, all);
  if (type === undefined) {
    return { isFound: false, problem: `no matches for kind "${reference.kind}" in group "${groupOf(reference)}"`, why: 'unknown' };
  }
  try {
    return { isFound: true, scale: await client.resource(type).get(key, 'scale'), type };
  } catch (error) {
    return { isFound: false, problem: error instanceof Error ? error.message : String(error), why: whyNot(error) };
  }
}

/** An object that is not there is named in the answer; a path that is not there has no name. */
function whyNot(error: unknown): 'unscaled' | 'gone' | 'refused' {
  if (!isReason(error, 'NotFound')) return 'refused';
  return error.details?.name === undefined ? 'unscaled' : 'gone';
}

export function groupOf({ apiVersion = '' }: KindReference): string {
  return apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '';
}
