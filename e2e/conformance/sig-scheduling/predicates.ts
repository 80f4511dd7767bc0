/** What the scheduler must not overlook when it looks for a node: resources, selectors, ports. */
import assert from 'node:assert/strict';
import type { Json } from '../../cluster.ts';
import type { ConformanceTest, TestScope } from '../framework/conformance-test.ts';
import { labelNode, schedulableNodes } from '../framework/nodes.ts';
import { aPod, untilRunning } from '../framework/pods.ts';
import { untilScheduled, untilUnschedulable } from '../framework/scheduling.ts';

/** Thousandths of a processor. */
function milli(cpu: string | undefined): number {
  if (cpu === undefined) return 0;
  return cpu.endsWith('m') ? Number(cpu.slice(0, -1)) : Math.round(Number(cpu) * 1_000);
}

function requestedMilli({ spec }: Json): number {
  return spec.containers.reduce((sum: number, { resources }: Json) => sum + milli(resources?.requests?.cpu), 0);
}

const withCpu = (name: string, cpu: number, spec: Json = {}): Json => {
  const resources = { requests: { cpu: `${cpu}m` }, limits: { cpu: `${cpu}m` } };
  return aPod(name, { container: { resources }, spec });
};

async function respectsResources(t: TestScope): Promise<void> {
  const pods = t.resource('v1/pods');
  const label = `e2e-node-${t.suffix}`;
  const nodes = await schedulableNodes(t);
  const running = (await t.resource('v1/pods', '').list()).items.filter(
    ({ status }: Json) => !['Succeeded', 'Failed'].includes(status.phase),
  );
  for (const [index, { metadata, status }] of nodes.entries()) {
    await labelNode(t, metadata.name, { [label]: metadata.name });
    const used = running
      .filter(({ spec }: Json) => spec.nodeName === metadata.name)
      .reduce((sum: number, pod: Json) => sum + requestedMilli(pod), 0);
    const wanted = Math.floor((milli(status.allocatable.cpu) - used) * 0.7);
    await pods.create(withCpu(`filler-pod-${index}`, wanted, { nodeSelector: { [label]: metadata.name } }));
  }
  for (const index of nodes.keys()) await untilRunning(pods, `filler-pod-${index}`);
  const largest = Math.max(...nodes.map(({ status }) => milli(status.allocatable.cpu)));
  await pods.create(withCpu('additional-pod', largest * 0.5));
  assert.match(await untilUnschedulable(pods, 'additional-pod'), /Insufficient cpu/);
  assert.equal((await pods.get('additional-pod')).status.phase, 'Pending');
}

async function respectsSelector(t: TestScope): Promise<void> {
  const pods = t.resource('v1/pods');
  await pods.create(aPod('restricted-pod', { spec: { nodeSelector: { label: 'nonempty' } } }));
  assert.match(await untilUnschedulable(pods, 'restricted-pod'), /node\(s\) didn't match Pod's node affinity\/selector/);
  const { spec, status } = await pods.get('restricted-pod');
  assert.deepEqual([spec.nodeName, status.phase], [undefined, 'Pending']);
}

async function followsSelector(t: TestScope): Promise<void> {
  const [node] = await schedulableNodes(t);
  const label = `kubernetes.io/e2e-${t.suffix}`;
  await labelNode(t, node.metadata.name, { [label]: '42' });
  await t.resource('v1/pods').create(aPod('with-labels', { spec: { nodeSelector: { [label]: '42' } } }));
  assert.equal(await untilScheduled(t.resource('v1/pods'), 'with-labels'), node.metadata.name);
}

async function respectsPorts(t: TestScope): Promise<void> {
  const pods = t.resource('v1/pods');
  const [node] = await schedulableNodes(t);
  const hostIp = node.status.addresses.find(({ type }: Json) => type === 'InternalIP').address;
  const label = `kubernetes.io/e2e-${t.suffix}`;
  await labelNode(t, node.metadata.name, { [label]: '95' });
  const withPort = (name: string, hostIP?: string): Json => {
    const port = { containerPort: 8080, hostPort: 54322, protocol: 'TCP', ...(hostIP === undefined ? {} : { hostIP }) };
    return aPod(name, { spec: { nodeSelector: { [label]: '95' } }, container: { ports: [port] } });
  };
  await pods.create(withPort('pod4'));
  assert.equal(await untilScheduled(pods, 'pod4'), node.metadata.name);
  await pods.create(withPort('pod5', hostIp));
  assert.match(await untilUnschedulable(pods, 'pod5'), /node\(s\) didn't have free ports for the requested pod ports/);
}

const PREFIX = '[sig-scheduling] SchedulerPredicates';

export const predicateTests: readonly ConformanceTest[] = [
  { name: `${PREFIX} validates resource limits of pods that are allowed to run [Conformance] [Serial]`, run: respectsResources },
  { name: `${PREFIX} validates that NodeSelector is respected if matching [Conformance] [Serial]`, run: followsSelector },
  { name: `${PREFIX} validates that NodeSelector is respected if not matching [Conformance] [Serial]`, run: respectsSelector },
  {
    name: `${PREFIX} validates that there exists conflict between pods with same hostPort and protocol but one using 0.0.0.0 hostIP [Conformance] [Serial]`,
    run: respectsPorts,
  },
];
