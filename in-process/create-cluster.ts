/**
 * A whole cluster inside this process, for tests: the API server with its storage in memory, the controllers, the scheduler and simulated nodes are the ones of a
 * composed cluster; their requests take no connection, and their time is a clock that the test moves. kubectl and any other client reach it over HTTPS.
 * `await using cluster = await createCluster()` stops it at the end of the block. Exported as `keelson/testing`.
 */
import { nodes, serviceaccounts } from '#api/generated/resources.ts';
import type { Pod } from '#api/generated/types.ts';
import { isReason } from '#api/meta/status.ts';
import { type Client, createClientOver } from '#client/client.ts';
import type { HttpRequest } from '#client/transport.ts';
import { systemClock } from '#component/clock.ts';
import { type Logger, silentLogger } from '#component/logger.ts';
import { type Random, seededRandom, systemRandom } from '#component/random.ts';
import { createVirtualClock, type VirtualClock } from '#component/virtual-clock.ts';
import { type ApiServer, createApiServer } from '../apiserver/api-server.ts';
import { resourceDefinitions } from '../apiserver/resources/index.ts';
import { createEtcdStorage } from '../apiserver/storage/etcd-storage.ts';
import { createMemoryStorage } from '../apiserver/storage/memory-storage.ts';
import type { Storage } from '../apiserver/storage/storage.ts';
import { renderKubeconfig } from '../bootstrap/kubeconfig.ts';
import { createControllerManager } from '../controller-manager/controller-manager.ts';
import { createScheduler } from '../scheduler/scheduler.ts';
import type { PodConduct } from '../simulated-nodes/pod-conduct.ts';
import type { NodeShape } from '../simulated-nodes/simulated-node.ts';
import { createSimulatedNodes, type SimulatedNodes } from '../simulated-nodes/simulated-nodes.ts';
import { type Activity, createActivity } from './activity.ts';
import { type Baseline, takeBaseline } from './baseline.ts';
import { type ComponentName, type Credentials, createComponentTokens, createCredentials } from './credentials.ts';
import { createDirectTransport } from './direct-transport.ts';
import { type FaultName, type Faults, withFaults } from './faults.ts';
import { withLifetime } from './lifetime.ts';
import { type Supervisor, superviseComponent } from './supervisor.ts';
import { trackStorage } from './tracked-storage.ts';

export interface ClusterOptions {
  /** How many simulated nodes, or what they look like; one if absent. */
  readonly nodes?: number | readonly NodeShape[];
  /** What pods do, unless their annotations say otherwise. By default they run and are ready at once. */
  readonly pods?: (pod: Pod) => Partial<PodConduct>;
  /** `false` leaves a part out: an API server alone is enough for many an operator. */
  readonly controllers?: boolean;
  readonly scheduler?: boolean;
  /** All randomness in the cluster comes from it: names, uids, jitter, faults. 1 if absent. */
  readonly seed?: number;
  /** Epoch milliseconds at which the cluster's time begins; now if absent. */
  readonly startMs?: number;
  /** In memory if absent. */
  readonly storage?: Storage;
  /** An etcd in place of the memory. It has to be empty, and keeps what the cluster leaves there. PEM; without certificates the connection is not encrypted. */
  readonly etcd?: { readonly endpoints: readonly string[]; readonly ca?: Buffer; readonly cert?: Buffer; readonly key?: Buffer };
  readonly faults?: Faults;
  /** How many controller managers and how many schedulers there are. Several elect a leader, as in a composed cluster; 1 if absent. */
  readonly candidates?: number;
  /** Hears of every request of a component before it is sent; `instance` is the one that candidates are told apart by. */
  readonly onRequest?: (request: HttpRequest, from: { readonly component: ComponentName; readonly instance: string }) => void;
  readonly onFault?: (fault: FaultName) => void;
  /** Time stands still from the beginning, and moves only as the test moves it: the same seed gives the same run. */
  readonly isFrozen?: boolean;
  readonly log?: Logger;
  /** 0, a free one, if absent. */
  readonly port?: number;
}

export interface Cluster extends AsyncDisposable {
  /** `https://127.0.0.1:43210` */
  readonly url: string;
  /** PEM of the authority that signed the server's certificate. */
  readonly ca: string;
  /** May do everything. */
  readonly client: Client;
  readonly clock: VirtualClock;
  readonly nodes: Pick<SimulatedNodes, 'add' | 'stop' | 'start'>;
  /** The text of a kubeconfig, for the administrator or for another user. */
  kubeconfig(user?: string, groups?: readonly string[]): Promise<string>;
  /** Resolves when nothing is left to do until time moves on. */
  settle(): Promise<void>;
  /** Replaces the faults, from the next request on. */
  setFaults(faults: Faults): void;
  /** Kills a component where it stands, all candidates of it; a new one takes over. */
  crash(component: 'controller-manager' | 'scheduler' | 'nodes'): void;
  /** Everything as it was when the cluster became ready. */
  reset(): Promise<void>;
  stop(): Promise<void>;
}

const SERVICE_CIDR = '10.96.0.0/16';
/** Room for the pods of 32,768 nodes; a composed cluster's has room for 256. */
const CLUSTER_CIDR = '10.128.0.0/9';
const ISSUER = 'https://kubernetes.default.svc.cluster.local';
/** An address of documentation (RFC 5737): nobody dials it, and an Endpoints object may not hold a loopback address. */
const ADVERTISED_ADDRESS = '192.0.2.1';
/** Virtual time in which a healthy cluster gets ready; nothing in it has to wait. */
const READY_MS_MAX = 120_000;

export async function createCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const { log = silentLogger, startMs = systemClock.now() } = options;
  const random = seededRandom(options.seed ?? 1);
  const activity = createActivity();
  const storage = options.storage ?? openStorage(options, activity, log);
  const clock = createVirtualClock({ startMs, isFrozen: true, real: systemClock, settle: activity.settle });
  const credentials = await createCredentials(startMs);
  const tokens = createComponentTokens(random);
  let faults: Faults = {};

  const server = createApiServer({
    storage,
    definitions: resourceDefinitions,
    clock,
    random,
    log,
    listen: { address: '127.0.0.1', port: options.port ?? 0 },
    advertise: { address: ADVERTISED_ADDRESS, port: 6443 },
    serviceCidr: SERVICE_CIDR,
    tls: { certificate: credentials.serving.certificatePem, key: credentials.serving.keyPem, clientCa: credentials.ca },
    serviceAccounts: { issuer: ISSUER, ...credentials.serviceAccountKeys },
    kubelet: { ca: credentials.ca, certificate: credentials.kubeletClient.certificatePem, key: credentials.kubeletClient.keyPem },
    frontProxy: {
      ca: credentials.frontProxy.ca,
      certificate: credentials.frontProxy.certificatePem,
      key: credentials.frontProxy.keyPem,
    },
    staticTokens: tokens.users,
  });
  const transportOf = (component: ComponentName) =>
    createDirectTransport({ server: () => server, token: tokens.tokenOf(component), userAgent: component, activity });
  const client = createClientOver(transportOf('admin'));
  const clientOf: Parts['clientOf'] = (component, { instance, lifetime, crash }) => {
    const alive = withLifetime(
      withFaults(transportOf(component), () => faults, { clock, random, crash, onFault: options.onFault }),
      lifetime,
    );
    const request: typeof alive.request = (sent) => {
      options.onRequest?.(sent, { component, instance });
      return alive.request(sent);
    };
    return createClientOver({ ...alive, request });
  };
  const simulated = createSimulatedNodes(
    { nodes: shapesOf(options.nodes ?? 1), isAdopting: true, ...(options.pods === undefined ? {} : { conduct: options.pods }) },
    {
      client: clientOf('nodes', { instance: 'nodes', lifetime: NEVER, crash: () => crash('nodes') }),
      clock,
      random,
      log,
    },
  );
  const components = superviseAll(options, { clientOf, clock, random, log, credentials, simulated });

  function crash(component: ComponentName): void {
    for (const supervisor of components.get(component) ?? []) supervisor.crash();
  }

  const stopping = new AbortController();
  const listening = Promise.withResolvers<number>();
  const serving = server.run(stopping.signal, listening.resolve);
  serving.catch(listening.reject);
  const url = `https://127.0.0.1:${await listening.promise}`;
  const running = [serving, ...[...components.values()].flat().map((component) => component.run(stopping.signal))];
  const stop = async (): Promise<void> => {
    stopping.abort(new Error('the cluster is stopped'));
    await Promise.allSettled(running);
    clock.freeze();
    if (options.storage === undefined) await storage.close();
  };
  const baseline = await becomeReady(options, { server, client, clock, storage, settle: activity.settle }).catch(async (error: unknown) => {
    await stop();
    throw error;
  });
  faults = options.faults ?? {};
  if (options.isFrozen !== true) clock.resume();
  return {
    url,
    ca: credentials.ca,
    client,
    clock,
    nodes: simulated,
    settle: activity.settle,
    setFaults: (next) => {
      faults = next;
    },
    crash,
    reset: () => baseline.restore(),
    kubeconfig: async (user = 'kubernetes-admin', groups = user === 'kubernetes-admin' ? ['system:masters'] : []) => {
      const { certificatePem, keyPem } = await credentials.client(user, groups);
      return renderKubeconfig({ server: url, ca: credentials.ca, certificate: certificatePem, key: keyPem });
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** etcd's own timers keep real time: it is no part of the cluster that a test moves. */
function openStorage({ etcd }: ClusterOptions, activity: Activity, log: Logger): Storage {
  if (etcd === undefined) return createMemoryStorage();
  return trackStorage(createEtcdStorage({ ...etcd, clock: systemClock, random: systemRandom, log }), activity);
}

function shapesOf(wanted: number | readonly NodeShape[]): readonly NodeShape[] {
  if (typeof wanted !== 'number') return wanted;
  return Array.from({ length: wanted }, (_, index) => ({ name: `node-${index + 1}` }));
}

/** One life of a component: until it is killed, or the cluster stopped. */
interface Life {
  readonly instance: string;
  readonly lifetime: AbortSignal;
  crash(): void;
}

/** Simulated nodes are one object, which goes on with what it knows when it is run again. */
const NEVER = new AbortController().signal;

interface Parts {
  clientOf(component: ComponentName, life: Life): Client;
  readonly clock: VirtualClock;
  readonly random: Random;
  readonly log: Logger;
  readonly credentials: Credentials;
  readonly simulated: SimulatedNodes;
}

/** Each started anew after a crash, on a client of its own; those of which there are several, under a name of its own. */
function superviseAll(
  options: ClusterOptions,
  { clientOf, credentials, simulated, ...deps }: Parts,
): ReadonlyMap<ComponentName, readonly Supervisor[]> {
  const { candidates = 1 } = options;
  const controllers = {
    clusterCidr: CLUSTER_CIDR,
    rootCa: credentials.ca,
    signingAuthority: credentials.authority,
    serviceAccountKey: credentials.serviceAccountKeys.privateKey,
  };
  const supervise = (component: ComponentName, start: (client: Client, identity: object, signal: AbortSignal) => Promise<void>) =>
    Array.from({ length: candidates }, () => {
      const supervisor: Supervisor = superviseComponent((lifetime) => {
        const instance = candidates === 1 ? component : `${component}_${deps.random.uuid()}`;
        const client = clientOf(component, { instance, lifetime, crash: () => supervisor.crash() });
        return start(client, candidates === 1 ? {} : { identity: instance }, lifetime);
      }, deps);
      return supervisor;
    });
  return new Map<ComponentName, readonly Supervisor[]>([
    ['nodes', [superviseComponent((signal) => simulated.run(signal), deps)]],
    [
      'controller-manager',
      options.controllers === false
        ? []
        : supervise('controller-manager', (client, identity, signal) =>
            createControllerManager({ ...controllers, ...identity }, { ...deps, client }).run(signal),
          ),
    ],
    [
      'scheduler',
      options.scheduler === false
        ? []
        : supervise('scheduler', (client, identity, signal) => createScheduler({ ...deps, ...identity, client }).run(signal)),
    ],
  ]);
}

interface Started {
  readonly server: ApiServer;
  readonly client: Client;
  readonly clock: VirtualClock;
  readonly storage: Storage;
  settle(): Promise<void>;
}

/** The API answers, the nodes are Ready, the namespace `default` has its account; what is there then is what `reset` goes back to. */
async function becomeReady(options: ClusterOptions, { server, client, clock, storage, settle }: Started): Promise<Baseline> {
  const isReady = async () =>
    server.isReady() && (await areNodesReady(client, shapesOf(options.nodes ?? 1).length)) && (await hasAccount(options, client));
  await clock.advanceUntil(isReady, { virtualMsMax: READY_MS_MAX });
  await settle();
  return takeBaseline(storage, settle);
}

async function areNodesReady(client: Client, count: number): Promise<boolean> {
  const { items } = await client.resource(nodes).list();
  return (
    items.filter(({ status }) => status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True')).length >= count
  );
}

async function hasAccount({ controllers }: ClusterOptions, client: Client): Promise<boolean> {
  if (controllers === false) return true;
  try {
    await client.resource(serviceaccounts).get({ namespace: 'default', name: 'default' });
    return true;
  } catch (error) {
    if (isReason(error, 'NotFound')) return false;
    throw error;
  }
}
