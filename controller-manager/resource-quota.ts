/**
 * The quota controller: says in a ResourceQuota's status what is allowed and how much of it is used. The API server adds to that with every write; this controller
 * counts anew when something was deleted, ended or shrunk, when the quota itself changes, and now and then. It counts what the server lists after the quota was
 * read, so a write that came in between has changed the quota and refuses the count. Upstream: pkg/controller/resourcequota.
 */
import { isDeepStrictEqual } from 'node:util';
import { isInScope } from '#api/core/v1/quota-scopes.ts';
import { countName, isCounted, quotaUsage } from '#api/core/v1/quota-usage.ts';
import { type Amounts, addAmounts, formatAmounts } from '#api/core/v1/resource-list.ts';
import { allResourceTypes, persistentvolumeclaims, pods, resourcequotas, services } from '#api/generated/resources.ts';
import type { ResourceQuota } from '#api/generated/types.ts';
import { keyOf, type ObjectKey } from '#api/meta/object-key.ts';
import { formatQuantity, parseQuantity } from '#api/meta/quantity.ts';
import { type ApiObject, isOfType, type ResourceType } from '#api/meta/resource-type.ts';
import { type Action, updateStatus } from '#client/apply-actions.ts';
import type { ControllerDefinition, Trigger } from '#client/controller.ts';
import type { Change } from '#client/informer.ts';
import { resourceId } from './discovery.ts';
import type { SharedCaches } from './shared-caches.ts';

/** As upstream's --concurrent-resource-quota-syncs. */
const WORKERS = 5;
/** For what tells of itself by nothing: pods past their grace period. As upstream's --resource-quota-sync-period. */
const RECOUNT_MS = 300_000;

export interface QuotaSnapshot {
  readonly quota: ResourceQuota;
  /** By kind, all of the quota's namespace that it counts. */
  readonly content: readonly { readonly type: ResourceType<ApiObject>; readonly objects: readonly ApiObject[] }[];
  readonly nowMs: number;
}

export function resourceQuotaController(caches: SharedCaches): ControllerDefinition<QuotaSnapshot> {
  return {
    name: 'resource-quota',
    informers: [caches.resourceQuotas],
    triggers: [onNewLimits(caches), onRelease(caches), onNewKind(caches)],
    snapshot: (key) => snapshotQuota(key, caches),
    reconcile: reconcileQuota,
    workers: WORKERS,
  };
}

async function snapshotQuota(key: ObjectKey, caches: SharedCaches): Promise<QuotaSnapshot | undefined> {
  const quota = caches.resourceQuotas.store.find(key);
  if (quota === undefined || quota.metadata.deletionTimestamp !== undefined) return undefined;
  const names = Object.keys(quota.spec.hard ?? {});
  const types = countableTypes(caches).filter((type) => names.some((name) => isCounted(type, name)));
  const list = async (type: ResourceType<ApiObject>) => {
    const { items } = await caches.client.resource(type).list({ namespace: key.namespace });
    return { type, objects: items };
  };
  return { quota, content: await Promise.all(types.map(list)), nowMs: caches.clock.now() };
}

/** Built-in kinds, whether the caches have them yet or not, and those found since. */
function countableTypes({ all }: SharedCaches): readonly ResourceType<ApiObject>[] {
  const types = new Map<string, ResourceType<ApiObject>>();
  for (const type of [...all.informers().map((informer) => informer.type), ...allResourceTypes]) {
    const isUncounted = type.plural === 'events' || !type.isNamespaced || !type.verbs.includes('list');
    if (!isUncounted && !types.has(resourceId(type))) types.set(resourceId(type), type);
  }
  return [...types.values()];
}

export function reconcileQuota(snapshot: QuotaSnapshot): readonly Action[] {
  const { quota } = snapshot;
  const hard = quota.spec.hard ?? {};
  const status = { hard, used: usedOf(snapshot) };
  if (isDeepStrictEqual(quota.status, status)) return [{ verb: 'requeue', afterMs: RECOUNT_MS }];
  // A new limit is enforced from this write on; what slipped in just before it shows when counted once more.
  const isEnforced = isDeepStrictEqual(quota.status?.hard, hard);
  return [updateStatus(resourcequotas, { ...quota, status }), { verb: 'requeue', afterMs: isEnforced ? RECOUNT_MS : 0 }];
}

/** Of a kind that is not known, or not yet, the figure stays. */
function usedOf({ quota, content, nowMs }: QuotaSnapshot): Readonly<Record<string, string>> {
  const known = new Map<string, string>();
  for (const { type, objects } of content) {
    const counted = objects.filter((object) => isInScope(quota.spec, object));
    const sum = counted.map((object) => quotaUsage(type, object, nowMs)).reduce<Amounts>(addAmounts, new Map());
    const names = Object.keys(quota.spec.hard ?? {}).filter((name) => isCounted(type, name));
    const amounts = formatAmounts(new Map(names.map((name) => [name, sum.get(name) ?? parseQuantity('0')])));
    for (const [name, amount] of Object.entries(amounts)) known.set(name, amount);
  }
  const before = quota.status?.used ?? {};
  const zero = formatQuantity(parseQuantity('0'));
  return Object.fromEntries(Object.keys(quota.spec.hard ?? {}).map((name) => [name, known.get(name) ?? before[name] ?? zero]));
}

/** The status changes with every write that is charged, which is no reason to count. */
function onNewLimits({ resourceQuotas }: SharedCaches): Trigger {
  return (enqueue) =>
    resourceQuotas.onChange((change) => {
      if (change.type === 'deleted') return;
      const isCharge = change.type === 'updated' && isDeepStrictEqual(change.object.spec, change.previous.spec);
      if (!isCharge) enqueue(keyOf(change.object));
    });
}

/** Something went, ended or may have become smaller: the quotas of its namespace have something to give back. */
function onRelease(caches: SharedCaches): Trigger {
  return (enqueue) =>
    caches.all.onChange((type, change) => {
      if (!isRelease(change) || !type.isNamespaced) return;
      for (const quota of caches.resourceQuotas.store.list(change.object.metadata.namespace)) {
        if (Object.keys(quota.spec.hard ?? {}).some((name) => isCounted(type, name))) enqueue(keyOf(quota));
      }
    });
}

function isRelease(change: Change<ApiObject>): boolean {
  if (change.type !== 'updated') return change.type === 'deleted';
  const { object, previous } = change;
  if (isOfType(services, object) || isOfType(persistentvolumeclaims, object)) return true;
  if (!isOfType(pods, object) || !isOfType(pods, previous)) return false;
  return object.status?.phase !== previous.status?.phase || object.metadata.generation !== previous.metadata.generation;
}

/** Objects of a kind that was just found may be counted by any quota. */
function onNewKind(caches: SharedCaches): Trigger {
  return (enqueue) =>
    caches.all.onDiscovered((type) => {
      const name = countName(type);
      for (const quota of caches.resourceQuotas.store.list()) if (quota.spec.hard?.[name] !== undefined) enqueue(keyOf(quota));
    });
}
