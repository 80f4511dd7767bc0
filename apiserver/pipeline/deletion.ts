/**
 * What deleting means for one object, decided purely: gone at once, gone after a grace period, or marked and waiting for finalizers. Used by DELETE,
 * by deletecollection, and by updates that take the last finalizer away.
 * Source: k8s.io/apiserver, pkg/registry/rest/delete.go and pkg/registry/generic/registry/store.go.
 */

import { CLEANUP_FINALIZER } from '#api/apiextensions/v1/custom-resource-definition.ts';
import { customresourcedefinitions, namespaces } from '#api/generated/resources.ts';
import type { CustomResourceDefinition } from '#api/generated/types.ts';
import { withCondition } from '#api/meta/condition.ts';
import type { ApiObject } from '#api/meta/resource-type.ts';
import { formatTime } from '#component/clock.ts';
import { isOfType } from '../encoding/json-value.ts';
import type { ResourceDefinition } from '../resources/resource-definition.ts';
import type { Change } from './modify-stored.ts';

export type PropagationPolicy = 'Orphan' | 'Background' | 'Foreground';

export interface DeletionWish {
  /** Undefined: the object's own grace period. */
  readonly gracePeriodSeconds: number | undefined;
  /** Undefined: what the object's finalizers or its kind say. */
  readonly propagationPolicy: PropagationPolicy | undefined;
}

const ORPHAN = 'orphan';
const FOREGROUND = 'foregroundDeletion';

/** Kinds whose dependents stay unless the request says otherwise; older than garbage collection and kept so for their clients. */
const ORPHANING_KINDS: ReadonlySet<string> = new Set(['/ReplicationController', 'batch/Job']);

/** The object as it is after somebody asked for its deletion: written (it lives on for a while) or deleted. */
export function decideDeletion(definition: ResourceDefinition<ApiObject>, object: ApiObject, wish: DeletionWish, nowMs: number): Change {
  if (isOfType(namespaces, object)) return decideNamespaceDeletion(object, nowMs);
  if (isOfType(customresourcedefinitions, object) && object.metadata.deletionTimestamp === undefined) {
    return { action: 'write', object: markDefinitionDeleted(object, nowMs) };
  }
  const finalizers = finalizersFor(definition, object, wish.propagationPolicy);
  const graceSeconds = graceSecondsOf(definition, object, wish.gracePeriodSeconds);
  if (graceSeconds === 0 && finalizers.length === 0) return { action: 'delete', object };
  return { action: 'write', object: markDeleted(withFinalizers(object, finalizers), graceSeconds, nowMs) };
}

/** An update of an object that is being deleted removes it when nothing holds it any more. */
export function isDeletable(object: ApiObject, previous: ApiObject): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds = 0 } = previous.metadata;
  if (deletionTimestamp === undefined || deletionGracePeriodSeconds > 0) return false;
  if ((object.metadata.finalizers ?? []).length > 0) return false;
  return !isOfType(namespaces, object) || (object.spec?.finalizers ?? []).length === 0;
}

/** A namespace is emptied by its controller first: it is marked, and goes when `/finalize` has taken the last finalizer of its spec away. */
function decideNamespaceDeletion(object: ApiObject, nowMs: number): Change {
  if (!isOfType(namespaces, object)) return { action: 'delete', object };
  const { metadata, spec } = object;
  const isHeld = (spec?.finalizers ?? []).length > 0 || (metadata.finalizers ?? []).length > 0;
  if (!isHeld) return { action: 'delete', object };
  if (metadata.deletionTimestamp !== undefined) return { action: 'write', object };
  const marked = {
    ...object,
    metadata: { ...metadata, deletionTimestamp: formatTime(nowMs) },
    status: { ...object.status, phase: 'Terminating' },
  };
  return { action: 'write', object: marked };
}

/** Its objects go first; `custom-resources/` sees to that and takes the finalizer away. */
function markDefinitionDeleted(object: CustomResourceDefinition, nowMs: number): CustomResourceDefinition {
  const { metadata, status } = object;
  const time = formatTime(nowMs);
  const others = (metadata.finalizers ?? []).filter((finalizer) => finalizer !== CLEANUP_FINALIZER);
  const conditions = withCondition(
    status?.conditions,
    {
      type: 'Terminating',
      status: 'True',
      reason: 'InstanceDeletionPending',
      message: 'CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon',
    },
    time,
  );
  const marked = { ...metadata, deletionTimestamp: time, deletionGracePeriodSeconds: 0, finalizers: [...others, CLEANUP_FINALIZER] };
  return { ...object, metadata: marked, status: { ...status, conditions } };
}

function graceSecondsOf(definition: ResourceDefinition<ApiObject>, object: ApiObject, wished: number | undefined): number {
  const own = definition.gracePeriodSeconds?.(object) ?? 0;
  // Nobody would wait for it: an unscheduled or finished pod has no kubelet that could stop anything.
  if (own === 0) return 0;
  const wanted = wished === undefined ? own : wished < 0 ? 1 : wished;
  const { deletionTimestamp, deletionGracePeriodSeconds } = object.metadata;
  if (deletionTimestamp === undefined || deletionGracePeriodSeconds === undefined) return wanted;
  // A second deletion may hurry the first, never delay it.
  return wished === undefined ? deletionGracePeriodSeconds : Math.min(wanted, deletionGracePeriodSeconds);
}

function markDeleted(object: ApiObject, graceSeconds: number, nowMs: number): ApiObject {
  const { deletionTimestamp, deletionGracePeriodSeconds, generation } = object.metadata;
  if (deletionTimestamp !== undefined && deletionGracePeriodSeconds === graceSeconds) return object;
  const isFirst = deletionTimestamp === undefined;
  const base = isFirst ? nowMs : Date.parse(deletionTimestamp) - (deletionGracePeriodSeconds ?? 0) * 1000;
  const metadata = {
    ...object.metadata,
    deletionTimestamp: formatTime(base + graceSeconds * 1000),
    deletionGracePeriodSeconds: graceSeconds,
    ...(isFirst && generation !== undefined && generation > 0 ? { generation: generation + 1 } : {}),
  };
  return { ...object, metadata };
}

/** The garbage collector's finalizers say what happens to dependents; the request's wish goes before what the object has. */
function finalizersFor(
  { type }: ResourceDefinition<ApiObject>,
  object: ApiObject,
  policy: PropagationPolicy | undefined,
): readonly string[] {
  const current = object.metadata.finalizers ?? [];
  const others = current.filter((finalizer) => finalizer !== ORPHAN && finalizer !== FOREGROUND);
  switch (policy ?? policyOf(current, ORPHANING_KINDS.has(`${type.group}/${type.kind}`))) {
    case 'Orphan':
      return [...others, ORPHAN];
    case 'Foreground':
      return [...others, FOREGROUND];
    case 'Background':
      return others;
  }
}

function policyOf(finalizers: readonly string[], orphansByDefault: boolean): PropagationPolicy {
  if (finalizers.includes(ORPHAN)) return 'Orphan';
  if (finalizers.includes(FOREGROUND)) return 'Foreground';
  return orphansByDefault ? 'Orphan' : 'Background';
}

function withFinalizers(object: ApiObject, finalizers: readonly string[]): ApiObject {
  const current = object.metadata.finalizers ?? [];
  if (current.length === finalizers.length && current.every((finalizer) => finalizers.includes(finalizer))) return object;
  const { finalizers: _, ...metadata } = object.metadata;
  return { ...object, metadata: finalizers.length === 0 ? metadata : { ...metadata, finalizers } };
}
