/** Which volumes are to be attached where, and what pods are told that wait for it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CSIDriver, Pod, VolumeAttachment } from '#api/generated/types.ts';
import { type AttachmentSnapshot, attachmentName, reconcileAttachments } from './persistent-volume-attachment.ts';
import { metadataOf } from './testing/builders.ts';
import { aVolume, tellActions } from './testing/volume-builders.ts';

const csi = { driver: 'disks.example.com', volumeHandle: 'd1' };
const one = aVolume('v', { csi, accessModes: ['ReadWriteOnce'] }, 'Bound');
const shared = aVolume('v', { csi, accessModes: ['ReadWriteMany'] }, 'Bound');
const podOn = (name: string, nodeName: string): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: metadataOf(name),
  spec: { nodeName, containers: [] },
});
const attachedTo = (nodeName: string, error?: string): VolumeAttachment => ({
  apiVersion: 'storage.k8s.io/v1',
  kind: 'VolumeAttachment',
  metadata: { ...metadataOf(attachmentName('d1', csi.driver, nodeName)), namespace: '' },
  spec: { attacher: csi.driver, nodeName, source: { persistentVolumeName: 'v' } },
  status: { attached: error === undefined, ...(error === undefined ? {} : { attachError: { message: error } }) },
});
const driver: CSIDriver = {
  apiVersion: 'storage.k8s.io/v1',
  kind: 'CSIDriver',
  metadata: metadataOf(csi.driver),
  spec: { attachRequired: false },
};
const nameOn = (node: string) => attachmentName('d1', csi.driver, node);

const cases: readonly { it: string; given: Partial<AttachmentSnapshot>; actions: readonly string[] }[] = [
  { it: 'is attached where a pod uses it', given: { pods: [podOn('web', 'a')] }, actions: ['create volumeattachments'] },
  {
    it: 'is attached once for two pods of a node',
    given: { pods: [podOn('web', 'a'), podOn('db', 'a')] },
    actions: ['create volumeattachments'],
  },
  { it: 'stays attached', given: { pods: [podOn('web', 'a')], attachments: [attachedTo('a')] }, actions: [] },
  {
    it: 'is detached when nobody uses it',
    given: { attachments: [attachedTo('a')] },
    actions: [`delete volumeattachments ${nameOn('a')}`],
  },
  { it: 'of a driver that does not attach is left alone', given: { driver, pods: [podOn('web', 'a')] }, actions: [] },
  {
    it: 'for many nodes is attached to several',
    given: { volume: shared, pods: [podOn('web', 'a'), podOn('db', 'b')], attachments: [attachedTo('a')] },
    actions: ['create volumeattachments'],
  },
  {
    it: 'for one node waits to be detached from the other',
    given: { pods: [podOn('web', 'b')], attachments: [attachedTo('a')] },
    actions: [
      `delete volumeattachments ${nameOn('a')}`,
      'event Warning FailedAttachVolume: Multi-Attach error for volume "v" Volume is already exclusively attached to one node and can\'t be attached to another',
    ],
  },
  {
    it: 'that cannot be attached is told of',
    given: { pods: [podOn('web', 'a')], attachments: [attachedTo('a', 'no such disk')] },
    actions: ['event Warning FailedAttachVolume: AttachVolume.Attach failed for volume "v" : no such disk'],
  },
];
for (const { it, given, actions } of cases) {
  test(`a volume ${it}`, () => {
    const snapshot: AttachmentSnapshot = { volume: one, driver: undefined, pods: [], attachments: [], ...given };
    assert.deepEqual(tellActions(reconcileAttachments(snapshot)), actions);
  });
}
