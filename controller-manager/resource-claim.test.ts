import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pods, resourceclaims, resourceclaimtemplates } from '#api/generated/resources.ts';
import type { Pod, ResourceClaimTemplate, ResourceResourceClaim } from '#api/generated/types.ts';
import { createCluster } from '../in-process/create-cluster.ts';
import { type ResourceClaimSnapshot, reconcileResourceClaim } from './resource-claim.ts';
import { type PodClaimsSnapshot, reconcilePodClaims } from './resource-claim-of-pod.ts';
import { aPod, describeActions, metadataOf, secondsAgo } from './testing/builders.ts';

const request = { devices: { requests: [{ name: 'gpu', exactly: { deviceClassName: 'gpu.example.com' } }] } };
const allocation = { devices: { results: [] } };
const wishes = [{ name: 'gpu', resourceClaimTemplateName: 'gpus' }];
const template: ResourceClaimTemplate = {
  apiVersion: 'resource.k8s.io/v1',
  kind: 'ResourceClaimTemplate',
  metadata: metadataOf('gpus'),
  spec: { metadata: { labels: { team: 'ml' } }, spec: request },
};

function aWisher(name: string, more: Partial<Pod['spec']> = {}, status: Partial<Pod['status']> = {}): Pod {
  const pod = aPod(name, { spec: { resourceClaims: wishes, ...more } });
  return { ...pod, status: { ...pod.status, ...status } };
}

function aClaim(name: string, more: Partial<ResourceResourceClaim> = {}, maker?: Pod): ResourceResourceClaim {
  const owner = maker && { apiVersion: 'v1', kind: 'Pod', name: maker.metadata.name, uid: maker.metadata.uid, controller: true };
  const annotations = { 'resource.kubernetes.io/pod-claim-name': 'gpu' };
  const metadata = metadataOf(name, owner === undefined ? {} : { ownerReferences: [owner], annotations });
  return { apiVersion: 'resource.k8s.io/v1', kind: 'ResourceClaim', metadata, spec: request, ...more };
}

const pod = aWisher('train');
const noted = aWisher('train', {}, { resourceClaimStatuses: [{ name: 'gpu', resourceClaimName: 'train-gpu-x' }] });
const placed = aWisher('train', { nodeName: 'worker-1' }, noted.status);

function snapshotOf(given: Pod, claims: readonly ResourceResourceClaim[], templates = [template]): PodClaimsSnapshot {
  return {
    pod: given,
    own: claims.filter(({ metadata }) => metadata.ownerReferences?.[0]?.uid === given.metadata.uid),
    findClaim: (name) => claims.find(({ metadata }) => metadata.name === name),
    findTemplate: (name) => templates.find(({ metadata }) => metadata.name === name),
    suffix: () => 'abcde',
  };
}

const made = aClaim('train-gpu-x', {}, pod);
const podCases: readonly { it: string; given: PodClaimsSnapshot; actions: readonly string[] }[] = [
  { it: 'makes a claim and notes it', given: snapshotOf(pod, []), actions: ['create resourceclaims', 'patch pods train'] },
  { it: 'notes a claim that was made before', given: snapshotOf(pod, [made]), actions: ['patch pods train'] },
  { it: 'leaves a claim that is noted', given: snapshotOf(noted, [made]), actions: [] },
  { it: 'makes a claim that was deleted anew', given: snapshotOf(noted, []), actions: ['create resourceclaims', 'patch pods train'] },
  { it: 'tells that there is no template', given: snapshotOf(pod, [], []), actions: ['event FailedResourceClaimCreation'] },
  {
    it: 'reserves what is allocated for a pod that has a node',
    given: snapshotOf(placed, [aClaim('train-gpu-x', { status: { allocation } }, pod)]),
    actions: ['updateStatus resourceclaims train-gpu-x'],
  },
  {
    it: 'makes nothing anew for a pod that has ended',
    given: snapshotOf(aWisher('train', {}, { ...noted.status, phase: 'Succeeded' }), []),
    actions: [],
  },
  {
    it: 'does nothing for a pod that is going',
    given: snapshotOf({ ...pod, metadata: { ...pod.metadata, deletionTimestamp: secondsAgo(1) } }, []),
    actions: [],
  },
];
for (const { it, given, actions } of podCases) {
  test(`for a pod the claim controller ${it}`, () => assert.deepEqual(describeActions(reconcilePodClaims(given)), actions));
}

test('a claim is named after pod and wish, and is the pod’s', () => {
  const [action] = reconcilePodClaims(snapshotOf(pod, []));
  assert.ok(action?.verb === 'create');
  assert.equal(action.object.metadata.name, 'train-gpu-abcde');
  assert.equal(action.object.metadata.ownerReferences?.[0]?.uid, 'uid-train');
  assert.deepEqual(action.object.metadata.labels, { team: 'ml' });
  const long = aWisher('a-pod-whose-name-is-as-long-as-names-of-pods-ever-become-in-here');
  const [shortened] = reconcilePodClaims(snapshotOf(long, []));
  assert.ok(shortened?.verb === 'create' && (shortened.object.metadata.name ?? '').length <= 63);
});

const held = { metadata: metadataOf('c', { finalizers: ['resource.kubernetes.io/delete-protection'] }) };
const reserved = { allocation, reservedFor: [{ resource: 'pods', name: 'train', uid: 'uid-train' }] };
const goingMetadata = { ...held.metadata, deletionTimestamp: secondsAgo(1) };
const ended = aPod('train', { phase: 'Succeeded' });
const claimCases: readonly { it: string; given: ResourceClaimSnapshot; actions: readonly string[]; status?: unknown }[] = [
  {
    it: 'keeps a reservation that is needed',
    given: { claim: aClaim('c', { ...held, status: reserved }), users: new Set(['uid-train']), maker: undefined },
    actions: [],
  },
  {
    it: 'frees a claim with its last user',
    given: { claim: aClaim('c', { ...held, status: reserved }), users: new Set(), maker: undefined },
    actions: ['updateStatus resourceclaims c'],
    status: {},
  },
  {
    it: 'keeps the allocation for other users',
    given: {
      claim: aClaim('c', {
        ...held,
        status: { allocation, reservedFor: [...reserved.reservedFor, { resource: 'pods', name: 'b', uid: 'uid-b' }] },
      }),
      users: new Set(['uid-b']),
      maker: undefined,
    },
    actions: ['updateStatus resourceclaims c'],
    status: { allocation, reservedFor: [{ resource: 'pods', name: 'b', uid: 'uid-b' }] },
  },
  {
    it: 'frees an unused claim that is going',
    given: { claim: aClaim('c', { metadata: goingMetadata, status: { allocation } }), users: new Set(), maker: undefined },
    actions: ['updateStatus resourceclaims c'],
    status: {},
  },
  {
    it: 'lets a claim go that is free',
    given: { claim: aClaim('c', { metadata: goingMetadata }), users: new Set(), maker: undefined },
    actions: ['patch resourceclaims c'],
  },
  {
    it: 'removes a claim whose pod has ended',
    given: { claim: aClaim('c', {}, ended), users: new Set(), maker: ended },
    actions: ['delete resourceclaims c'],
  },
  { it: 'leaves a claim whose pod is still to run', given: { claim: aClaim('c', {}, pod), users: new Set(), maker: pod }, actions: [] },
];
for (const { it, given, actions, status } of claimCases) {
  test(`of a claim the controller ${it}`, () => {
    const planned = reconcileResourceClaim(given);
    assert.deepEqual(describeActions(planned), actions);
    const [write] = planned;
    if (status !== undefined) assert.deepEqual(write?.verb === 'updateStatus' && 'status' in write.object && write.object.status, status);
  });
}

test('a pod’s claim comes with it, and goes when the pod has ended', async () => {
  await using cluster = await createCluster({ pods: () => ({ exit: { afterMs: 20_000, code: 0 } }) });
  const { client, clock } = cluster;
  clock.freeze();
  await client.resource(resourceclaimtemplates).create({ ...template, metadata: { name: 'gpus', namespace: 'default' } });
  await client.resource(pods).create({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'train', namespace: 'default' },
    spec: { restartPolicy: 'Never', containers: [{ name: 'main', image: 'train:v1' }], resourceClaims: wishes },
  });
  const names = async () =>
    (await client.resource(resourceclaims).list({ namespace: 'default' })).items.map(({ metadata }) => metadata.name);
  await clock.advanceUntil(async () => (await names()).length === 1, { virtualMsMax: 10_000 });
  const [name] = await names();
  const status = async () => (await client.resource(pods).get({ namespace: 'default', name: 'train' })).status?.resourceClaimStatuses;
  await clock.advanceUntil(async () => (await status())?.[0]?.resourceClaimName === name, { virtualMsMax: 10_000 });
  await clock.advanceUntil(async () => (await names()).length === 0, { virtualMsMax: 60_000 });
});
