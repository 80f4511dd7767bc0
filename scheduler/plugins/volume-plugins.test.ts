/** What volumes say about where a pod may go. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CSINode, ObjectMeta, PersistentVolume, PersistentVolumeClaim, StorageClass, Volume } from '#api/generated/types.ts';
import { createFakeClient } from '#client/testing/fake-client.ts';
import { seededRandom } from '#component/random.ts';
import { createFakeClock } from '#component/testing/fake-clock.ts';
import { chooseNode } from '../choose-node.ts';
import { failureMessage } from '../failure-message.ts';
import type { NodeInfo } from '../node-info.ts';
import type { SchedulerPlugin } from '../plugin.ts';
import { aCycle, aNodeInfo, aPodInfo } from '../testing/builders.ts';
import { createStorage, type Storage } from '../volumes/storage.ts';
import { createNodeVolumeLimits } from './node-volume-limits.ts';
import { createVolumeBinding } from './volume-binding.ts';
import { createVolumeRestrictions } from './volume-restrictions.ts';
import { createVolumeZone } from './volume-zone.ts';

const metadataOf = (name: string, more: Partial<ObjectMeta> = {}): ObjectMeta => ({
  name,
  uid: `uid-of-${name}`,
  resourceVersion: '1',
  creationTimestamp: '2026-01-01T00:00:00Z',
  ...more,
});

function aClaim(name: string, spec: PersistentVolumeClaim['spec'] = {}, more: Partial<ObjectMeta> = {}): PersistentVolumeClaim {
  const isBound = spec.volumeName !== undefined;
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: metadataOf(name, { namespace: 'default', ...more }),
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, ...spec },
    status: { phase: isBound ? 'Bound' : 'Pending' },
  };
}

function aVolume(
  name: string,
  spec: Partial<PersistentVolume['spec']> = {},
  labels: Readonly<Record<string, string>> = {},
): PersistentVolume {
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: metadataOf(name, { labels }),
    spec: { accessModes: ['ReadWriteOnce'], capacity: { storage: '10Gi' }, ...spec },
    status: { phase: 'Available' },
  };
}

const onNodes = (...values: readonly string[]): Partial<PersistentVolume['spec']> => ({
  nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values }] }] } },
});

const aClass = (name: string, more: Partial<StorageClass> = {}): StorageClass => ({
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  metadata: metadataOf(name),
  provisioner: 'kubernetes.io/no-provisioner',
  volumeBindingMode: 'WaitForFirstConsumer',
  ...more,
});

interface Stored {
  readonly claims?: readonly PersistentVolumeClaim[];
  readonly volumes?: readonly PersistentVolume[];
  readonly classes?: readonly StorageClass[];
  readonly csiNodes?: readonly CSINode[];
}

function aStorage({ claims = [], volumes = [], classes = [], csiNodes = [] }: Stored): Storage {
  const byName = <T extends { readonly metadata: ObjectMeta }>(objects: readonly T[], name: string) =>
    objects.find(({ metadata }) => metadata.name === name);
  return createStorage({
    findClaim: (key) => byName(claims, key.split('/')[1] ?? ''),
    findVolume: (name) => byName(volumes, name),
    listVolumes: (className) => volumes.filter(({ spec }) => (spec.storageClassName ?? '') === className),
    findClass: (name) => byName(classes, name),
    findCsiNode: (name) => byName(csiNodes, name),
    findDriver: () => undefined,
    listCapacities: () => [],
  });
}

function pluginsOf(stored: Stored): readonly SchedulerPlugin[] {
  const storage = aStorage(stored);
  const clock = createFakeClock();
  const binding = { client: createFakeClient({ clock }), clock, storage, onStorageChange: () => () => undefined, bindTimeoutMs: 1_000 };
  return [createVolumeRestrictions(storage), createNodeVolumeLimits(storage), createVolumeBinding(binding), createVolumeZone(storage)];
}

const using = (...claimNames: readonly string[]): { readonly volumes: readonly Volume[] } => ({
  volumes: claimNames.map((claimName) => ({ name: claimName, persistentVolumeClaim: { claimName } })),
});

/** The nodes that are left, or why none is. */
function outcome(pod: ReturnType<typeof aPodInfo>, stored: Stored, nodes: readonly NodeInfo[]): string {
  const cycle = aCycle(pod, nodes, pluginsOf(stored));
  const choice = chooseNode(cycle, 0, seededRandom(1));
  if (!choice.fits) return failureMessage(choice.diagnosis, '');
  return nodes
    .filter((node) => cycle.rejectionOf(node) === undefined)
    .map(({ name }) => name)
    .join(' ');
}

const a = aNodeInfo({ name: 'a', labels: { 'topology.kubernetes.io/zone': 'east' } });
const b = aNodeInfo({ name: 'b', labels: { 'topology.kubernetes.io/zone': 'west' } });
const ephemeral = { volumes: [{ name: 'scratch', ephemeral: { volumeClaimTemplate: { spec: {} } } }] };

const cases: readonly { it: string; pod: ReturnType<typeof aPodInfo>; stored: Stored; outcome: string }[] = [
  { it: 'a pod without claims goes anywhere', pod: aPodInfo(), stored: {}, outcome: 'a b' },
  {
    it: 'a claim that does not exist keeps its pod waiting',
    pod: aPodInfo(using('data')),
    stored: {},
    outcome: '0/2 nodes are available: persistentvolumeclaim "data" not found.',
  },
  {
    it: 'a pod waits for the claim of its ephemeral volume',
    pod: aPodInfo({ name: 'web', ...ephemeral }),
    stored: {},
    outcome: '0/2 nodes are available: waiting for ephemeral volume controller to create the persistentvolumeclaim "web-scratch".',
  },
  {
    it: 'a claim of the name that is not the pod’s own is no ephemeral volume',
    pod: aPodInfo({ name: 'web', ...ephemeral }),
    stored: { claims: [aClaim('web-scratch')] },
    outcome: '0/2 nodes are available: PVC default/web-scratch was not created for pod default/web (pod is not owner).',
  },
  {
    it: 'a claim that is bound at once has to be, first',
    pod: aPodInfo(using('data')),
    stored: { claims: [aClaim('data')] },
    outcome: '0/2 nodes are available: pod has unbound immediate PersistentVolumeClaims.',
  },
  {
    it: 'a claim on its way out takes no new pods',
    pod: aPodInfo(using('data')),
    stored: { claims: [aClaim('data', { volumeName: 'v' }, { deletionTimestamp: '2026-01-01T00:00:00Z' })] },
    outcome: '0/2 nodes are available: persistentvolumeclaim "data" is being deleted.',
  },
  {
    it: 'a pod goes where its volume is',
    pod: aPodInfo(using('data')),
    stored: { claims: [aClaim('data', { volumeName: 'v' })], volumes: [aVolume('v', onNodes('b'))] },
    outcome: 'b',
  },
  {
    it: 'a volume that is nowhere near is said to be',
    pod: aPodInfo(using('data')),
    stored: { claims: [aClaim('data', { volumeName: 'v' })], volumes: [aVolume('v', onNodes('c'))] },
    outcome: "0/2 nodes are available: 2 node(s) didn't match PersistentVolume's node affinity.",
  },
  {
    it: 'a volume that is gone is said to be',
    pod: aPodInfo(using('data')),
    stored: { claims: [aClaim('data', { volumeName: 'v' })] },
    outcome: '0/2 nodes are available: 2 node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s).',
  },
  {
    it: 'a claim that waits for its first pod is found a volume, and the pod the node that has it',
    pod: aPodInfo(using('data')),
    stored: {
      claims: [aClaim('data', { storageClassName: 'local' })],
      classes: [aClass('local')],
      volumes: [aVolume('v', { storageClassName: 'local', ...onNodes('a') }), aVolume('other', { storageClassName: 'else' })],
    },
    outcome: 'a',
  },
  {
    it: 'a volume that is too small, taken or of other modes is none',
    pod: aPodInfo(using('data')),
    stored: {
      claims: [aClaim('data', { storageClassName: 'local' })],
      classes: [aClass('local')],
      volumes: [
        aVolume('small', { storageClassName: 'local', capacity: { storage: '1Mi' } }),
        aVolume('taken', { storageClassName: 'local', claimRef: { name: 'other', namespace: 'default' } }),
        aVolume('read', { storageClassName: 'local', accessModes: ['ReadOnlyMany'] }),
      ],
    },
    outcome: "0/2 nodes are available: 2 node(s) didn't find available persistent volumes to bind.",
  },
  {
    it: 'two claims do not get one volume',
    pod: aPodInfo(using('one', 'two')),
    stored: {
      claims: [aClaim('one', { storageClassName: 'local' }), aClaim('two', { storageClassName: 'local' })],
      classes: [aClass('local')],
      volumes: [aVolume('v', { storageClassName: 'local' })],
    },
    outcome: "0/2 nodes are available: 2 node(s) didn't find available persistent volumes to bind.",
  },
  {
    it: 'what can be provisioned fits, within the topologies of the class',
    pod: aPodInfo(using('data')),
    stored: {
      claims: [aClaim('data', { storageClassName: 'cloud' })],
      classes: [
        aClass('cloud', {
          provisioner: 'example.com/disk',
          allowedTopologies: [{ matchLabelExpressions: [{ key: 'topology.kubernetes.io/zone', values: ['west'] }] }],
        }),
      ],
    },
    outcome: 'b',
  },
  {
    it: 'a claim that was promised to a node stays with it',
    pod: aPodInfo(using('data')),
    stored: {
      claims: [aClaim('data', { storageClassName: 'cloud' }, { annotations: { 'volume.kubernetes.io/selected-node': 'a' } })],
      classes: [aClass('cloud', { provisioner: 'example.com/disk' })],
    },
    outcome: 'a',
  },
  {
    it: 'a volume of a zone is for nodes there',
    pod: aPodInfo(using('data')),
    stored: {
      claims: [aClaim('data', { volumeName: 'v' })],
      volumes: [aVolume('v', {}, { 'topology.kubernetes.io/zone': 'north__west' })],
    },
    outcome: 'b',
  },
];
for (const { it, pod, stored, outcome: expected } of cases) test(it, () => assert.equal(outcome(pod, stored, [a, b]), expected));

test('a claim for one pod alone is not given to a second one', () => {
  const stored = { claims: [aClaim('data', { volumeName: 'v', accessModes: ['ReadWriteOncePod'] })], volumes: [aVolume('v')] };
  const busy = aNodeInfo({ name: 'a' }, [using('data')]);
  const why = 'node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod';
  assert.equal(outcome(aPodInfo(using('data')), stored, [busy, b]), `0/2 nodes are available: 2 ${why}.`);
});

test('a disk that a pod on the node writes is not given to another', () => {
  const disk = (readOnly: boolean) => ({ volumes: [{ name: 'disk', gcePersistentDisk: { pdName: 'disk', readOnly } }] });
  assert.equal(outcome(aPodInfo(disk(true)), {}, [aNodeInfo({ name: 'a' }, [disk(false)]), b]), 'b');
  assert.equal(outcome(aPodInfo(disk(true)), {}, [aNodeInfo({ name: 'a' }, [disk(true)]), b]), 'a b');
});

test('a node takes no more volumes of a driver than it can attach; a volume counts once', () => {
  const csi = (name: string) => aVolume(name, { csi: { driver: 'disk.example.com', volumeHandle: name } });
  const csiNode: CSINode = {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'CSINode',
    metadata: metadataOf('a'),
    spec: { drivers: [{ name: 'disk.example.com', nodeID: 'a', allocatable: { count: 1 } }] },
  };
  const stored = {
    claims: [aClaim('one', { volumeName: 'one' }), aClaim('two', { volumeName: 'two' })],
    volumes: [csi('one'), csi('two')],
    csiNodes: [csiNode],
  };
  const node = aNodeInfo({ name: 'a' }, [using('one')]);
  assert.equal(outcome(aPodInfo(using('one')), stored, [node]), 'a');
  assert.equal(outcome(aPodInfo(using('two')), stored, [node]), '0/1 nodes are available: 1 node(s) exceed max volume count.');
});
