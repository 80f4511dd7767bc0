/**
 * The kubelet's side of CSI against a driver that speaks real gRPC over sockets of a temporary folder: it registers, its volumes are staged, published, shared,
 * taken down, made and enlarged. What is bound is only remembered.
 */
import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { csidrivers } from '#api/generated/resources.ts';
import type { PersistentVolume, PersistentVolumeClaim, Pod, StorageClass } from '#api/generated/types.ts';
import { createFakeClient, type FakeClient } from '#client/testing/fake-client.ts';
import { systemClock } from '#component/clock.ts';
import { silentLogger } from '#component/logger.ts';
import { createFakeClock } from '#component/testing/fake-clock.ts';
import { type Driver, startDriver } from '../../e2e/csi/driver.ts';
import { NoRoomError } from '../provisioner/volume-backend.ts';
import { type FolderHost, withFolderHost } from '../testing/folder-host.ts';
import { createCsiBackend, secretFor } from './csi-backend.ts';
import { type CsiDrivers, createCsiDrivers } from './csi-drivers.ts';
import { csiKind } from './csi-kind.ts';
import { csiNodeDrivers, nodePatchFor } from './csi-node-object.ts';
import { accessModeOf, ephemeralHandle, givesToGroup } from './csi-volume.ts';

const NAME = 'e2e.csi.keelson.dev';

interface Under {
  readonly host: FolderHost;
  readonly client: FakeClient;
  readonly drivers: CsiDrivers;
  readonly driver: Driver;
  readonly kind: ReturnType<typeof csiKind>;
}

async function withDriver(body: (under: Under) => Promise<void>): Promise<void> {
  await withFolderHost(async (host) => {
    const client = createFakeClient({ clock: createFakeClock() });
    const at = (path: string) => join(host.root, path);
    for (const path of ['reg', 'plugin', 'disks']) await mkdir(at(path));
    const driver = await startDriver({
      name: NAME,
      nodeId: 'worker-1',
      directory: at('disks'),
      socket: at('plugin/csi.sock'),
      registrationSocket: at('reg/reg.sock'),
      endpoint: at('plugin/csi.sock'),
      bind: (source, target) => host.bind(source, target.slice(host.root.length)),
      unmount: (target) => host.unmount(target.slice(host.root.length)).catch(() => {}),
    });
    const drivers = createCsiDrivers(at('reg'), { clock: systemClock, log: silentLogger });
    const kind = csiKind({ client, drivers, host, data: { local: at('data'), onHost: '/data' }, nodeName: 'worker-1' });
    const stop = new AbortController();
    const running = drivers.run(stop.signal);
    try {
      await changeOf(drivers, () => drivers.find(NAME) !== undefined);
      await body({ host, client, drivers, driver, kind });
    } finally {
      stop.abort();
      driver.stop();
      await running;
    }
  });
}

async function changeOf(drivers: CsiDrivers, isTrue: () => boolean): Promise<void> {
  const changed = Promise.withResolvers<void>();
  drivers.onChange(() => {
    if (isTrue()) changed.resolve();
  });
  if (!isTrue()) await changed.promise;
}

const volume: PersistentVolume = {
  apiVersion: 'v1',
  kind: 'PersistentVolume',
  metadata: { name: 'pv1', uid: 'v', resourceVersion: '1', creationTimestamp: '' },
  spec: { accessModes: ['ReadWriteOnce'], csi: { driver: NAME, volumeHandle: 'disk-1' } },
};
const claim: PersistentVolumeClaim = {
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: { name: 'data', namespace: 'shop', uid: 'c', resourceVersion: '1', creationTimestamp: '' },
  spec: { volumeName: 'pv1', accessModes: ['ReadWriteOnce'] },
};
const aPod = (uid: string): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: `web-${uid}`, namespace: 'shop', uid, resourceVersion: '1', creationTimestamp: '' },
  spec: { containers: [], serviceAccountName: 'robot' },
});

function aboutDriver(more: object = {}) {
  return { apiVersion: 'storage.k8s.io/v1', kind: 'CSIDriver', metadata: { name: NAME }, spec: { attachRequired: false, ...more } };
}

function setUpOf({ host }: Under, pod: Pod, isEphemeral = false) {
  const path = `/data/pods/${pod.metadata.uid}/volumes/kubernetes.io~csi/${isEphemeral ? 'v' : 'pv1'}`;
  const inline = isEphemeral
    ? { name: 'v', csi: { driver: NAME, volumeAttributes: { colour: 'blue' } } }
    : { name: 'v', persistentVolumeClaim: { claimName: 'data' } };
  const context = {
    pod,
    facts: { podIp: '', nodeIp: '', cpuCount: 1, memoryBytes: 1, allocatable: new Map() },
    lookup: { configMap: () => undefined, secret: () => undefined },
    tokens: new Map<string, string>(),
  };
  const place = { local: join(host.root, path), onHost: path };
  const whole = { name: 'v', specName: isEphemeral ? 'v' : 'pv1', inline, ...(isEphemeral ? {} : { claimed: { claim, volume } }) };
  return { pod, volume: whole, place, context, isFirst: true };
}

test('a driver registers, and is forgotten with its socket', async () => {
  await withDriver(async ({ drivers, driver, host }) => {
    const found = drivers.find(NAME);
    assert.deepEqual([found?.info.nodeId, found?.node.has(1), found?.controller.has(1)], ['worker-1', true, true]);
    assert.ok(driver.calls.includes('NotifyRegistrationStatus'));
    await rm(join(host.root, 'reg/reg.sock'));
    await changeOf(drivers, () => drivers.find(NAME) === undefined);
  });
});

test('a volume is staged once, published for each pod, and unstaged after the last', async () => {
  await withDriver(async (under) => {
    const { kind, host, driver, client } = under;
    await client.resource(csidrivers).create(aboutDriver());
    const [first, second] = [setUpOf(under, aPod('p1')), setUpOf(under, aPod('p2'))];
    assert.deepEqual(await kind.setUp(first), { path: `${first.place.onHost}/mount` });
    await kind.setUp(second);
    assert.deepEqual([...host.mounts.values()], ['/disks/disk-1', '/disks/disk-1']);
    assert.deepEqual(
      (await kind.listPublished()).map(({ note }) => note.volumeHandle),
      ['disk-1', 'disk-1'],
    );
    await kind.tearDown?.(first.place, 'p1');
    assert.ok(!driver.calls.includes('NodeUnstageVolume'));
    await kind.tearDown?.(second.place, 'p2');
    assert.ok(driver.calls.includes('NodeUnstageVolume'));
    assert.equal(host.mounts.size, 0);
    assert.deepEqual(await readdir(join(host.root, 'data/plugins/kubernetes.io/csi', NAME)), []);
    assert.ok((await stat(join(host.root, 'disks/disk-1'))).isDirectory());
  });
});

test('a volume that is there is not published again', async () => {
  await withDriver(async (under) => {
    const { kind, driver, client } = under;
    await client.resource(csidrivers).create(aboutDriver());
    const request = setUpOf(under, aPod('p1'));
    await kind.setUp(request);
    await kind.setUp({ ...request, isFirst: false });
    assert.equal(driver.calls.filter((call) => call === 'NodePublishVolume').length, 1);
  });
});

test('a volume of a pod alone tells the driver whose it is, and goes with the pod', async () => {
  await withDriver(async (under) => {
    const { kind, host, client } = under;
    await client.resource(csidrivers).create(aboutDriver({ podInfoOnMount: true, volumeLifecycleModes: ['Ephemeral'] }));
    const pod = aPod('p1');
    const request = setUpOf(under, pod, true);
    await kind.setUp(request);
    const directory = join(host.root, 'disks', ephemeralHandle(pod, 'v'));
    assert.deepEqual(JSON.parse(await readFile(join(directory, 'context.json'), 'utf8')), {
      colour: 'blue',
      'csi.storage.k8s.io/pod.name': 'web-p1',
      'csi.storage.k8s.io/pod.namespace': 'shop',
      'csi.storage.k8s.io/pod.uid': 'p1',
      'csi.storage.k8s.io/serviceAccount.name': 'robot',
      'csi.storage.k8s.io/ephemeral': 'true',
    });
    await kind.tearDown?.(request.place, 'p1');
    await assert.rejects(stat(directory));
  });
});

const refusals: readonly { it: string; about?: object; isEphemeral?: boolean; message: RegExp }[] = [
  {
    it: 'is not attached',
    about: { attachRequired: true },
    message: /^volume attachment is being created: csi-[0-9a-f]{64} is not attached yet$/,
  },
  {
    it: 'the driver does not offer in pods',
    about: {},
    isEphemeral: true,
    message: /^volume mode "Ephemeral" not supported by driver .+ \(only supports \["Persistent"\]\)$/,
  },
  {
    it: 'nothing is known about',
    isEphemeral: true,
    message: /^volume mode "Ephemeral" not supported by driver .+ \(no CSIDriver object\)$/,
  },
];
for (const { it, about, isEphemeral = false, message } of refusals) {
  test(`a volume that ${it} is not mounted`, async () => {
    await withDriver(async (under) => {
      if (about !== undefined) await under.client.resource(csidrivers).create(aboutDriver(about));
      await assert.rejects(under.kind.setUp(setUpOf(under, aPod('p1'), isEphemeral)), { message });
    });
  });
}

test('a volume of a driver that is not there waits for it', async () => {
  await withDriver(async (under) => {
    const other = { ...volume, spec: { ...volume.spec, csi: { driver: 'gone', volumeHandle: 'x' } } };
    const request = setUpOf(under, aPod('p1'));
    const asked = under.kind.setUp({ ...request, volume: { ...request.volume, claimed: { claim, volume: other } } });
    const why = 'driver name gone not found in the list of registered CSI drivers';
    await assert.rejects(asked, { message: `kubernetes.io/csi: mounter.SetUpAt failed to get CSI client: ${why}` });
  });
});

const storageClass: StorageClass = {
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  metadata: { name: 'fast', uid: 'k', resourceVersion: '1', creationTimestamp: '' },
  provisioner: NAME,
  parameters: { speed: 'high', 'csi.storage.k8s.io/fstype': 'xfs' },
};

test('a driver’s controller makes, enlarges and deletes a volume', async () => {
  await withDriver(async ({ drivers, client, host }) => {
    const driver = drivers.find(NAME);
    assert.ok(driver);
    const backend = createCsiBackend(driver, client);
    const request = { name: 'pvc-c', claim, storageClass, sizeBytes: 1024, node: 'worker-1' };
    const made = await backend.create(request);
    assert.deepEqual(made.spec, { csi: { driver: NAME, volumeHandle: 'pvc-c', volumeAttributes: { speed: 'high' }, fsType: 'xfs' } });
    assert.equal(made.sizeBytes, 1024);
    const provisioned = { ...volume, spec: made.spec };
    assert.deepEqual(await backend.enlarge(provisioned, 4096), { sizeBytes: 4096, needsNode: true });
    await backend.delete(provisioned);
    assert.deepEqual(await readdir(join(host.root, 'disks')), []);
    await assert.rejects(backend.create({ ...request, sizeBytes: 2 ** 50 }), (error) => {
      assert.ok(error instanceof NoRoomError);
      assert.equal(error.message, 'rpc error: code = ResourceExhausted desc = the disk is full');
      return true;
    });
  });
});

test('the space of a volume is the driver’s word', async () => {
  await withDriver(async (under) => {
    await under.client.resource(csidrivers).create(aboutDriver());
    const request = setUpOf(under, aPod('p1'));
    await under.kind.setUp(request);
    const usage = await under.kind.measure?.(request.place);
    assert.ok((usage?.capacityBytes ?? 0) > 0);
  });
});

test('a class’s secret is found by the names of claim and volume', () => {
  const parameters = {
    'csi.storage.k8s.io/node-stage-secret-name': `\${pvc.name}-key`,
    'csi.storage.k8s.io/node-stage-secret-namespace': `\${pvc.namespace}`,
  };
  const request = { name: 'pvc-c', claim, storageClass: { ...storageClass, parameters }, sizeBytes: 1, node: undefined };
  assert.deepEqual(secretFor('node-stage', request), { name: 'data-key', namespace: 'shop' });
  assert.equal(secretFor('provisioner', request), undefined);
});

test('a node tells which drivers it has', () => {
  const drivers = [{ name: 'b', info: { nodeId: 'n', maxVolumesPerNode: 3, accessibleTopology: { segments: { zone: 'z1' } } } }];
  assert.deepEqual(csiNodeDrivers(drivers), [{ name: 'b', nodeID: 'n', topologyKeys: ['zone'], allocatable: { count: 3 } }]);
  const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n', uid: 'n', resourceVersion: '1', creationTimestamp: '' }, spec: {} };
  const patch = { metadata: { annotations: { 'csi.volume.kubernetes.io/nodeid': '{"b":"n"}' }, labels: { zone: 'z1' } } };
  assert.deepEqual(nodePatchFor(node, drivers), patch);
  assert.equal(nodePatchFor({ ...node, metadata: { ...node.metadata, ...patch.metadata } }, drivers), undefined);
  assert.equal(nodePatchFor(node, []), undefined);
});

test('the widest access counts, and files go to the group as the driver wants', () => {
  assert.deepEqual([['ReadWriteOnce', 'ReadWriteMany'], ['ReadOnlyMany'], ['ReadWriteOncePod'], []].map(accessModeOf), [5, 3, 6, 1]);
  const source = {
    driver: NAME,
    handle: 'x',
    isEphemeral: false,
    isReadOnly: false,
    isBlock: false,
    fsType: 'ext4',
    attributes: {},
    mountOptions: [],
  };
  const whole = { ...source, accessModes: ['ReadWriteOnce'], publishSecret: undefined, stageSecret: undefined };
  const about = (fsGroupPolicy?: string) => ({
    apiVersion: '',
    kind: '',
    metadata: volume.metadata,
    spec: fsGroupPolicy === undefined ? {} : { fsGroupPolicy },
  });
  assert.equal(givesToGroup(whole, undefined), true);
  assert.equal(givesToGroup({ ...whole, accessModes: ['ReadWriteMany'] }, about()), false);
  assert.equal(givesToGroup({ ...whole, accessModes: ['ReadWriteMany'] }, about('File')), true);
  assert.equal(givesToGroup(whole, about('None')), false);
});
