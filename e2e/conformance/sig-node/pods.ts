/** Pods as objects with a life: made, watched, changed, ended, deleted; what they are told of Services; exec and logs over WebSockets. */
import assert from 'node:assert/strict';
import { isIP } from 'node:net';
import type { Json } from '../../cluster.ts';
import type { ConformanceTest, TestScope } from '../framework/conformance-test.ts';
import { readSocket } from '../framework/exec.ts';
import { OTHER_IMAGE, WORKLOAD_IMAGE } from '../framework/image.ts';
import { aPod, isReady, untilReady, untilRunning } from '../framework/pods.ts';
import { aCommand, aScript, expectLines, outputOf } from '../framework/run-pod.ts';

const POD_MS_MAX = 120_000;

const listed = async (t: TestScope, labelSelector: string): Promise<readonly string[]> =>
  (await t.resource('v1/pods').list({ labelSelector })).items.map(({ metadata }: Json) => metadata.name);

async function getsHostIp(t: TestScope): Promise<void> {
  const pods = t.resource('v1/pods');
  await pods.create(aPod('host-ip'));
  const { status } = await untilReady(pods, 'host-ip');
  assert.notEqual(isIP(status.hostIP), 0, `${status.hostIP} is an address`);
}

async function isSubmittedAndRemoved(t: TestScope): Promise<void> {
  const pods = t.resource('v1/pods');
  const labelSelector = `time=${t.suffix}`;
  const list = await pods.list({ labelSelector });
  assert.deepEqual(list.items, []);
  const watch = await pods.watch({ labelSelector, resourceVersion: list.metadata.resourceVersion });
  await pods.create(aPod('submitted', { labels: { time: t.suffix } }));
  assert.deepEqual(await listed(t, labelSelector), ['submitted']);
  await watch.expect('ADDED', 'the creation');
  await watch.until('it runs', ({ object }) => object.status.phase === 'Running', POD_MS_MAX);
  await pods.delete('submitted', { gracePeriodSeconds: 30 });
  await watch.until('it is being deleted', ({ object }) => object.metadata.deletionTimestamp !== undefined);
  const { object } = await watch.until('the deletion', ({ type }) => type === 'DELETED', POD_MS_MAX);
  assert.notEqual(object.metadata.deletionTimestamp, undefined);
  assert.notEqual(object.spec.terminationGracePeriodSeconds, 0);
  assert.deepEqual(await listed(t, labelSelector), []);
}

async function isUpdated(t: TestScope): Promise<void> {
  const pods = t.resource('v1/pods');
  await pods.create(aPod('updated', { labels: { time: 'first' } }));
  await untilRunning(pods, 'updated');
  assert.deepEqual(await listed(t, 'time=first'), ['updated']);
  await pods.change('updated', (pod) => {
    pod.metadata.labels.time = 'second';
  });
  await untilRunning(pods, 'updated');
  assert.deepEqual(await listed(t, 'time=second'), ['updated']);
}

async function takesDeadline(t: TestScope): Promise<void> {
  const pods = t.resource('v1/pods');
  await pods.create(aPod('deadline', { labels: { time: t.suffix } }));
  await untilRunning(pods, 'deadline');
  assert.deepEqual(await listed(t, `time=${t.suffix}`), ['deadline']);
  await pods.change('deadline', (pod) => {
    pod.spec.activeDeadlineSeconds = 5;
  });
  const { status } = await pods.until('deadline', 'its time is up', (pod) => pod?.status.phase === 'Failed' && pod);
  assert.equal(status.reason, 'DeadlineExceeded');
}

async function knowsServices(t: TestScope): Promise<void> {
  const pods = t.resource('v1/pods');
  await pods.create(aPod('server', { labels: { name: 'server' }, container: { ports: [{ containerPort: 8080 }] } }));
  await untilRunning(pods, 'server');
  const { spec } = await t.resource('v1/services').create({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'fooservice', labels: { name: 'fooservice' } },
    spec: { ports: [{ port: 8765, targetPort: 8080 }], selector: { name: 'server' } },
  });
  const address = spec.clusterIP;
  const expected = [
    `FOOSERVICE_SERVICE_HOST=${address}`,
    'FOOSERVICE_SERVICE_PORT=8765',
    `FOOSERVICE_PORT=tcp://${address}:8765`,
    `FOOSERVICE_PORT_8765_TCP=tcp://${address}:8765`,
    'FOOSERVICE_PORT_8765_TCP_PROTO=tcp',
    'FOOSERVICE_PORT_8765_TCP_PORT=8765',
    `FOOSERVICE_PORT_8765_TCP_ADDR=${address}`,
  ];
  // A kubelet may hear of the pod before it hears of the Service: such a pod is told of it never, the next one is.
  for (let attempt = 1; ; attempt++) {
    const output = await outputOf(t, aCommand(`client-${attempt}`, ['env']));
    if (attempt === 3 || output.includes('FOOSERVICE')) return expectLines(output, expected);
  }
}

/** Version 1 of the protocol: the number of the channel, then what it carries. */
const STDOUT = 1;

async function runsOverWebSocket(t: TestScope): Promise<void> {
  const pods = t.resource('v1/pods');
  await pods.create(aPod('exec'));
  await untilRunning(pods, 'exec');
  const query = 'stdout=1&stderr=1&container=main&command=echo&command=remote+execution+test';
  const messages = (await readSocket(t, `${pods.path}/exec/exec?${query}`, 'channel.k8s.io')).filter(({ length }) => length > 1);
  assert.deepEqual(
    messages.filter((message) => message[0] !== STDOUT),
    [],
  );
  assert.equal(Buffer.concat(messages.map((message) => message.subarray(1))).toString(), 'remote execution test\n');
}

async function logsOverWebSocket(t: TestScope): Promise<void> {
  const pods = t.resource('v1/pods');
  await pods.create(aScript('logs', 'echo container is alive; trap "exit 0" TERM; while true; do sleep 0.2; done'));
  await untilRunning(pods, 'logs');
  const messages = await readSocket(t, `${pods.path}/logs/log?container=main`, 'binary.k8s.io');
  assert.equal(Buffer.concat(messages).toString(), 'container is alive\n');
}

async function deletesCollection(t: TestScope): Promise<void> {
  const pods = t.resource('v1/pods');
  const labels = { type: 'Testing' };
  const names = ['test-pod-1', 'test-pod-2', 'test-pod-3'];
  for (const name of names) await pods.create(aPod(name, { labels, spec: { terminationGracePeriodSeconds: 1 } }));
  await pods.untilAll({ labelSelector: 'type=Testing' }, 'all three are ready', (items) => items.filter(isReady).length === names.length);
  assert.deepEqual((await listed(t, 'type=Testing')).toSorted(), names);
  await pods.deleteCollection({ labelSelector: 'type=Testing' }, { gracePeriodSeconds: 1 });
  await pods.untilAll({ labelSelector: 'type=Testing' }, 'all three are gone', (items) => items.length === 0);
}

async function livesItsLife(t: TestScope): Promise<void> {
  const pods = t.resource('v1/pods');
  const watch = await pods.watch({ labelSelector: 'test-pod-static=true' });
  await pods.create(aPod('lives', { labels: { 'test-pod-static': 'true' } }));
  await watch.until('it runs', ({ object }) => object.status.phase === 'Running', POD_MS_MAX);
  const patch = { metadata: { labels: { 'test-pod': 'patched' } }, spec: { containers: [{ name: 'main', image: OTHER_IMAGE }] } };
  await pods.patch('lives', patch, { type: 'strategic' });
  await watch.until('the patch', ({ type, object }) => type === 'MODIFIED' && object.metadata.labels['test-pod'] === 'patched');
  const patched = await pods.get('lives');
  assert.equal(patched.metadata.labels['test-pod'], 'patched');
  assert.equal(patched.spec.containers[0].image, OTHER_IMAGE);
  assert.ok((await pods.get('lives', 'status')).status.phase, 'its status can be read by itself');
  await pods.change(
    'lives',
    (pod) => {
      pod.status.conditions.push({ type: 'example.com/Replaced', status: 'True', reason: 'E2E', message: 'Set from e2e test' });
    },
    'status',
  );
  const hasCondition = ({ status }: Json) => status.conditions.some(({ type }: Json) => type === 'example.com/Replaced');
  await watch.until('the status is replaced', ({ object }) => hasCondition(object));
  assert.ok(hasCondition(await pods.get('lives', 'status')), 'the status stays replaced');
  await pods.delete('lives', { gracePeriodSeconds: 1 });
  await watch.until('the deletion', ({ type }) => type === 'DELETED', POD_MS_MAX);
}

async function patchesStatus(t: TestScope): Promise<void> {
  const pods = t.resource('v1/pods');
  await pods.create(aPod('patched', { labels: { 'e2e-pod-status': t.suffix } }));
  await untilRunning(pods, 'patched');
  const patch = { metadata: { annotations: { patchedstatus: 'true' } }, status: { message: 'Patched by e2e test', reason: 'E2E' } };
  const { status } = await pods.patch('patched', patch, { subresource: 'status' });
  assert.deepEqual([status.message, status.reason], ['Patched by e2e test', 'E2E']);
}

const QUANTITIES: Json = { cpu: '100m', memory: '100Mi' };

async function tellsQuality(t: TestScope): Promise<void> {
  const resources = { requests: QUANTITIES, limits: QUANTITIES };
  await t.resource('v1/pods').create(aPod('quality', { container: { resources } }));
  assert.equal((await t.resource('v1/pods').get('quality')).status.qosClass, 'Guaranteed');
}

/** Each change, and whether it is one of the spec. */
const CHANGES: readonly (readonly [what: string, change: (pod: Json) => void, ofSpec: boolean])[] = [
  ['a label', (pod) => Object.assign(pod.metadata.labels, { changed: 'yes' }), false],
  ['a deadline', (pod) => Object.assign(pod.spec, { activeDeadlineSeconds: 5_000 }), true],
  ['an image', (pod) => Object.assign(pod.spec.containers[0], { image: OTHER_IMAGE }), true],
  ['an init image', (pod) => Object.assign(pod.spec.initContainers[0], { image: OTHER_IMAGE }), true],
  ['a toleration', (pod) => pod.spec.tolerations.push({ key: 'foo', operator: 'Exists', effect: 'NoSchedule' }), true],
  ['nothing', () => {}, false],
];

async function countsGenerations(t: TestScope): Promise<void> {
  const pods = t.resource('v1/pods');
  const spec = { initContainers: [{ name: 'init', image: WORKLOAD_IMAGE, command: ['true'] }] };
  let { generation } = (await pods.create(aPod('generation', { labels: { changed: 'no' }, spec }))).metadata;
  assert.equal(generation, 1);
  await untilRunning(pods, 'generation');
  await untilObserved(t, 'generation', generation);
  for (const [what, change, ofSpec] of CHANGES) {
    const changed = await pods.change('generation', change);
    generation += ofSpec ? 1 : 0;
    assert.equal(changed.metadata.generation, generation, `after a change of ${what}`);
    await untilObserved(t, 'generation', generation);
  }
}

/** The pod's status and its conditions tell which spec they are about. */
function untilObserved(t: TestScope, name: string, generation: number): Promise<Json> {
  return t
    .resource('v1/pods')
    .until(name, `the kubelet has seen generation ${generation}`, (pod) => pod?.status.observedGeneration === generation && pod);
}

const UPDATES = 499;

async function converges(t: TestScope): Promise<void> {
  const pods = t.resource('v1/pods');
  await pods.create(aPod('converges'));
  await untilRunning(pods, 'converges');
  for (let update = 0; update < UPDATES; update++) {
    const patch = { spec: { activeDeadlineSeconds: 100_000 - update } };
    assert.equal((await pods.patch('converges', patch)).metadata.generation, update + 2);
  }
  assert.equal((await pods.get('converges')).metadata.generation, UPDATES + 1);
  await untilObserved(t, 'converges', UPDATES + 1);
}

async function ownsGeneration(t: TestScope): Promise<void> {
  const pods = t.resource('v1/pods');
  const pod = aPod('owned', { spec: { terminationGracePeriodSeconds: 30 } });
  const created = await pods.create({ ...pod, metadata: { ...pod.metadata, generation: 100 } });
  assert.equal(created.metadata.generation, 1);
  await untilRunning(pods, 'owned');
  const watch = await pods.watch({ fieldSelector: 'metadata.name=owned' });
  await pods.delete('owned', { gracePeriodSeconds: 30 });
  const { object } = await watch.until('it is being deleted', ({ object }) => object.metadata.deletionTimestamp !== undefined);
  assert.equal(object.metadata.generation, 2);
}

const PREFIX = '[sig-node] Pods should';
const GENERATION = '[sig-node] Pods Extended (pod generation) Pod Generation';

export const podTests: readonly ConformanceTest[] = [
  { name: `${PREFIX} get a host IP [Conformance] [NodeConformance]`, run: getsHostIp },
  { name: `${PREFIX} be submitted and removed [Conformance] [NodeConformance]`, run: isSubmittedAndRemoved },
  { name: `${PREFIX} be updated [Conformance] [NodeConformance]`, run: isUpdated },
  { name: `${PREFIX} allow activeDeadlineSeconds to be updated [Conformance] [NodeConformance]`, run: takesDeadline },
  { name: `${PREFIX} contain environment variables for services [Conformance] [NodeConformance]`, run: knowsServices },
  { name: `${PREFIX} support remote command execution over websockets [Conformance] [NodeConformance]`, run: runsOverWebSocket },
  { name: `${PREFIX} support retrieving logs from the container over websockets [Conformance] [NodeConformance]`, run: logsOverWebSocket },
  { name: `${PREFIX} delete a collection of pods [Conformance]`, run: deletesCollection },
  { name: `${PREFIX} run through the lifecycle of Pods and PodStatus [Conformance]`, run: livesItsLife },
  { name: `${PREFIX} patch a pod status [Conformance]`, run: patchesStatus },
  {
    name: '[sig-node] Pods Extended Pods Set QOS Class should be set on Pods with matching resource requests and limits for memory and cpu [Conformance]',
    run: tellsQuality,
  },
  {
    name: `${GENERATION} pod generation should start at 1 and increment per update [MinimumKubeletVersion:1.34] [Conformance]`,
    run: countsGenerations,
  },
  {
    name: `${GENERATION} issue 500 podspec updates and verify generation and observedGeneration eventually converge [MinimumKubeletVersion:1.34] [Conformance]`,
    run: converges,
  },
  { name: `${GENERATION} custom-set generation on new pods and graceful delete [Conformance]`, run: ownsGeneration },
];
