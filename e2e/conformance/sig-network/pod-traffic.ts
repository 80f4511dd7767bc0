/** Traffic to pods by their own addresses: from other pods, from nodes, and by ports of the node. */
import assert from 'node:assert/strict';
import type { Json } from '../../cluster.ts';
import type { ConformanceTest, TestScope } from '../framework/conformance-test.ts';
import { schedulableNodes } from '../framework/nodes.ts';
import { addressOf, HTTP_PORT, NAME_PORT, type Protocol, serverPods, startCaller } from './network-pods.ts';

/** A server on each node, all of which the caller reaches by address; each answers with its own name. */
const reachesPods = (protocol: Protocol, caller: Json) => async (t: TestScope) => {
  const serverPod = await serverPods(t);
  const nodes = await schedulableNodes(t);
  const servers = await Promise.all(nodes.map(({ metadata }, index) => serverPod(`netserver-${index}`, {}, { nodeName: metadata.name })));
  assert.notEqual(servers.length, 0);
  const { dial } = await startCaller(t, caller);
  const addresses = servers.map(({ status }) => status.podIP).join(',');
  assert.deepEqual(
    await dial(protocol, addresses, protocol === 'http' ? HTTP_PORT : NAME_PORT),
    servers.map(({ metadata }) => metadata.name),
  );
};

const HOST_PORT = 54_323;

/** Three pods of one node have the same port of it, each at another address or by another protocol. */
async function sharesHostPort(t: TestScope): Promise<void> {
  const serverPod = await serverPods(t);
  const [node] = await schedulableNodes(t);
  const nodeName = node?.metadata.name;
  const address = addressOf(node, 'InternalIP') ?? '';
  const ports = [
    { hostIP: '127.0.0.1', containerPort: HTTP_PORT, protocol: 'TCP' },
    { hostIP: address, containerPort: HTTP_PORT, protocol: 'TCP' },
    { hostIP: address, containerPort: NAME_PORT, protocol: 'UDP' },
  ];
  const nodeSelector = { 'kubernetes.io/hostname': node?.metadata.labels['kubernetes.io/hostname'] };
  const pods = await Promise.all(
    ports.map((port, index) => serverPod(`pod${index + 1}`, {}, { nodeSelector }, { ports: [{ ...port, hostPort: HOST_PORT }] })),
  );
  assert.deepEqual(
    pods.map(({ spec }) => spec.nodeName),
    pods.map(() => nodeName),
  );
  const caller = await startCaller(t, { hostNetwork: true, nodeName });
  await caller.untilAnswered('the loopback leads to the first', ['http', '127.0.0.1', HOST_PORT], ([answer]) => answer === 'pod1');
  await caller.untilAnswered('the address leads to the second', ['http', address, HOST_PORT], ([answer]) => answer === 'pod2');
  await caller.untilAnswered('by UDP it leads to the third', ['udp', address, HOST_PORT], ([answer]) => answer === 'pod3');
}

const PREFIX = '[sig-network] Networking Granular Checks: Pods should function for';
const FROM_NODE: Json = { hostNetwork: true };

export const podTrafficTests: readonly ConformanceTest[] = [
  { name: `${PREFIX} intra-pod communication: http [Conformance] [NodeConformance]`, run: reachesPods('http', {}) },
  { name: `${PREFIX} intra-pod communication: udp [Conformance] [NodeConformance]`, run: reachesPods('udp', {}) },
  { name: `${PREFIX} node-pod communication: http [LinuxOnly] [Conformance] [NodeConformance]`, run: reachesPods('http', FROM_NODE) },
  { name: `${PREFIX} node-pod communication: udp [LinuxOnly] [Conformance] [NodeConformance]`, run: reachesPods('udp', FROM_NODE) },
  {
    name: '[sig-network] HostPort validates that there is no conflict between pods with same hostPort but different hostIP and protocol [LinuxOnly] [Conformance]',
    run: sharesHostPort,
  },
];
