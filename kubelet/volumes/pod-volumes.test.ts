/** A pod's volumes on a host that is a folder: what is made, for whom, what is mounted, and that all of it goes with the pod. */
import assert from 'node:assert/strict';
import { chmod, mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { persistentvolumeclaims, persistentvolumes } from '#api/generated/resources.ts';
import type { PersistentVolume, PersistentVolumeClaim, Pod, PodSpec, Volume } from '#api/generated/types.ts';
import { parseQuantity } from '#api/meta/quantity.ts';
import { createFakeClient } from '#client/testing/fake-client.ts';
import { createFakeClock } from '#component/testing/fake-clock.ts';
import { type FolderHost, withFolderHost } from '../testing/folder-host.ts';
import { createClaimedVolumes } from './claimed-volumes.ts';
import { memorySizeOf } from './empty-dir.ts';
import { createPodVolumes, type PodVolumes } from './pod-volumes.ts';

const group = process.getgid?.() ?? 0;

function aPod(volumes: readonly Volume[], spec: Partial<PodSpec> = {}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web', namespace: 'shop', uid: 'p1', resourceVersion: '1', creationTimestamp: '' },
    spec: { containers: [{ name: 'main', image: 'web:v1' }], volumes, ...spec },
  };
}

function contextOf(pod: Pod) {
  return {
    pod,
    facts: { podIp: '', nodeIp: '172.18.0.3', allocatable: new Map([['memory', parseQuantity('8Gi')]]), cpuCount: 4, memoryBytes: 2 ** 33 },
    lookup: { configMap: () => undefined, secret: () => undefined },
    tokens: new Map<string, string>(),
  };
}

interface Under {
  readonly host: FolderHost;
  readonly volumes: PodVolumes;
  readonly client: ReturnType<typeof createFakeClient>;
}

async function withVolumes(body: (under: Under) => Promise<void>): Promise<void> {
  await withFolderHost(async (host) => {
    const client = createFakeClient({ clock: createFakeClock() });
    const data = { local: host.local('/data'), onHost: '/data' };
    const deps = { host, claimed: createClaimedVolumes(client), ownProcess: process.pid, wellKnownDirectory: '/var/lib/kubelet' };
    await body({ host, client, volumes: createPodVolumes(data, deps) });
  });
}

const modeOf = async (path: string) => (await stat(path)).mode & 0o7777;

test('everybody may write to an emptyDir; with an fsGroup its files are the group’s', async () => {
  await withVolumes(async ({ host, volumes }) => {
    const plain = await volumes.prepare(contextOf(aPod([{ name: 'v', emptyDir: {} }])));
    assert.equal(await modeOf(host.local(plain.get('v')?.path ?? '')), 0o777);
    await volumes.remove('p1');
    const pod = aPod([{ name: 'v', emptyDir: {} }], { securityContext: { fsGroup: group } });
    const grouped = await volumes.prepare(contextOf(pod));
    assert.equal(await modeOf(host.local(grouped.get('v')?.path ?? '')), 0o2777);
  });
});

test('an emptyDir in memory is mounted once, with its size, and unmounted with the pod', async () => {
  await withVolumes(async ({ host, volumes }) => {
    const pod = aPod([{ name: 'v', emptyDir: { medium: 'Memory', sizeLimit: '4Mi' } }]);
    const { path = '' } = (await volumes.prepare(contextOf(pod))).get('v') ?? {};
    await volumes.prepare(contextOf(pod));
    assert.deepEqual([...host.mounts], [[path, `tmpfs ${4 * 2 ** 20}`]]);
    await volumes.remove('p1');
    assert.equal(host.mounts.size, 0);
    assert.deepEqual(await volumes.listPodUids(), []);
  });
});

test('what a pod did to its volume is left alone when it is prepared again', async () => {
  await withVolumes(async ({ host, volumes }) => {
    const pod = aPod([{ name: 'v', emptyDir: {} }], { securityContext: { fsGroup: group } });
    const path = host.local((await volumes.prepare(contextOf(pod))).get('v')?.path ?? '');
    await writeFile(`${path}/key`, '', { mode: 0o600 });
    await volumes.prepare(contextOf(pod));
    assert.equal(await modeOf(`${path}/key`), 0o600);
  });
});

test('every volume that cannot be mounted is told of', async () => {
  await withVolumes(async ({ volumes }) => {
    const pod = aPod([
      { name: 'a', configMap: { name: 'none' } },
      { name: 'b', hostPath: { path: '/none', type: 'Directory' } },
      { name: 'c', emptyDir: {} },
    ]);
    await assert.rejects(volumes.prepare(contextOf(pod)), {
      message: [
        'MountVolume.SetUp failed for volume "a" : configmap "none" not found',
        'MountVolume.SetUp failed for volume "b" : hostPath type check failed: /none is not a directory',
      ].join('; '),
    });
  });
});

test('a hostPath in the kubelet’s directory is that of this node', async () => {
  await withVolumes(async ({ volumes, host }) => {
    const sources = await volumes.prepare(
      contextOf(aPod([{ name: 'v', hostPath: { path: '/var/lib/kubelet/plugins', type: 'DirectoryOrCreate' } }])),
    );
    assert.deepEqual(sources.get('v'), { path: '/data/plugins' });
    assert.ok((await stat(host.local('/data/plugins'))).isDirectory());
  });
});

test('a subPath of a volume is bound to a place of the pod’s', async () => {
  await withVolumes(async ({ volumes, host }) => {
    const pod = aPod([{ name: 'v', emptyDir: {} }]);
    const sources = await volumes.prepare(contextOf(pod));
    const [container] = pod.spec.containers;
    assert.ok(container);
    const mounted = await volumes.mountSubPaths(pod, container, [{ index: 2, volumeName: 'v', path: 'logs' }], sources);
    const target = '/data/pods/p1/volume-subpaths/v/main/2';
    assert.deepEqual([...mounted], [[2, target]]);
    assert.equal(host.mounts.get(target), `${sources.get('v')?.path}/logs`);
    await volumes.remove('p1');
    assert.equal(host.mounts.size, 0);
  });
});

test('what an emptyDir holds is measured', async () => {
  await withVolumes(async ({ volumes, host }) => {
    const pod = aPod([
      { name: 'v', emptyDir: {} },
      { name: 'h', hostPath: { path: '/' } },
    ]);
    const path = host.local((await volumes.prepare(contextOf(pod))).get('v')?.path ?? '');
    await writeFile(`${path}/big`, Buffer.alloc(2 ** 20, 1));
    const usage = await volumes.measure(pod);
    assert.deepEqual([...usage.keys()], ['v']);
    assert.ok((usage.get('v')?.usedBytes ?? 0) >= 2 ** 20);
  });
});

const aClaim = (phase: string, more: Partial<PersistentVolumeClaim['spec']> = {}) => ({
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: { name: 'data', namespace: 'shop' },
  spec: { volumeName: 'pv1', ...more },
  status: { phase },
});

function aVolume(claimUid: string, spec: Partial<PersistentVolume['spec']>) {
  const claimRef = { kind: 'PersistentVolumeClaim', namespace: 'shop', name: 'data', uid: claimUid };
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name: 'pv1' },
    spec: { capacity: { storage: '1Gi' }, claimRef, ...spec },
  };
}

const claiming = aPod([{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }], { securityContext: { fsGroup: group } });

test('a claim leads to its volume, which the fsGroup gets', async () => {
  await withVolumes(async ({ client, volumes, host }) => {
    const { metadata } = await client.resource(persistentvolumeclaims).create(aClaim('Bound'));
    await client.resource(persistentvolumes).create(aVolume(metadata.uid, { local: { path: '/disks/one' } }));
    await mkdir(host.local('/disks/one'), { recursive: true });
    await chmod(host.local('/disks/one'), 0o700);
    assert.deepEqual((await volumes.prepare(contextOf(claiming))).get('v'), { path: '/disks/one' });
    assert.equal(await modeOf(host.local('/disks/one')), 0o2770);
    await writeFile(host.local('/disks/one/kept'), '');
    await volumes.remove('p1');
    assert.deepEqual(await readdir(host.local('/disks/one')), ['kept']);
  });
});

const unusable: readonly { it: string; claim?: ReturnType<typeof aClaim>; volumeOf?: string; message: RegExp }[] = [
  {
    it: 'is not there',
    message:
      /^Unable to attach or mount volumes: unmounted volumes=\[v\], unattached volumes=\[\], failed to process volumes=\[v\]: error processing PVC shop\/data: failed to fetch PVC from API server: persistentvolumeclaims "data" not found$/,
  },
  {
    it: 'is not bound',
    claim: aClaim('Pending'),
    message:
      /^Unable to attach or mount volumes: unmounted volumes=\[v\], unattached volumes=\[\], failed to process volumes=\[v\]: error processing PVC shop\/data: PVC is not bound$/,
  },
  {
    it: 'has lost its volume',
    claim: aClaim('Bound'),
    message: /failed to fetch PV pv1 from API server: persistentvolumes "pv1" not found$/,
  },
  {
    it: 'is another’s',
    claim: aClaim('Bound'),
    volumeOf: 'other',
    message: /found PV object pv1 with unexpected pvc.Spec.ClaimRef.UID other \(expected .+\)$/,
  },
];
for (const { it, claim, volumeOf, message } of unusable) {
  test(`a pod waits whose claim ${it}`, async () => {
    await withVolumes(async ({ client, volumes }) => {
      if (claim !== undefined) await client.resource(persistentvolumeclaims).create(claim);
      if (volumeOf !== undefined) await client.resource(persistentvolumes).create(aVolume(volumeOf, { local: { path: '/disks/one' } }));
      await assert.rejects(volumes.prepare(contextOf(claiming)), { message });
    });
  });
}

test('a volume in memory is no larger than the smallest of its own limit, the pod’s and the node’s', () => {
  const limited = (...limits: readonly (string | undefined)[]) =>
    aPod([], {
      containers: limits.map((memory, index) => ({
        name: `c${index}`,
        ...(memory === undefined ? {} : { resources: { limits: { memory } } }),
      })),
    });
  assert.equal(memorySizeOf(limited(undefined), {}, 100), 100);
  assert.equal(memorySizeOf(limited('10', '20'), {}, 100), 30);
  assert.equal(memorySizeOf(limited('10', undefined), {}, 100), 100);
  assert.equal(memorySizeOf(limited('10'), { sizeLimit: '5' }, 100), 5);
  assert.equal(memorySizeOf(limited('10'), { sizeLimit: '50' }, 100), 10);
});
