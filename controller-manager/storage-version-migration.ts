/**
 * Carries StorageVersionMigrations out: every object of a resource is written once more, unchanged, which stores it in the version that is stored today. The key is
 * the migration's. An object that somebody else writes or deletes meanwhile needs no more of it. A migration that ended, well or not, is never looked at again.
 * Upstream: pkg/controller/storageversionmigrator.
 */
import { storageversionmigrations } from '#api/generated/resources.ts';
import type { Condition, StorageVersionMigration } from '#api/generated/types.ts';
import { isConditionTrue, withCondition } from '#api/meta/condition.ts';
import { keyOf, type ObjectKey } from '#api/meta/object-key.ts';
import type { ApiObject, ResourceType } from '#api/meta/resource-type.ts';
import { type Action, updateStatus } from '#client/apply-actions.ts';
import type { Client } from '#client/client.ts';
import { type ActionFailure, type ControllerDefinition, onChange } from '#client/controller.ts';
import { formatTime } from '#component/clock.ts';
import { discoverResources } from './discovery.ts';
import type { SharedCaches } from './shared-caches.ts';

const WORKERS = 5;
/** Of a list: what is kept of each object is its name and version. */
const PAGE_OBJECTS = 500;
/** A definition may be made right after the migration that is about it. */
const RESOURCE_WAIT_MS = 60_000;
const LOOK_AGAIN_MS = 5_000;

interface StoredObject {
  readonly key: ObjectKey;
  readonly uid: string;
  readonly resourceVersion: string;
}

export interface MigrationSnapshot {
  readonly migration: StorageVersionMigration;
  /** Undefined while the server does not serve such a resource. */
  readonly resource:
    | { readonly type: ResourceType<ApiObject>; readonly objects: readonly StoredObject[]; readonly resourceVersion: string }
    | undefined;
  /** What the server refused in the previous sync, other than a write to the status. */
  readonly isRefused: boolean;
  readonly nowMs: number;
}

export function storageVersionMigrationController(caches: SharedCaches): ControllerDefinition<MigrationSnapshot> {
  return {
    name: 'storage-version-migrator',
    informers: [caches.storageVersionMigrations],
    triggers: [onChange(caches.storageVersionMigrations)],
    snapshot: (key, lastFailure) => snapshotMigration(key, lastFailure, caches),
    reconcile: reconcileMigration,
    workers: WORKERS,
  };
}

async function snapshotMigration(
  key: ObjectKey,
  lastFailure: ActionFailure | undefined,
  caches: SharedCaches,
): Promise<MigrationSnapshot | undefined> {
  const migration = caches.storageVersionMigrations.store.find(key);
  if (migration === undefined || hasEnded(migration)) return undefined;
  const { group, resource } = migration.spec.resource;
  const { types } = await discoverResources(caches.client);
  const type = types.find((served) => served.group === group && served.plural === resource);
  return {
    migration,
    resource: type === undefined ? undefined : { type, ...(await listObjects(caches.client, type)) },
    isRefused: lastFailure?.action.verb === 'patch',
    nowMs: caches.clock.now(),
  };
}

export function reconcileMigration({ migration, resource, isRefused, nowMs }: MigrationSnapshot): readonly Action[] {
  const end = (type: 'Succeeded' | 'Failed', message = '') => withState(migration, nowMs, type, message);
  if (resource === undefined) {
    const isYoung = nowMs - Date.parse(migration.metadata.creationTimestamp) < RESOURCE_WAIT_MS;
    return isYoung
      ? [{ verb: 'requeue', afterMs: LOOK_AGAIN_MS }]
      : [updateStatus(storageversionmigrations, end('Failed', 'resource not found'))];
  }
  if (isRefused) return [updateStatus(storageversionmigrations, end('Failed', 'migration encountered unhandled error'))];
  if (!isConditionTrue(migration.status?.conditions, 'Running')) {
    const { resourceVersion } = resource;
    const running = withState(migration, nowMs, 'Running', '');
    return [updateStatus(storageversionmigrations, { ...running, status: { resourceVersion, ...running.status } })];
  }
  return [...resource.objects.map((object) => rewrite(resource.type, object)), succeed(end('Succeeded'))];
}

/** Only this very version of this very object: one that changed since has been stored anew. */
function rewrite(type: ResourceType<ApiObject>, { key, uid, resourceVersion }: StoredObject): Action {
  return {
    verb: 'patch',
    type,
    key,
    patchType: 'merge',
    patch: { metadata: { uid, resourceVersion } },
    isIndependent: true,
    isOfVersion: true,
  };
}

function succeed(migration: StorageVersionMigration): Action {
  return { verb: 'updateStatus', type: storageversionmigrations, object: migration, tellsOfSuccess: true };
}

const reasons = {
  Running: 'StorageVersionMigrationInProgress',
  Succeeded: 'StorageVersionMigrationSucceeded',
  Failed: 'StorageVersionMigrationFailed',
};

/** In one state, and in no other any more. */
function withState(
  migration: StorageVersionMigration,
  nowMs: number,
  state: keyof typeof reasons,
  message: string,
): StorageVersionMigration {
  const time = formatTime(nowMs);
  const before = migration.status?.conditions ?? [];
  const over: readonly Condition[] = before.map((condition) =>
    condition.type === 'Running' ? { ...condition, status: 'False', lastTransitionTime: time } : condition,
  );
  const condition: Condition = { type: state, status: 'True', reason: reasons[state], message, lastTransitionTime: time };
  return { ...migration, status: { ...migration.status, conditions: withCondition(over, condition, time) } };
}

function hasEnded({ metadata, status }: StorageVersionMigration): boolean {
  const isTrue = (type: string) => isConditionTrue(status?.conditions, type);
  return metadata.deletionTimestamp !== undefined || isTrue('Succeeded') || isTrue('Failed');
}

async function listObjects(client: Client, type: ResourceType<ApiObject>) {
  const objects: StoredObject[] = [];
  let next = '';
  for (;;) {
    const page = await client.resource(type).list({ limit: PAGE_OBJECTS, ...(next === '' ? {} : { continue: next }) });
    for (const object of page.items) {
      const { uid, resourceVersion } = object.metadata;
      objects.push({ key: keyOf(object), uid, resourceVersion });
    }
    next = page.metadata.continue ?? '';
    if (next === '') return { objects, resourceVersion: page.metadata.resourceVersion ?? '' };
  }
}
