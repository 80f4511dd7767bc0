/**
 * Volumes on the real engine: what the class `standard` makes and keeps, what a storage driver of our own is asked, what a pod is told while it waits, and that
 * nothing is left on the host when all of it is gone. Needs root on the engine's host, whose mounts are looked at.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { aNamespace, applyManifest, closeApi, docker, eventually, getJson, type Json, kubectl, run } from './cluster.ts';

after(closeApi);

const IMAGE = 'keelson/keelson:dev';
const DRIVER = 'e2e.csi.keelson.dev';

function aPod(name: string, command: string, volumes: readonly object[], more: object = {}): string {
  const volumeMounts = volumes.map((volume) => ({ name: nameOf(volume), mountPath: `/${nameOf(volume)}` }));
  const container = { name: 'main', image: IMAGE, command: ['sh', '-c', command], volumeMounts };
  const spec = { terminationGracePeriodSeconds: 1, restartPolicy: 'Never', containers: [container], volumes, ...more };
  return JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec });
}

function nameOf(volume: object): string {
  return String(Reflect.get(volume, 'name'));
}

function aClaim(name: string, storageClassName: string, storage: string): string {
  const spec = { accessModes: ['ReadWriteOnce'], storageClassName, resources: { requests: { storage } } };
  return JSON.stringify({ apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name }, spec });
}

async function output(namespace: string, pod: string): Promise<string> {
  await eventually(`${pod} has run`, async () => {
    const { status } = await getJson('-n', namespace, 'pod', pod);
    if (status.phase === 'Failed') throw new Error(await kubectl('-n', namespace, 'logs', pod));
    return status.phase === 'Succeeded';
  });
  return kubectl('-n', namespace, 'logs', pod);
}

async function claimOf(namespace: string, name: string, isTrue: (claim: Json) => boolean): Promise<Json> {
  return eventually(`claim ${name}`, async () => {
    const claim = await getJson('-n', namespace, 'pvc', name);
    return isTrue(claim) ? claim : undefined;
  });
}

const isBound = ({ status }: Json) => status.phase === 'Bound';

/** What is mounted below the kubelets' directories, as the engine sees it: a container's own view is its own. */
async function mountsOfPods(): Promise<readonly string[]> {
  const mayLook = ['--pid', 'host', '--cap-add', 'SYS_PTRACE'];
  const text = await docker('run', '--rm', ...mayLook, IMAGE, 'sh', '-c', 'cat /proc/$(cut -d " " -f 4 /proc/$$/stat)/mountinfo');
  return text
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((path) => /_kubelet-[^/]*\/_data\/(pods|plugins)\//.test(path));
}

async function dataVolumes(): Promise<readonly string[]> {
  return (await docker('volume', 'ls', '--quiet', '--filter', 'label=keelson.dev/persistent-volume')).split('\n').filter(Boolean);
}

async function pathsBelow(uid: string): Promise<string> {
  const find = `find /data -path '*${uid}*' | head`;
  const volumes = ['kubelet-1', 'kubelet-2'].flatMap((name) => ['-v', `keelson_${name}:/data/${name}:ro`]);
  return docker('run', '--rm', ...volumes, IMAGE, 'sh', '-c', find);
}

async function messagesOf(namespace: string, name: string): Promise<readonly string[]> {
  const { items } = await getJson('-n', namespace, 'events', '--field-selector', `involvedObject.name=${name}`);
  return items.map(({ reason, message }: Json) => `${reason}: ${message}`);
}

test('what a pod writes to a claimed volume is there for the next pod, on another node, until the claim goes', async (t) => {
  const namespace = await aNamespace(t);
  await applyManifest(namespace, aClaim('data', 'standard', '16Mi'));
  const volumes = [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }];
  await applyManifest(namespace, aPod('writer', 'echo kept > /data/file', volumes));
  await output(namespace, 'writer');
  const claim = await claimOf(namespace, 'data', isBound);
  assert.ok((await dataVolumes()).includes(`keelson_${claim.spec.volumeName}`));
  const { spec } = await getJson('-n', namespace, 'pod', 'writer');
  const other = spec.nodeName === 'worker-1' ? 'worker-2' : 'worker-1';
  await kubectl('-n', namespace, 'delete', 'pod', 'writer');
  await applyManifest(namespace, aPod('reader', 'cat /data/file', volumes, { nodeName: other }));
  assert.equal((await output(namespace, 'reader')).trim(), 'kept');
  await kubectl('-n', namespace, 'patch', 'pvc', 'data', '-p', JSON.stringify({ spec: { resources: { requests: { storage: '32Mi' } } } }));
  await claimOf(namespace, 'data', ({ status }) => status.capacity.storage === '32Mi');
  await kubectl('-n', namespace, 'delete', 'pod/reader', 'pvc/data');
  await eventually('the volume is gone', async () => !(await dataVolumes()).includes(`keelson_${claim.spec.volumeName}`));
});

test('an ephemeral volume lives and dies with its pod', async (t) => {
  const namespace = await aNamespace(t);
  const spec = { accessModes: ['ReadWriteOnce'], storageClassName: 'standard', resources: { requests: { storage: '1Mi' } } };
  await applyManifest(
    namespace,
    aPod('web', 'touch /tmp-data/x && ls /tmp-data', [{ name: 'tmp-data', ephemeral: { volumeClaimTemplate: { spec } } }]),
  );
  assert.equal((await output(namespace, 'web')).trim(), 'x');
  const { volumeName } = (await claimOf(namespace, 'web-tmp-data', isBound)).spec;
  await kubectl('-n', namespace, 'delete', 'pod', 'web');
  await eventually('claim and volume are gone', async () => !(await dataVolumes()).includes(`keelson_${volumeName}`));
});

test('a pod that cannot mount its volumes says why, and runs once it can', async (t) => {
  const namespace = await aNamespace(t);
  const items = [{ key: 'there', path: 'there' }];
  const volumes = [
    { name: 'config', configMap: { name: 'late', items } },
    { name: 'host', hostPath: { path: '/proc/version', type: 'Directory' } },
  ];
  await applyManifest(namespace, aPod('waiting', 'cat /config/there', volumes));
  const expected = [
    'FailedMount: MountVolume.SetUp failed for volume "config" : configmap "late" not found',
    'FailedMount: MountVolume.SetUp failed for volume "host" : hostPath type check failed: /proc/version is not a directory',
  ];
  await eventually('both are told of', async () => {
    const messages = await messagesOf(namespace, 'waiting');
    return expected.every((message) => messages.includes(message));
  });
  await kubectl('-n', namespace, 'delete', 'pod', 'waiting');
  await applyManifest(namespace, aPod('late', 'cat /config/there', [{ name: 'config', configMap: { name: 'late', items } }]));
  await kubectl('-n', namespace, 'create', 'configmap', 'late', '--from-literal=other=1');
  const missing = 'FailedMount: MountVolume.SetUp failed for volume "config" : references non-existent config key: there';
  await eventually('the missing key is told of', async () => (await messagesOf(namespace, 'late')).includes(missing));
  await kubectl('-n', namespace, 'patch', 'configmap', 'late', '-p', JSON.stringify({ data: { there: 'now' } }));
  assert.equal(await output(namespace, 'late'), 'now');
});

test('a link in a volume leads no container out of it', async (t) => {
  const namespace = await aNamespace(t);
  const volumes = [{ name: 'data', emptyDir: {} }];
  const link = {
    name: 'link',
    image: IMAGE,
    command: ['ln', '-s', '/etc', '/data/out'],
    volumeMounts: [{ name: 'data', mountPath: '/data' }],
  };
  const main = { name: 'main', image: IMAGE, command: ['ls', '/out'], volumeMounts: [{ name: 'data', mountPath: '/out', subPath: 'out' }] };
  await applyManifest(namespace, aPod('prisoner', '', volumes, { initContainers: [link], containers: [main] }));
  const refused = 'Failed: Error: failed to prepare subPath for volumeMount "data" of container "main"';
  await eventually('it is refused', async () => (await messagesOf(namespace, 'prisoner')).includes(refused));
});

test('a kubelet that was killed goes on with the mounts of its pods, and nothing of them stays when they go', async (t) => {
  const namespace = await aNamespace(t);
  const volumes = [
    { name: 'memory', emptyDir: { medium: 'Memory', sizeLimit: '4Mi' } },
    { name: 'disk', emptyDir: {} },
  ];
  const mounts = [
    { name: 'memory', mountPath: '/memory' },
    { name: 'disk', mountPath: '/part', subPath: 'a/b' },
  ];
  const main = { name: 'main', image: IMAGE, command: ['sh', '-c', 'echo here > /memory/x; sleep infinity'], volumeMounts: mounts };
  await applyManifest(namespace, aPod('keeper', '', volumes, { nodeName: 'worker-1', containers: [main] }));
  await kubectl('-n', namespace, 'wait', '--for=condition=Ready', 'pod/keeper', '--timeout=60s');
  const { metadata } = await getJson('-n', namespace, 'pod', 'keeper');
  const own = async () => (await mountsOfPods()).filter((path) => path.includes(metadata.uid));
  const before = await own();
  assert.equal(before.length, 2);
  await docker('restart', '--time', '0', 'keelson-kubelet-1-1');
  await eventually(
    'the kubelet is back',
    async () => (await run('docker', ['exec', 'keelson-kubelet-1-1', 'curl', '-fs', 'http://127.0.0.1:10248/readyz'])).code === 0,
  );
  assert.deepEqual(await own(), before);
  assert.equal((await kubectl('-n', namespace, 'exec', 'keeper', '--', 'cat', '/memory/x')).trim(), 'here');
  await kubectl('-n', namespace, 'delete', 'pod', 'keeper');
  await eventually('nothing is mounted', async () => (await own()).length === 0);
  await eventually('no file is left', async () => (await pathsBelow(metadata.uid)) === '');
});

const NODES = ['worker-1', 'worker-2'];
const containerOf = (node: string) => `keelson-e2e-csi-${node}`;

/** The driver as its container finds it: beside the kubelet's modules, which the image has. */
function driverProgram(): string {
  return readFileSync(join(import.meta.dirname, 'csi', 'driver.ts'), 'utf8')
    .replace("'../../kubelet/", "'/app/kubelet/")
    .replace("'@grpc/grpc-js'", "'/app/node_modules/@grpc/grpc-js/build/src/index.js'");
}

/**
 * Runs the driver beside each node's kubelet, in a container with the kubelet's directory where a driver expects it. In a pod it would need a privileged
 * container, which not every machine allows; to the kubelet it is the same.
 */
async function startDrivers(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'csi-'));
  await writeFile(join(folder, 'driver.ts'), driverProgram());
  for (const [index, node] of NODES.entries()) {
    const directory = (await docker('volume', 'inspect', '--format', '{{.Mountpoint}}', `keelson_kubelet-${index + 1}`)).trim();
    const mayMount = ['--cap-add', 'SYS_ADMIN', '--security-opt', 'apparmor=unconfined', '-v', `${directory}:/var/lib/kubelet:rshared`];
    const container = containerOf(node);
    await docker(
      'create',
      '--name',
      container,
      '--init',
      ...mayMount,
      '-v',
      'keelson-e2e-csi:/volumes',
      IMAGE,
      'node',
      '/driver.ts',
      DRIVER,
      node,
    );
    await docker('cp', join(folder, 'driver.ts'), `${container}:/driver.ts`);
    await docker('start', container);
  }
  await rm(folder, { recursive: true });
}

async function stopDrivers(): Promise<void> {
  await run('docker', ['rm', '--force', ...NODES.map(containerOf)]);
  await run('docker', ['volume', 'rm', 'keelson-e2e-csi']);
}

function driverManifests(className: string): string {
  const annotations = { 'csi.keelson.dev/sidecars': 'kubelet' };
  const spec = { attachRequired: false, podInfoOnMount: true, volumeLifecycleModes: ['Persistent', 'Ephemeral'] };
  const objects = [
    { apiVersion: 'storage.k8s.io/v1', kind: 'CSIDriver', metadata: { name: DRIVER, annotations }, spec },
    {
      apiVersion: 'storage.k8s.io/v1',
      kind: 'StorageClass',
      metadata: { name: className },
      provisioner: DRIVER,
      allowVolumeExpansion: true,
    },
  ];
  return objects.map((object) => JSON.stringify(object)).join('\n---\n');
}

test('a storage driver registers, makes volumes for claims, mounts them, enlarges them, and leaves nothing', async (t) => {
  const namespace = await aNamespace(t);
  const className = `csi-${namespace}`;
  t.after(async () => {
    await stopDrivers();
    await kubectl('delete', `storageclass/${className}`, `csidriver/${DRIVER}`);
  });
  await applyManifest('', driverManifests(className));
  await startDrivers();
  const hasDriver = async (node: string) => {
    const { spec } = await getJson('csinode', node);
    return (spec.drivers ?? []).some(({ name, nodeID }: Json) => name === DRIVER && nodeID === node);
  };
  await eventually('the driver has registered', async () => (await hasDriver('worker-1')) && (await hasDriver('worker-2')));

  await applyManifest(namespace, aClaim('data', className, '16Mi'));
  const { volumeName } = (await claimOf(namespace, 'data', isBound)).spec;
  const volumes = [
    { name: 'data', persistentVolumeClaim: { claimName: 'data' } },
    { name: 'own', csi: { driver: DRIVER } },
  ];
  const command = 'cat /own/context.json; echo; echo kept > /data/file; sleep infinity';
  await applyManifest(namespace, aPod('first', command, volumes, { nodeName: 'worker-1' }));
  await kubectl('-n', namespace, 'wait', '--for=condition=Ready', 'pod/first', '--timeout=60s');
  const context = await eventually('the pod has said what its driver was told', async () =>
    JSON.parse(await kubectl('-n', namespace, 'logs', 'first')),
  );
  assert.deepEqual([context['csi.storage.k8s.io/pod.name'], context['csi.storage.k8s.io/ephemeral']], ['first', 'true']);

  await kubectl('-n', namespace, 'patch', 'pvc', 'data', '-p', JSON.stringify({ spec: { resources: { requests: { storage: '32Mi' } } } }));
  await claimOf(namespace, 'data', ({ status }) => status.capacity.storage === '32Mi' && (status.conditions ?? []).length === 0);
  const told = await messagesOf(namespace, 'data');
  assert.ok(told.includes('FileSystemResizeRequired: Require file system resize of volume on node'));
  assert.ok(told.includes(`FileSystemResizeSuccessful: MountVolume.NodeExpandVolume succeeded for volume "${volumeName}"`));

  const second = [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }];
  await applyManifest(namespace, aPod('second', 'cat /data/file', second, { nodeName: 'worker-2' }));
  assert.equal((await output(namespace, 'second')).trim(), 'kept');

  await kubectl('-n', namespace, 'delete', 'pod/first', 'pod/second', 'pvc/data');
  await eventually('the volumes are gone', async () => (await docker('exec', containerOf('worker-1'), 'ls', '/volumes')) === '');
  assert.deepEqual(
    (await mountsOfPods()).filter((path) => path.includes('csi')),
    [],
  );
  await docker('exec', containerOf('worker-1'), 'rm', `/var/lib/kubelet/plugins_registry/${DRIVER}-reg.sock`);
  await eventually('the nodes say that the driver is gone', async () => !(await hasDriver('worker-1')));
});
