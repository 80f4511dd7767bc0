/** Claims that ask for more than they have, and the claims of ephemeral volumes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PROVISIONED_BY } from '#api/core/v1/volume-matching.ts';
import type { Pod } from '#api/generated/types.ts';
import { type ExpansionSnapshot, reconcileExpansion } from './claim-expansion.ts';
import { reconcileEphemeralVolumes } from './claim-of-ephemeral-volume.ts';
import { metadataOf } from './testing/builders.ts';
import { aClaim, aClass, annotated, aVolume, tellActions } from './testing/volume-builders.ts';

const status = { phase: 'Bound', capacity: { storage: '1Gi' } };
const larger = aClaim({ resources: { requests: { storage: '2Gi' } }, volumeName: 'v' }, { status });
const expandable = aClass('slow', { allowVolumeExpansion: true });
const volume = annotated(aVolume('v'), { [PROVISIONED_BY]: 'disks.example.com' });
const given: ExpansionSnapshot = { claim: larger, volume, storageClass: expandable };
const announced = 'event Normal ExternalExpanding: waiting for an external controller to expand this PVC';

const cases: readonly { it: string; given: ExpansionSnapshot; actions: readonly string[] }[] = [
  { it: 'is given to its resizer', given, actions: ['update persistentvolumeclaims data', announced] },
  {
    it: 'is given once',
    given: { ...given, claim: annotated(larger, { 'volume.kubernetes.io/storage-resizer': 'disks.example.com' }) },
    actions: [],
  },
  { it: 'that asks for what it has rests', given: { ...given, claim: aClaim({ volumeName: 'v' }, { status }) }, actions: [] },
  { it: 'of a class that allows none rests', given: { ...given, storageClass: aClass('slow') }, actions: [] },
  {
    it: 'whose volume nobody can enlarge is told so',
    given: { ...given, volume: aVolume('v') },
    actions: [
      "event Warning ExternalExpanding: didn't find a plugin capable of expanding the volume; waiting for an external controller to process this PVC",
    ],
  },
];
for (const { it, given: snapshot, actions } of cases) {
  test(`a claim for more ${it}`, () => assert.deepEqual(tellActions(reconcileExpansion(snapshot)), actions));
}

const template = { metadata: { labels: { a: 'b' } }, spec: { accessModes: ['ReadWriteOnce'] } };
const pod: Pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: metadataOf('web'),
  spec: {
    containers: [],
    volumes: [
      { name: 'tmp', ephemeral: { volumeClaimTemplate: template } },
      { name: 'other', emptyDir: {} },
    ],
  },
};

test('an ephemeral volume gets a claim that goes with its pod', () => {
  const [action, ...rest] = reconcileEphemeralVolumes({ pod, findClaim: () => undefined });
  assert.ok(action?.verb === 'create' && rest.length === 0);
  const { name, labels, ownerReferences = [] } = action.object.metadata;
  assert.deepEqual([name, labels, ownerReferences[0]?.uid, ownerReferences[0]?.controller], ['web-tmp', { a: 'b' }, 'uid-web', true]);
});

test('a claim of that name which is another’s is told of, not taken', () => {
  assert.deepEqual(tellActions(reconcileEphemeralVolumes({ pod, findClaim: () => aClaim() })), [
    'event Warning FailedBinding: PVC default/web-tmp was not created for pod default/web (pod is not owner)',
  ]);
});

test('a pod that is over or going gets no claims', () => {
  const over = { ...pod, status: { phase: 'Succeeded' } };
  const going = { ...pod, metadata: { ...pod.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } };
  for (const each of [over, going]) assert.deepEqual(reconcileEphemeralVolumes({ pod: each, findClaim: () => undefined }), []);
});
