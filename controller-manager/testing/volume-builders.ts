/** Claims, volumes and classes for the tests of what binds them. */
import type { PersistentVolume, PersistentVolumeClaim, StorageClass } from '#api/generated/types.ts';
import type { Action } from '#client/apply-actions.ts';
import { describeActions, metadataOf } from './builders.ts';

type Annotations = Readonly<Record<string, string>>;

export function aClaim(
  spec: Partial<PersistentVolumeClaim['spec']> = {},
  more: Partial<PersistentVolumeClaim> = {},
): PersistentVolumeClaim {
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: metadataOf('data'),
    spec: {
      accessModes: ['ReadWriteOnce'],
      volumeMode: 'Filesystem',
      resources: { requests: { storage: '1Gi' } },
      storageClassName: 'slow',
      ...spec,
    },
    status: { phase: 'Pending' },
    ...more,
  };
}

export function annotated<T extends PersistentVolume | PersistentVolumeClaim>(object: T, annotations: Annotations): T {
  return { ...object, metadata: { ...object.metadata, annotations: { ...object.metadata.annotations, ...annotations } } };
}

export function aVolume(name: string, spec: Partial<PersistentVolume['spec']> = {}, phase = 'Available'): PersistentVolume {
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { ...metadataOf(name), namespace: '' },
    spec: {
      capacity: { storage: '1Gi' },
      accessModes: ['ReadWriteOnce'],
      volumeMode: 'Filesystem',
      storageClassName: 'slow',
      persistentVolumeReclaimPolicy: 'Retain',
      ...spec,
    },
    status: { phase },
  };
}

export const referenceToClaim = { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace: 'default', name: 'data', uid: 'uid-data' };

export function aClass(name: string, more: Partial<StorageClass> = {}): StorageClass {
  return {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: { ...metadataOf(name), namespace: '' },
    provisioner: 'disks.example.com',
    volumeBindingMode: 'Immediate',
    ...more,
  };
}

/** As `describeActions`, with the words of events. */
export function tellActions(actions: readonly Action[]): readonly string[] {
  return actions.flatMap((action) =>
    action.verb === 'event' ? [`event ${action.type} ${action.reason}: ${action.message}`] : describeActions([action]),
  );
}
