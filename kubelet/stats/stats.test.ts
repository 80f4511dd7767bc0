/** What the kubelet tells of its node: summaries and metrics, from what an engine says of its containers. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '#api/generated/types.ts';
import { createFakeClock } from '#component/testing/fake-clock.ts';
import type { PodStates } from '../pod-states.ts';
import type { RuntimeContainer } from '../runtime/container-runtime.ts';
import { declaredPart } from './disk-stats.ts';
import { parseInterfaces } from './network-stats.ts';
import { createNodeStats } from './node-stats.ts';
import { renderContainerMetrics, renderResourceMetrics } from './resource-metrics.ts';
import { renderSummary } from './summary.ts';

const metadata = { name: 'web', namespace: 'shop', uid: 'u1', resourceVersion: '1', creationTimestamp: '' };
const pod: Pod = { apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers: [{ name: 'main', image: 'web:v1' }] } };

function running(id: string, containerName?: string): RuntimeContainer {
  const identity = {
    podUid: 'u1',
    podNamespace: 'shop',
    podName: 'web',
    attempt: 0,
    ...(containerName === undefined ? {} : { containerName }),
  };
  const state = { phase: 'running' as const, pid: 1, startedAtMs: 0 };
  return {
    id,
    identity,
    image: 'web:v1',
    imageId: 'i',
    createdAtMs: 0,
    state,
    hasTerminal: false,
    closesStdinOnce: false,
    resources: { cpuShares: 2 },
    sandboxId: undefined,
  };
}

function aNode(clock = createFakeClock()) {
  const states: PodStates = {
    isConnected: () => true,
    whenListed: async () => {},
    sandboxesOf: () => [running('s1')],
    containersOf: () => [running('c1', 'main')],
    all: () => [],
    refresh: async () => {},
    run: async () => {},
  };
  const memory = { usageBytes: 3000, workingSetBytes: 2048, rssBytes: 1000, pageFaults: 1, majorPageFaults: 0 };
  let asked = 0;
  const askEngine = async () => {
    asked += 1;
    return { atMs: clock.now(), cpuNanos: (clock.now() - 0) * 250_000, memory, processes: 2 };
  };
  const stats = createNodeStats({ clock, states, activePods: () => [pod], cgroups: undefined, askEngine });
  return { clock, stats, asked: () => asked };
}

/** The node's own rate needs a second look. */
async function collect({ clock, stats }: ReturnType<typeof aNode>) {
  const collected = stats.collect();
  await clock.advance(1_000);
  return collected;
}

test('what nobody asks about is not read, and two who ask at once share an answer', async () => {
  const node = aNode();
  await node.clock.advance(60_000);
  assert.equal(node.asked(), 0);
  await Promise.all([collect(node), node.stats.collect()]);
  assert.equal(node.asked(), 2);
});

test('the summary tells of node, pod and container, with rates', async () => {
  const summary = renderSummary(await collect(aNode()), { nodeName: 'worker-1', memoryBytes: 10_000, extras: undefined });
  assert.equal(summary.node.nodeName, 'worker-1');
  assert.equal(summary.node.memory.availableBytes, 7952);
  const [told] = summary.pods;
  assert.deepEqual(told?.podRef, { name: 'web', namespace: 'shop', uid: 'u1' });
  assert.equal(told?.containers[0]?.name, 'main');
  assert.equal(told?.containers[0]?.cpu.usageNanoCores, 250_000_000);
  assert.equal(told?.memory.workingSetBytes, 2048);
});

test('metrics have upstream’s names, labels and times', async () => {
  const lines = renderResourceMetrics(await collect(aNode())).split('\n');
  assert.ok(lines.includes('# TYPE container_cpu_usage_seconds_total counter'));
  const of = (name: string) => lines.find((line) => line.startsWith(name))?.replace(/ \d+$/, '');
  assert.match(
    of('container_cpu_usage_seconds_total{') ?? '',
    /^container_cpu_usage_seconds_total\{container="main",namespace="shop",pod="web"\} [\d.]+$/,
  );
  assert.equal(of('pod_memory_working_set_bytes{'), 'pod_memory_working_set_bytes{namespace="shop",pod="web"} 2048');
  assert.ok(lines.includes('resource_scrape_error 0'));
});

test('dashboards find their containers and traffic', async () => {
  const networks = new Map([['u1', [{ name: 'eth0', rxBytes: 10, rxErrors: 0, txBytes: 20, txErrors: 0 }]]]);
  const text = renderContainerMetrics(await collect(aNode()), networks);
  assert.match(text, /container_memory_rss\{container="main",id="\/podu1\/c1",image="web:v1",name="c1",namespace="shop",pod="web"\} 1000/);
  assert.match(
    text,
    /container_network_transmit_bytes_total\{id="\/podu1",image="",interface="eth0",name="",namespace="shop",pod="web"\} 20/,
  );
});

test('interfaces are read as the kernel lists them, without loopback', () => {
  const text = [
    'Inter-|   Receive                                                |  Transmit',
    ' face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed',
    '    lo:     100       1    0    0    0     0          0         0      100       1    0    0    0     0       0          0',
    '  eth0:    1234      10    2    0    0     0          0         0     5678      20    3    0    0     0       0          0',
    '',
  ].join('\n');
  assert.deepEqual(parseInterfaces(text), [{ name: 'eth0', rxBytes: 1234, rxErrors: 2, txBytes: 5678, txErrors: 3 }]);
});

test('a node that declares less than its disk has no more left than that', () => {
  const fs = { capacityBytes: 1000, availableBytes: 900, usedBytes: 100, inodes: 10, inodesFree: 5, inodesUsed: 5 };
  assert.deepEqual(declaredPart(fs, 1000, 0), fs);
  assert.deepEqual(declaredPart(fs, 200, 150), { ...fs, capacityBytes: 200, availableBytes: 50, usedBytes: 150 });
  assert.equal(declaredPart(fs, 200, 250).availableBytes, 0);
});
