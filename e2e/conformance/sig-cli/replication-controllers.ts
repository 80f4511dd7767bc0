/** kubectl with ReplicationControllers: described, exposed, patched, scaled, stopped. */
import assert from 'node:assert/strict';
import type { Json } from '../../cluster.ts';
import type { ConformanceTest, TestScope } from '../framework/conformance-test.ts';
import { WORKLOAD_IMAGE } from '../framework/image.ts';
import { aTemplate, isReady } from '../framework/pods.ts';

const NAME = 'agnhost-primary';
const LABELS = { app: 'agnhost', role: 'primary' };
const PORT = 6379;

const anRc = (name: string, replicas: number, labels: Json): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'ReplicationController',
    metadata: { name, labels },
    spec: {
      replicas,
      selector: labels,
      template: aTemplate(labels, { container: { name, ports: [{ name: 'agnhost-server', containerPort: PORT }] } }),
    },
  });

/** The ready pods of these labels, as soon as there are so many and no others. */
function untilPodsReady(t: TestScope, labels: Json, count: number): Promise<readonly Json[]> {
  const labelSelector = Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(',');
  return t
    .resource('v1/pods')
    .untilAll({ labelSelector }, `${count} pods are ready`, (pods) => pods.length === count && pods.every(isReady) && pods);
}

async function createPrimary(t: TestScope): Promise<readonly Json[]> {
  await t.kubectl(['create', '-f', '-'], anRc(NAME, 1, LABELS));
  return untilPodsReady(t, LABELS, 1);
}

/** Asserts that one line has each group of words, in order. */
function expectLines(output: string, expected: readonly (readonly string[])[]): void {
  const lines = output.split('\n');
  for (const words of expected) {
    const hasWords = (line: string) => words.reduce((at, word) => (at < 0 ? -1 : line.indexOf(word, at)), 0) >= 0;
    assert.ok(lines.some(hasWords), `a line with ${words.join(' … ')} in\n${output}`);
  }
}

async function describes(t: TestScope): Promise<void> {
  const ports = [{ port: PORT, targetPort: 'agnhost-server' }];
  const service = { apiVersion: 'v1', kind: 'Service', metadata: { name: NAME, labels: LABELS }, spec: { ports, selector: LABELS } };
  await t.resource('v1/services').create(service);
  const [pod] = await createPrimary(t);
  const describe = (...what: readonly string[]) => t.kubectl(['describe', ...what]);
  const named = [['Name:', NAME], ['Namespace:', t.namespace], ['Labels:', 'app=agnhost'], ['role=primary'], ['Annotations:']];
  expectLines(await describe('pod', pod.metadata.name), [
    ...named,
    ['Node:', pod.spec.nodeName],
    ['Status:', 'Running'],
    ['IP:', pod.status.podIP],
    ['Controlled By:', `ReplicationController/${NAME}`],
    ['Image:', WORKLOAD_IMAGE],
    ['State:', 'Running'],
    ['QoS Class:', 'BestEffort'],
  ]);
  expectLines(await describe('rc', NAME), [
    ...named,
    ['Selector:', 'app=agnhost,role=primary'],
    ['Replicas:', '1 current', '1 desired'],
    ['Pods Status:', '1 Running', '0 Waiting', '0 Succeeded', '0 Failed'],
    ['Pod Template:'],
    ['Image:', WORKLOAD_IMAGE],
    ['Events:'],
  ]);
  expectLines(await describe('service', NAME), [
    ...named,
    ['Selector:', 'app=agnhost', 'role=primary'],
    ['Type:', 'ClusterIP'],
    ['IP:'],
    ['Port:', '<unset>', `${PORT}/TCP`],
    ['Endpoints:'],
    ['Session Affinity:', 'None'],
  ]);
  expectLines(await describe('node', pod.spec.nodeName), [
    ['Name:', pod.spec.nodeName],
    ['Labels:'],
    ['Annotations:'],
    ['CreationTimestamp:'],
    ['Conditions:'],
    ['Type', 'Status', 'LastHeartbeatTime', 'LastTransitionTime', 'Reason', 'Message'],
    ['Addresses:'],
    ['Capacity:'],
    ['Kernel Version:'],
    ['OS Image:'],
    ['Container Runtime Version:'],
    ['Kubelet Version:'],
    ['Pods:'],
  ]);
  expectLines(await describe('namespace', t.namespace), [['Name:', t.namespace], ['Labels:'], ['Annotations:'], ['Status:', 'Active']]);
}

async function expectService(t: TestScope, name: string, port: number): Promise<void> {
  await t.resource('v1/endpoints').until(name, `${name} has one endpoint`, (endpoints) => {
    const [subset, ...others] = endpoints?.subsets ?? [];
    if (subset?.addresses?.length !== 1 || others.length > 0) return false;
    assert.equal(subset.ports[0].port, PORT);
    return true;
  });
  const { spec } = await t.resource('v1/services').get(name);
  assert.deepEqual(
    spec.ports.map((served: Json) => [served.port, served.targetPort]),
    [[port, PORT]],
  );
}

async function exposes(t: TestScope): Promise<void> {
  await createPrimary(t);
  await t.kubectl(['expose', 'rc', NAME, '--name=rm2', '--port=1234', `--target-port=${PORT}`]);
  await expectService(t, 'rm2', 1234);
  await t.kubectl(['expose', 'service', 'rm2', '--name=rm3', '--port=2345', `--target-port=${PORT}`]);
  await expectService(t, 'rm3', 2345);
}

async function annotates(t: TestScope): Promise<void> {
  for (const pod of await createPrimary(t))
    await t.kubectl(['patch', 'pod', pod.metadata.name, '-p', '{"metadata":{"annotations":{"x":"y"}}}']);
  for (const pod of await untilPodsReady(t, LABELS, 1)) assert.equal(pod.metadata.annotations?.x, 'y');
}

const DEMO_LABELS = { name: 'update-demo' };

async function startDemo(t: TestScope): Promise<void> {
  await t.kubectl(['create', '-f', '-'], anRc('update-demo-nautilus', 2, DEMO_LABELS));
  await untilPodsReady(t, DEMO_LABELS, 2);
}

/** What kubectl's own template says of the running pods' image, by pod. */
async function expectDemo(t: TestScope, count: number): Promise<void> {
  const pods = await untilPodsReady(t, DEMO_LABELS, count);
  const template = '{{range .items}}{{.metadata.name}} {{(index .spec.containers 0).image}} {{.status.phase}}{{"\\n"}}{{end}}';
  const output = await t.kubectl(['get', 'pods', '-l', 'name=update-demo', '-o', 'template', `--template=${template}`]);
  const expected = pods.map(({ metadata }) => `${metadata.name} ${WORKLOAD_IMAGE} Running`);
  assert.deepEqual(output.trimEnd().split('\n').sort(), expected.sort());
}

async function runsDemo(t: TestScope): Promise<void> {
  await startDemo(t);
  await expectDemo(t, 2);
  await t.kubectl(['delete', '--grace-period=0', '--force', '-f', '-'], anRc('update-demo-nautilus', 2, DEMO_LABELS));
  await t.resource('v1/pods').untilAll({ labelSelector: 'name=update-demo' }, 'no pod is left', (pods) => pods.length === 0);
}

async function scalesDemo(t: TestScope): Promise<void> {
  await startDemo(t);
  for (const replicas of [1, 2]) {
    await t.kubectl(['scale', 'rc', 'update-demo-nautilus', `--replicas=${replicas}`, '--timeout=5m']);
    await expectDemo(t, replicas);
  }
}

export const replicationControllerTests: readonly ConformanceTest[] = [
  {
    name: '[sig-cli] Kubectl client Kubectl describe should check if kubectl describe prints relevant information for rc and pods [Conformance]',
    run: describes,
  },
  { name: '[sig-cli] Kubectl client Kubectl expose should create services for rc [Conformance]', run: exposes },
  { name: '[sig-cli] Kubectl client Kubectl patch should add annotations for pods in rc [Conformance]', run: annotates },
  { name: '[sig-cli] Kubectl client Update Demo should create and stop a replication controller [Conformance]', run: runsDemo },
  { name: '[sig-cli] Kubectl client Update Demo should scale a replication controller [Conformance]', run: scalesDemo },
];
