/** Which volume a claim gets. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findVolumeFor, mismatchOf } from '#api/core/v1/volume-matching.ts';
import type { PersistentVolume } from '#api/generated/types.ts';
import { aClaim, aVolume, referenceToClaim } from './testing/volume-builders.ts';

const reserved = { claimRef: { namespace: 'default', name: 'data' } };
const labelled = (name: string, labels: Record<string, string>): PersistentVolume => {
  const volume = aVolume(name);
  return { ...volume, metadata: { ...volume.metadata, labels } };
};

const cases: readonly {
  it: string;
  volumes: readonly PersistentVolume[];
  claim?: ReturnType<typeof aClaim>;
  isDelayed?: boolean;
  found?: string;
}[] = [
  {
    it: 'the smallest that is large enough',
    volumes: [aVolume('big', { capacity: { storage: '9Gi' } }), aVolume('fits'), aVolume('small', { capacity: { storage: '1Mi' } })],
    found: 'fits',
  },
  { it: 'none that is too small', volumes: [aVolume('small', { capacity: { storage: '1023Mi' } })] },
  { it: 'none of another class', volumes: [aVolume('fast', { storageClassName: 'fast' })] },
  { it: 'none of another mode', volumes: [aVolume('raw', { volumeMode: 'Block' })] },
  { it: 'none that lacks an access mode', volumes: [aVolume('one')], claim: aClaim({ accessModes: ['ReadWriteOnce', 'ReadOnlyMany'] }) },
  {
    it: 'one with no more access modes than needed, even if it is larger',
    volumes: [aVolume('shared', { accessModes: ['ReadWriteOnce', 'ReadWriteMany'] }), aVolume('own', { capacity: { storage: '5Gi' } })],
    found: 'own',
  },
  {
    it: 'one with the labels it selects',
    volumes: [labelled('a', { tier: 'x' }), labelled('b', { tier: 'y' })],
    claim: aClaim({ selector: { matchLabels: { tier: 'y' } } }),
    found: 'b',
  },
  {
    it: 'one that is reserved for it before all others',
    volumes: [aVolume('free'), aVolume('mine', { ...reserved, capacity: { storage: '9Gi' } }, 'Pending')],
    found: 'mine',
  },
  { it: 'none that is reserved for another', volumes: [aVolume('theirs', { claimRef: { namespace: 'default', name: 'other' } })] },
  { it: 'none of a claim of its name that was deleted', volumes: [aVolume('old', { claimRef: { ...referenceToClaim, uid: 'older' } })] },
  { it: 'none that is not seen to be available', volumes: [aVolume('new', {}, 'Pending'), aVolume('released', {}, 'Released')] },
  { it: 'nothing before the scheduler has chosen, where the class says so', volumes: [aVolume('free')], isDelayed: true },
  { it: 'what is reserved for it even then', volumes: [aVolume('mine', reserved)], isDelayed: true, found: 'mine' },
];
for (const { it, volumes, claim = aClaim(), isDelayed = false, found } of cases) {
  test(`a claim gets ${it}`, () => assert.equal(findVolumeFor(claim, volumes, isDelayed)?.metadata.name, found));
}

const mismatches: readonly { spec: Partial<PersistentVolume['spec']>; why: string | undefined }[] = [
  { spec: {}, why: undefined },
  { spec: { capacity: { storage: '1Mi' } }, why: 'requested PV is too small' },
  { spec: { storageClassName: 'fast' }, why: 'storageClassName does not match' },
  { spec: { volumeMode: 'Block' }, why: 'incompatible volumeMode' },
  { spec: { accessModes: ['ReadOnlyMany'] }, why: 'incompatible accessMode' },
  { spec: { volumeAttributesClassName: 'gold' }, why: 'volumeAttributesClassName does not match' },
];
for (const { spec, why } of mismatches) {
  test(`a volume that is asked for by name is refused with: ${why}`, () => assert.equal(mismatchOf(aVolume('v', spec), aClaim()), why));
}
