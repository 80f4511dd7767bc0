/**
 * Deletes what has lost its owners and carries out the three ways to delete an owner: in the background (dependents go once the owner is gone),
 * in the foreground (the owner, held by a finalizer, goes after its dependents) and orphaning (dependents are released first). An owner that the
 * caches do not have is looked for on the server before anything is deleted. Upstream: pkg/controller/garbagecollector.
 */
import type { OwnerReference } from '#api/generated/types.ts';
import { keyOf, type ObjectKey } from '#api/meta/object-key.ts';
import type { ApiObject, ResourceType } from '#api/meta/resource-type.ts';
import { isReason } from '#api/meta/status.ts';
import type { Action } from '#client/apply-actions.ts';
import type { Client } from '#client/client.ts';
import type { ControllerDefinition, Trigger } from '#client/controller.ts';
import type { Change } from '#client/informer.ts';
import { resourceId } from './discovery.ts';
import type { ResourceCaches } from './resource-caches.ts';
import { OWNER } from './shared-caches.ts';

/** Objects looked at at once, as upstream's --concurrent-gc-syncs. */
const WORKERS = 20;

const FOREGROUND = 'foregroundDeletion';
const ORPHAN = 'orphan';

export interface Located {
  readonly type: ResourceType<ApiObject>;
  readonly object: ApiObject;
}

/** `unknown`: nobody serves its kind, so nothing can be said about it. */
export type OwnerState = 'present' | 'waitingForDependents' | 'absent' | 'unknown';

export interface GarbageSnapshot extends Located {
  readonly owners: readonly { readonly reference: OwnerReference; readonly state: OwnerState }[];
  readonly dependents: readonly Located[];
}

export interface GarbageCollectorDeps {
  readonly caches: ResourceCaches;
  readonly client: Client;
}

/** Runs only when the caches are complete: a dependent that is not seen would be forgotten. */
export function garbageCollector(deps: GarbageCollectorDeps): ControllerDefinition<GarbageSnapshot> {
  return {
    name: 'garbage-collector',
    informers: [],
    triggers: [onOwnershipChange(deps.caches)],
    snapshot: (key) => snapshotGarbage(key, deps),
    reconcile: reconcileGarbage,
    workers: WORKERS,
  };
}

export async function snapshotGarbage(key: ObjectKey, { caches, client }: GarbageCollectorDeps): Promise<GarbageSnapshot | undefined> {
  const { id, key: objectKey } = parseItemKey(key);
  const informer = caches.findById(id);
  const object = informer?.store.find(objectKey);
  if (informer === undefined || object === undefined) return undefined;
  const references = object.metadata.deletionTimestamp === undefined ? (object.metadata.ownerReferences ?? []) : [];
  const owners = await Promise.all(
    references.map(async (reference) => ({ reference, state: await stateOfOwner(reference, object, { caches, client }) })),
  );
  return { type: informer.type, object, owners, dependents: dependentsOf(object, caches) };
}

export function reconcileGarbage(snapshot: GarbageSnapshot): readonly Action[] {
  const { object } = snapshot;
  if (object.metadata.deletionTimestamp === undefined) return collect(snapshot);
  if (hasFinalizer(object, ORPHAN)) return orphanDependents(snapshot);
  return hasFinalizer(object, FOREGROUND) ? finishForeground(snapshot) : [];
}

/** Keeps an object that has a living owner, and deletes one that had owners and has none left. */
function collect({ type, object, owners, dependents }: GarbageSnapshot): readonly Action[] {
  const living = owners.filter(({ state }) => state === 'present' || state === 'unknown');
  const lost = owners.filter(({ state }) => state === 'absent' || state === 'waitingForDependents');
  if (lost.length === 0) return [];
  if (living.length > 0) return owners.some(({ state }) => state === 'unknown') ? [] : [dropOwners(type, object, lost)];
  const isAwaited = lost.some(({ state }) => state === 'waitingForDependents');
  if (!isAwaited || dependents.length === 0) return [removeAs(policyOf(object), type, object)];
  // Its own dependents are going in the foreground and may wait for it in turn: it must not be waited for as well.
  const isCircle = dependents.some(({ object: dependent }) => isGoingInForeground(dependent));
  return [isCircle ? stopBlocking(type, object) : removeAs('Foreground', type, object)];
}

/** Releases every dependent, then the owner itself. A failure on the way keeps the owner. */
function orphanDependents({ type, object, dependents }: GarbageSnapshot): readonly Action[] {
  const released = dependents.map((dependent) => {
    const others = (dependent.object.metadata.ownerReferences ?? []).filter(({ uid }) => uid !== object.metadata.uid);
    return patchMetadata(dependent.type, dependent.object, { ownerReferences: others });
  });
  return [...released, dropFinalizer(type, object, ORPHAN)];
}

function finishForeground({ type, object, dependents }: GarbageSnapshot): readonly Action[] {
  const isBlocked = dependents.some(({ object: dependent }) =>
    dependent.metadata.ownerReferences?.some(({ uid, blockOwnerDeletion }) => uid === object.metadata.uid && blockOwnerDeletion === true),
  );
  return isBlocked ? [] : [dropFinalizer(type, object, FOREGROUND)];
}

/** The version makes sure that nobody gave it a new owner meanwhile. */
function removeAs(propagationPolicy: 'Foreground' | 'Background' | 'Orphan', type: ResourceType<ApiObject>, object: ApiObject): Action {
  const { uid, resourceVersion } = object.metadata;
  return { verb: 'delete', type, key: keyOf(object), uid, propagationPolicy, resourceVersion };
}

/** A finalizer that is there already says how its dependents are to be treated. */
function policyOf(object: ApiObject): 'Foreground' | 'Background' | 'Orphan' {
  if (hasFinalizer(object, ORPHAN)) return 'Orphan';
  return hasFinalizer(object, FOREGROUND) ? 'Foreground' : 'Background';
}

function dropOwners(type: ResourceType<ApiObject>, object: ApiObject, lost: GarbageSnapshot['owners']): Action {
  const gone = new Set(lost.map(({ reference }) => reference.uid));
  return patchMetadata(type, object, { ownerReferences: (object.metadata.ownerReferences ?? []).filter(({ uid }) => !gone.has(uid)) });
}

function stopBlocking(type: ResourceType<ApiObject>, object: ApiObject): Action {
  const ownerReferences = (object.metadata.ownerReferences ?? []).map((owner) => ({ ...owner, blockOwnerDeletion: false }));
  return patchMetadata(type, object, { ownerReferences });
}

function dropFinalizer(type: ResourceType<ApiObject>, object: ApiObject, finalizer: string): Action {
  return patchMetadata(type, object, { finalizers: (object.metadata.finalizers ?? []).filter((name) => name !== finalizer) });
}

/** A merge patch replaces lists as a whole, hence the version. */
function patchMetadata(type: ResourceType<ApiObject>, object: ApiObject, changes: Readonly<Record<string, readonly unknown[]>>): Action {
  const { uid, resourceVersion } = object.metadata;
  const lists = Object.fromEntries(Object.entries(changes).map(([name, list]) => [name, list.length === 0 ? null : list]));
  return { verb: 'patch', type, key: keyOf(object), patchType: 'merge', patch: { metadata: { uid, resourceVersion, ...lists } } };
}

async function stateOfOwner(
  reference: OwnerReference,
  dependent: ApiObject,
  { caches, client }: GarbageCollectorDeps,
): Promise<OwnerState> {
  const informer = caches.findByKind(reference.apiVersion, reference.kind);
  if (informer === undefined) return 'unknown';
  const namespace = informer.type.isNamespaced ? (dependent.metadata.namespace ?? '') : '';
  const key = { namespace, name: reference.name };
  const cached = informer.store.find(key);
  const owner = cached?.metadata.uid === reference.uid ? cached : await findLive(informer.type, key, client);
  if (owner?.metadata.uid !== reference.uid) return 'absent';
  return isGoingInForeground(owner) ? 'waitingForDependents' : 'present';
}

async function findLive(type: ResourceType<ApiObject>, key: ObjectKey, client: Client): Promise<ApiObject | undefined> {
  try {
    return await client.resource(type).get(key);
  } catch (error) {
    if (isReason(error, 'NotFound')) return undefined;
    throw error;
  }
}

function isGoingInForeground(object: ApiObject): boolean {
  return object.metadata.deletionTimestamp !== undefined && hasFinalizer(object, FOREGROUND);
}

function hasFinalizer({ metadata }: ApiObject, finalizer: string): boolean {
  return metadata.finalizers?.includes(finalizer) ?? false;
}

/** Owners and dependents share a namespace, or the owner has none. */
function dependentsOf({ metadata }: ApiObject, caches: ResourceCaches): readonly Located[] {
  return caches.informers().flatMap(({ type, store }) => {
    const dependents = store.listByIndex(OWNER, metadata.uid);
    return dependents
      .filter((object) => metadata.namespace === undefined || object.metadata.namespace === metadata.namespace)
      .map((object) => ({ type, object }));
  });
}

/**
 * Wakes an object when its owners or its way of going changed, its dependents when it is gone or waits for them, and its owners when it is gone
 * itself: one of them may be waiting. Nothing is decided before the caches are complete; then everything comes once.
 */
function onOwnershipChange(caches: ResourceCaches): Trigger {
  return (enqueue) => {
    const stop = new AbortController();
    let unsubscribe = (): void => {};
    // What an owner of a kind nobody served is worth can be said now.
    const unsubscribeDiscovery = caches.onDiscovered((owner) => {
      for (const located of dependentsOfKind(owner, caches)) wake(located);
    });
    const wake = ({ type, object }: Located) => enqueue(itemKey(resourceId(type), keyOf(object)));
    const subscribe = () => {
      if (stop.signal.aborted) return;
      unsubscribe = caches.onChange((type, change) => {
        for (const located of concernedBy(type, change, caches)) wake(located);
      });
    };
    caches.whenComplete(stop.signal).then(subscribe, () => {});
    return () => {
      stop.abort();
      unsubscribe();
      unsubscribeDiscovery();
    };
  };
}

function dependentsOfKind({ group, kind }: ResourceType<ApiObject>, caches: ResourceCaches): readonly Located[] {
  const isOwner = (reference: OwnerReference) => reference.kind === kind && groupOf(reference.apiVersion) === group;
  return caches.informers().flatMap(({ type, store }) =>
    store
      .list()
      .filter(({ metadata }) => metadata.ownerReferences?.some(isOwner) === true)
      .map((object) => ({ type, object })),
  );
}

function groupOf(apiVersion: string): string {
  return apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '';
}

function concernedBy(type: ResourceType<ApiObject>, change: Change<ApiObject>, caches: ResourceCaches): readonly Located[] {
  const { object } = change;
  if (change.type === 'updated' && !hasOwnershipChanged(change.previous, object)) return [];
  const itself = change.type === 'deleted' ? [] : [{ type, object }];
  const isParting = change.type === 'deleted' || isGoingInForeground(object);
  const former = change.type === 'updated' ? change.previous : object;
  return [
    ...itself,
    ...(isParting ? dependentsOf(object, caches) : []),
    // Deleted and made anew between two looks.
    ...(former.metadata.uid === object.metadata.uid ? [] : dependentsOf(former, caches)),
    ...ownersOf(former, caches).filter((owner) => isGoingInForeground(owner.object)),
  ];
}

function hasOwnershipChanged({ metadata: before }: ApiObject, { metadata: after }: ApiObject): boolean {
  return (
    before.uid !== after.uid ||
    before.deletionTimestamp !== after.deletionTimestamp ||
    JSON.stringify(before.ownerReferences) !== JSON.stringify(after.ownerReferences) ||
    JSON.stringify(before.finalizers) !== JSON.stringify(after.finalizers)
  );
}

function ownersOf({ metadata }: ApiObject, caches: ResourceCaches): readonly Located[] {
  return (metadata.ownerReferences ?? []).flatMap((reference) => {
    const informer = caches.findByKind(reference.apiVersion, reference.kind);
    const namespace = informer?.type.isNamespaced === true ? (metadata.namespace ?? '') : '';
    const object = informer?.store.find({ namespace, name: reference.name });
    return informer === undefined || object?.metadata.uid !== reference.uid ? [] : [{ type: informer.type, object }];
  });
}

/** The queue knows keys only, so the resource goes into the namespace's part. */
function itemKey(id: string, { namespace, name }: ObjectKey): ObjectKey {
  return { namespace: `${id}|${namespace}`, name };
}

function parseItemKey({ namespace, name }: ObjectKey): { readonly id: string; readonly key: ObjectKey } {
  const bar = namespace.indexOf('|');
  return { id: namespace.slice(0, bar), key: { namespace: namespace.slice(bar + 1), name } };
}
