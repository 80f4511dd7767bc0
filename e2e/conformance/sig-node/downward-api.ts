/** The downward API in the environment: what a pod is told of itself and of its node. */
import assert from 'node:assert/strict';
import { parseQuantity, quantityToNumber } from '#api/meta/quantity.ts';
import type { Json } from '../../cluster.ts';
import type { ConformanceTest, TestScope } from '../framework/conformance-test.ts';
import { aCommand, expectLines, outputOf } from '../framework/run-pod.ts';

const fieldRef = (fieldPath: string): Json => ({ fieldRef: { apiVersion: 'v1', fieldPath } });
const resourceFieldRef = (resource: string): Json => ({ resourceFieldRef: { resource } });

const RESOURCES: Readonly<Record<string, Json>> = {
  CPU_LIMIT: resourceFieldRef('limits.cpu'),
  MEMORY_LIMIT: resourceFieldRef('limits.memory'),
};

const MIB = 2 ** 20;

interface Told {
  /** The pod as it ended. */
  readonly pod: Json;
  /** Its environment, as it printed it. */
  readonly output: string;
}

async function tell(t: TestScope, sources: Readonly<Record<string, Json>>, container: Json = {}): Promise<Told> {
  const env = Object.entries(sources).map(([name, valueFrom]) => ({ name, valueFrom }));
  const output = await outputOf(t, aCommand('downward', ['env'], { container: { ...container, env } }));
  return { output, pod: await t.resource('v1/pods').get('downward') };
}

async function tellsNames(t: TestScope): Promise<void> {
  const sources = { POD_NAME: fieldRef('metadata.name'), POD_NAMESPACE: fieldRef('metadata.namespace'), POD_IP: fieldRef('status.podIP') };
  const { output, pod } = await tell(t, sources);
  assert.match(pod.status.podIP, /^[\d.]+$|:/);
  expectLines(output, ['POD_NAME=downward', `POD_NAMESPACE=${t.namespace}`, `POD_IP=${pod.status.podIP}`]);
}

async function tellsUid(t: TestScope): Promise<void> {
  const { output, pod } = await tell(t, { POD_UID: fieldRef('metadata.uid') });
  expectLines(output, [`POD_UID=${pod.metadata.uid}`]);
}

async function tellsHostIp(t: TestScope): Promise<void> {
  const { output, pod } = await tell(t, { HOST_IP: fieldRef('status.hostIP') });
  assert.match(pod.status.hostIP, /^[\d.]+$|:/);
  expectLines(output, [`HOST_IP=${pod.status.hostIP}`]);
}

async function tellsHostIps(t: TestScope): Promise<void> {
  const { output, pod } = await tell(t, { HOST_IPS: fieldRef('status.hostIPs') });
  assert.equal(pod.status.hostIPs[0].ip, pod.status.hostIP);
  expectLines(output, [`HOST_IPS=${pod.status.hostIPs.map(({ ip }: Json) => ip).join(',')}`]);
}

async function tellsResources(t: TestScope): Promise<void> {
  const requests = { CPU_REQUEST: resourceFieldRef('requests.cpu'), MEMORY_REQUEST: resourceFieldRef('requests.memory') };
  const resources = { requests: { cpu: '250m', memory: '32Mi' }, limits: { cpu: '1250m', memory: '64Mi' } };
  const { output } = await tell(t, { ...RESOURCES, ...requests }, { resources });
  // Whole cores, rounded up; bytes.
  expectLines(output, ['CPU_LIMIT=2', `MEMORY_LIMIT=${64 * MIB}`, 'CPU_REQUEST=1', `MEMORY_REQUEST=${32 * MIB}`]);
}

async function tellsAllocatable(t: TestScope): Promise<void> {
  const { output, pod } = await tell(t, RESOURCES);
  const { allocatable } = (await t.resource('v1/nodes', '').get(pod.spec.nodeName)).status;
  const [cores, bytes] = [allocatable.cpu, allocatable.memory].map((quantity) => quantityToNumber(parseQuantity(quantity)));
  expectLines(output, [`CPU_LIMIT=${Math.ceil(cores ?? 0)}`, `MEMORY_LIMIT=${bytes}`]);
}

const PREFIX = '[sig-node] Downward API should provide';

export const downwardApiTests: readonly ConformanceTest[] = [
  { name: `${PREFIX} pod name, namespace and IP address as env vars [Conformance] [NodeConformance]`, run: tellsNames },
  { name: `${PREFIX} host IP as an env var [Conformance] [NodeConformance]`, run: tellsHostIp },
  { name: `${PREFIX} hostIPs as an env var [Conformance] [NodeConformance]`, run: tellsHostIps },
  {
    name: `${PREFIX} container's limits.cpu/memory and requests.cpu/memory as env vars [Conformance] [NodeConformance]`,
    run: tellsResources,
  },
  { name: `${PREFIX} default limits.cpu/memory from node allocatable [Conformance] [NodeConformance]`, run: tellsAllocatable },
  { name: `${PREFIX} pod UID as env vars [Conformance] [NodeConformance]`, run: tellsUid },
];
