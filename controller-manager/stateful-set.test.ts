import assert from 'node:assert/strict';
import { test } from 'node:test';
import { statefulsets } from '#api/generated/resources.ts';
import type { PersistentVolumeClaim, Pod, StatefulSet } from '#api/generated/types.ts';
import { revisionName } from './controller-revisions.ts';
import { newClaims, newStatefulPod } from './stateful-set/identity.ts';
import { reconcileStatefulSet, type StatefulSetSnapshot } from './stateful-set.ts';
import {
  announcements,
  aPod,
  aRevision,
  aStatefulSet,
  aTemplate,
  describeActions,
  metadataOf,
  NOW_MS,
  secondsAgo,
} from './testing/builders.ts';

const revise = (set: StatefulSet, revision: number) => aRevision(set, revision, statefulsets);
const web = aStatefulSet();
const parallel = aStatefulSet({ podManagementPolicy: 'Parallel' });
const firstRevision = revise(web, 1);
const first = firstRevision.metadata.name;

/** The set with another template, in the middle of the way from the first one. */
function updating(spec: Partial<StatefulSet['spec']> = {}): StatefulSet {
  return aStatefulSet({ template: aTemplate('v2'), ...spec }, { status: { replicas: 3, currentRevision: first } });
}
const second = revisionName(updating());

interface MemberOptions {
  readonly of?: StatefulSet;
  readonly revision?: string;
  readonly phase?: string;
  readonly isUnready?: boolean;
  readonly readySince?: string;
  readonly isGoing?: boolean;
}

/** An available pod of the first template, unless told otherwise. */
function aMember(ordinal: number, options: MemberOptions = {}): Pod {
  const { of: set = web, revision = first, phase = 'Running', isUnready = false, readySince = secondsAgo(600), isGoing = false } = options;
  const { metadata, spec } = newStatefulPod(set, ordinal, { template: aTemplate('v1'), revision });
  return aPod(metadata.name ?? '', {
    owner: set,
    phase,
    spec,
    ...(isUnready ? {} : { readySince }),
    metadata: { ...(metadata.labels ? { labels: metadata.labels } : {}), ...(isGoing ? { deletionTimestamp: secondsAgo(1) } : {}) },
  });
}

function snapshotOf(set: StatefulSet, candidates: readonly Pod[], more: Partial<StatefulSetSnapshot> = {}): StatefulSetSnapshot {
  const revisions = more.revisions ?? (revisionName(set) === first ? [firstRevision] : [firstRevision, revise(set, 2)]);
  return {
    set,
    candidates,
    revisions,
    namesake: revisions.find(({ metadata }) => metadata.name === revisionName(set)),
    findClaim: () => undefined,
    mayAdopt: true,
    mayCreate: true,
    nowMs: NOW_MS,
    ...more,
  };
}

const withClaims = {
  volumeClaimTemplates: [
    { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: metadataOf('data'), spec: { accessModes: ['ReadWriteOnce'] } },
  ],
};
const store = aStatefulSet(withClaims);
const deletesClaims = { whenDeleted: 'Retain', whenScaled: 'Delete' };

function aClaim(ordinal: number, more: Partial<PersistentVolumeClaim['metadata']> = {}): PersistentVolumeClaim {
  const [claim] = newClaims(store, ordinal);
  assert.ok(claim !== undefined);
  return { ...claim, metadata: metadataOf(claim.metadata.name ?? '', more) };
}
const claimFinder = (...claims: readonly PersistentVolumeClaim[]) => ({
  findClaim: (name: string) => claims.find(({ metadata }) => metadata.name === name),
});
const formerPod = { apiVersion: 'v1', kind: 'Pod', name: 'web-0', uid: 'long gone', controller: true };
const all = [aMember(0), aMember(1), aMember(2)];
const partition = (count: number) => ({ updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: count } } });

const cases: readonly { it: string; given: StatefulSetSnapshot; actions: readonly string[] }[] = [
  { it: 'writes down its template before it makes pods', given: snapshotOf(web, [], { revisions: [] }), actions: [`create ${first}`] },
  { it: 'makes its first pod and waits', given: snapshotOf(web, []), actions: ['create web-0'] },
  { it: 'waits until that is ready', given: snapshotOf(web, [aMember(0, { isUnready: true })]), actions: [] },
  { it: 'makes the next when the one before is available', given: snapshotOf(web, [aMember(0)]), actions: ['create web-1'] },
  {
    it: 'waits until the one before has been ready for long enough',
    given: snapshotOf(aStatefulSet({ minReadySeconds: 30 }), [aMember(0, { readySince: secondsAgo(10) })]),
    actions: ['requeue 20000'],
  },
  { it: 'does nothing when all are there', given: snapshotOf(web, all), actions: [] },
  { it: 'makes all at once in parallel', given: snapshotOf(parallel, []), actions: ['create web-0', 'create web-1', 'create web-2'] },
  {
    it: 'counts from where it is told to',
    given: snapshotOf(aStatefulSet({ ordinals: { start: 5 }, replicas: 1 }), [aMember(0)]),
    actions: ['create web-5'],
  },
  { it: 'replaces a missing pod first', given: snapshotOf(web, [aMember(0), aMember(2)]), actions: ['create web-1'] },
  { it: 'waits for a terminating pod to be gone', given: snapshotOf(web, [aMember(0, { isGoing: true }), aMember(1)]), actions: [] },
  {
    it: 'deletes a pod that ended, whatever its end',
    given: snapshotOf(web, [aMember(0, { phase: 'Succeeded', isUnready: true })]),
    actions: ['StatefulSet default/web is recreating terminated Pod web-0', 'delete web-0'],
  },
  { it: 'shrinks from the end, one by one', given: snapshotOf(aStatefulSet({ replicas: 1 }), all), actions: ['delete web-2'] },
  {
    it: 'shrinks at once in parallel',
    given: snapshotOf(aStatefulSet({ replicas: 1, podManagementPolicy: 'Parallel' }), all),
    actions: ['delete web-2', 'delete web-1'],
  },
  {
    it: 'does not shrink while a pod before is not ready',
    given: snapshotOf(aStatefulSet({ replicas: 1 }), [aMember(0), aMember(1, { isUnready: true }), aMember(2, { isUnready: true })]),
    actions: [],
  },
  {
    it: 'shrinks past a terminating pod only when that is gone',
    given: snapshotOf(aStatefulSet({ replicas: 1 }), [aMember(0), aMember(1), aMember(2, { isGoing: true })]),
    actions: [],
  },
  { it: 'updates from the end, one by one', given: snapshotOf(updating(), all), actions: ['delete web-2'] },
  {
    it: 'makes the deleted pod from the new template',
    given: snapshotOf(updating(), all.slice(0, 2)),
    actions: [`create web-2 of ${second}`],
  },
  {
    it: 'goes on when that is available',
    given: snapshotOf(updating(), [aMember(0), aMember(1), aMember(2, { revision: second })]),
    actions: ['delete web-1'],
  },
  {
    it: 'leaves pods below the partition alone',
    given: snapshotOf(updating(partition(2)), [aMember(0), aMember(1), aMember(2, { revision: second })]),
    actions: [],
  },
  {
    it: 'makes pods below the partition from the template before',
    given: snapshotOf(updating(partition(2)), [aMember(0), aMember(2, { revision: second })]),
    actions: [`create web-1 of ${first}`],
  },
  {
    it: 'updates nothing by itself when told to wait for deletions',
    given: snapshotOf(updating({ updateStrategy: { type: 'OnDelete' } }), all),
    actions: [],
  },
  {
    it: 'updates as many at once as may be unavailable',
    given: snapshotOf(updating({ updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 2 } } }), all),
    actions: ['delete web-2', 'delete web-1'],
  },
  {
    it: 'replaces a broken old pod in parallel without waiting for it',
    given: snapshotOf(updating({ podManagementPolicy: 'Parallel' }), [aMember(0, { isUnready: true }), aMember(1), aMember(2)]),
    actions: ['delete web-0'],
  },
  {
    it: 'grows before it updates',
    given: snapshotOf(updating({ replicas: 4 }), all),
    actions: [`create web-3 of ${second}`],
  },
  {
    it: 'makes the claims before the pod',
    given: snapshotOf(store, []),
    actions: ['create data-web-0', 'create web-0'],
  },
  { it: 'takes claims that are there', given: snapshotOf(store, [], claimFinder(aClaim(0))), actions: ['create web-0'] },
  {
    it: 'waits for the claim of a pod that is gone to go as well',
    given: snapshotOf(store, [], claimFinder(aClaim(0, { ownerReferences: [formerPod] }))),
    actions: [],
  },
  {
    it: 'makes a claim that a waiting pod lacks',
    given: snapshotOf(store, [aMember(0, { phase: 'Pending', isUnready: true })]),
    actions: ['create data-web-0'],
  },
  {
    it: 'gives claims to the set when they are to go with it',
    given: snapshotOf(
      aStatefulSet({ ...withClaims, replicas: 1, persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Delete', whenScaled: 'Retain' } }),
      [aMember(0)],
      claimFinder(aClaim(0)),
    ),
    actions: ['patch data-web-0 to StatefulSet web'],
  },
  {
    it: 'gives the claim of a leaving pod to the pod when it is to go with it',
    given: snapshotOf(
      aStatefulSet({ ...withClaims, replicas: 1, persistentVolumeClaimRetentionPolicy: deletesClaims }),
      [aMember(0), aMember(1)],
      claimFinder(aClaim(0), aClaim(1)),
    ),
    actions: ['patch data-web-1 to Pod web-1', 'delete web-1'],
  },
  {
    it: 'adopts a pod that bears its name',
    given: snapshotOf(web, [aPod('web-0')]),
    actions: ['patch pods web-0'],
  },
  {
    it: 'restores the labels that tell pods apart',
    given: snapshotOf(web, [
      aPod('web-0', { owner: web, readySince: secondsAgo(600), metadata: { labels: { app: 'web' } } }),
      aMember(1),
      aMember(2),
    ]),
    actions: ['patch pods web-0', 'update Pod web-0 in StatefulSet web successful', 'delete web-0'],
  },
  { it: 'makes no pods in a namespace that is being deleted', given: snapshotOf(web, [], { mayCreate: false }), actions: [] },
  {
    it: 'does nothing to its pods while it is being deleted',
    given: snapshotOf({ ...web, metadata: { ...web.metadata, deletionTimestamp: secondsAgo(1) } }, [aMember(0)]),
    actions: [],
  },
];
for (const { it, given, actions } of cases) {
  test(`a StatefulSet ${it}`, () => assert.deepEqual(describeSetActions(given), actions));
}

const isPod = (object: object): object is Pod => 'kind' in object && object.kind === 'Pod';
const isSet = (object: object): object is StatefulSet => 'kind' in object && object.kind === 'StatefulSet';

/** What is done, without the status, which has tests of its own. The revision is told while there are two. */
function describeSetActions(given: StatefulSetSnapshot): readonly string[] {
  return reconcileStatefulSet(given).flatMap((action) => {
    if (action.verb === 'updateStatus') return [];
    if (action.verb === 'create') {
      const revision = isPod(action.object) ? action.object.metadata.labels?.['controller-revision-hash'] : undefined;
      const isUpdating = isPod(action.object) && given.revisions.length > 1;
      return [`create ${action.object.metadata.name}${isUpdating ? ` of ${revision}` : ''}`];
    }
    if (action.verb === 'delete') return [`delete ${action.key.name}`];
    if (action.verb === 'event') return [action.message];
    const [owner] = /"kind":"[A-Za-z]+","name":"[^"]+"/.exec(JSON.stringify(action.verb === 'patch' ? action.patch : {})) ?? [];
    if (action.verb === 'patch' && action.type.plural === 'persistentvolumeclaims') {
      return [`patch ${action.key.name} to ${owner?.replace(/"kind":"|","name":"|"/g, ' ').trim()}`];
    }
    return describeActions([action]);
  });
}

function statusOf(given: StatefulSetSnapshot) {
  const [object] = reconcileStatefulSet(given).flatMap((action) => (action.verb === 'updateStatus' ? [action.object] : []));
  return object !== undefined && isSet(object) ? object.status : undefined;
}

test('a pod is known by its ordinal: name, host name, labels and claims', () => {
  const [, action] = reconcileStatefulSet(snapshotOf(store, []));
  assert.ok(action?.verb === 'create' && isPod(action.object));
  const { metadata, spec } = action.object;
  assert.deepEqual(metadata.labels, {
    app: 'web',
    'statefulset.kubernetes.io/pod-name': 'web-0',
    'apps.kubernetes.io/pod-index': '0',
    'controller-revision-hash': revisionName(store),
  });
  assert.deepEqual([spec.hostname, spec.subdomain], ['web-0', 'web']);
  assert.deepEqual(spec.volumes, [{ name: 'data', persistentVolumeClaim: { claimName: 'data-web-0' } }]);
});

test('events tell of claims and pods', () => {
  assert.deepEqual(announcements(reconcileStatefulSet(snapshotOf(store, []))), [
    'create Claim data-web-0 Pod web-0 in StatefulSet web success',
    'create Pod web-0 in StatefulSet web successful',
  ]);
});

test('the status follows an update to its end', () => {
  const halfway = statusOf(snapshotOf(updating(), [aMember(0), aMember(1, { isGoing: true }), aMember(2, { revision: second })]));
  assert.deepEqual(halfway, {
    replicas: 3,
    readyReplicas: 3,
    availableReplicas: 3,
    currentReplicas: 1,
    updatedReplicas: 1,
    currentRevision: first,
    updateRevision: second,
    collisionCount: 0,
    observedGeneration: 1,
  });
  const updated = [0, 1, 2].map((ordinal) => aMember(ordinal, { revision: second }));
  const done = statusOf(snapshotOf(updating(), updated));
  assert.deepEqual([done?.currentRevision, done?.currentReplicas, done?.updatedReplicas], [second, 3, 3]);
  assert.equal(statusOf(snapshotOf({ ...updating(), ...(done === undefined ? {} : { status: done }) }, updated)), undefined);
});
