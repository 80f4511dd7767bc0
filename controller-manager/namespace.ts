/**
 * Empties a namespace that is being deleted and then lets it go: pods first, since other objects may matter to how they end, then everything
 * else the server serves, then the `kubernetes` finalizer. Emptiness is read from the server, not from caches: nothing may be left behind
 * under a name that can come back. Conditions say what keeps a namespace. Upstream: pkg/controller/namespace/deletion.
 */
import { isDeepStrictEqual } from 'node:util';
import { namespaces, pods } from '#api/generated/resources.ts';
import type { Namespace, NamespaceCondition } from '#api/generated/types.ts';
import { withCondition } from '#api/meta/condition.ts';
import type { ObjectKey } from '#api/meta/object-key.ts';
import type { ApiObject, ResourceType } from '#api/meta/resource-type.ts';
import { isReason } from '#api/meta/status.ts';
import { type Action, remove, updateStatus } from '#client/apply-actions.ts';
import type { Client } from '#client/client.ts';
import { type ActionFailure, type ControllerDefinition, onChange, onRelatedChange } from '#client/controller.ts';
import { formatTime } from '#component/clock.ts';
import { discoverResources, resourceId } from './discovery.ts';
import type { SharedCaches } from './shared-caches.ts';

/** Namespaces emptied at once, as upstream's --concurrent-namespace-syncs. */
const WORKERS = 10;
/** Lists asked for at once, so that one namespace does not occupy the server. */
const LISTS_MAX = 8;
/** After deleting something it is worth looking again at once. */
const LOOK_AGAIN_MS = 100;
/** While finalizers or grace periods run; a pod that goes wakes its namespace earlier. */
const WAIT_MS = 5_000;

const KUBERNETES = 'kubernetes';

export interface NamespaceContent {
  readonly type: ResourceType<ApiObject>;
  readonly objects: readonly ApiObject[];
}

export interface NamespaceSnapshot {
  readonly namespace: Namespace;
  /** What is in it; while there are pods, only these. */
  readonly content: readonly NamespaceContent[];
  /** API groups that could not be asked. */
  readonly failedGroups: readonly string[];
  /** The first deletion that the server refused in the previous sync. */
  readonly failure: string | undefined;
  readonly nowMs: number;
}

export function namespaceController(caches: SharedCaches): ControllerDefinition<NamespaceSnapshot> {
  return {
    name: 'namespace',
    informers: [caches.namespaces],
    triggers: [
      onChange(caches.namespaces),
      onRelatedChange(caches.pods, (pod) => {
        const key = { namespace: '', name: pod.metadata.namespace ?? '' };
        return isGoing(caches.namespaces.store.find(key)) ? [key] : [];
      }),
    ],
    snapshot: (key, lastFailure) => snapshotNamespace(key, lastFailure, caches),
    reconcile: reconcileNamespace,
    workers: WORKERS,
  };
}

export async function snapshotNamespace(
  key: ObjectKey,
  lastFailure: ActionFailure | undefined,
  caches: SharedCaches,
): Promise<NamespaceSnapshot | undefined> {
  const namespace = caches.namespaces.store.find(key);
  if (namespace === undefined || !isGoing(namespace) || !hasOurFinalizer(namespace)) return undefined;
  const failure = lastFailure?.action.verb === 'delete' ? lastFailure.message : undefined;
  const nowMs = caches.clock.now();
  const podContent = await listContent(caches.client, pods, key.name);
  if (podContent.objects.length > 0) return { namespace, content: [podContent], failedGroups: [], failure, nowMs };
  const { types, failedGroups } = await discoverResources(caches.client);
  const content = await listAll(
    caches.client,
    types.filter((type) => type.isNamespaced),
    key.name,
  );
  return { namespace, content, failedGroups, failure, nowMs };
}

export function reconcileNamespace(snapshot: NamespaceSnapshot): readonly Action[] {
  const { namespace, content, failedGroups } = snapshot;
  const remaining = content.filter(({ objects }) => objects.length > 0);
  if (remaining.length === 0 && failedGroups.length === 0) return [finalize(namespace)];
  const removals = remaining.flatMap(({ type, objects }) => {
    return objects.filter(({ metadata }) => metadata.deletionTimestamp === undefined).map((object) => remove(type, object));
  });
  const again: Action = { verb: 'requeue', afterMs: removals.length > 0 ? LOOK_AGAIN_MS : WAIT_MS };
  // What is being deleted right now is not worth a condition; what is still there at the next look is.
  const isStuck = removals.length === 0 || snapshot.failure !== undefined;
  return [...removals, ...(isStuck ? describe(snapshot, remaining) : []), again];
}

function finalize(namespace: Namespace): Action {
  const finalizers = (namespace.spec.finalizers ?? []).filter((name) => name !== KUBERNETES);
  const object = { ...namespace, spec: { ...namespace.spec, finalizers } };
  return { verb: 'update', type: namespaces, object, subresource: 'finalize' };
}

function describe(
  { namespace, failedGroups, failure, nowMs }: NamespaceSnapshot,
  remaining: readonly NamespaceContent[],
): readonly Action[] {
  const wanted: readonly NamespaceCondition[] = [
    conditionOf('NamespaceDeletionDiscoveryFailure', discoveryProblem(failedGroups), {
      reason: 'ResourcesDiscovered',
      message: 'All resources successfully discovered',
    }),
    conditionOf('NamespaceDeletionGroupVersionParsingFailure', undefined, {
      reason: 'ParsedGroupVersions',
      message: 'All legacy kube types successfully parsed',
    }),
    conditionOf('NamespaceDeletionContentFailure', deletionProblem(failure), {
      reason: 'ContentDeleted',
      message: 'All content successfully deleted, may be waiting on finalization',
    }),
    conditionOf('NamespaceContentRemaining', remainingProblem(remaining), {
      reason: 'ContentRemoved',
      message: 'All content successfully removed',
    }),
    conditionOf('NamespaceFinalizersRemaining', finalizerProblem(remaining), {
      reason: 'ContentHasNoFinalizers',
      message: 'All content-preserving finalizers finished',
    }),
  ];
  let conditions = namespace.status?.conditions ?? [];
  for (const condition of wanted) conditions = withCondition(conditions, condition, formatTime(nowMs));
  if (isDeepStrictEqual(conditions, namespace.status?.conditions)) return [];
  return [updateStatus(namespaces, { ...namespace, status: { ...namespace.status, conditions } })];
}

interface Explanation {
  readonly reason: string;
  readonly message: string;
}

function conditionOf(type: string, problem: Explanation | undefined, fine: Explanation): NamespaceCondition {
  return { type, status: problem === undefined ? 'False' : 'True', ...(problem ?? fine) };
}

function discoveryProblem(failedGroups: readonly string[]): Explanation | undefined {
  if (failedGroups.length === 0) return undefined;
  const message = `Discovery failed for some groups, ${failedGroups.length} failing: unable to retrieve the complete list of server APIs: ${failedGroups.join(', ')}`;
  return { reason: 'DiscoveryFailed', message };
}

function deletionProblem(failure: string | undefined): Explanation | undefined {
  if (failure === undefined) return undefined;
  return { reason: 'ContentDeletionFailed', message: `Failed to delete all resource types, 1 remaining: ${failure}` };
}

function remainingProblem(remaining: readonly NamespaceContent[]): Explanation | undefined {
  if (remaining.length === 0) return undefined;
  const counts = remaining.map(({ type, objects }) => `${resourceId(type)} has ${objects.length} resource instances`).sort();
  return { reason: 'SomeResourcesRemain', message: `Some resources are remaining: ${counts.join(', ')}` };
}

function finalizerProblem(remaining: readonly NamespaceContent[]): Explanation | undefined {
  const counts = new Map<string, number>();
  for (const { metadata } of remaining.flatMap(({ objects }) => objects)) {
    for (const finalizer of metadata.finalizers ?? []) counts.set(finalizer, (counts.get(finalizer) ?? 0) + 1);
  }
  if (counts.size === 0) return undefined;
  const texts = [...counts].map(([finalizer, count]) => `${finalizer} in ${count} resource instances`).sort();
  return { reason: 'SomeFinalizersRemain', message: `Some content in the namespace has finalizers remaining: ${texts.join(', ')}` };
}

function isGoing(namespace: Namespace | undefined): boolean {
  return namespace?.metadata.deletionTimestamp !== undefined;
}

function hasOurFinalizer({ spec }: Namespace): boolean {
  return spec.finalizers?.includes(KUBERNETES) ?? false;
}

async function listAll(client: Client, types: readonly ResourceType<ApiObject>[], namespace: string): Promise<readonly NamespaceContent[]> {
  const content: NamespaceContent[] = [];
  for (let start = 0; start < types.length; start += LISTS_MAX) {
    const some = types.slice(start, start + LISTS_MAX);
    content.push(...(await Promise.all(some.map((type) => listContent(client, type, namespace)))));
  }
  return content;
}

/** A resource that went away since discovery has no content. */
async function listContent<T extends ApiObject>(client: Client, type: ResourceType<T>, namespace: string): Promise<NamespaceContent> {
  try {
    const { items } = await client.resource(type).list({ namespace });
    return { type, objects: items };
  } catch (error) {
    if (isReason(error, 'NotFound', 'MethodNotAllowed')) return { type, objects: [] };
    throw error;
  }
}
