/** What fields of a pod turn into for the runtime: environment, command, security, resources, mounts, host names. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { qosClass as qosClassOf } from '#api/core/v1/pod-requests.ts';
import { parseAmounts } from '#api/core/v1/resource-list.ts';
import type { Container, Pod, PodSpec } from '#api/generated/types.ts';
import { buildContainerSpec, buildSandboxSpec, type ContainerSpecContext } from './container-spec.ts';
import { expandVariables } from './environment.ts';
import { containerCreateOptions, sandboxCreateOptions } from './runtime/docker-create-options.ts';

function aPod(spec: Partial<PodSpec> = {}, more: Partial<Container> = {}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web', namespace: 'shop', uid: 'u1', resourceVersion: '1', creationTimestamp: '', labels: { app: 'web' } },
    spec: { nodeName: 'worker-1', containers: [{ name: 'main', image: 'web:v1', ...more }], ...spec },
  };
}

function specOf(pod: Pod, more: Partial<ContainerSpecContext> = {}) {
  const [container] = pod.spec.containers;
  assert.ok(container);
  return buildContainerSpec({
    pod,
    container,
    attempt: 0,
    sandboxId: 's1',
    image: { id: 'sha256:1', digest: 'sha256:1', sizeBytes: 1, user: '' },
    facts: {
      podIp: '10.244.1.5',
      nodeIp: '172.18.0.3',
      cpuCount: 4,
      memoryBytes: 8 * 2 ** 30,
      allocatable: parseAmounts({ cpu: '4', memory: '8Gi' }),
    },
    lookup: { configMap: () => undefined, secret: () => undefined },
    serviceVariables: new Map(),
    volumeSources: new Map(),
    subPaths: new Map(),
    mountsRecursively: false,
    extraMounts: [],
    cgroupParent: undefined,
    ...more,
  });
}

test('variables are expanded from those before them, unknown ones stay, doubled dollars escape', () => {
  const known = new Map([['A', '1']]);
  assert.equal(expandVariables('$(A)-$(B)-$$(A)-$A', known), '1-$(B)-$(A)-$A');
});

test('the environment takes fields, resources, ConfigMaps and Secrets', () => {
  const pod = aPod(
    {},
    {
      command: ['run', '$(NAME)'],
      env: [
        { name: 'NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
        { name: 'APP', valueFrom: { fieldRef: { fieldPath: "metadata.labels['app']" } } },
        { name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
        { name: 'CPUS', valueFrom: { resourceFieldRef: { resource: 'limits.cpu' } } },
        { name: 'MIB', valueFrom: { resourceFieldRef: { resource: 'requests.memory', divisor: '1Mi' } } },
        { name: 'SECRET', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } },
        { name: 'GONE', valueFrom: { configMapKeyRef: { name: 'none', key: 'k', optional: true } } },
        { name: 'BOTH', value: '$(NAME)/$(SECRET)' },
      ],
      envFrom: [{ prefix: 'P_', configMapRef: { name: 'c' } }],
      resources: { requests: { memory: '64Mi' } },
    },
  );
  const lookup: ContainerSpecContext['lookup'] = {
    configMap: (name) => (name === 'c' ? { apiVersion: 'v1', kind: 'ConfigMap', metadata: pod.metadata, data: { x: 'y' } } : undefined),
    secret: () => ({ apiVersion: 'v1', kind: 'Secret', metadata: pod.metadata, data: { k: 'aHVzaA==' } }),
  };
  const spec = specOf(pod, { lookup });
  assert.deepEqual(spec.command, ['run', 'web']);
  assert.deepEqual(spec.env, ['P_x=y', 'NAME=web', 'APP=web', 'IP=10.244.1.5', 'CPUS=4', 'MIB=64', 'SECRET=hush', 'BOTH=web/hush']);
});

const missing = [
  { it: 'a ConfigMap', env: { configMapKeyRef: { name: 'c', key: 'k' } }, message: 'configmap "c" not found' },
  { it: 'a Secret', env: { secretKeyRef: { name: 's', key: 'k' } }, message: 'secret "s" not found' },
];
for (const { it, env, message } of missing) {
  test(`${it} that is missing is a configuration error`, () => {
    assert.throws(() => specOf(aPod({}, { env: [{ name: 'X', valueFrom: env }] })), { message });
  });
}

test('limits become shares, quota and bytes', () => {
  const { cpuShares, cpuQuotaMicros, memoryBytesMax, oomScoreAdjustment } = specOf(
    aPod({}, { resources: { limits: { cpu: '500m', memory: '64Mi' }, requests: { cpu: '250m', memory: '64Mi' } } }),
  );
  assert.deepEqual([cpuShares, cpuQuotaMicros, memoryBytesMax], [256, 50_000, 64 * 2 ** 20]);
  assert.equal(oomScoreAdjustment, 992);
});

const who = '(pod: "web_shop(u1)", container: main)';
const rootCases = [
  { it: 'refuses an image that runs as root', user: '', message: `container has runAsNonRoot and image will run as root ${who}` },
  {
    it: 'refuses an image whose user has only a name',
    user: 'node',
    message: `container has runAsNonRoot and image has non-numeric user (node), cannot verify user is non-root ${who}`,
  },
  { it: 'accepts an image with a numbered user', user: '1000', message: undefined },
];
for (const { it, user, message } of rootCases) {
  test(`runAsNonRoot ${it}`, () => {
    const build = () => specOf(aPod({ securityContext: { runAsNonRoot: true } }), { image: { id: 'i', digest: 'i', sizeBytes: 1, user } });
    if (message === undefined) build();
    else assert.throws(build, { message });
  });
}

test('the container’s own user wins over the pod’s, with the pod’s group', () => {
  const spec = specOf(aPod({ securityContext: { runAsUser: 1, runAsGroup: 2, fsGroup: 3 } }, { securityContext: { runAsUser: 9 } }));
  assert.equal(spec.user, '9:2');
  assert.deepEqual(spec.supplementalGroups, [3]);
});

test('a mount of a volume over one of the kubelet’s files wins', () => {
  const volumeSources = new Map([['v', { path: '/data/v' }]]);
  const extraMounts = [{ source: '/data/hosts', target: '/etc/hosts', isReadOnly: false }];
  const { mounts } = specOf(aPod({}, { volumeMounts: [{ name: 'v', mountPath: '/etc/hosts', readOnly: true }] }), {
    volumeSources,
    extraMounts,
  });
  assert.deepEqual(mounts, [{ source: '/data/v', target: '/etc/hosts', isReadOnly: true }]);
});

const sandboxOptions = {
  attempt: 0,
  image: 'pause',
  nodeNetworkMode: 'host',
  clusterDomain: 'cluster.local',
  mounts: [],
  cgroupParent: undefined,
};

test('a pod of the host network joins the node', () => {
  const options = { ...sandboxOptions, nodeNetworkMode: 'container:node', cgroupParent: '/keelson/worker-1/podu1' };
  assert.equal(buildSandboxSpec(aPod({ hostNetwork: true }), options).networkMode, 'container:node');
  assert.equal(buildSandboxSpec(aPod(), options).networkMode, 'none');
  assert.equal(buildSandboxSpec(aPod({ hostname: 'a'.repeat(70) }), options).hostname.length, 63);
  assert.equal(buildSandboxSpec(aPod(), options).cgroupParent, '/keelson/worker-1/podu1');
});

test('the engine is told the pod’s cgroup with the sandbox and with each container', () => {
  const cgroupParent = '/keelson/worker-1/podu1';
  const owner = { cluster: 'keelson', node: 'worker-1' };
  const sandbox = sandboxCreateOptions(buildSandboxSpec(aPod(), { ...sandboxOptions, cgroupParent }), owner);
  const facts = { engineDirectory: '/var/lib/docker', seccomp: undefined };
  const container = containerCreateOptions(specOf(aPod(), { cgroupParent }), owner, facts);
  assert.deepEqual([sandbox.HostConfig.CgroupParent, container.HostConfig.CgroupParent], [cgroupParent, cgroupParent]);
});

const qosCases = [
  { resources: {}, qosClass: 'BestEffort' },
  { resources: { requests: { cpu: '1' } }, qosClass: 'Burstable' },
  { resources: { limits: { cpu: '1', memory: '1Gi' } }, qosClass: 'Guaranteed' },
  { resources: { limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '500m', memory: '1Gi' } }, qosClass: 'Burstable' },
];
for (const { resources, qosClass } of qosCases) {
  test(`${JSON.stringify(resources)} is ${qosClass}`, () => assert.equal(qosClassOf(aPod({}, { resources }).spec), qosClass));
}

const hostnameCases = [
  { it: 'its name', spec: {}, hostname: 'web' },
  { it: 'its host name', spec: { hostname: 'db-0' }, hostname: 'db-0' },
  { it: 'its host name alone, with a subdomain', spec: { hostname: 'db-0', subdomain: 'db' }, hostname: 'db-0' },
  {
    it: 'its name in full when asked',
    spec: { hostname: 'db-0', subdomain: 'db', setHostnameAsFQDN: true },
    hostname: 'db-0.db.shop.svc.cluster.local',
  },
  { it: 'its short name in full without a subdomain', spec: { setHostnameAsFQDN: true }, hostname: 'web' },
  { it: 'the override before all', spec: { hostname: 'db-0', subdomain: 'db', hostnameOverride: 'a.b' }, hostname: 'a.b' },
];
for (const { it, spec, hostname } of hostnameCases) {
  test(`the kernel calls a pod by ${it}`, () => {
    assert.equal(buildSandboxSpec(aPod(spec), sandboxOptions).hostname, hostname);
  });
}

test('a name in full that the kernel cannot hold is refused', () => {
  const pod = aPod({ hostname: 'h'.repeat(40), subdomain: 'db', setHostnameAsFQDN: true });
  assert.throws(
    () => buildSandboxSpec(pod, sandboxOptions),
    /FQDN h{40}\.db\.shop\.svc\.cluster\.local is too long \(64 characters is the max, 66 characters requested\)/,
  );
});

test('the processes that a container sees are its own, its pod’s, the node’s, or those of the one it debugs', () => {
  assert.equal(specOf(aPod()).pidMode, 'container');
  assert.equal(specOf(aPod({ shareProcessNamespace: true })).pidMode, 'pod');
  assert.equal(specOf(aPod({ hostPID: true })).pidMode, 'host');
  assert.deepEqual(specOf(aPod(), { targetId: 'c1' }).pidMode, { sharedWithId: 'c1' });
});

test('a user of root breaks the non-root policy', () => {
  const pod = aPod({ securityContext: { runAsNonRoot: true } }, { securityContext: { runAsUser: 0 } });
  assert.throws(() => specOf(pod), { message: `container's runAsUser breaks non-root policy ${who}` });
});

const securityCases: readonly {
  readonly it: string;
  readonly pod?: PodSpec['securityContext'];
  readonly own?: Container['securityContext'];
  readonly expected: object;
}[] = [
  { it: 'the engine’s profile without a word about it', expected: { seccomp: { type: 'default' }, appArmor: { type: 'default' } } },
  { it: 'the pod’s profile', pod: { seccompProfile: { type: 'Unconfined' } }, expected: { seccomp: { type: 'unconfined' } } },
  {
    it: 'its own profile before the pod’s',
    pod: { seccompProfile: { type: 'Unconfined' } },
    own: { seccompProfile: { type: 'Localhost', localhostProfile: 'a.json' } },
    expected: { seccomp: { type: 'localhost', name: 'a.json' } },
  },
  { it: 'no more privileges than it began with', own: { allowPrivilegeEscalation: false }, expected: { mayGainPrivileges: false } },
  {
    it: 'capabilities',
    own: { capabilities: { add: ['NET_ADMIN'], drop: ['ALL'] } },
    expected: { capabilitiesAdded: ['NET_ADMIN'], capabilitiesDropped: ['ALL'] },
  },
  { it: 'all of /proc', own: { procMount: 'Unmasked' }, expected: { seesAllOfProc: true } },
  {
    it: 'labels of SELinux, its own first',
    pod: { seLinuxOptions: { user: 'u', level: 's0' } },
    own: { seLinuxOptions: { level: 's1' } },
    expected: { seLinux: { user: 'u', level: 's1' } },
  },
];
for (const { it, pod = {}, own = {}, expected } of securityCases) {
  test(`a container has ${it}`, () => {
    const spec = specOf(aPod({ securityContext: pod }, { securityContext: own }));
    assert.deepEqual({ ...spec, ...expected }, spec);
  });
}

test('a user namespace of its own is more than this engine can give', () => {
  const options = {
    attempt: 0,
    image: 'pause',
    nodeNetworkMode: 'host',
    clusterDomain: 'cluster.local',
    mounts: [],
    cgroupParent: undefined,
  };
  assert.throws(() => buildSandboxSpec(aPod({ hostUsers: false }), options), { message: /runtime does not support user namespaces$/ });
});
