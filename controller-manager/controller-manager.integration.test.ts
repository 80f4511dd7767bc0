/**
 * The real controllers on a real API server with storage in memory, all in this process: what a user does with a Deployment and a namespace, and what
 * comes of it. The test plays scheduler and kubelet by giving pods a node and readiness. Runs under the controller manager's own identity.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  configmaps,
  deployments,
  endpointslices,
  events,
  leases,
  namespaces,
  nodes,
  pods,
  replicasets,
  serviceaccounts,
  services,
} from '#api/generated/resources.ts';
import type { Deployment, Pod } from '#api/generated/types.ts';
import { findCondition } from '#api/meta/condition.ts';
import { keyOf } from '#api/meta/object-key.ts';
import type { ApiObject, Draft, ResourceType } from '#api/meta/resource-type.ts';
import { isReason } from '#api/meta/status.ts';
import { type Client, createClient } from '#client/client.ts';
import { formatTime, systemClock } from '#component/clock.ts';
import { silentLogger } from '#component/logger.ts';
import { systemRandom } from '#component/random.ts';
import { createTestApiServer, type TestApiServer } from '../apiserver/testing/test-api-server.ts';
import { createControllerManager } from './controller-manager.ts';

const WAIT_MS_MAX = 15_000;
const LOOK_MS = 20;

let server: TestApiServer;
let admin: Client;
let own: Client;
const stop = new AbortController();
const running: Promise<void>[] = [];

before(async () => {
  server = await createTestApiServer();
  const { certificate, key } = await server.client('system:kube-controller-manager');
  admin = createClient({
    server: server.url,
    ca: server.ca,
    userAgent: 'test',
    certificate: server.admin.certificate,
    key: server.admin.key,
  });
  own = createClient({ server: server.url, ca: server.ca, userAgent: 'kube-controller-manager', certificate, key });
  for (const identity of ['one', 'two']) {
    const deps = { client: own, clock: systemClock, random: systemRandom, log: silentLogger };
    running.push(createControllerManager({ identity, clusterCidr: '10.244.0.0/16', rootCa: server.ca }, deps).run(stop.signal));
  }
  running.push(playKubelet(stop.signal));
});

after(async () => {
  stop.abort();
  await Promise.allSettled(running);
  await Promise.all([admin.close(), own.close()]);
  await server.stop();
});

async function until(what: string, isTrue: () => Promise<boolean>): Promise<void> {
  const deadline = systemClock.monotonic() + WAIT_MS_MAX;
  while (!(await isTrue())) {
    if (systemClock.monotonic() > deadline) throw new Error(`still waiting until ${what}`);
    await systemClock.sleep(LOOK_MS, stop.signal);
  }
}

/** Gives every pod a node and an address, makes it ready, and ends it when it is deleted. */
async function playKubelet(signal: AbortSignal): Promise<void> {
  let address = 1;
  while (!signal.aborted) {
    const { items } = await admin.resource(pods).list();
    for (const pod of items) {
      try {
        if (pod.metadata.deletionTimestamp !== undefined) await admin.resource(pods).delete(keyOf(pod), { gracePeriodSeconds: 0 });
        else if (pod.spec.nodeName === undefined) await bind(pod);
        else if (pod.status?.podIP === undefined) await start(pod, `10.244.0.${address++}`);
      } catch (error) {
        if (!isReason(error, 'NotFound', 'Conflict')) throw error;
      }
    }
    await systemClock.sleep(LOOK_MS, signal).catch(() => {});
  }
}

async function bind(pod: Pod): Promise<void> {
  const target = { apiVersion: 'v1', kind: 'Node', name: 'worker-1' };
  await admin
    .resource(pods)
    .createSubresource(keyOf(pod), 'binding', { apiVersion: 'v1', kind: 'Binding', metadata: { name: pod.metadata.name }, target });
}

async function start(pod: Pod, podIP: string): Promise<void> {
  const conditions = [{ type: 'Ready', status: 'True', lastTransitionTime: formatTime(systemClock.now()) }];
  await admin
    .resource(pods)
    .updateStatus({ ...pod, status: { ...pod.status, phase: 'Running', podIP, podIPs: [{ ip: podIP }], conditions } });
}

const inDefault = (name: string) => ({ namespace: 'default', name });
const labels = { app: 'web' };

function aDeployment(namespace: string, image: string): Draft<Deployment> {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace },
    spec: {
      replicas: 3,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'web', image }] } },
    },
  };
}

async function namesOf<T extends ApiObject>(type: ResourceType<T>, namespace = 'default'): Promise<readonly string[]> {
  const { items } = await admin.resource(type).list({ namespace });
  return items.map(({ metadata }) => metadata.name).sort();
}

/** Rolled out and observed, as `kubectl rollout status` sees it. */
async function isRolledOut(replicas: number): Promise<boolean> {
  const { metadata, status } = await admin.resource(deployments).get(inDefault('web'));
  const isSeen = status?.observedGeneration === metadata.generation;
  return isSeen && status?.updatedReplicas === replicas && status.availableReplicas === replicas && status.replicas === replicas;
}

const patchDeployment = (spec: object) => admin.resource(deployments).patch(inDefault('web'), 'strategic', { spec });
const useImage = (image: string) => patchDeployment({ template: { spec: { containers: [{ name: 'web', image }] } } });

test('a node gets a range of pod addresses', async () => {
  const condition = { type: 'Ready', status: 'True', lastTransitionTime: formatTime(systemClock.now()) };
  const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'worker-1' }, spec: {}, status: { conditions: [condition] } };
  await admin.resource(nodes).create(node);
  await until(
    'the node has its range',
    async () => (await admin.resource(nodes).get({ namespace: '', name: 'worker-1' })).spec.podCIDR === '10.244.0.0/24',
  );
});

test('of two managers one leads', async () => {
  const lease = await admin.resource(leases).get({ namespace: 'kube-system', name: 'kube-controller-manager' });
  assert.match(lease.spec.holderIdentity ?? '', /^(one|two)$/);
});

test('a Deployment becomes a ReplicaSet, pods and endpoints', async () => {
  await admin.resource(services).create({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: inDefault('web'),
    spec: { selector: labels, ports: [{ port: 80, targetPort: 8080 }] },
  });
  await admin.resource(deployments).create(aDeployment('default', 'web:v1'));
  await until('three pods run', () => isRolledOut(3));
  assert.equal((await namesOf(pods)).length, 3);
  const [replicaSet = ''] = await namesOf(replicasets);
  assert.ok((await namesOf(pods)).every((name) => name.startsWith(`${replicaSet}-`)));
  await until('all endpoints are ready', async () => {
    const { items } = await admin.resource(endpointslices).list({ namespace: 'default', labelSelector: 'kubernetes.io/service-name=web' });
    const ready = items.flatMap((slice) => slice.endpoints ?? []).filter(({ conditions }) => conditions?.ready === true);
    return ready.length === 3;
  });
  await until('the events are written', async () => {
    const { items } = await admin.resource(events).list({ namespace: 'default' });
    const messages = items.map(({ message }) => message);
    return (
      messages.includes(`Scaled up replica set ${replicaSet} from 0 to 3`) &&
      messages.some((message) => message?.startsWith('Created pod: web-'))
    );
  });
});

test('at rest nothing is written', async () => {
  const newest = async () => (await admin.resource(pods).list()).metadata.resourceVersion;
  const revisions = async () => {
    const kinds = [deployments, replicasets, pods, endpointslices, services, namespaces, nodes];
    const lists = await Promise.all(kinds.map((type: ResourceType<ApiObject>) => admin.resource(type).list()));
    return lists.flatMap(({ items }) => items.map(({ metadata }) => `${metadata.uid} ${metadata.resourceVersion}`)).sort();
  };
  await newest();
  const earlier = await revisions();
  await systemClock.sleep(1_500, stop.signal);
  assert.deepEqual(await revisions(), earlier);
});

test('scaling makes exactly the pods that are wanted', async () => {
  await patchDeployment({ replicas: 10 });
  await until('ten pods run', () => isRolledOut(10));
  assert.equal((await namesOf(pods)).length, 10);
  await patchDeployment({ replicas: 2 });
  await until('two pods are left', async () => (await isRolledOut(2)) && (await namesOf(pods)).length === 2);
});

test('a new image rolls out, and an undo goes back to the first ReplicaSet', async () => {
  const [first = ''] = await namesOf(replicasets);
  await useImage('web:v2');
  await until('the second version runs', async () => (await namesOf(replicasets)).length === 2 && (await isRolledOut(2)));
  await useImage('web:v1');
  await until('the first version runs again', async () => {
    const replicaSet = await admin.resource(replicasets).get(inDefault(first));
    return replicaSet.status?.availableReplicas === 2 && (await isRolledOut(2));
  });
  assert.equal((await namesOf(replicasets)).length, 2);
  const revision = async () =>
    (await admin.resource(deployments).get(inDefault('web'))).metadata.annotations?.['deployment.kubernetes.io/revision'];
  await until('it is the third revision', async () => (await revision()) === '3');
  const { status } = await admin.resource(deployments).get(inDefault('web'));
  assert.equal(findCondition(status?.conditions, 'Progressing')?.reason, 'NewReplicaSetAvailable');
});

test('a pod that is deleted is replaced', async () => {
  const [victim = ''] = await namesOf(pods);
  await admin.resource(pods).delete(inDefault(victim));
  await until('another pod runs', async () => !(await namesOf(pods)).includes(victim) && (await isRolledOut(2)));
});

test('deleting in the foreground takes the pods first', async () => {
  await admin.resource(deployments).delete(inDefault('web'), { propagationPolicy: 'Foreground' });
  await until('everything is gone', async () => {
    const left = await Promise.all([namesOf(deployments), namesOf(replicasets), namesOf(pods)]);
    return left.flat().length === 0;
  });
});

test('an orphaned ReplicaSet stays with its pods and is adopted by the next Deployment of its kind', async () => {
  await admin.resource(deployments).create(aDeployment('default', 'web:v1'));
  await until('three pods run', () => isRolledOut(3));
  const running = await namesOf(pods);
  await admin.resource(deployments).delete(inDefault('web'), { propagationPolicy: 'Orphan' });
  await until('the Deployment is gone', async () => (await namesOf(deployments)).length === 0);
  await admin.resource(deployments).create(aDeployment('default', 'web:v1'));
  await until('the new one has taken over', () => isRolledOut(3));
  assert.deepEqual(await namesOf(pods), running);
  await admin.resource(deployments).delete(inDefault('web'), { propagationPolicy: 'Background' });
  await until('everything is gone', async () => [...(await namesOf(replicasets)), ...(await namesOf(pods))].length === 0);
});

test('a namespace goes with everything in it', async () => {
  await admin.resource(namespaces).create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'team' }, spec: {} });
  await admin.resource(deployments).create(aDeployment('team', 'web:v1'));
  await until('its pods run', async () => (await namesOf(pods, 'team')).length === 3);
  await admin.resource(namespaces).delete({ namespace: '', name: 'team' });
  await until('it is gone', async () => !(await admin.resource(namespaces).list()).items.some(({ metadata }) => metadata.name === 'team'));
  assert.deepEqual(await namesOf(pods, 'team'), []);
});

test('every namespace has its default account and the authority, and they come back', async () => {
  const namespace = 'accounts';
  await admin.resource(namespaces).create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace }, spec: {} });
  const account = { namespace, name: 'default' };
  const authority = { namespace, name: 'kube-root-ca.crt' };
  const exists = async <T extends ApiObject>(type: ResourceType<T>, key: { namespace: string; name: string }) =>
    (await admin.resource(type).list({ namespace })).items.some(({ metadata }) => metadata.name === key.name);
  for (const round of ['first', 'second']) {
    await until(`the account is there for the ${round} time`, () => exists(serviceaccounts, account));
    await until(`the authority is there for the ${round} time`, () => exists(configmaps, authority));
    assert.equal((await admin.resource(configmaps).get(authority)).data?.['ca.crt'], server.ca);
    await admin.resource(serviceaccounts).delete(account);
    await admin.resource(configmaps).delete(authority);
  }
});
