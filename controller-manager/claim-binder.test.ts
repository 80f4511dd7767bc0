/** What happens to a claim, step by step, and what its author is told meanwhile. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BIND_COMPLETED, BOUND_BY_CONTROLLER, SELECTED_NODE } from '#api/core/v1/volume-matching.ts';
import { type ClaimSnapshot, reconcileClaim, STORAGE_PROVISIONER } from './claim-binder.ts';
import { aClaim, aClass, annotated, aVolume, referenceToClaim, tellActions } from './testing/volume-builders.ts';

function snapshotOf(more: Partial<ClaimSnapshot>): ClaimSnapshot {
  const volumes = more.volumes ?? (more.volume === undefined ? [] : [more.volume]);
  return { claim: aClaim(), volume: undefined, storageClass: undefined, defaultClass: undefined, waitingPods: [], ...more, volumes };
}

const completed = { [BIND_COMPLETED]: 'yes', [BOUND_BY_CONTROLLER]: 'yes' };
const boundStatus = { phase: 'Bound', accessModes: ['ReadWriteOnce'], capacity: { storage: '1Gi' } };
const bound = annotated(aClaim({ volumeName: 'v' }, { status: boundStatus }), completed);
const delayed = aClass('slow', { volumeBindingMode: 'WaitForFirstConsumer' });
const taken = aVolume('v', { claimRef: referenceToClaim }, 'Bound');
const provisionerAsked = {
  [STORAGE_PROVISIONER]: 'disks.example.com',
  'volume.beta.kubernetes.io/storage-provisioner': 'disks.example.com',
};
const waitingForProvisioner =
  "event Normal ExternalProvisioning: Waiting for a volume to be created either by the external provisioner 'disks.example.com' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered.";

const cases: readonly { it: string; given: Partial<ClaimSnapshot>; actions: readonly string[] }[] = [
  { it: 'first reserves a volume that fits', given: { volumes: [aVolume('v')] }, actions: ['update persistentvolumes v'] },
  {
    it: 'then tells the volume that it is bound',
    given: { volumes: [aVolume('v', { claimRef: referenceToClaim })] },
    actions: ['updateStatus persistentvolumes v'],
  },
  { it: 'then names the volume', given: { volumes: [taken] }, actions: ['update persistentvolumeclaims data'] },
  {
    it: 'then tells itself that it is bound',
    given: { claim: annotated(aClaim({ volumeName: 'v' }), completed), volume: taken },
    actions: ['updateStatus persistentvolumeclaims data'],
  },
  { it: 'then rests', given: { claim: bound, volume: taken }, actions: [] },
  {
    it: 'keeps the capacity that its resizer told',
    given: { claim: bound, volume: aVolume('v', { claimRef: referenceToClaim, capacity: { storage: '5Gi' } }, 'Bound') },
    actions: [],
  },
  {
    it: 'says when there is neither a volume nor a class',
    given: { claim: aClaim({ storageClassName: '' }) },
    actions: ['event Normal FailedBinding: no persistent volumes available for this claim and no storage class is set'],
  },
  {
    it: 'says when its class is not there',
    given: {},
    actions: ['event Warning ProvisioningFailed: storageclass.storage.k8s.io "slow" not found'],
  },
  {
    it: 'asks the provisioner of its class',
    given: { storageClass: aClass('slow') },
    actions: ['update persistentvolumeclaims data', waitingForProvisioner],
  },
  {
    it: 'asks only once',
    given: { claim: annotated(aClaim(), provisionerAsked), storageClass: aClass('slow') },
    actions: [waitingForProvisioner],
  },
  {
    it: 'waits for a pod where the class says so',
    given: { storageClass: delayed, volumes: [aVolume('v')] },
    actions: ['event Normal WaitForFirstConsumer: waiting for first consumer to be created before binding'],
  },
  {
    it: 'waits for its pod to be scheduled',
    given: { storageClass: delayed, waitingPods: ['web'] },
    actions: ['event Normal WaitForPodScheduled: waiting for pod web to be scheduled'],
  },
  {
    it: 'asks the provisioner once a node is selected',
    given: { claim: annotated(aClaim(), { [SELECTED_NODE]: 'worker-1' }), storageClass: delayed },
    actions: ['update persistentvolumeclaims data', waitingForProvisioner],
  },
  {
    it: 'takes the default class that came after it',
    given: { claim: withoutClass(), defaultClass: aClass('standard') },
    actions: ['update persistentvolumeclaims data'],
  },
  { it: 'waits for the volume that its author names', given: { claim: aClaim({ volumeName: 'v' }) }, actions: [] },
  {
    it: 'reserves the volume that its author names',
    given: { claim: aClaim({ volumeName: 'v' }), volume: aVolume('v', {}, 'Pending') },
    actions: ['update persistentvolumes v'],
  },
  {
    it: 'says why it cannot have the volume that its author names',
    given: { claim: aClaim({ volumeName: 'v' }), volume: aVolume('v', { capacity: { storage: '1Mi' } }) },
    actions: ['event Warning VolumeMismatch: Cannot bind to requested volume "v": requested PV is too small'],
  },
  {
    it: 'says that another claim has the volume that its author names',
    given: { claim: aClaim({ volumeName: 'v' }), volume: aVolume('v', { claimRef: { ...referenceToClaim, name: 'other' } }, 'Bound') },
    actions: ['event Warning FailedBinding: volume "v" already bound to a different claim.'],
  },
  {
    it: 'is lost with its volume',
    given: { claim: bound },
    actions: [
      'updateStatus persistentvolumeclaims data',
      'event Warning ClaimLost: Bound claim has lost its PersistentVolume. Data on the volume is lost!',
    ],
  },
  { it: 'is lost once', given: { claim: { ...bound, status: { phase: 'Lost' } } }, actions: [] },
  {
    it: 'is lost when another claim has its volume',
    given: { claim: bound, volume: aVolume('v', { claimRef: { ...referenceToClaim, uid: 'other' } }, 'Bound') },
    actions: [
      'updateStatus persistentvolumeclaims data',
      'event Warning ClaimMisbound: Two claims are bound to the same volume, this one is bound incorrectly',
    ],
  },
  { it: 'reserves its volume again', given: { claim: bound, volume: aVolume('v') }, actions: ['update persistentvolumes v'] },
];
for (const { it, given, actions } of cases) {
  test(`a claim ${it}`, () => assert.deepEqual(tellActions(reconcileClaim(snapshotOf(given))), actions));
}

function withoutClass() {
  const { storageClassName: _class, ...spec } = aClaim().spec;
  return { ...aClaim(), spec };
}

test('what is reserved is marked as the controller’s, unless its author reserved it', () => {
  const markOf = (given: Partial<ClaimSnapshot>) => {
    const [action] = reconcileClaim(snapshotOf(given));
    return action?.verb === 'update' ? action.object.metadata.annotations?.[BOUND_BY_CONTROLLER] : 'no update';
  };
  assert.equal(markOf({ volumes: [aVolume('v')] }), 'yes');
  assert.equal(markOf({ volumes: [aVolume('v', { claimRef: { namespace: 'default', name: 'data' } })] }), undefined);
  assert.equal(markOf({ volumes: [taken] }), 'yes');
});
