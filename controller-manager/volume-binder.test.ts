/** A volume's phases, and what becomes of it after its claim. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BOUND_BY_CONTROLLER, PROVISIONED_BY } from '#api/core/v1/volume-matching.ts';
import { aClaim, annotated, aVolume, referenceToClaim, tellActions } from './testing/volume-builders.ts';
import { reconcileVolume, type VolumeSnapshot } from './volume-binder.ts';

const claimRef = referenceToClaim;
const provisioned = (phase: string, policy = 'Delete') =>
  annotated(aVolume('v', { claimRef, persistentVolumeReclaimPolicy: policy }, phase), { [PROVISIONED_BY]: 'disks.example.com' });
const elsewhere = aClaim({ volumeName: 'other' });

const cases: readonly { it: string; volume: VolumeSnapshot['volume']; claim?: VolumeSnapshot['claim']; actions: readonly string[] }[] = [
  { it: 'is available when nobody has it', volume: aVolume('v', {}, 'Pending'), actions: ['updateStatus persistentvolumes v'] },
  { it: 'rests when it is', volume: aVolume('v'), actions: [] },
  {
    it: 'is available while it is only reserved',
    volume: aVolume('v', { claimRef: { namespace: 'default', name: 'data' } }, 'Pending'),
    actions: ['updateStatus persistentvolumes v'],
  },
  { it: 'waits for its claim to name it', volume: aVolume('v', { claimRef }, 'Pending'), claim: aClaim(), actions: [] },
  {
    it: 'is bound when its claim names it',
    volume: aVolume('v', { claimRef }),
    claim: aClaim({ volumeName: 'v' }),
    actions: ['updateStatus persistentvolumes v'],
  },
  { it: 'is released when its claim is gone', volume: aVolume('v', { claimRef }, 'Bound'), actions: ['updateStatus persistentvolumes v'] },
  { it: 'is kept then, if it is to be retained', volume: aVolume('v', { claimRef }, 'Released'), actions: [] },
  { it: 'is left to who made it, if it is to be deleted', volume: provisioned('Released'), actions: [] },
  {
    it: 'fails if it is to be deleted and nobody can',
    volume: aVolume('v', { claimRef, persistentVolumeReclaimPolicy: 'Delete' }, 'Released'),
    actions: [
      'updateStatus persistentvolumes v',
      'event Warning VolumeFailedDelete: error getting deleter volume plugin for volume "v": no deletable volume plugin matched',
    ],
  },
  {
    it: 'fails if it is to be recycled',
    volume: aVolume('v', { claimRef, persistentVolumeReclaimPolicy: 'Recycle' }, 'Released'),
    actions: ['updateStatus persistentvolumes v', 'event Warning VolumeFailedRecycle: No recycler plugin found for the volume!'],
  },
  {
    it: 'that failed is not released again',
    volume: aVolume('v', { claimRef, persistentVolumeReclaimPolicy: 'Recycle' }, 'Failed'),
    actions: [],
  },
  {
    it: 'that was made for a claim which has another is released',
    volume: provisioned('Bound'),
    claim: elsewhere,
    actions: ['updateStatus persistentvolumes v'],
  },
  {
    it: 'that is of no use to its claim is given up',
    volume: aVolume('v', { claimRef }, 'Bound'),
    claim: elsewhere,
    actions: ['update persistentvolumes v'],
  },
];
for (const { it, volume, claim, actions } of cases) {
  test(`a volume ${it}`, () => assert.deepEqual(tellActions(reconcileVolume({ volume, claim })), actions));
}

test('a volume that is given up stays reserved if its author reserved it', () => {
  const claimRefAfter = (volume: VolumeSnapshot['volume']) => {
    const [action] = reconcileVolume({ volume, claim: elsewhere });
    assert.ok(action?.verb === 'update' && 'spec' in action.object);
    return Reflect.get(Object(action.object.spec), 'claimRef');
  };
  const volume = aVolume('v', { claimRef }, 'Bound');
  assert.equal(claimRefAfter(annotated(volume, { [BOUND_BY_CONTROLLER]: 'yes' })), undefined);
  const { uid: _uid, ...reserved } = claimRef;
  assert.deepEqual(claimRefAfter(volume), reserved);
});
