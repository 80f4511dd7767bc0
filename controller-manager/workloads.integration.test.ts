/**
 * The controllers of workloads on a real API server, with pods played by `testing/played-cluster.ts`: what a user does and what comes of it,
 * up to the moment when nothing is written any more.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  controllerrevisions,
  cronjobs,
  daemonsets,
  events,
  jobs,
  nodes,
  persistentvolumeclaims,
  poddisruptionbudgets,
  pods,
  statefulsets,
} from '#api/generated/resources.ts';
import type { DaemonSet, Job, Pod, StatefulSet } from '#api/generated/types.ts';
import { isConditionTrue } from '#api/meta/condition.ts';
import type { ApiObject, Draft, ResourceType } from '#api/meta/resource-type.ts';
import { formatTime, systemClock } from '#component/clock.ts';
import { aReadyNode, type PlayedCluster, startPlayedCluster } from './testing/played-cluster.ts';

let cluster: PlayedCluster;
let admin: PlayedCluster['admin'];
let until: PlayedCluster['until'];
let namesOf: PlayedCluster['namesOf'];

before(async () => {
  cluster = await startPlayedCluster(['one']);
  ({ admin, until, namesOf } = cluster);
  for (const name of ['worker-1', 'worker-2', 'worker-3']) await admin.resource(nodes).create(aReadyNode(name));
});

after(() => cluster.stop());

const inDefault = (name: string) => ({ namespace: 'default', name });

async function podsOf(app: string): Promise<readonly Pod[]> {
  return (await admin.resource(pods).list({ namespace: 'default', labelSelector: `app=${app}` })).items;
}

/** Nothing is written for more than a second. */
async function assertAtRest(...types: readonly ResourceType<ApiObject>[]): Promise<void> {
  const earlier = await cluster.versionsOf(types);
  await cluster.sleep(1_200);
  assert.deepEqual(await cluster.versionsOf(types), earlier);
}

async function sawEvent(pattern: RegExp): Promise<boolean> {
  const { items } = await admin.resource(events).list({ namespace: 'default' });
  return items.some(({ message }) => pattern.test(message ?? ''));
}

function template(app: string, image: string) {
  return { metadata: { labels: { app } }, spec: { containers: [{ name: 'main', image }] } };
}

const aDaemonSet: Draft<DaemonSet> = {
  apiVersion: 'apps/v1',
  kind: 'DaemonSet',
  metadata: inDefault('agent'),
  spec: { selector: { matchLabels: { app: 'agent' } }, template: template('agent', 'agent:v1') },
};
const findDaemonSet = () => admin.resource(daemonsets).get(inDefault('agent'));
const patchDaemonSet = (spec: object) => admin.resource(daemonsets).patch(inDefault('agent'), 'strategic', { spec });
const agentNodes = async () => (await podsOf('agent')).map(({ spec }) => spec.nodeName ?? '').sort();

async function isDaemonSetRolledOut(count: number): Promise<boolean> {
  const { metadata, status } = await findDaemonSet();
  const isSeen = status?.observedGeneration === metadata.generation;
  return isSeen && status?.updatedNumberScheduled === count && status.numberAvailable === count && status.desiredNumberScheduled === count;
}

test('a DaemonSet puts one pod on each node and rests', async () => {
  await admin.resource(daemonsets).create(aDaemonSet);
  await until('three agents run', () => isDaemonSetRolledOut(3));
  assert.deepEqual(await agentNodes(), ['worker-1', 'worker-2', 'worker-3']);
  await until('the events are written', () => sawEvent(/^Created pod: agent-/));
  await assertAtRest(daemonsets, pods, controllerrevisions);
});

test('a new node gets a daemon, a tainted one loses it', async () => {
  await admin.resource(nodes).create(aReadyNode('worker-4'));
  await until('four agents run', () => isDaemonSetRolledOut(4));
  const taints = [{ key: 'maintenance', value: 'now', effect: 'NoExecute' }];
  await admin.resource(nodes).patch({ namespace: '', name: 'worker-4' }, 'merge', { spec: { taints } });
  await until('three agents are left', async () => (await isDaemonSetRolledOut(3)) && (await agentNodes()).length === 3);
  await admin.resource(nodes).delete({ namespace: '', name: 'worker-4' });
});

test('a new template reaches every node, and the old one can be gone back to', async () => {
  const [first] = await namesOf(controllerrevisions);
  await patchDaemonSet({ template: template('agent', 'agent:v2') });
  await until('the second version runs', async () => (await namesOf(controllerrevisions)).length === 2 && (await isDaemonSetRolledOut(3)));
  assert.ok((await podsOf('agent')).every(({ spec }) => spec.containers[0]?.image === 'agent:v2'));
  const old = await admin.resource(controllerrevisions).get(inDefault(first ?? ''));
  await admin.resource(daemonsets).patch(inDefault('agent'), 'strategic', old.data);
  await until('the first version runs again', async () => {
    const revision = await admin.resource(controllerrevisions).get(inDefault(first ?? ''));
    return revision.revision === 3 && (await isDaemonSetRolledOut(3));
  });
  assert.ok((await podsOf('agent')).every(({ spec }) => spec.containers[0]?.image === 'agent:v1'));
  assert.equal((await namesOf(controllerrevisions)).length, 2);
  await assertAtRest(daemonsets, pods, controllerrevisions);
});

test('with a surge no node goes without an available pod', async () => {
  const rollingUpdate = { maxSurge: 1, maxUnavailable: 0 };
  await patchDaemonSet({ updateStrategy: { rollingUpdate }, template: template('agent', 'agent:v3') });
  await until('the third version runs', async () => (await isDaemonSetRolledOut(3)) && (await podsOf('agent')).length === 3);
  assert.deepEqual(await agentNodes(), ['worker-1', 'worker-2', 'worker-3']);
});

test('a failed daemon is replaced', async () => {
  const [victim] = await podsOf('agent');
  assert.ok(victim !== undefined);
  await admin.resource(pods).updateStatus({ ...victim, status: { ...victim.status, phase: 'Failed' } });
  await until('another pod runs there', async () => {
    const names = (await podsOf('agent')).map(({ metadata }) => metadata.name);
    return !names.includes(victim.metadata.name) && (await isDaemonSetRolledOut(3));
  });
  await until('it was told of', () => sawEvent(/^Found failed daemon pod default\/agent-.* on node worker-., will try to kill it$/));
  await admin.resource(daemonsets).delete(inDefault('agent'), { propagationPolicy: 'Foreground' });
  await until('everything is gone', async () => [...(await podsOf('agent')), ...(await namesOf(controllerrevisions))].length === 0);
});

const aStatefulSet: Draft<StatefulSet> = {
  apiVersion: 'apps/v1',
  kind: 'StatefulSet',
  metadata: inDefault('db'),
  spec: {
    replicas: 3,
    serviceName: 'db',
    selector: { matchLabels: { app: 'db' } },
    template: template('db', 'db:v1'),
    volumeClaimTemplates: [
      {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata: { name: 'data', uid: '', resourceVersion: '', creationTimestamp: '2026-01-01T00:00:00Z' },
        spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
      },
    ],
  },
};
const findStatefulSet = () => admin.resource(statefulsets).get(inDefault('db'));
const patchStatefulSet = (spec: object) => admin.resource(statefulsets).patch(inDefault('db'), 'strategic', { spec });
const imagesOf = async (app: string) =>
  (await podsOf(app)).map(({ metadata, spec }) => `${metadata.name} ${spec.containers[0]?.image}`).sort();

async function isStatefulSetSettled(replicas: number, updated = replicas): Promise<boolean> {
  const { metadata, status } = await findStatefulSet();
  const isSeen = status?.observedGeneration === metadata.generation;
  return isSeen && status?.replicas === replicas && status.availableReplicas === replicas && status.updatedReplicas === updated;
}

test('a StatefulSet makes its pods one after the other, each with its claim', async () => {
  await admin.resource(statefulsets).create(aStatefulSet);
  await until('three pods run', () => isStatefulSetSettled(3));
  const byName = (await podsOf('db')).toSorted((left, right) => (left.metadata.name < right.metadata.name ? -1 : 1));
  assert.deepEqual(
    byName.map(({ metadata, spec }) => [metadata.name, spec.hostname, spec.subdomain]),
    ['db-0', 'db-1', 'db-2'].map((name) => [name, name, 'db']),
  );
  assert.deepEqual(await namesOf(persistentvolumeclaims), ['data-db-0', 'data-db-1', 'data-db-2']);
  await until('the events are written', () => sawEvent(/^create Pod db-2 in StatefulSet db successful$/));
  await assertAtRest(statefulsets, pods, controllerrevisions, persistentvolumeclaims);
});

test('a deleted pod comes back under its name', async () => {
  const before = await admin.resource(pods).get(inDefault('db-1'));
  await admin.resource(pods).delete(inDefault('db-1'));
  await until('it is another pod of that name', async () => {
    const after = (await podsOf('db')).find(({ metadata }) => metadata.name === 'db-1');
    return after !== undefined && after.metadata.uid !== before.metadata.uid && (await isStatefulSetSettled(3));
  });
});

test('an update stops at the partition and goes on when it is lowered', async () => {
  await patchStatefulSet({ template: template('db', 'db:v2'), updateStrategy: { rollingUpdate: { partition: 2 } } });
  await until('the last pod is updated', () => isStatefulSetSettled(3, 1));
  assert.deepEqual(await imagesOf('db'), ['db-0 db:v1', 'db-1 db:v1', 'db-2 db:v2']);
  await patchStatefulSet({ updateStrategy: { rollingUpdate: { partition: 0 } } });
  await until('all pods are updated', () => isStatefulSetSettled(3));
  assert.deepEqual(await imagesOf('db'), ['db-0 db:v2', 'db-1 db:v2', 'db-2 db:v2']);
  await until('the update is over', async () => {
    const { status } = await findStatefulSet();
    return status?.currentRevision === status?.updateRevision && status?.currentReplicas === 3;
  });
  await assertAtRest(statefulsets, pods, controllerrevisions);
});

test('claims of pods that leave go when they are told to, the others stay', async () => {
  await patchStatefulSet({ persistentVolumeClaimRetentionPolicy: { whenScaled: 'Delete' }, replicas: 1 });
  await until('one pod and one claim are left', async () => {
    const claims = await namesOf(persistentvolumeclaims);
    return (await isStatefulSetSettled(1)) && claims.length === 1 && claims[0] === 'data-db-0';
  });
  await patchStatefulSet({ replicas: 2 });
  await until('two pods run', () => isStatefulSetSettled(2));
  await admin.resource(statefulsets).delete(inDefault('db'), { propagationPolicy: 'Foreground' });
  await until('the pods are gone', async () => (await podsOf('db')).length === 0);
  assert.deepEqual(await namesOf(persistentvolumeclaims), ['data-db-0', 'data-db-1']);
});

const aJob = (name: string, image: string, spec: Partial<Job['spec']> = {}): Draft<Job> => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: inDefault(name),
  spec: {
    ...spec,
    template: { metadata: { labels: { app: name } }, spec: { restartPolicy: 'Never', containers: [{ name: 'main', image }] } },
  },
});
const findJob = (name: string) => admin.resource(jobs).get(inDefault(name));
const isJobOver = async (name: string, end: 'Complete' | 'Failed') => isConditionTrue((await findJob(name)).status?.conditions, end);

test('a Job runs its pods until enough have succeeded', async () => {
  await admin.resource(jobs).create(aJob('pi', 'succeed', { completions: 5, parallelism: 2 }));
  await until('it is complete', () => isJobOver('pi', 'Complete'));
  const { status } = await findJob('pi');
  assert.deepEqual([status?.succeeded, status?.failed, status?.ready, status?.terminating], [5, undefined, 0, 0]);
  assert.deepEqual(
    status?.conditions?.map(({ type, reason }) => `${type} ${reason}`),
    ['SuccessCriteriaMet CompletionsReached', 'Complete CompletionsReached'],
  );
  const worked = await podsOf('pi');
  assert.equal(worked.length, 5);
  assert.ok(worked.every(({ metadata }) => metadata.finalizers === undefined));
  await until('it was told of', () => sawEvent(/^Job completed$/));
  await assertAtRest(jobs, pods);
});

test('an indexed Job does each index once', async () => {
  await admin.resource(jobs).create(aJob('many', 'succeed', { completionMode: 'Indexed', completions: 6, parallelism: 6 }));
  await until('it is complete', () => isJobOver('many', 'Complete'));
  assert.equal((await findJob('many')).status?.completedIndexes, '0-5');
  const hosts = (await podsOf('many')).map(({ spec }) => spec.hostname).sort();
  assert.deepEqual(hosts, ['many-0', 'many-1', 'many-2', 'many-3', 'many-4', 'many-5']);
});

test('a Job that may not fail fails with its first pod', async () => {
  await admin.resource(jobs).create(aJob('doomed', 'fail', { backoffLimit: 0, completions: 3, parallelism: 1 }));
  await until('it has failed', () => isJobOver('doomed', 'Failed'));
  const { status } = await findJob('doomed');
  assert.equal(status?.failed, 1);
  assert.deepEqual(
    status?.conditions?.map(({ type, reason }) => `${type} ${reason}`),
    ['FailureTarget BackoffLimitExceeded', 'Failed BackoffLimitExceeded'],
  );
  assert.ok((await podsOf('doomed')).every(({ metadata }) => metadata.finalizers === undefined));
});

test('a Job past its deadline takes its pods down', async () => {
  await admin.resource(jobs).create(aJob('late', 'sleep', { activeDeadlineSeconds: 1, completions: 2, parallelism: 2 }));
  await until('it has failed', () => isJobOver('late', 'Failed'));
  assert.deepEqual([(await podsOf('late')).length, (await findJob('late')).status?.failed], [0, 2]);
});

test('a Job pauses and goes on', async () => {
  await admin.resource(jobs).create(aJob('pause', 'sleep', { parallelism: 2, completions: 2 }));
  await until('its pods are ready', async () => (await findJob('pause')).status?.ready === 2);
  await assertAtRest(jobs, pods);
  await admin.resource(jobs).patch(inDefault('pause'), 'merge', { spec: { suspend: true } });
  await until('its pods are gone', async () => (await podsOf('pause')).length === 0);
  assert.equal((await findJob('pause')).status?.failed, undefined);
  await admin.resource(jobs).patch(inDefault('pause'), 'merge', { spec: { suspend: false } });
  await until('it runs again', async () => (await findJob('pause')).status?.ready === 2);
});

for (const propagationPolicy of ['Foreground', 'Background', 'Orphan'] as const) {
  test(`a Job that is deleted in the way ${propagationPolicy} leaves no pod that cannot be deleted`, async () => {
    const name = `gone-${propagationPolicy.toLowerCase()}`;
    await admin.resource(jobs).create(aJob(name, 'sleep'));
    await until('its pod runs', async () => (await findJob(name)).status?.ready === 1);
    await admin.resource(jobs).delete(inDefault(name), { propagationPolicy });
    await until('it is gone', async () => !(await namesOf(jobs)).includes(name));
    const isLeft = propagationPolicy === 'Orphan' ? 1 : 0;
    await until('nothing holds its pod', async () => {
      const left = await podsOf(name);
      return left.length === isLeft && left.every(({ metadata }) => metadata.finalizers === undefined);
    });
  });
}

test('a Job goes with its pods when its time after the end is over', async () => {
  await admin.resource(jobs).create(aJob('brief', 'succeed', { ttlSecondsAfterFinished: 1 }));
  await until('it is complete', () => isJobOver('brief', 'Complete'));
  await until('it is gone', async () => !(await namesOf(jobs)).includes('brief') && (await podsOf('brief')).length === 0);
});

test('a CronJob starts a Job when it is time, and notes how it ended', async () => {
  const { metadata: _own, ...jobTemplate } = aJob('tick', 'succeed');
  const schedule = '* * * * *';
  const suspended = await admin.resource(cronjobs).create({
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    metadata: inDefault('tick'),
    spec: { schedule, suspend: true, jobTemplate: { spec: jobTemplate.spec } },
  });
  const lastScheduleTime = formatTime(systemClock.now() - 600_000);
  await admin.resource(cronjobs).updateStatus({ ...suspended, status: { lastScheduleTime } });
  await admin.resource(cronjobs).patch(inDefault('tick'), 'merge', { spec: { suspend: false } });
  await until('its Job has succeeded', async () => {
    const { status } = await admin.resource(cronjobs).get(inDefault('tick'));
    return status?.lastSuccessfulTime !== undefined && status.active === undefined;
  });
  const { items } = await admin.resource(jobs).list({ namespace: 'default' });
  const made = items.filter(({ metadata }) => metadata.name.startsWith('tick-'));
  assert.match(made[0]?.metadata.name ?? '', /^tick-\d{8}$/);
  assert.ok(made.length === 1 || made.length === 2);
  await until('it was told of', () => sawEvent(/^Saw completed job: tick-\d+, condition: Complete$/));
  await admin.resource(cronjobs).delete(inDefault('tick'), { propagationPolicy: 'Background' });
  await until('its Jobs are gone', async () => !(await namesOf(jobs)).some((name) => name.startsWith('tick-')));
});

test('a PodDisruptionBudget tells how many pods may go', async () => {
  const labels = { app: 'guarded' };
  await admin.resource(statefulsets).create({
    ...aStatefulSet,
    metadata: inDefault('guarded'),
    spec: { replicas: 3, podManagementPolicy: 'Parallel', selector: { matchLabels: labels }, template: template('guarded', 'web:v1') },
  });
  await admin.resource(poddisruptionbudgets).create({
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: inDefault('guarded'),
    spec: { maxUnavailable: '50%', selector: { matchLabels: labels } },
  });
  const findBudget = async () => (await admin.resource(poddisruptionbudgets).get(inDefault('guarded'))).status;
  await until('two of three may go', async () => (await findBudget())?.disruptionsAllowed === 2);
  const status = await findBudget();
  assert.deepEqual([status?.expectedPods, status?.desiredHealthy, status?.currentHealthy], [3, 1, 3]);
  await assertAtRest(poddisruptionbudgets, pods);
});
