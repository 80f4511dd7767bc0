import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configmaps } from '#api/generated/resources.ts';
import type { StorageVersionMigrationStatus } from '#api/generated/types.ts';
import { type MigrationSnapshot, reconcileMigration } from './storage-version-migration.ts';
import { describeActions, metadataOf, NOW_MS, secondsAgo } from './testing/builders.ts';

const conditionOf = (type: string) => ({ type, status: 'True', reason: 'R', message: '', lastTransitionTime: secondsAgo(1) });
const running: StorageVersionMigrationStatus = { resourceVersion: '7', conditions: [conditionOf('Running')] };

function snapshotOf(status: StorageVersionMigrationStatus | undefined, more: Partial<MigrationSnapshot> = {}): MigrationSnapshot {
  const objects = ['a', 'b'].map((name) => ({ key: { namespace: 'default', name }, uid: `uid-${name}`, resourceVersion: '5' }));
  return {
    migration: {
      apiVersion: 'storagemigration.k8s.io/v1',
      kind: 'StorageVersionMigration',
      metadata: metadataOf('all', { creationTimestamp: secondsAgo(5) }),
      spec: { resource: { group: '', resource: 'configmaps' } },
      ...(status === undefined ? {} : { status }),
    },
    resource: { type: configmaps, objects, resourceVersion: '7' },
    isRefused: false,
    nowMs: NOW_MS,
    ...more,
  };
}

function statusAfter(snapshot: MigrationSnapshot): StorageVersionMigrationStatus | undefined {
  const action = reconcileMigration(snapshot).find(({ verb }) => verb === 'updateStatus');
  assert.ok(action?.verb === 'updateStatus');
  const migration: { readonly status?: StorageVersionMigrationStatus } & object = action.object;
  return migration.status;
}

const trueIn = (status: StorageVersionMigrationStatus | undefined) =>
  (status?.conditions ?? []).filter((condition) => condition.status === 'True').map(({ type, reason }) => `${type} ${reason}`);

test('a migration first notes from which version on objects are stored anew', () => {
  const status = statusAfter(snapshotOf(undefined));
  assert.equal(status?.resourceVersion, '7');
  assert.deepEqual(trueIn(status), ['Running StorageVersionMigrationInProgress']);
});

test('then writes every object once, as it is, and has succeeded', () => {
  const snapshot = snapshotOf(running);
  assert.deepEqual(describeActions(reconcileMigration(snapshot)), [
    'patch configmaps a',
    'patch configmaps b',
    'updateStatus storageversionmigrations all',
  ]);
  const [patch] = reconcileMigration(snapshot);
  assert.deepEqual(patch?.verb === 'patch' && patch.patch, { metadata: { uid: 'uid-a', resourceVersion: '5' } });
  assert.deepEqual(trueIn(statusAfter(snapshot)), ['Succeeded StorageVersionMigrationSucceeded']);
});

test('a resource that is not there is waited for, and then given up', () => {
  assert.deepEqual(describeActions(reconcileMigration(snapshotOf(undefined, { resource: undefined }))), ['requeue 5000']);
  const late = snapshotOf(undefined, { resource: undefined, nowMs: NOW_MS + 60_000 });
  assert.deepEqual(trueIn(statusAfter(late)), ['Failed StorageVersionMigrationFailed']);
});

test('a migration fails when the server refuses to store an object', () => {
  assert.deepEqual(trueIn(statusAfter(snapshotOf(running, { isRefused: true }))), ['Failed StorageVersionMigrationFailed']);
});
