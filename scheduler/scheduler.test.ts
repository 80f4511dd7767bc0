/** The whole scheduler against the API server in memory: what users see of it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { events, nodes, persistentvolumeclaims, persistentvolumes, pods, storageclasses } from '#api/generated/resources.ts';
import { findCondition } from '#api/meta/condition.ts';
import { ApiError } from '#api/meta/status.ts';
import { createFakeClient, type FakeRequest } from '#client/testing/fake-client.ts';
import { silentLogger } from '#component/logger.ts';
import { seededRandom } from '#component/random.ts';
import { createFakeClock } from '#component/testing/fake-clock.ts';
import { defaultConfiguration, parseConfiguration } from './configuration/configuration.ts';
import { createScheduler } from './scheduler.ts';
import { aNodeDraft, aPodDraft } from './testing/builders.ts';

const A_SECOND_MS = 1_000;

async function setUp(
  nodeDrafts: readonly ReturnType<typeof aNodeDraft>[],
  onRequest?: (request: FakeRequest) => void,
  configuration = defaultConfiguration(),
) {
  const clock = createFakeClock();
  const client = createFakeClient({ clock, ...(onRequest === undefined ? {} : { onRequest }) });
  for (const draft of nodeDrafts) await client.resource(nodes).create(draft);
  const scheduler = createScheduler({ client, clock, random: seededRandom(7), log: silentLogger, identity: 'test', configuration });
  const stop = new AbortController();
  const running = scheduler.run(stop.signal);
  await clock.advance(A_SECOND_MS);
  const end = async () => {
    stop.abort();
    await running;
    assert.equal(clock.waiting(), 0);
  };
  const podsByName = async () => new Map((await client.resource(pods).list()).items.map((pod) => [pod.metadata.name, pod]));
  const messages = async () => (await client.resource(events).list()).items.map(({ reason, message }) => `${reason}: ${message}`);
  return { clock, client, end, podsByName, messages };
}

test('pods are spread over the nodes, and an event says where each went', async () => {
  const { clock, client, end, podsByName, messages } = await setUp([aNodeDraft({ name: 'worker-1' }), aNodeDraft({ name: 'worker-2' })]);
  const labels = { app: 'web' };
  for (let index = 0; index < 6; index++) {
    await client.resource(pods).create(aPodDraft({ name: `web-${index}`, labels, owner: { kind: 'ReplicaSet', name: 'web' } }));
  }
  await clock.advance(A_SECOND_MS);
  const placed = [...(await podsByName()).values()];
  const counts = Map.groupBy(placed, ({ spec }) => spec.nodeName);
  assert.deepEqual([counts.get('worker-1')?.length, counts.get('worker-2')?.length], [3, 3]);
  assert.ok((await messages()).includes(`Scheduled: Successfully assigned default/web-0 to ${placed[0]?.spec.nodeName}`));
  await end();
});

test('a pod that fits nowhere says why, and is bound as soon as there is a node for it', async () => {
  const { clock, client, end, podsByName, messages } = await setUp([aNodeDraft({ allocatable: { cpu: '1' } })]);
  await client.resource(pods).create(aPodDraft({ requests: { cpu: '2' } }));
  await clock.advance(A_SECOND_MS);
  const waiting = (await podsByName()).get('web');
  const condition = findCondition(waiting?.status?.conditions, 'PodScheduled');
  const notHelpful = 'no new claims to deallocate, preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.';
  const why = `0/1 nodes are available: 1 Insufficient cpu. ${notHelpful}`;
  assert.deepEqual([condition?.status, condition?.reason, condition?.message], ['False', 'Unschedulable', why]);
  assert.deepEqual(await messages(), [`FailedScheduling: ${why}`]);
  const writes = client.writes().filter((write) => write.includes('pods')).length;
  await clock.advance(60_000);
  assert.equal(client.writes().filter((write) => write.includes('pods')).length, writes, 'nothing is written while nothing changes');
  await client.resource(nodes).create(aNodeDraft({ name: 'worker-2' }));
  await clock.advance(A_SECOND_MS);
  assert.equal((await podsByName()).get('web')?.spec.nodeName, 'worker-2');
  await end();
});

test('room is given out once, and again when its holder is gone', async () => {
  const { clock, client, end, podsByName } = await setUp([aNodeDraft({ allocatable: { cpu: '1' } })]);
  for (const name of ['one', 'two']) await client.resource(pods).create(aPodDraft({ name, requests: { cpu: '1' } }));
  await clock.advance(A_SECOND_MS);
  const bound = [...(await podsByName()).values()].filter(({ spec }) => spec.nodeName !== undefined);
  assert.equal(bound.length, 1);
  const [holder] = bound;
  await client.resource(pods).delete({ namespace: 'default', name: holder?.metadata.name ?? '' }, { gracePeriodSeconds: 0 });
  await clock.advance(2 * A_SECOND_MS);
  assert.deepEqual(
    [...(await podsByName()).values()].map(({ spec }) => spec.nodeName),
    ['worker-1'],
  );
  await end();
});

test('a binding that fails is tried again, and its room is not lost', async () => {
  let failures = 0;
  const { clock, client, end, podsByName, messages } = await setUp([aNodeDraft({ allocatable: { cpu: '1' } })], ({ subresource }) => {
    if (subresource === 'binding' && failures++ < 2) throw new ApiError('InternalError', 'no luck');
  });
  await client.resource(pods).create(aPodDraft({ requests: { cpu: '1' } }));
  await clock.advance(10_000);
  assert.equal((await podsByName()).get('web')?.spec.nodeName, 'worker-1');
  assert.ok((await messages()).includes('FailedScheduling: binding rejected: running Bind plugin "DefaultBinder": no luck'));
  await end();
});

test('it leaves alone what is gated, meant for another scheduler, or on its way out', async () => {
  const { clock, client, end, podsByName } = await setUp([aNodeDraft()]);
  await client.resource(pods).create(aPodDraft({ name: 'gated', schedulingGates: [{ name: 'example.com/wait' }] }));
  await client.resource(pods).create(aPodDraft({ name: 'foreign', schedulerName: 'another' }));
  await clock.advance(A_SECOND_MS);
  const gated = (await podsByName()).get('gated');
  assert.deepEqual(
    [...(await podsByName()).values()].map(({ spec }) => spec.nodeName),
    [undefined, undefined],
  );
  assert.ok(gated);
  await client.resource(pods).update({ ...gated, spec: { ...gated.spec, schedulingGates: [] } });
  await clock.advance(A_SECOND_MS);
  assert.equal((await podsByName()).get('gated')?.spec.nodeName, 'worker-1');
  await end();
});

test('a cordoned node gets nothing until it is uncordoned', async () => {
  const { clock, client, end, podsByName } = await setUp([aNodeDraft({ unschedulable: true })]);
  await client.resource(pods).create(aPodDraft());
  await clock.advance(60_000);
  assert.equal((await podsByName()).get('web')?.spec.nodeName, undefined);
  const node = await client.resource(nodes).get({ namespace: '', name: 'worker-1' });
  await client.resource(nodes).update({ ...node, spec: {} });
  await clock.advance(A_SECOND_MS);
  assert.equal((await podsByName()).get('web')?.spec.nodeName, 'worker-1');
  await end();
});

test('a more important pod has others leave, and is bound once they are gone', async () => {
  const { clock, client, end, podsByName, messages } = await setUp([aNodeDraft({ allocatable: { cpu: '1' } })]);
  await client.resource(pods).create(aPodDraft({ name: 'low', priority: 1, terminationGracePeriodSeconds: 30, requests: { cpu: '1' } }));
  await clock.advance(A_SECOND_MS);
  const draft = aPodDraft({ name: 'high', priority: 100, schedulerName: 'default-scheduler', requests: { cpu: '1' } });
  const { metadata } = await client.resource(pods).create(draft);
  await clock.advance(A_SECOND_MS);
  const [low, high] = [(await podsByName()).get('low'), (await podsByName()).get('high')];
  const disruption = findCondition(low?.status?.conditions, 'DisruptionTarget');
  assert.deepEqual(
    [disruption?.status, disruption?.reason, disruption?.message],
    ['True', 'PreemptionByScheduler', 'default-scheduler: preempting to accommodate a higher priority pod'],
  );
  assert.ok(low?.metadata.deletionTimestamp);
  assert.equal(high?.status?.nominatedNodeName, 'worker-1');
  assert.ok((await messages()).includes(`Preempted: Preempted by pod ${metadata.uid} on node worker-1`));
  assert.ok((await messages()).includes('FailedScheduling: 0/1 nodes are available: 1 Insufficient cpu.'));
  await client.resource(pods).delete({ namespace: 'default', name: 'low' }, { gracePeriodSeconds: 0 });
  await clock.advance(10_000);
  assert.equal((await podsByName()).get('high')?.spec.nodeName, 'worker-1');
  await end();
});

test('room that is being made is not given to a less important pod that comes meanwhile', async () => {
  const { clock, client, end, podsByName } = await setUp([aNodeDraft({ allocatable: { cpu: '2' } })]);
  for (const name of ['low-1', 'low-2']) {
    await client.resource(pods).create(aPodDraft({ name, priority: 1, terminationGracePeriodSeconds: 30, requests: { cpu: '1' } }));
  }
  await clock.advance(A_SECOND_MS);
  await client.resource(pods).create(aPodDraft({ name: 'high', priority: 100, requests: { cpu: '2' } }));
  await clock.advance(A_SECOND_MS);
  await client.resource(pods).delete({ namespace: 'default', name: 'low-1' }, { gracePeriodSeconds: 0 });
  await client.resource(pods).create(aPodDraft({ name: 'late', priority: 1, requests: { cpu: '1' } }));
  await clock.advance(A_SECOND_MS);
  assert.equal((await podsByName()).get('late')?.spec.nodeName, undefined);
  await client.resource(pods).delete({ namespace: 'default', name: 'low-2' }, { gracePeriodSeconds: 0 });
  await clock.advance(10_000);
  assert.deepEqual(
    [(await podsByName()).get('high')?.spec.nodeName, (await podsByName()).get('late')?.spec.nodeName],
    ['worker-1', undefined],
  );
  await end();
});

test('victims that cannot be deleted are tried again', async () => {
  let failures = 0;
  const { clock, client, end, podsByName } = await setUp([aNodeDraft({ allocatable: { cpu: '1' } })], ({ verb, key }) => {
    if (verb === 'delete' && key.name === 'low' && failures++ < 1) throw new ApiError('InternalError', 'no luck');
  });
  await client.resource(pods).create(aPodDraft({ name: 'low', priority: 1, terminationGracePeriodSeconds: 0, requests: { cpu: '1' } }));
  await clock.advance(A_SECOND_MS);
  await client.resource(pods).create(aPodDraft({ name: 'high', priority: 100, requests: { cpu: '1' } }));
  await clock.advance(20_000);
  assert.equal((await podsByName()).get('high')?.spec.nodeName, 'worker-1');
  await end();
});

const A_GIB = { resources: { requests: { storage: '1Gi' } }, accessModes: ['ReadWriteOnce'] };
const withClaim = (claimName: string) => ({ volumes: [{ name: 'data', persistentVolumeClaim: { claimName } }] });
const aClassDraft = (provisioner: string) =>
  ({
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: { name: 'late' },
    provisioner,
    volumeBindingMode: 'WaitForFirstConsumer',
  }) as const;

test('a claim that waits for its first pod is told the node, and the pod is bound once the volume is there', async () => {
  const { clock, client, end, podsByName } = await setUp([aNodeDraft()]);
  await client.resource(storageclasses).create(aClassDraft('example.com/disk'));
  const claims = client.resource(persistentvolumeclaims);
  const metadata = { name: 'data', namespace: 'default' };
  await claims.create({ apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata, spec: { storageClassName: 'late', ...A_GIB } });
  await client.resource(pods).create(aPodDraft(withClaim('data')));
  await clock.advance(A_SECOND_MS);
  const claim = await claims.get(metadata);
  assert.equal(claim.metadata.annotations?.['volume.kubernetes.io/selected-node'], 'worker-1');
  assert.equal((await podsByName()).get('web')?.spec.nodeName, undefined);
  await claims.update({ ...claim, spec: { ...claim.spec, volumeName: 'made' } });
  await claims.patch(metadata, 'merge', { metadata: { annotations: { 'pv.kubernetes.io/bind-completed': 'yes' } } });
  await clock.advance(A_SECOND_MS);
  assert.equal((await podsByName()).get('web')?.spec.nodeName, 'worker-1');
  await end();
});

test('a provisioner that gives up on a node has the pod looked at again', async () => {
  const { clock, client, end, messages } = await setUp([aNodeDraft()]);
  await client.resource(storageclasses).create(aClassDraft('example.com/disk'));
  const claims = client.resource(persistentvolumeclaims);
  const metadata = { name: 'data', namespace: 'default' };
  await claims.create({ apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata, spec: { storageClassName: 'late', ...A_GIB } });
  await client.resource(pods).create(aPodDraft(withClaim('data')));
  await clock.advance(A_SECOND_MS);
  await claims.patch(metadata, 'merge', { metadata: { annotations: { 'volume.kubernetes.io/selected-node': null } } });
  await clock.advance(10_000);
  assert.ok((await messages()).some((message) => message.includes('provisioning failed for PVC "data"')));
  assert.equal((await claims.get(metadata)).metadata.annotations?.['volume.kubernetes.io/selected-node'], 'worker-1');
  await end();
});

test('one free volume is promised to one of two pods', async () => {
  const { clock, client, end, messages } = await setUp([aNodeDraft()]);
  await client.resource(storageclasses).create(aClassDraft('kubernetes.io/no-provisioner'));
  const volume = await client.resource(persistentvolumes).create({
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name: 'disk' },
    spec: { storageClassName: 'late', capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'] },
    status: { phase: 'Available' },
  });
  for (const name of ['one', 'two']) {
    const metadata = { name, namespace: 'default' };
    await client.resource(persistentvolumeclaims).create({
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata,
      spec: { storageClassName: 'late', ...A_GIB },
    });
    await client.resource(pods).create(aPodDraft({ name, ...withClaim(name) }));
  }
  await clock.advance(A_SECOND_MS);
  const { spec } = await client.resource(persistentvolumes).get({ namespace: '', name: volume.metadata.name });
  assert.equal(spec.claimRef?.name, 'one');
  assert.ok((await messages()).some((message) => message.includes("1 node(s) didn't find available persistent volumes to bind")));
  await end();
});

test('each profile does as it is told for the pods that name it, under its own name', async () => {
  const configuration = parseConfiguration(`
apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
profiles:
- schedulerName: spreading
- schedulerName: packing
  plugins: { score: { disabled: [{ name: '*' }], enabled: [{ name: NodeResourcesFit }] } }
  pluginConfig:
  - name: NodeResourcesFit
    args: { scoringStrategy: { type: MostAllocated, resources: [{ name: cpu, weight: 1 }] } }
`);
  const workers = [aNodeDraft({ name: 'worker-1' }), aNodeDraft({ name: 'worker-2' })];
  const { clock, client, end, podsByName } = await setUp(workers, undefined, configuration);
  for (const schedulerName of ['spreading', 'packing']) {
    for (const index of [1, 2]) {
      const owner = { kind: 'ReplicaSet', name: schedulerName };
      await client.resource(pods).create(aPodDraft({ name: `${schedulerName}-${index}`, schedulerName, owner, requests: { cpu: '1' } }));
      await clock.advance(A_SECOND_MS);
    }
  }
  await client.resource(pods).create(aPodDraft({ name: 'foreign', schedulerName: 'default-scheduler' }));
  await clock.advance(A_SECOND_MS);
  const nodeOf = async (name: string) => (await podsByName()).get(name)?.spec.nodeName;
  assert.notEqual(await nodeOf('spreading-1'), await nodeOf('spreading-2'));
  assert.equal(await nodeOf('packing-1'), await nodeOf('packing-2'));
  assert.equal(await nodeOf('foreign'), undefined);
  const sources = (await client.resource(events).list()).items.map(
    ({ source, involvedObject }) => `${involvedObject.name} ${source?.component}`,
  );
  assert.ok(sources.includes('packing-1 packing'));
  await end();
});

test('a pod that came before there was any node is bound when the first one comes', async () => {
  const { clock, client, end, podsByName, messages } = await setUp([]);
  await client.resource(pods).create(aPodDraft());
  await clock.advance(A_SECOND_MS);
  assert.deepEqual(await messages(), ['FailedScheduling: no nodes available to schedule pods']);
  await client.resource(nodes).create(aNodeDraft());
  await clock.advance(2 * A_SECOND_MS);
  assert.equal((await podsByName()).get('web')?.spec.nodeName, 'worker-1');
  await end();
});

test('a domain that goes away no longer holds back the others', async () => {
  const zone = (name: string) => ({ labels: { zone: name } });
  const { clock, client, end, podsByName } = await setUp([
    aNodeDraft({ name: 'worker-1', ...zone('east') }),
    aNodeDraft({ name: 'worker-2', ...zone('west'), taints: [{ key: 'full', effect: 'NoSchedule' }] }),
  ]);
  const labels = { app: 'web' };
  const constraint = { maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule', labelSelector: { matchLabels: labels } };
  for (const name of ['one', 'two']) {
    await client.resource(pods).create(aPodDraft({ name, labels, topologySpreadConstraints: [constraint] }));
    await clock.advance(A_SECOND_MS);
  }
  assert.equal((await podsByName()).get('two')?.spec.nodeName, undefined);
  await client.resource(nodes).delete({ namespace: '', name: 'worker-2' });
  await clock.advance(2 * A_SECOND_MS);
  assert.equal((await podsByName()).get('two')?.spec.nodeName, 'worker-1');
  await end();
});
