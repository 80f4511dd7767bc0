/** A claim's volume from its making to its end, with a backend that only remembers; whose turn it is; and what is told when it does not work. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { events, nodes, persistentvolumeclaims, persistentvolumes, storageclasses } from '#api/generated/resources.ts';
import type { Node, PersistentVolume, PersistentVolumeClaim, StorageClass } from '#api/generated/types.ts';
import { createEventRecorder } from '#client/event-recorder.ts';
import { createInformer } from '#client/informer.ts';
import { createFakeClient, type FakeClient } from '#client/testing/fake-client.ts';
import { silentLogger } from '#component/logger.ts';
import { seededRandom } from '#component/random.ts';
import { createFakeClock, type FakeClock } from '#component/testing/fake-clock.ts';
import { actingNode, DELETION_FINALIZER, PROVISIONED_BY, planVolume, provisionerOf, wantedSize } from './plan-provisioning.ts';
import { createProvisioner } from './provisioner.ts';
import { NoRoomError, type VolumeBackend } from './volume-backend.ts';

const NAME = 'disks.example.com';
const asked = { 'volume.kubernetes.io/storage-provisioner': NAME };
const selected = { 'volume.kubernetes.io/selected-node': 'worker-1' };

const metadata = { name: 'data', namespace: 'shop', uid: 'u1', resourceVersion: '1', creationTimestamp: '', annotations: asked };
const aClaim = (more: Partial<PersistentVolumeClaim> = {}): PersistentVolumeClaim => ({
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata,
  spec: { accessModes: ['ReadWriteOnce'], storageClassName: 'fast', resources: { requests: { storage: '1Gi' } } },
  ...more,
});
const aClass = (more: Partial<StorageClass> = {}): StorageClass => ({
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  metadata: { name: 'fast', uid: 'c', resourceVersion: '1', creationTimestamp: '' },
  provisioner: NAME,
  reclaimPolicy: 'Delete',
  ...more,
});
const aVolume = (more: Partial<PersistentVolume['spec']> = {}, phase = 'Bound', deletionTimestamp?: string): PersistentVolume => ({
  apiVersion: 'v1',
  kind: 'PersistentVolume',
  metadata: {
    name: 'pvc-u1',
    uid: 'v',
    resourceVersion: '1',
    creationTimestamp: '',
    annotations: { [PROVISIONED_BY]: NAME },
    finalizers: [DELETION_FINALIZER],
    ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
  },
  spec: { capacity: { storage: '1Gi' }, persistentVolumeReclaimPolicy: 'Delete', ...more },
  status: { phase },
});
const aNode = (name: string, ready = 'True'): Node => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name, uid: name, resourceVersion: '1', creationTimestamp: '' },
  spec: {},
  status: { conditions: [{ type: 'Ready', status: ready }] },
});

interface Under {
  readonly client: FakeClient;
  readonly clock: FakeClock;
  readonly calls: string[];
  told(): Promise<readonly string[]>;
}

async function withProvisioner(backend: Partial<VolumeBackend>, body: (under: Under) => Promise<void>): Promise<void> {
  const clock = createFakeClock();
  const client = createFakeClient({ clock });
  const deps = { client, clock, random: seededRandom(1), log: silentLogger };
  const recorder = createEventRecorder({ component: 'kubelet' }, deps);
  const nodeInformer = createInformer({ type: nodes }, deps);
  const calls: string[] = [];
  const whole: VolumeBackend = {
    name: NAME,
    create: async ({ name, sizeBytes }) => {
      calls.push(`create ${name} ${sizeBytes}`);
      return { spec: { local: { path: `/disks/${name}` } }, sizeBytes };
    },
    delete: async ({ metadata: { name } }) => void calls.push(`delete ${name}`),
    enlarge: async (_volume, sizeBytes) => {
      calls.push(`enlarge to ${sizeBytes}`);
      return { sizeBytes, needsNode: false };
    },
    ...backend,
  };
  const options = {
    nodeName: 'worker-1',
    nodes: nodeInformer,
    findBackend: (name: string) => (name === NAME ? whole : undefined),
    hasBackend: () => true,
  };
  const provisioner = createProvisioner(options, { ...deps, events: recorder });
  const stop = new AbortController();
  await client.resource(nodes).create(aNode('worker-1'));
  const running = [provisioner, recorder, nodeInformer].map((part) => part.run(stop.signal).catch(() => {}));
  const told = async () => (await client.resource(events).list()).items.map(({ reason, message }) => `${reason}: ${message}`);
  try {
    await clock.advance(100);
    await body({ client, clock, calls, told });
  } finally {
    stop.abort();
    await clock.advance(100);
    await Promise.all(running);
  }
}

test('a claim gets the volume that its class’s provisioner makes', async () => {
  await withProvisioner({}, async ({ client, clock, calls, told }) => {
    await client.resource(storageclasses).create(aClass());
    const claim = await client.resource(persistentvolumeclaims).create(aClaim());
    await clock.advance(100);
    const name = `pvc-${claim.metadata.uid}`;
    const volume = await client.resource(persistentvolumes).get({ namespace: '', name });
    assert.deepEqual(calls, [`create ${name} ${2 ** 30}`]);
    assert.deepEqual(volume.metadata.finalizers, [DELETION_FINALIZER]);
    assert.equal(volume.spec.claimRef?.uid, claim.metadata.uid);
    assert.deepEqual(
      [volume.spec.local?.path, volume.spec.capacity?.storage, volume.spec.storageClassName],
      [`/disks/${name}`, '1Gi', 'fast'],
    );
    assert.deepEqual(await told(), [
      'Provisioning: External provisioner is provisioning volume for claim "shop/data"',
      `ProvisioningSucceeded: Successfully provisioned volume ${name}`,
    ]);
  });
});

test('a volume that cannot be made is told of and tried again, with a new choice of node when there is no room', async () => {
  let tries = 0;
  const create = async () => {
    tries += 1;
    throw new NoRoomError('the disk is full');
  };
  await withProvisioner({ create }, async ({ client, clock, told }) => {
    await client.resource(storageclasses).create(aClass());
    await client.resource(persistentvolumeclaims).create(aClaim({ metadata: { ...metadata, annotations: { ...asked, ...selected } } }));
    await clock.advance(100);
    assert.ok((await told()).includes('ProvisioningFailed: failed to provision volume with StorageClass "fast": the disk is full'));
    const claim = await client.resource(persistentvolumeclaims).get({ namespace: 'shop', name: 'data' });
    assert.deepEqual(claim.metadata.annotations, asked);
    const before = tries;
    await clock.advance(5_000);
    assert.ok(tries > before);
  });
});

test('a released volume is deleted, then its object', async () => {
  await withProvisioner({}, async ({ client, clock, calls }) => {
    await client.resource(persistentvolumes).create(aVolume({}, 'Released'));
    await clock.advance(100);
    assert.deepEqual(calls, ['delete pvc-u1']);
    assert.deepEqual((await client.resource(persistentvolumes).list()).items, []);
  });
});

test('a claim that asks for more gets it', async () => {
  await withProvisioner({}, async ({ client, clock, calls, told }) => {
    await client.resource(persistentvolumes).create(aVolume());
    const annotations = { ...asked, 'volume.kubernetes.io/storage-resizer': NAME };
    const status = { phase: 'Bound', capacity: { storage: '1Gi' } };
    const spec = { ...aClaim().spec, volumeName: 'pvc-u1', resources: { requests: { storage: '2Gi' } } };
    await client.resource(persistentvolumeclaims).create(aClaim({ metadata: { ...metadata, annotations }, spec, status }));
    await clock.advance(100);
    assert.deepEqual(calls, [`enlarge to ${2 ** 31}`]);
    const claim = await client.resource(persistentvolumeclaims).get({ namespace: 'shop', name: 'data' });
    assert.deepEqual(claim.status?.capacity, { storage: '2Gi' });
    assert.deepEqual(claim.status?.conditions, []);
    assert.equal((await client.resource(persistentvolumes).get({ namespace: '', name: 'pvc-u1' })).spec.capacity?.storage, '2Gi');
    assert.deepEqual(await told(), [
      'Resizing: External resizer is resizing volume pvc-u1',
      'VolumeResizeSuccessful: Resize volume succeeded',
    ]);
  });
});

const delayed = aClass({ volumeBindingMode: 'WaitForFirstConsumer' });
const provisioners: readonly {
  it: string;
  claim: PersistentVolumeClaim;
  storageClass: StorageClass | undefined;
  asked: string | undefined;
}[] = [
  { it: 'asked when the binder says so', claim: aClaim(), storageClass: aClass(), asked: NAME },
  { it: 'not asked before', claim: aClaim({ metadata: { ...metadata, annotations: {} } }), storageClass: aClass(), asked: undefined },
  { it: 'not asked for a claim that has a volume', claim: aClaim({ spec: { volumeName: 'v' } }), storageClass: aClass(), asked: undefined },
  {
    it: 'not asked for a claim that is going',
    claim: aClaim({ metadata: { ...metadata, deletionTimestamp: 'now' } }),
    storageClass: aClass(),
    asked: undefined,
  },
  { it: 'not asked without a class', claim: aClaim(), storageClass: undefined, asked: undefined },
  { it: 'not asked before a node is selected, where the class says so', claim: aClaim(), storageClass: delayed, asked: undefined },
  {
    it: 'asked once a node is selected',
    claim: aClaim({ metadata: { ...metadata, annotations: { ...asked, ...selected } } }),
    storageClass: delayed,
    asked: NAME,
  },
];
for (const { it, claim, storageClass, asked: expected } of provisioners) {
  test(`the provisioner is ${it}`, () => assert.equal(provisionerOf(claim, storageClass), expected));
}

const plans: readonly { it: string; volume: PersistentVolume; plan: string }[] = [
  { it: 'is kept while it is bound', volume: aVolume(), plan: 'nothing' },
  { it: 'is kept while it is bound, even if its object is to go', volume: aVolume({}, 'Bound', 'now'), plan: 'nothing' },
  { it: 'is deleted when it is released', volume: aVolume({}, 'Released'), plan: 'delete' },
  { it: 'is deleted when it failed before', volume: aVolume({}, 'Failed'), plan: 'delete' },
  { it: 'is kept when it is to be retained', volume: aVolume({ persistentVolumeReclaimPolicy: 'Retain' }, 'Released'), plan: 'nothing' },
  {
    it: 'that is retained lets its object go',
    volume: aVolume({ persistentVolumeReclaimPolicy: 'Retain' }, 'Released', 'now'),
    plan: 'let-go',
  },
];
for (const { it, volume, plan } of plans) test(`a volume ${it}`, () => assert.equal(planVolume(volume), plan));

test('who was chosen acts if it can, else the first that is ready', () => {
  const all = [aNode('c'), aNode('b'), aNode('a', 'False')];
  const acting = (chosen?: string, canAct = (_node: Node) => true) => actingNode(all, canAct, chosen);
  assert.deepEqual([acting(), acting('c'), acting('a'), acting('gone')], ['b', 'c', 'b', 'b']);
  assert.equal(
    acting('c', ({ metadata: { name } }) => name === 'b'),
    'b',
  );
  assert.equal(
    acting('c', () => false),
    undefined,
  );
});

test('only the resizer that is named enlarges, and not what waits for the node', () => {
  const claimWith = (resizer: string, storage?: string) =>
    aClaim({
      metadata: { ...metadata, annotations: { 'volume.kubernetes.io/storage-resizer': resizer } },
      spec: { resources: { requests: { storage: '2Gi' } } },
      status: {
        phase: 'Bound',
        capacity: { storage: '1Gi' },
        ...(storage === undefined ? {} : { allocatedResourceStatuses: { storage } }),
      },
    });
  assert.equal(wantedSize(claimWith(NAME), aVolume()), '2Gi');
  assert.equal(wantedSize(claimWith('other'), aVolume()), undefined);
  assert.equal(wantedSize(claimWith(NAME, 'NodeResizePending'), aVolume()), undefined);
});
