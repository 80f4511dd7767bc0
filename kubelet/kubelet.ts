/**
 * The node agent put together: the node's registration and lease, its pods' workers, the engine's events, routes, and the HTTPS API. Built
 * from its dependencies, started by `run`, ended by its signal; the pods it looks after go on running without it.
 */
import { nodes, pods, services } from '#api/generated/resources.ts';
import type { Node, Pod, Taint } from '#api/generated/types.ts';
import type { Client } from '#client/client.ts';
import { createEventRecorder } from '#client/event-recorder.ts';
import { createInformer } from '#client/informer.ts';
import type { Clock } from '#component/clock.ts';
import type { Logger } from '#component/logger.ts';
import { Gauge, type Registry } from '#component/metrics.ts';
import type { Random } from '#component/random.ts';
import { runTogether } from '#component/shutdown.ts';
import { type CsiServices, hasDriver } from './csi/csi-services.ts';
import { createEvictionManager, type EvictionOptions } from './eviction/eviction-manager.ts';
import { observationsOf, readMachineAvailable, readProcessCount } from './eviction/observe-node.ts';
import type { Observations } from './eviction/pressure.ts';
import { createImageGarbageCollector, type ImagePolicy } from './images/image-garbage-collector.ts';
import { createImageLedger } from './images/image-ledger.ts';
import { createImagePuller } from './images/image-puller.ts';
import type { Keyring } from './images/registry-credentials.ts';
import type { Run } from './network/exec.ts';
import type { OpenPodDialer } from './network/pod-dialer.ts';
import type { DnsSettings } from './network/pod-files.ts';
import type { PodNetwork } from './network/pod-network.ts';
import { readProcessesMax } from './node/node-host.ts';
import { runNodeLease } from './node/node-lease.ts';
import { type NodeHealth, pressureEvents } from './node/node-object.ts';
import { createNodeRegistration } from './node/node-registration.ts';
import { runNodeRoutes } from './node/node-routes.ts';
import { allContainersOf } from './pod-snapshot.ts';
import { createPodStates, type PodStates } from './pod-states.ts';
import type { PodWorkerDeps } from './pod-worker.ts';
import { createPodWorkers, type PodWorkers } from './pod-workers.ts';
import { createProbeWorkers } from './probes/probe-workers.ts';
import { createProber } from './probes/prober.ts';
import { ENGINE_LABEL } from './provisioner/engine-backend.ts';
import { createProvisioner } from './provisioner/provisioner.ts';
import type { VolumeBackend } from './provisioner/volume-backend.ts';
import { createReferences } from './references.ts';
import { unitsOf } from './resource-amounts.ts';
import { allocatableOf, type NodeShape, podsLimitOf } from './resources/node-allocatable.ts';
import type { NodeCgroups } from './resources/node-cgroups.ts';
import {
  type ContainerIdentity,
  type ContainerRuntime,
  isSandbox,
  type RuntimeContainer,
  type RuntimeInfo,
} from './runtime/container-runtime.ts';
import { joinLogFrames, readTail } from './runtime/log-frames.ts';
import { type KubeletServerOptions, runKubeletServer } from './server.ts';
import { createKubeletAccess } from './server-access.ts';
import { createServiceAccountTokens } from './service-account-tokens.ts';
import { type KubernetesService, serviceVariablesFor } from './service-variables.ts';
import type { ManifestFolder } from './static-pods/manifest-folder.ts';
import { createStaticPods } from './static-pods/static-pods.ts';
import { createDiskStats } from './stats/disk-stats.ts';
import { createNodeStats } from './stats/node-stats.ts';
import { createStatsApi } from './stats/stats-api.ts';
import { createTurns } from './turns.ts';
import type { PodVolumes } from './volumes/pod-volumes.ts';

export interface KubeletOptions {
  readonly nodeName: string;
  readonly nodeIp: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly taints: readonly Taint[];
  readonly shape: NodeShape;
  readonly architecture: string;
  readonly bootId: string;
  readonly kubeletPort: number;
  /** Of pods' files. */
  readonly dataDirectory: string;
  readonly images: ImageOptions;
  readonly eviction: EvictionOptions;
  readonly pauseImage: string;
  readonly nodeNetworkMode: string;
  /** Whether the engine can make mounts below a read-only mount read-only too. */
  readonly mountsRecursively: boolean;
  readonly dns: DnsSettings;
  /** Where containers find the API server: the `kubernetes` Service. */
  readonly kubernetesService: KubernetesService;
  /** Without it there is no HTTPS API. `trustedNames`: what the API server is called by its certificate. */
  readonly server: (Omit<KubeletServerOptions, 'port'> & { readonly trustedNames: readonly string[] }) | undefined;
}

export interface ImageOptions {
  /** The file that remembers what was pulled; undefined: nothing is remembered. */
  readonly ledgerPath: string | undefined;
  readonly pullsAtOnceMax: number;
  readonly policy: ImagePolicy;
  /** Of the engine's user, as they are now. */
  readonly hostKeyring: () => Keyring;
}

export interface KubeletDeps {
  readonly client: Client;
  readonly runtime: ContainerRuntime;
  readonly network: PodNetwork;
  readonly volumes: PodVolumes;
  /** What makes volumes for claims on the node's engine; absent where there is none (tests). */
  readonly engineVolumes: VolumeBackend | undefined;
  /** Storage drivers; absent where there are none (tests). */
  readonly csi: CsiServices | undefined;
  readonly cgroups: NodeCgroups;
  /** Of static pods. */
  readonly manifests: ManifestFolder;
  /** Absent where there is no network to route (tests). */
  readonly run: Run | undefined;
  readonly openDialer: OpenPodDialer;
  /** Of this process; the kubelet adds its own figures. */
  readonly metrics: Registry;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export interface Kubelet {
  run(signal: AbortSignal): Promise<void>;
  /** What is not ready yet, for the health server. */
  unready(): readonly string[];
  readonly workers: Pick<PodWorkers, 'pods' | 'findPod'>;
}

/** The version of the API whose behaviour this kubelet has. */
export const KUBELET_VERSION = 'v1.36.0';
/** What of a log stands in for a message that was not written, when the container's policy says so. */
const LOG_MESSAGE_BYTES_MAX = 2048;
const LOG_MESSAGE_LINES_MAX = 80;

export function createKubelet(options: KubeletOptions, deps: KubeletDeps): Kubelet {
  const { client, runtime, clock, random, log, network, volumes, cgroups } = deps;
  const informerDeps = { client, clock, random, log };
  const podInformer = createInformer({ type: pods, fieldSelector: `spec.nodeName=${options.nodeName}` }, informerDeps);
  const nodeInformer = createInformer({ type: nodes }, informerDeps);
  const serviceInformer = createInformer({ type: services }, informerDeps);
  const events = createEventRecorder({ component: 'kubelet', host: options.nodeName }, { client, clock, random, log });
  const { ledgerPath, pullsAtOnceMax, policy, hostKeyring } = options.images;
  const ledger = createImageLedger(ledgerPath);
  const queue = createTurns(pullsAtOnceMax, { clock });
  const puller = createImagePuller({ client, runtime, ledger, queue, clock, hostKeyring });
  const terminationMessages = new Map<string, string>();
  let ownNode: Node | undefined;

  const states: PodStates = createPodStates({
    runtime,
    clock,
    log,
    onChange: (podUids) => {
      forgetMessages(terminationMessages, states);
      workers.wake(podUids);
      registration.wake();
    },
    onExit: async (container) => {
      if (isSandbox(container) || terminationMessages.has(container.id)) return;
      terminationMessages.set(container.id, await readTerminationMessage(container));
    },
    onGone: (container) => {
      if (!isSandbox(container)) return;
      network
        .releaseLost(container.id)
        .catch((error: unknown) => log.warn({ err: error }, 'cannot give back the address of a lost sandbox'));
    },
  });

  const workerDeps: PodWorkerDeps = {
    client,
    runtime,
    states,
    network,
    volumes,
    references: createReferences(informerDeps),
    tokens: createServiceAccountTokens({ client, clock, log }),
    probes: createProbeWorkers({ prober: createProber(runtime), clock, random }),
    events,
    clock,
    log,
    node: { nodeIp: options.nodeIp, ...options.shape, allocatable: allocatableOf(options.shape) },
    pauseImage: options.pauseImage,
    nodeNetworkMode: options.nodeNetworkMode,
    cgroups,
    puller,
    activePods,
    nodePressures: () => evictions.pressures(),
    dns: options.dns,
    mountsRecursively: options.mountsRecursively,
    whenServicesKnown: serviceInformer.whenSynced,
    serviceVariables: (pod) => serviceVariablesFor(pod, serviceInformer.store.list(pod.metadata.namespace), options.kubernetesService),
    terminationMessages,
  };
  const workers: PodWorkers = createPodWorkers(podInformer, workerDeps, () => staticPods.wake());
  const staticPods = createStaticPods({
    folder: deps.manifests,
    nodeName: options.nodeName,
    node: () => ownNode,
    workers,
    informer: podInformer,
    states,
    client,
    clock,
    log,
  });

  const nodeStats = createNodeStats({ clock, states, activePods, cgroups: cgroups.tree, askEngine: runtime.readUsage });
  const diskStats = createDiskStats({
    clock,
    states,
    activePods,
    dataDirectory: options.dataDirectory,
    diskBytes: options.shape.diskBytes,
    measureLayers: runtime.measureLayers,
    measureVolumes: volumes.measure,
  });
  const imageGarbage = createImageGarbageCollector({
    policy,
    ledger,
    runtime,
    readDisk: diskStats.readNode,
    imagesInUse: () => new Set(states.all().map(({ imageId }) => imageId)),
    report: reportNode,
    clock,
    log,
  });
  const { nodeName, shape } = options;
  const evictions = createEvictionManager(options.eviction, {
    activePods,
    states,
    nodeStats,
    diskStats,
    observe: observeNode,
    evict: ({ metadata }, eviction) => workers.evict(metadata.uid, eviction),
    reclaimDisk: async () => {
      await Promise.all(replacedContainers(states.all()).map(({ id }) => runtime.removeContainer(id)));
      await imageGarbage.removeUnused();
    },
    onPressureChange: (before, after) => {
      for (const reason of pressureEvents(before, after)) reportNode('Normal', reason, `Node ${nodeName} status is now: ${reason}`);
      registration.wake();
    },
    report: reportNode,
    clock,
    log,
  });
  const stats = createStatsApi({ nodeName, memoryBytes: shape.memoryBytes, nodeStats, diskStats, processesMax: readProcessesMax });

  const registration = createNodeRegistration({
    client,
    clock,
    log,
    description: {
      name: options.nodeName,
      labels: options.labels,
      taints: options.taints,
      nodeIp: options.nodeIp,
      kubeletPort: options.kubeletPort,
      architecture: options.architecture,
      version: KUBELET_VERSION,
      shape: options.shape,
    },
    checkHealth,
    onNode,
  });

  const provisioner = createProvisioner(
    {
      nodeName: options.nodeName,
      nodes: nodeInformer,
      findBackend: (name) => (name === deps.engineVolumes?.name ? deps.engineVolumes : deps.csi?.findBackend(name)),
      hasBackend: (node, name) =>
        name === deps.engineVolumes?.name ? node.metadata.labels?.[ENGINE_LABEL] === options.labels[ENGINE_LABEL] : hasDriver(node, name),
      expandOnNode: async (claim, volume) => deps.csi?.expandOnNode(claim, volume, events),
    },
    { ...informerDeps, events },
  );
  function reportNode(type: 'Normal' | 'Warning', reason: string, message: string): void {
    if (ownNode !== undefined) events.record(ownNode, type, reason, message);
  }

  function activePods(): readonly Pod[] {
    return workers.pods().filter((pod) => !isOver(pod));
  }

  async function observeNode(): Promise<Observations> {
    const [pods, machineAvailableBytes, disk, count, max] = await Promise.all([
      nodeStats.readPodsMemory(),
      readMachineAvailable(),
      diskStats.readNode(),
      readProcessCount(),
      readProcessesMax(),
    ]);
    const podsMemoryBytes = unitsOf(podsLimitOf(options.shape).get('memory'));
    const bounds = { memoryBytes: options.shape.memoryBytes, podsMemoryBytes };
    return observationsOf({ pods, machineAvailableBytes, disk, processes: { count, max } }, bounds);
  }

  async function checkHealth(): Promise<NodeHealth> {
    const info = await runtime.getInfo().catch((): RuntimeInfo | undefined => undefined);
    const problems = [
      ...(info === undefined ? ['container runtime is down'] : []),
      ...(network.podCidr() === undefined ? [networkProblem] : []),
    ];
    return {
      problems,
      pressures: evictions.pressures(),
      runtimeVersion: info?.version ?? 'Unknown',
      kernelVersion: info?.kernelVersion ?? '',
      osImage: info?.osImage ?? '',
      machineId: info?.machineId ?? '',
      bootId: options.bootId,
    };
  }

  /** The controller manager gives the node its range; pods wait for it. */
  function onNode(node: Node): void {
    if (ownNode === undefined) queueMicrotask(staticPods.wake);
    ownNode = node;
    deps.csi?.onNode(node);
    const { podCIDR } = node.spec;
    if (podCIDR === network.podCidr()) return;
    network.setPodCidr(podCIDR);
    log.info({ podCIDR }, 'the node has a range of pod addresses');
    workers.wakeAll();
    registration.wake();
  }

  async function readTerminationMessage({ id, identity, state, hasTerminal }: RuntimeContainer): Promise<string> {
    const { podUid, containerName = '', attempt } = identity;
    const text = await volumes.readMessage(podUid, containerName, attempt);
    if (text !== '' || state.phase !== 'exited' || state.exitCode === 0) return text;
    const pod = workers.pods().find(({ metadata }) => metadata.uid === podUid);
    const container = pod === undefined ? undefined : allContainersOf(pod).find(({ name }) => name === containerName);
    if (container?.terminationMessagePolicy !== 'FallbackToLogsOnError') return '';
    const logOptions = { isFollowed: false, hasTimestamps: false, tailLines: LOG_MESSAGE_LINES_MAX };
    const raw = await runtime.readLogs(id, logOptions, AbortSignal.any([]));
    return readTail(hasTerminal ? raw : joinLogFrames(raw), LOG_MESSAGE_BYTES_MAX);
  }

  async function runServer(signal: AbortSignal): Promise<void> {
    if (options.server === undefined) return;
    const access = createKubeletAccess({ client, clock, nodeName: options.nodeName, trustedNames: options.server.trustedNames });
    await runKubeletServer({ ...options.server, port: options.kubeletPort }, { ...deps, pods: workers, states, access, stats }, signal);
  }

  countRunning(deps.metrics, states);

  return {
    workers,
    unready: () => [
      ...(podInformer.hasSynced() ? [] : ['pods']),
      ...(states.isConnected() ? [] : ['container-engine']),
      ...(registration.isRegistered() ? [] : ['node-registration']),
    ],
    run: async (signal) => {
      const { run } = deps;
      deps.csi?.onChange(provisioner.wake);
      nodeInformer.onChange((change) => {
        if (change.object.metadata.name !== options.nodeName) return;
        // Also when somebody advertised a resource here: what can be asked for follows.
        registration.wake();
        if (change.type !== 'deleted') onNode(change.object);
      });
      // The network's notes are read before the first pod is looked at: else its address would seem unknown.
      const containers = await listWhenUp(signal);
      await network.restore(containers.filter((container) => isSandbox(container) && container.state.phase === 'running'));
      await cgroups.sweep(new Set(containers.map(({ identity }) => identity.podUid)));
      await runTogether(signal, [
        (inner) => states.run(inner),
        (inner) => podInformer.run(inner),
        (inner) => nodeInformer.run(inner),
        (inner) => serviceInformer.run(inner),
        (inner) => events.run(inner),
        (inner) => imageGarbage.run(inner),
        (inner) => evictions.run(inner),
        (inner) => registration.run(inner),
        (inner) => runNodeLease({ client, clock, log, nodeName: options.nodeName, node: () => ownNode }, inner),
        (inner) => staticPods.run(inner),
        (inner) => workers.run(staticPods.whenLoaded(), inner),
        (inner) => provisioner.run(inner),
        ...(deps.csi === undefined ? [] : [deps.csi.run]),
        (inner) => runServer(inner),
        ...(run === undefined
          ? []
          : [(inner: AbortSignal) => runNodeRoutes({ nodes: nodeInformer, nodeName: options.nodeName, run, clock, log }, inner)]),
      ]);
    },
  };

  async function listWhenUp(signal: AbortSignal): Promise<readonly RuntimeContainer[]> {
    for (;;) {
      try {
        return await runtime.listContainers();
      } catch (error) {
        log.warn({ err: error }, 'the container engine is not there yet');
        await clock.sleep(ENGINE_RETRY_MS, signal);
      }
    }
  }
}

/** Containers that have ended and whose successors are there: what remains of them is only for `kubectl logs --previous`. */
function replacedContainers(containers: readonly RuntimeContainer[]): readonly RuntimeContainer[] {
  const isNewer = (left: ContainerIdentity, right: ContainerIdentity) =>
    left.podUid === right.podUid && left.containerName === right.containerName && left.attempt > right.attempt;
  return containers.filter(
    ({ state, identity }) => state.phase === 'exited' && containers.some((other) => isNewer(other.identity, identity)),
  );
}

/** Upstream's names. */
function countRunning(metrics: Registry, states: PodStates): void {
  new Gauge({
    name: 'kubelet_running_pods',
    help: 'Pods with a sandbox that runs.',
    registers: [metrics],
    collect() {
      this.set(states.all().filter((container) => isSandbox(container) && container.state.phase === 'running').length);
    },
  });
  new Gauge({
    name: 'kubelet_running_containers',
    help: 'Containers by state.',
    labelNames: ['container_state'],
    registers: [metrics],
    collect() {
      this.reset();
      for (const container of states.all()) if (!isSandbox(container)) this.inc({ container_state: container.state.phase });
    },
  });
}

function isOver({ status }: Pod): boolean {
  return status?.phase === 'Succeeded' || status?.phase === 'Failed';
}

const ENGINE_RETRY_MS = 1_000;

const networkProblem =
  'container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not initialized';

function forgetMessages(messages: Map<string, string>, states: PodStates): void {
  const present = new Set(states.all().map(({ id }) => id));
  for (const id of messages.keys()) if (!present.has(id)) messages.delete(id);
}
