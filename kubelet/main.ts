/** The kubelet's process: reads its configuration, finds out where it runs, builds the kubelet and runs it with its health server. */
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { addAmounts } from '#api/core/v1/resource-list.ts';
import { quantityToMilli, quantityToNumber } from '#api/meta/quantity.ts';
import { createClient } from '#client/client.ts';
import { readClientOptions } from '#client/client-config.ts';
import { systemClock } from '#component/clock.ts';
import { readConfig } from '#component/config.ts';
import { runHealthServer } from '#component/health-server.ts';
import { createLogger } from '#component/logger.ts';
import { createRegistry } from '#component/metrics.ts';
import { findNodeAddress } from '#component/node-address.ts';
import { systemRandom } from '#component/random.ts';
import { runProcess, runTogether } from '#component/shutdown.ts';
import { createCsiServices } from './csi/csi-services.ts';
import { EVICTION_HARD_DEFAULT, keptFree, parseDuration, parseThresholds } from './eviction/thresholds.ts';
import { type Keyring, parseDockerConfig } from './images/registry-credentials.ts';
import { createKubelet, KUBELET_VERSION } from './kubelet.ts';
import { createCni } from './network/cni.ts';
import { createRun, createStartHelper } from './network/exec.ts';
import { createPodDialers } from './network/pod-dialer.ts';
import { createPodNetwork } from './network/pod-network.ts';
import { readAncestors, readBootId, readDiskBytes, readNetworkNamespace, readStartTime } from './node/node-host.ts';
import { parseLabels, parseTaints } from './node/node-object.ts';
import { createEngineBackend, ENGINE_LABEL, engineLabelValue } from './provisioner/engine-backend.ts';
import { amountOf } from './resource-amounts.ts';
import { nodeCgroupLimits } from './resources/cgroup-limits.ts';
import { nodeCgroup } from './resources/cgroup-paths.ts';
import { type NodeShape, parseReserved, podsLimitOf } from './resources/node-allocatable.ts';
import { createNodeCgroups, hasCgroups, type NodeCgroups, noCgroups } from './resources/node-cgroups.ts';
import type { RuntimeInfo } from './runtime/container-runtime.ts';
import { createDockerRuntime, type DockerRuntime, type OwnContainer } from './runtime/docker-runtime.ts';
import { createManifestFolder } from './static-pods/manifest-folder.ts';
import { createClaimedVolumes } from './volumes/claimed-volumes.ts';
import { createEngineHost } from './volumes/engine-host.ts';
import { createPodVolumes } from './volumes/pod-volumes.ts';

const OWN_CONTAINER_RETRY_MS = 100;
const OWN_CONTAINER_TRIES_MAX = 100;
/** Upstream's `imageMinimumGCAge`. */
const IMAGE_AGE_MS_MIN = 120_000;
const PROGRAM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

const config = readConfig(process.env);
const settings = {
  nodeName: config.text('NODE_NAME'),
  labels: config.text('NODE_LABELS', ''),
  taints: config.text('NODE_TAINTS', ''),
  cpus: config.text('NODE_CPUS', ''),
  memory: config.text('NODE_MEMORY', ''),
  disk: config.text('NODE_DISK', ''),
  systemReserved: config.text('SYSTEM_RESERVED', ''),
  kubeReserved: config.text('KUBE_RESERVED', ''),
  podPidsMax: config.integer('POD_PIDS_LIMIT', { fallback: -1, min: -1, max: 4_194_304 }),
  cgroupMount: config.text('KUBELET_CGROUPS', ''),
  pullsAtOnceMax: config.integer('MAX_PARALLEL_IMAGE_PULLS', { fallback: 1, min: 1, max: 100 }),
  imageHighPercent: config.integer('IMAGE_GC_HIGH_THRESHOLD', { fallback: 85, min: 0, max: 100 }),
  imageLowPercent: config.integer('IMAGE_GC_LOW_THRESHOLD', { fallback: 80, min: 0, max: 100 }),
  dockerConfig: config.text('KUBELET_DOCKER_CONFIG', '/run/secrets/docker-config'),
  evictionHard: config.text('EVICTION_HARD', EVICTION_HARD_DEFAULT),
  evictionSoft: config.text('EVICTION_SOFT', ''),
  evictionSoftGracePeriod: config.text('EVICTION_SOFT_GRACE_PERIOD', ''),
  evictionTransition: config.text('EVICTION_PRESSURE_TRANSITION_PERIOD', '5m'),
  evictionGraceSeconds: config.integer('EVICTION_MAX_POD_GRACE_PERIOD', { fallback: 0, min: 0, max: 86_400 }),
  evictionMinimumReclaim: config.text('EVICTION_MINIMUM_RECLAIM', ''),
  nodeContainer: config.text('NODE_CONTAINER', ''),
  nodeIp: config.text('NODE_IP', ''),
  cluster: config.text('KEELSON_CLUSTER', 'keelson'),
  servingCertificate: config.file('SERVING_CERT', '/etc/keelson/server.crt'),
  servingKey: config.file('SERVING_KEY', '/etc/keelson/server.key'),
  trustedNames: config.text('KUBELET_TRUSTED_NAMES', 'kube-apiserver-kubelet-client'),
  dataDirectory: config.text('KUBELET_DATA', '/var/lib/kubelet'),
  manifestDirectory: config.text('STATIC_POD_MANIFESTS', ''),
  dockerSocket: config.text('DOCKER_SOCKET', '/var/run/docker.sock'),
  pluginDirectory: config.text('CNI_PLUGINS', '/usr/lib/cni'),
  pauseImage: config.text('PAUSE_IMAGE', 'keelson/keelson:dev'),
  clusterDns: config.text('CLUSTER_DNS', '10.96.0.10'),
  clusterDomain: config.text('CLUSTER_DOMAIN', 'cluster.local'),
  clusterCidr: config.text('CLUSTER_CIDR', '10.244.0.0/16'),
  kubernetesServiceIp: config.text('KUBERNETES_SERVICE_IP', '10.96.0.1'),
  kubeletPort: config.integer('KUBELET_PORT', { fallback: 10250, min: 1, max: 65_535 }),
  healthPort: config.integer('HEALTH_PORT', { fallback: 10248, min: 1, max: 65_535 }),
  logLevel: config.text('LOG_LEVEL', 'info'),
};
const clientOptions = readClientOptions(config, `kubelet/${settings.nodeName}`);
config.finish();

const log = createLogger('kubelet', settings.logLevel);
const runtime = createDockerRuntime(
  {
    socketPath: settings.dockerSocket,
    cluster: settings.cluster,
    node: settings.nodeName,
    seccompDirectory: join(settings.dataDirectory, 'seccomp'),
  },
  { clock: systemClock },
);

interface Surroundings {
  /** What pods of the host network join. */
  readonly nodeNetworkMode: string;
  /** The container that holds the node's network; undefined when that is the host's own. */
  readonly nodeContainer: string | undefined;
  /** The data directory as the engine's host sees it. */
  readonly dataOnHost: string;
  /** A process that sees the host's mounts: what started our container. Undefined when we see them ourselves. */
  readonly hostProcess: number | undefined;
}

/** The engine says that a container runs a moment after its process does. */
async function findOwnContainer(docker: DockerRuntime): Promise<OwnContainer | undefined> {
  const find = () => docker.findOwnContainer(readAncestors(process.pid), settings.dataDirectory);
  for (let tries = 1; existsSync('/.dockerenv'); tries += 1) {
    const own = await find();
    if (own !== undefined) return own;
    if (tries === OWN_CONTAINER_TRIES_MAX)
      throw new Error(`no container of this engine mounts ${settings.dataDirectory} and runs this process`);
    await systemClock.sleep(OWN_CONTAINER_RETRY_MS, AbortSignal.any([]));
  }
  return find();
}

/** In a container: the node is whatever holds its network. On a bare host: the host itself. */
async function findSurroundings(docker: DockerRuntime): Promise<Surroundings> {
  const own = await findOwnContainer(docker);
  const ancestors = readAncestors(process.pid);
  const joined = own?.networkMode.startsWith('container:') === true ? own.networkMode.slice('container:'.length) : own?.id;
  const nodeContainer = settings.nodeContainer || joined;
  return {
    nodeNetworkMode: nodeContainer === undefined || own?.networkMode === 'host' ? 'host' : `container:${nodeContainer}`,
    nodeContainer,
    dataOnHost: own?.mounts.get(settings.dataDirectory) ?? settings.dataDirectory,
    hostProcess: own === undefined ? undefined : ancestors[ancestors.indexOf(own.pid) + 1],
  };
}

/** The kernel gives the number of a namespace again once it is free, so the start of the process that holds it is part of its identity. */
async function identifyNamespace(nodeContainer: string | undefined): Promise<string> {
  const holder = nodeContainer === undefined ? undefined : await runtime.findPid(nodeContainer);
  return [readBootId(), readNetworkNamespace('self'), ...(holder === undefined ? [] : [holder, readStartTime(holder)])].join('/');
}

/** When the node's container restarts, its network is a new one and this process still holds the old: only a new start can join it. */
async function watchNodeContainer(nodeContainer: string, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const check = async (): Promise<void> => {
      const pid = await runtime.findPid(nodeContainer);
      const namespace = pid === undefined ? undefined : readNetworkNamespace(pid);
      if (namespace !== undefined && namespace !== readNetworkNamespace('self')) {
        replaced.reject(new Error("the node's network namespace was replaced: starting afresh in the new one"));
      }
    };
    const replaced = Promise.withResolvers<void>();
    const onEvent = (): void =>
      void check().catch((error: unknown) => log.warn({ err: error }, 'cannot look at the container of the node'));
    const watched = runtime.watchContainer(nodeContainer, onEvent, signal).catch(() => systemClock.sleep(1_000, signal).catch(() => {}));
    await Promise.race([replaced.promise, watched]);
  }
}

const thresholds = parseThresholds({
  hard: settings.evictionHard,
  soft: settings.evictionSoft,
  softGracePeriods: settings.evictionSoftGracePeriod,
  minimumReclaims: settings.evictionMinimumReclaim,
});

/** The user may log in to a registry at any time. */
function readHostKeyring(): Keyring {
  return existsSync(settings.dockerConfig) ? parseDockerConfig(readFileSync(settings.dockerConfig, 'utf8')) : [];
}

/** What the node declares: as configured, else all that the engine has. */
function readShape(info: RuntimeInfo): NodeShape {
  const declared = (text: string, name: string, present: number) => (text === '' ? present : amountOf({ [name]: text }, name));
  const memoryBytes = declared(settings.memory, 'memory', info.memoryBytes);
  const diskBytes = declared(settings.disk, 'ephemeral-storage', readDiskBytes(settings.dataDirectory));
  return {
    cpuCount: declared(settings.cpus, 'cpu', info.cpuCount),
    memoryBytes,
    diskBytes,
    reserved: addAmounts(parseReserved(settings.systemReserved), parseReserved(settings.kubeReserved)),
    memoryKeptBytes: keptFree(thresholds, 'memory.available', memoryBytes),
    diskKeptBytes: keptFree(thresholds, 'nodefs.available', diskBytes),
  };
}

/** On a bare host the cgroups are where they always are; in a container, where compose mounts the host's. */
function openCgroups(info: RuntimeInfo, shape: NodeShape, nodeContainer: string | undefined): NodeCgroups {
  const mount = settings.cgroupMount || (nodeContainer === undefined ? '/sys/fs/cgroup' : '/host/cgroup');
  const tree = { mount, driver: info.cgroupDriver, version: info.cgroupVersion };
  if (!hasCgroups(tree)) {
    log.warn({ ...tree }, "the host's cgroups are not mounted here: what the node declares limits no pod");
    return noCgroups;
  }
  const [cpu, memory] = [podsLimitOf(shape).get('cpu'), podsLimitOf(shape).get('memory')];
  const limits = nodeCgroupLimits({
    milliCpus: cpu === undefined ? 0 : quantityToMilli(cpu),
    memoryBytes: memory === undefined ? 0 : quantityToNumber(memory),
    declaredCpuCount: shape.cpuCount,
    engineCpuCount: info.cpuCount,
  });
  const podLimits = { cpuCount: shape.cpuCount, ...(settings.podPidsMax < 0 ? {} : { podPidsMax: settings.podPidsMax }) };
  return createNodeCgroups({ ...tree, node: nodeCgroup(settings.nodeName, nodeContainer), limits, podLimits }, { log });
}

await runProcess(log, async (signal) => {
  const [info, surroundings] = await Promise.all([runtime.getInfo(), findSurroundings(runtime)]);
  const nodeIp = settings.nodeIp || findNodeAddress();
  if (nodeIp === undefined) throw new Error('this network namespace has no IPv4 address but loopback');
  mkdirSync(settings.dataDirectory, { recursive: true });
  log.info({ ...surroundings, nodeIp }, 'found where this kubelet runs');

  const client = createClient(clientOptions);
  const run = createRun(PROGRAM_PATH);
  const cni = createCni(
    { pluginDirectory: settings.pluginDirectory, stateDirectory: join(settings.dataDirectory, 'cni', 'networks') },
    run,
  );
  const namespaceId = await identifyNamespace(surroundings.nodeContainer);
  const network = createPodNetwork(
    { clusterCidr: settings.clusterCidr, directory: join(settings.dataDirectory, 'cni', 'sandboxes'), namespaceId, nodeIp },
    { cni, run },
  );
  const openDialer = createPodDialers(createStartHelper(PROGRAM_PATH), { clock: systemClock });
  const shape = readShape(info);
  const metrics = createRegistry();
  const manifests = createManifestFolder(settings.manifestDirectory || join(settings.dataDirectory, 'manifests'));
  const cgroups = openCgroups(info, shape, surroundings.nodeContainer);
  const host = createEngineHost(surroundings.hostProcess, run);
  const data = { local: settings.dataDirectory, onHost: (await host.resolve(surroundings.dataOnHost)) ?? surroundings.dataOnHost };
  const informerDeps = { client, clock: systemClock, random: systemRandom, log };
  const csi = createCsiServices({ ...informerDeps, host, data, nodeName: settings.nodeName });
  const volumes = createPodVolumes(data, {
    kinds: [csi.kind],
    host,
    claimed: createClaimedVolumes(client),
    ownProcess: process.pid,
    wellKnownDirectory: settings.dataDirectory,
  });
  const engine = engineLabelValue(info.machineId);
  const kubelet = createKubelet(
    {
      nodeName: settings.nodeName,
      nodeIp,
      labels: { ...parseLabels(settings.labels), [ENGINE_LABEL]: engine },
      taints: parseTaints(settings.taints),
      shape,
      architecture: process.arch === 'x64' ? 'amd64' : process.arch,
      bootId: readBootId(),
      kubeletPort: settings.kubeletPort,
      dataDirectory: settings.dataDirectory,
      eviction: {
        thresholds,
        transitionMs: parseDuration(settings.evictionTransition),
        softGracePeriodSecondsMax: settings.evictionGraceSeconds,
      },
      images: {
        ledgerPath: join(settings.dataDirectory, 'images.json'),
        pullsAtOnceMax: settings.pullsAtOnceMax,
        policy: { highPercent: settings.imageHighPercent, lowPercent: settings.imageLowPercent, ageMsMin: IMAGE_AGE_MS_MIN },
        hostKeyring: readHostKeyring,
      },
      pauseImage: settings.pauseImage,
      nodeNetworkMode: surroundings.nodeNetworkMode,
      mountsRecursively: info.mountsRecursively,
      dns: {
        clusterDns: settings.clusterDns,
        clusterDomain: settings.clusterDomain,
        nodeResolvConf: readFileSync('/etc/resolv.conf', 'utf8'),
        nodeHosts: readFileSync('/etc/hosts', 'utf8'),
      },
      kubernetesService: { ip: settings.kubernetesServiceIp, port: 443 },
      server: {
        address: '0.0.0.0',
        certificate: settings.servingCertificate,
        key: settings.servingKey,
        ca: clientOptions.ca,
        trustedNames: settings.trustedNames.split(','),
      },
    },
    {
      client,
      runtime,
      network,
      volumes,
      engineVolumes: createEngineBackend({ engine }, { runtime, host }),
      csi,
      cgroups,
      manifests,
      run,
      openDialer,
      metrics,
      clock: systemClock,
      random: systemRandom,
      log,
    },
  );
  log.info({ node: settings.nodeName, version: KUBELET_VERSION }, 'starting');
  const { nodeContainer } = surroundings;
  const health = { address: '127.0.0.1', port: settings.healthPort, registry: metrics, unready: kubelet.unready };
  await runTogether(signal, [
    (inner) => kubelet.run(inner),
    (inner) => runHealthServer(health, inner),
    ...(nodeContainer === undefined ? [] : [(inner: AbortSignal) => watchNodeContainer(nodeContainer, inner)]),
  ]);
  await client.close();
});
