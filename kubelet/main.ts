/** The kubelet's process: reads its configuration, finds out where it runs, builds the kubelet and runs it with its health server. */
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseQuantity, quantityToNumber } from '#api/meta/quantity.ts';
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
import { createKubelet, KUBELET_VERSION } from './kubelet.ts';
import { createCni } from './network/cni.ts';
import { createRun, createStartHelper } from './network/exec.ts';
import { createPodDialers } from './network/pod-dialer.ts';
import { createPodNetwork } from './network/pod-network.ts';
import { readAncestors, readBootId, readDiskBytes, readNetworkNamespace, readStartTime } from './node/node-host.ts';
import { parseLabels, parseTaints } from './node/node-object.ts';
import { createEngineBackend, ENGINE_LABEL, engineLabelValue } from './provisioner/engine-backend.ts';
import { createDockerRuntime, type DockerRuntime } from './runtime/docker-runtime.ts';
import { createClaimedVolumes } from './volumes/claimed-volumes.ts';
import { createEngineHost } from './volumes/engine-host.ts';
import { createPodVolumes } from './volumes/pod-volumes.ts';

const PROGRAM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

const config = readConfig(process.env);
const settings = {
  nodeName: config.text('NODE_NAME'),
  labels: config.text('NODE_LABELS', ''),
  taints: config.text('NODE_TAINTS', ''),
  cpus: config.text('NODE_CPUS', ''),
  memory: config.text('NODE_MEMORY', ''),
  nodeContainer: config.text('NODE_CONTAINER', ''),
  nodeIp: config.text('NODE_IP', ''),
  cluster: config.text('KEELSON_CLUSTER', 'keelson'),
  servingCertificate: config.file('SERVING_CERT', '/etc/keelson/server.crt'),
  servingKey: config.file('SERVING_KEY', '/etc/keelson/server.key'),
  allowedNames: config.text('KUBELET_ALLOWED_NAMES', 'kube-apiserver-kubelet-client'),
  dataDirectory: config.text('KUBELET_DATA', '/var/lib/kubelet'),
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
  { socketPath: settings.dockerSocket, cluster: settings.cluster, node: settings.nodeName },
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

/** In a container: the node is whatever holds its network. On a bare host: the host itself. */
async function findSurroundings(docker: DockerRuntime): Promise<Surroundings> {
  const ancestors = readAncestors(process.pid);
  const own = await docker.findOwnContainer(ancestors, settings.dataDirectory);
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
  const host = createEngineHost(surroundings.hostProcess, run);
  const data = { local: settings.dataDirectory, onHost: (await host.resolve(surroundings.dataOnHost)) ?? surroundings.dataOnHost };
  const volumes = createPodVolumes(data, {
    host,
    claimed: createClaimedVolumes(client),
    ownProcess: process.pid,
    wellKnownDirectory: settings.dataDirectory,
  });
  const engine = engineLabelValue(info.machineId);
  const engineBackend = createEngineBackend({ engine }, { runtime, host });
  const kubelet = createKubelet(
    {
      nodeName: settings.nodeName,
      nodeIp,
      labels: { ...parseLabels(settings.labels), [ENGINE_LABEL]: engine },
      taints: parseTaints(settings.taints),
      cpuCount: settings.cpus === '' ? info.cpuCount : quantityToNumber(parseQuantity(settings.cpus)),
      memoryBytes: settings.memory === '' ? info.memoryBytes : quantityToNumber(parseQuantity(settings.memory)),
      diskBytes: readDiskBytes(settings.dataDirectory),
      architecture: process.arch === 'x64' ? 'amd64' : process.arch,
      bootId: readBootId(),
      kubeletPort: settings.kubeletPort,
      pauseImage: settings.pauseImage,
      nodeNetworkMode: surroundings.nodeNetworkMode,
      mountsRecursively: info.mountsRecursively,
      dns: {
        clusterDns: settings.clusterDns,
        clusterDomain: settings.clusterDomain,
        nodeResolvConf: readFileSync('/etc/resolv.conf', 'utf8'),
      },
      kubernetesService: { ip: settings.kubernetesServiceIp, port: 443 },
      server: {
        address: '0.0.0.0',
        certificate: settings.servingCertificate,
        key: settings.servingKey,
        ca: clientOptions.ca,
        allowedNames: settings.allowedNames.split(','),
      },
    },
    {
      client,
      runtime,
      network,
      volumes,
      backends: new Map([[engineBackend.name, engineBackend]]),
      run,
      openDialer,
      clock: systemClock,
      random: systemRandom,
      log,
    },
  );
  log.info({ node: settings.nodeName, version: KUBELET_VERSION }, 'starting');
  const { nodeContainer } = surroundings;
  const health = { address: '127.0.0.1', port: settings.healthPort, registry: createRegistry(), unready: kubelet.unready };
  await runTogether(signal, [
    (inner) => kubelet.run(inner),
    (inner) => runHealthServer(health, inner),
    ...(nodeContainer === undefined ? [] : [(inner: AbortSignal) => watchNodeContainer(nodeContainer, inner)]),
  ]);
  await client.close();
});
