/** The objects of storage as objects, whatever acts on them: classes, drivers, nodes, capacities, attachments, volumes and claims. */
import assert from 'node:assert/strict';
import type { Json } from '../../cluster.ts';
import { checkApiOperations } from '../framework/api-operations.ts';
import type { ConformanceTest, TestScope } from '../framework/conformance-test.ts';
import { expectRefusal } from '../framework/expect.ts';
import { aPod } from '../framework/pods.ts';
import type { Resource } from '../framework/resource.ts';

const GROUP_VERSION = 'storage.k8s.io/v1';
const DRIVER = 'e2e.example.com';

const anObject =
  (apiVersion: string, kind: string, rest: Json) =>
  (name: string): Json => ({ apiVersion, kind, metadata: { name }, ...rest });

const aCsiDriver = anObject(GROUP_VERSION, 'CSIDriver', { spec: { volumeLifecycleModes: ['Ephemeral'] } });
const aCsiNode = anObject(GROUP_VERSION, 'CSINode', { spec: { drivers: [] } });
const aCapacity = anObject(GROUP_VERSION, 'CSIStorageCapacity', { storageClassName: 'e2e-no-such-class', capacity: '1Gi' });
const aStorageClass = anObject(GROUP_VERSION, 'StorageClass', { provisioner: 'e2e-fake-provisioner' });
const anAttributesClass = anObject(GROUP_VERSION, 'VolumeAttributesClass', { driverName: DRIVER, parameters: { iops: '100' } });
const anAttachment = anObject(GROUP_VERSION, 'VolumeAttachment', {
  spec: { attacher: DRIVER, nodeName: 'e2e-no-such-node', source: { persistentVolumeName: 'e2e-no-such-volume' } },
});
const aVolume = anObject('v1', 'PersistentVolume', {
  spec: {
    accessModes: ['ReadWriteOnce'],
    capacity: { storage: '1Gi' },
    persistentVolumeReclaimPolicy: 'Retain',
    storageClassName: 'e2e-class-of-volumes',
    csi: { driver: DRIVER, volumeHandle: 'e2e-handle' },
  },
});
const aClaim = anObject('v1', 'PersistentVolumeClaim', {
  spec: { accessModes: ['ReadWriteOnce'], storageClassName: 'e2e-class-of-claims', resources: { requests: { storage: '1Gi' } } },
});

const namesOf = (list: Json): readonly string[] => list.items.map(({ metadata }: Json) => metadata.name);

/** Made, read, patched, listed by its label and deleted; made again, updated, and deleted with all that have the label. */
async function checkLife(t: TestScope, resource: Resource, make: (name: string) => Json): Promise<void> {
  const key = `e2e-${t.suffix}`;
  t.cleanUp(() => resource.deleteCollection({ labelSelector: key }));
  const name = `e2e-first-${t.suffix}`;
  const created = await resource.create(make(name));
  assert.equal((await resource.get(name)).metadata.uid, created.metadata.uid);
  const patched = await resource.patch(name, { metadata: { labels: { [key]: 'patched' } } });
  assert.equal(patched.metadata.labels[key], 'patched');
  assert.deepEqual(namesOf(await resource.list({ labelSelector: `${key}=patched` })), [name]);
  await resource.delete(name);
  await resource.untilGone(name);
  await expectRefusal(resource.get(name), { reason: 'NotFound' });
  const replacements = [name, `e2e-second-${t.suffix}`];
  for (const replacement of replacements) {
    await resource.create(make(replacement));
    const updated = await resource.change(replacement, (object) => {
      object.metadata.labels = { ...object.metadata.labels, [key]: 'updated' };
    });
    assert.equal(updated.metadata.labels[key], 'updated');
  }
  const labelSelector = `${key}=updated`;
  assert.deepEqual(namesOf(await resource.list({ labelSelector })), replacements);
  await resource.deleteCollection({ labelSelector });
  await resource.untilAll({ labelSelector }, 'the collection is deleted', (items) => items.length === 0);
}

const lives = (plural: string, make: (name: string) => Json) => (t: TestScope) =>
  checkLife(t, t.resource(`${GROUP_VERSION}/${plural}`, ''), make);

async function volumesAndClaimsLive(t: TestScope): Promise<void> {
  await checkLife(t, t.resource('v1/persistentvolumeclaims'), aClaim);
  await checkLife(t, t.resource('v1/persistentvolumes', ''), aVolume);
}

const conditionIn = ({ status }: Json, type: string): Json => status.conditions?.find((condition: Json) => condition.type === type);

async function claimTakesStatus(t: TestScope): Promise<void> {
  const claims = t.resource('v1/persistentvolumeclaims');
  await claims.create(aClaim('claim'));
  assert.deepEqual(namesOf(await claims.list()), ['claim']);
  assert.equal((await claims.get('claim', 'status')).status.phase, 'Pending');
  const condition = { type: 'StatusPatched', status: 'True', reason: 'E2E patchedStatus', message: 'Set by e2e test' };
  const patched = await claims.patch('claim', { status: { conditions: [condition] } }, { subresource: 'status' });
  assert.equal(conditionIn(patched, 'StatusPatched')?.reason, 'E2E patchedStatus');
  const updated = await claims.change(
    'claim',
    ({ status }) => {
      status.conditions = [...(status.conditions ?? []), { type: 'StatusUpdated', status: 'True', reason: 'E2E updatedStatus' }];
    },
    'status',
  );
  assert.equal(conditionIn(updated, 'StatusUpdated')?.reason, 'E2E updatedStatus');
}

async function volumeTakesStatus(t: TestScope): Promise<void> {
  const volumes = t.resource('v1/persistentvolumes', '');
  const name = `e2e-volume-${t.suffix}`;
  t.cleanUp(() => volumes.delete(name));
  const volume = aVolume(name);
  await volumes.create({ ...volume, metadata: { ...volume.metadata, labels: { 'e2e-volume': t.suffix } } });
  assert.deepEqual(namesOf(await volumes.list({ labelSelector: `e2e-volume=${t.suffix}` })), [name]);
  assert.match((await volumes.get(name, 'status')).status.phase, /^(Pending|Available)$/);
  const patch = { status: { reason: 'E2E patchStatus', message: 'StatusPatched' } };
  const patched = await volumes.patch(name, patch, { subresource: 'status' });
  assert.deepEqual([patched.status.reason, patched.status.message], ['E2E patchStatus', 'StatusPatched']);
  const updated = await volumes.change(
    name,
    ({ status }) => {
      Object.assign(status, { reason: 'E2E updateStatus', message: 'StatusUpdated' });
    },
    'status',
  );
  assert.deepEqual([updated.status.reason, updated.status.message], ['E2E updateStatus', 'StatusUpdated']);
}

async function takeStatuses(t: TestScope): Promise<void> {
  await claimTakesStatus(t);
  await volumeTakesStatus(t);
}

async function attachmentTakesStatus(t: TestScope): Promise<void> {
  const attachments = t.resource(`${GROUP_VERSION}/volumeattachments`, '');
  const name = `e2e-attachment-${t.suffix}`;
  t.cleanUp(() => attachments.delete(name));
  await attachments.create(anAttachment(name));
  const labelled = await attachments.patch(name, { metadata: { labels: { [name]: 'patched' } } });
  assert.equal(labelled.metadata.labels[name], 'patched');
  assert.equal((await attachments.get(name, 'status')).status.attached, false);
  const patched = await attachments.patch(name, { status: { attached: true } }, { subresource: 'status' });
  assert.equal(patched.status.attached, true);
  const updated = await attachments.change(
    name,
    ({ status }) => {
      status.attached = false;
    },
    'status',
  );
  assert.equal(updated.status.attached, false);
  await attachments.delete(name);
  await attachments.untilGone(name);
}

/** As an object: no driver of that name is there, so the pod never runs. */
async function takesInlineVolumes(t: TestScope): Promise<void> {
  const pods = t.resource('v1/pods');
  const inline = { name: 'inline', csi: { driver: DRIVER, readOnly: false, fsType: 'ext4', volumeAttributes: { key: 'value' } } };
  const container = { volumeMounts: [{ name: 'inline', mountPath: '/mnt/inline' }] };
  await pods.create(aPod('inline', { labels: { inline: t.suffix }, spec: { volumes: [inline] }, container }));
  const inlineOf = ({ spec }: Json) => spec.volumes.find(({ name }: Json) => name === 'inline');
  assert.deepEqual(inlineOf(await pods.get('inline')), inline);
  assert.deepEqual(namesOf(await pods.list({ labelSelector: `inline=${t.suffix}` })), ['inline']);
  const patched = await pods.patch('inline', { metadata: { labels: { patched: 'true' } } });
  assert.equal(patched.metadata.labels.patched, 'true');
  await pods.delete('inline');
  await pods.untilGone('inline');
}

export const storageObjectTests: readonly ConformanceTest[] = [
  {
    name: '[sig-storage] CSIInlineVolumes should run through the lifecycle of a CSIDriver [Conformance]',
    run: lives('csidrivers', aCsiDriver),
  },
  { name: '[sig-storage] CSIInlineVolumes should support CSIVolumeSource in Pod API [Conformance]', run: takesInlineVolumes },
  {
    name: '[sig-storage] CSINodes CSI Conformance should run through the lifecycle of a csinode [Conformance]',
    run: lives('csinodes', aCsiNode),
  },
  {
    name: '[sig-storage] CSIStorageCapacity should support CSIStorageCapacities API operations [Conformance]',
    run: (t) => checkApiOperations(t, { resource: `${GROUP_VERSION}/csistoragecapacities`, isNamespaced: true, anObject: aCapacity }),
  },
  {
    name: '[sig-storage] StorageClasses CSI Conformance should run through the lifecycle of a StorageClass [Conformance]',
    run: lives('storageclasses', aStorageClass),
  },
  {
    name: '[sig-storage] VolumeAttributesClass [FeatureGate:VolumeAttributesClass] should run through the lifecycle of a VolumeAttributesClass [Conformance]',
    run: lives('volumeattributesclasses', anAttributesClass),
  },
  {
    name: '[sig-storage] VolumeAttachment Conformance should run through the lifecycle of a VolumeAttachment [Conformance]',
    run: lives('volumeattachments', anAttachment),
  },
  {
    name: '[sig-storage] VolumeAttachment Conformance should apply changes to a volumeattachment status [Conformance]',
    run: attachmentTakesStatus,
  },
  {
    name: '[sig-storage] PersistentVolumes CSI Conformance should run through the lifecycle of a PV and a PVC [Conformance]',
    run: volumesAndClaimsLive,
  },
  { name: '[sig-storage] PersistentVolumes CSI Conformance should apply changes to a pv/pvc status [Conformance]', run: takeStatuses },
];
