/**
 * A node without a machine, for tests: an engine in memory, a network that gives addresses in order, volumes that only remember, an API
 * server in memory, and a clock that stands still. The kubelet on it is the real one; `crash` drops it as SIGKILL would and `boot` starts
 * another on what is left. Time must be moved with `settle` for anything to happen.
 */
import { nodes, pods } from '#api/generated/resources.ts';
import type { Container, Pod, PodSpec } from '#api/generated/types.ts';
import { createFakeClient, type FakeClient } from '#client/testing/fake-client.ts';
import { silentLogger } from '#component/logger.ts';
import { Registry } from '#component/metrics.ts';
import { seededRandom } from '#component/random.ts';
import { aborted } from '#component/shutdown.ts';
import { createFakeClock, type FakeClock } from '#component/testing/fake-clock.ts';
import { createKubelet, type Kubelet } from '../kubelet.ts';
import type { PodNetwork } from '../network/pod-network.ts';
import { noCgroups } from '../resources/node-cgroups.ts';
import type { ContainerRuntime, ContainerSpec } from '../runtime/container-runtime.ts';
import { type Behaviour, createFakeRuntime, type FakeRuntime } from '../runtime/fake-runtime.ts';
import type { ManifestFolder } from '../static-pods/manifest-folder.ts';
import type { PodVolumes } from '../volumes/pod-volumes.ts';
import { openLocalDialer } from './local-dialer.ts';

export interface SimulatedNode {
  readonly clock: FakeClock;
  readonly client: FakeClient;
  readonly runtime: FakeRuntime;
  /** Pod uids that have files here. */
  readonly files: ReadonlySet<string>;
  /** Sandboxes that have an address. */
  readonly addresses: ReadonlyMap<string, string>;
  boot(): Promise<Kubelet>;
  /** Puts a manifest into the node's folder, or takes it away. */
  setManifest(file: string, text: string | undefined): void;
  /** Drops the kubelet: whatever it had begun is never heard of again. */
  crash(): void;
  settle(durationMs?: number): Promise<void>;
  createPod(name: string, spec: Partial<PodSpec>): Promise<Pod>;
  findPod(name: string): Promise<Pod | undefined>;
  stop(): Promise<void>;
}

export interface SimulatedNodeOptions {
  readonly behave?: (spec: ContainerSpec) => Behaviour;
  readonly registry?: readonly string[];
  readonly passwords?: Readonly<Record<string, string>>;
  /** Called before each effect on the engine, the network, the files or the pod in the API; what it throws is what the kubelet gets. */
  readonly onCall?: (call: string, detail: string) => void;
}

export const NODE_NAME = 'worker-1';
/** More than any chain of actions waits for. */
const SETTLE_MS = 100;

export function createSimulatedNode(options: SimulatedNodeOptions = {}): SimulatedNode {
  const clock = createFakeClock();
  const client = createFakeClient({
    clock,
    onRequest: ({ verb, type, subresource = '' }) => {
      if (type.kind === 'Pod' && (subresource === 'status' || verb === 'delete')) options.onCall?.(`${verb} ${subresource}`, 'api');
    },
  });
  const runtime = createFakeRuntime({
    clock,
    images: ['keelson/keelson:dev', 'web:v1', 'web:v2'],
    ...(options.registry === undefined ? {} : { registry: options.registry }),
    ...(options.passwords === undefined ? {} : { passwords: options.passwords }),
    ...(options.behave === undefined ? {} : { behave: options.behave }),
    ...(options.onCall === undefined ? {} : { onCall: options.onCall }),
  });
  const files = new Set<string>();
  const addresses = new Map<string, string>();
  const onEffect = options.onCall ?? (() => {});
  const network = createSimulatedNetwork(addresses, onEffect);
  const manifests = new Map<string, string>();
  const folderWatchers = new Set<() => void>();
  const simulatedFolder: ManifestFolder = {
    read: async () => [...manifests].map(([file, text]) => ({ file, text })),
    watch: async (onChange, signal) => {
      folderWatchers.add(onChange);
      await aborted(signal);
      folderWatchers.delete(onChange);
    },
  };
  let current: { readonly stop: AbortController; readonly running: Promise<void> } | undefined;

  async function settle(durationMs = SETTLE_MS): Promise<void> {
    await clock.advance(durationMs);
    await clock.advance(SETTLE_MS);
  }

  async function boot(): Promise<Kubelet> {
    const stop = new AbortController();
    const kubelet = createKubelet(kubeletOptions, {
      client: onlyUntil(client, stop.signal),
      runtime: runtimeUntil(runtime, stop.signal),
      network,
      volumes: createSimulatedVolumes(files, onEffect),
      engineVolumes: undefined,
      csi: undefined,
      cgroups: noCgroups,
      manifests: simulatedFolder,
      run: undefined,
      openDialer: openLocalDialer,
      metrics: new Registry(),
      clock,
      random: seededRandom(7),
      log: silentLogger,
    });
    current = { stop, running: kubelet.run(stop.signal).catch(() => {}) };
    await settle();
    return kubelet;
  }

  return {
    clock,
    client,
    runtime,
    files,
    addresses,
    boot,
    setManifest: (file, text) => {
      if (text === undefined) manifests.delete(file);
      else manifests.set(file, text);
      for (const onChange of folderWatchers) onChange();
    },
    crash: () => current?.stop.abort(new Error('killed')),
    settle,
    createPod: (name, spec) => client.resource(pods).create(aPod(name, spec)),
    findPod: async (name) => (await client.resource(pods).list()).items.find(({ metadata }) => metadata.name === name),
    stop: async () => {
      current?.stop.abort(new Error('the test is over'));
      await settle();
      await current?.running;
    },
  };
}

/** Registers the node with a range of addresses, as the controller manager does. */
export async function createReadyNode(options: SimulatedNodeOptions = {}): Promise<SimulatedNode> {
  const simulated = createSimulatedNode(options);
  await simulated.client
    .resource(nodes)
    .create({ apiVersion: 'v1', kind: 'Node', metadata: { name: NODE_NAME }, spec: { podCIDR: '10.244.1.0/24' } });
  await simulated.boot();
  return simulated;
}

export function aPod(name: string, spec: Partial<PodSpec> = {}) {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default' },
    spec: { nodeName: NODE_NAME, restartPolicy: 'Always', terminationGracePeriodSeconds: 30, containers: [aContainer('web')], ...spec },
  };
}

export function aContainer(name: string, more: Partial<Container> = {}): Container {
  return { name, image: 'web:v1', imagePullPolicy: 'IfNotPresent', ...more };
}

const kubeletOptions = {
  nodeName: NODE_NAME,
  nodeIp: '172.18.0.3',
  labels: {},
  taints: [],
  shape: { cpuCount: 2, memoryBytes: 2 ** 31, diskBytes: 2 ** 34, reserved: new Map(), memoryKeptBytes: 0, diskKeptBytes: 0 },
  architecture: 'amd64',
  bootId: 'boot',
  kubeletPort: 10250,
  dataDirectory: '/tmp',
  eviction: { thresholds: [], transitionMs: 300_000, softGracePeriodSecondsMax: 0 },
  images: {
    ledgerPath: undefined,
    pullsAtOnceMax: 1,
    policy: { highPercent: 85, lowPercent: 80, ageMsMin: 120_000 },
    hostKeyring: () => [],
  },
  pauseImage: 'keelson/keelson:dev',
  nodeNetworkMode: 'container:node',
  mountsRecursively: false,
  dns: { clusterDns: '10.96.0.10', clusterDomain: 'cluster.local', nodeResolvConf: '', nodeHosts: '127.0.0.1\tlocalhost\n' },
  kubernetesService: { ip: '10.96.0.1', port: 443 },
  server: undefined,
} as const;

function createSimulatedNetwork(addresses: Map<string, string>, onEffect: (what: string, detail: string) => void): PodNetwork {
  let given = 1;
  let podCidr: string | undefined;
  return {
    stateOf: (sandbox) => {
      const podIp = sandbox === undefined ? undefined : addresses.get(sandbox.id);
      return sandbox?.state.phase === 'running' && podIp !== undefined ? { phase: 'up', podIp } : { phase: 'down' };
    },
    setUp: async (_pod, sandbox) => {
      onEffect('wire', sandbox.id);
      given += 1;
      addresses.set(sandbox.id, `10.244.1.${given}`);
    },
    tearDown: async (sandboxId) => {
      onEffect('unwire', sandboxId);
      addresses.delete(sandboxId);
    },
    releaseLost: async (sandboxId) => {
      addresses.delete(sandboxId);
    },
    restore: async (sandboxes) => {
      const living = new Set(sandboxes.map(({ id }) => id));
      for (const id of addresses.keys()) if (!living.has(id)) addresses.delete(id);
    },
    podCidr: () => podCidr,
    setPodCidr: (range) => {
      podCidr = range;
    },
  };
}

function createSimulatedVolumes(files: Set<string>, onEffect: (what: string, detail: string) => void): PodVolumes {
  return {
    prepare: async ({ pod }) => {
      onEffect('prepare', pod.metadata.name);
      files.add(pod.metadata.uid);
      return new Map((pod.spec.volumes ?? []).map(({ name }) => [name, { path: `/data/${name}` }]));
    },
    mountSubPaths: async () => new Map(),
    measure: async () => new Map(),
    writeEtcFile: async () => {},
    etcMounts: () => [],
    createMessageFile: async () => '/data/message',
    readMessage: async () => '',
    remove: async (podUid) => {
      onEffect('remove-files', podUid);
      files.delete(podUid);
    },
    listPodUids: async () => [...files],
  };
}

/** The API as a process sees it that can be killed: no answer comes, and nothing is sent, after its death. */
function onlyUntil(client: FakeClient, signal: AbortSignal): FakeClient {
  const dead = () => new Promise<never>(() => {});
  return {
    ...client,
    resource: (type) => {
      const resource = client.resource(type);
      const guard =
        <Arguments extends readonly unknown[], Result>(method: (...args: Arguments) => Promise<Result>) =>
        async (...args: Arguments): Promise<Result> => {
          if (signal.aborted) return dead();
          const result = await method(...args);
          return signal.aborted ? dead() : result;
        };
      return {
        ...resource,
        get: guard(resource.get),
        list: guard(resource.list),
        create: guard(resource.create),
        update: guard(resource.update),
        updateStatus: guard(resource.updateStatus),
        patch: guard(resource.patch),
        delete: guard(resource.delete),
      };
    },
  };
}

function runtimeUntil(runtime: FakeRuntime, signal: AbortSignal): ContainerRuntime {
  const guard =
    <Arguments extends readonly unknown[], Result>(method: (...args: Arguments) => Promise<Result>) =>
    async (...args: Arguments): Promise<Result> => {
      if (signal.aborted) return new Promise<never>(() => {});
      const result = await method(...args);
      return signal.aborted ? new Promise<never>(() => {}) : result;
    };
  return {
    ...runtime,
    listContainers: guard(runtime.listContainers),
    findContainer: guard(runtime.findContainer),
    createSandbox: guard(runtime.createSandbox),
    createContainer: guard(runtime.createContainer),
    startContainer: guard(runtime.startContainer),
    stopContainer: guard(runtime.stopContainer),
    removeContainer: guard(runtime.removeContainer),
  };
}
