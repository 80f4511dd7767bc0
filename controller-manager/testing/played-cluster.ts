/**
 * A cluster in the test's process: a real API server with storage in memory, real controller managers under their own identity, and a scheduler
 * and kubelet played by this file. A pod gets the node it asks for, else the first, and then does what its first container's image is called: `succeed` and
 * `fail` end at once, `hang` never becomes ready, everything else runs and is ready.
 */
import { nodes, pods } from '#api/generated/resources.ts';
import type { Node, Pod, PodStatus } from '#api/generated/types.ts';
import { keyOf } from '#api/meta/object-key.ts';
import type { ApiObject, Draft, ResourceType } from '#api/meta/resource-type.ts';
import { isReason } from '#api/meta/status.ts';
import { type Client, createClient } from '#client/client.ts';
import { formatTime, systemClock } from '#component/clock.ts';
import { silentLogger } from '#component/logger.ts';
import { systemRandom } from '#component/random.ts';
import { createTestApiServer } from '../../apiserver/testing/test-api-server.ts';
import { createControllerManager } from '../controller-manager.ts';
import { targetNode } from '../daemon-set/daemon-pods.ts';

const WAIT_MS_MAX = 15_000;
const LOOK_MS = 20;

export interface PlayedCluster {
  /** May do everything. */
  readonly admin: Client;
  /** PEM of the authority that signed the server's certificate. */
  readonly ca: string;
  /** Looks again and again; throws when it takes too long. */
  until(what: string, isTrue: () => Promise<boolean>): Promise<void>;
  /** The sorted names of all objects in a namespace. */
  namesOf<T extends ApiObject>(type: ResourceType<T>, namespace?: string): Promise<readonly string[]>;
  /** `uid version` of all objects: equal as long as nothing was written. */
  versionsOf(types: readonly ResourceType<ApiObject>[]): Promise<readonly string[]>;
  sleep(durationMs: number): Promise<void>;
  stop(): Promise<void>;
}

/** As many managers compete as there are identities. */
export async function startPlayedCluster(identities: readonly string[]): Promise<PlayedCluster> {
  const server = await createTestApiServer();
  const { certificate, key } = await server.client('system:kube-controller-manager');
  const admin = createClient({ server: server.url, ca: server.ca, userAgent: 'test', ...server.admin });
  const own = createClient({ server: server.url, ca: server.ca, userAgent: 'kube-controller-manager', certificate, key });
  const stop = new AbortController();
  const deps = { client: own, clock: systemClock, random: systemRandom, log: silentLogger };
  const managers = identities.map((identity) =>
    createControllerManager({ identity, clusterCidr: '10.244.0.0/16', rootCa: server.ca }, deps),
  );
  const running = [...managers.map((manager) => manager.run(stop.signal)), playKubelet(admin, stop.signal)];
  return {
    admin,
    ca: server.ca,
    until: async (what, isTrue) => {
      const deadline = systemClock.monotonic() + WAIT_MS_MAX;
      while (!(await isTrue())) {
        if (systemClock.monotonic() > deadline) throw new Error(`still waiting until ${what}`);
        await systemClock.sleep(LOOK_MS, stop.signal);
      }
    },
    namesOf: async (type, namespace = 'default') => {
      const { items } = await admin.resource(type).list({ namespace });
      return items.map(({ metadata }) => metadata.name).sort();
    },
    versionsOf: async (types) => {
      const lists = await Promise.all(types.map((type) => admin.resource(type).list()));
      return lists.flatMap(({ items }) => items.map(({ metadata }) => `${metadata.uid} ${metadata.resourceVersion}`)).sort();
    },
    sleep: (durationMs) => systemClock.sleep(durationMs, stop.signal),
    stop: async () => {
      stop.abort();
      await Promise.allSettled(running);
      await Promise.all([admin.close(), own.close()]);
      await server.stop();
    },
  };
}

export function aReadyNode(name: string, spec: Node['spec'] = {}): Draft<Node> {
  const condition = { type: 'Ready', status: 'True', lastTransitionTime: formatTime(systemClock.now()) };
  return { apiVersion: 'v1', kind: 'Node', metadata: { name }, spec, status: { conditions: [condition] } };
}

/** Gives every pod a node and an address, lets it run, and ends it when it is deleted. */
async function playKubelet(admin: Client, signal: AbortSignal): Promise<void> {
  let address = 1;
  while (!signal.aborted) {
    const { items } = await admin.resource(pods).list();
    for (const pod of items) {
      try {
        if (pod.metadata.deletionTimestamp !== undefined) await admin.resource(pods).delete(keyOf(pod), { gracePeriodSeconds: 0 });
        else if (pod.spec.nodeName === undefined) await bind(admin, pod);
        else if (pod.status?.podIP === undefined) await start(admin, pod, `10.244.0.${address++ % 250}`);
      } catch (error) {
        // Forbidden: nothing is bound in a namespace that is being terminated.
        if (!isReason(error, 'NotFound', 'Conflict', 'Forbidden')) throw error;
      }
    }
    await systemClock.sleep(LOOK_MS, signal).catch(() => {});
  }
}

async function bind(admin: Client, pod: Pod): Promise<void> {
  const [first] = (await admin.resource(nodes).list()).items;
  const name = targetNode(pod) ?? first?.metadata.name ?? 'worker-1';
  const target = { apiVersion: 'v1', kind: 'Node', name };
  const metadata = { name: pod.metadata.name };
  await admin.resource(pods).createSubresource(keyOf(pod), 'binding', { apiVersion: 'v1', kind: 'Binding', metadata, target });
}

async function start(admin: Client, pod: Pod, podIP: string): Promise<void> {
  const [{ image = '', name } = { name: '' }] = pod.spec.containers;
  const status = { podIP, podIPs: [{ ip: podIP }], ...conductOf(image.split(':')[0] ?? '', name) };
  await admin.resource(pods).updateStatus({ ...pod, status: { ...pod.status, ...status } });
}

function conductOf(image: string, name: string): PodStatus {
  const now = formatTime(systemClock.now());
  const ready = (status: string) => [{ type: 'Ready', status, lastTransitionTime: now }];
  const ended = (exitCode: number) => [
    { name, image, imageID: '', ready: false, restartCount: 0, state: { terminated: { exitCode, finishedAt: now } } },
  ];
  switch (image) {
    case 'succeed':
      return { phase: 'Succeeded', conditions: ready('False'), containerStatuses: ended(0) };
    case 'fail':
      return { phase: 'Failed', conditions: ready('False'), containerStatuses: ended(1) };
    case 'hang':
      return { phase: 'Running', conditions: ready('False') };
    default:
      return { phase: 'Running', conditions: ready('True') };
  }
}
