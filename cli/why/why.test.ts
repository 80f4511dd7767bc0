/** What `keelson why` says of pods without a node, and of pods that are not ready on theirs. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodes, pods, priorityclasses } from '#api/generated/resources.ts';
import type { ContainerStatus, Event, Pod, PodSpec, PodStatus } from '#api/generated/types.ts';
import type { Draft } from '#api/meta/resource-type.ts';
import { seededRandom } from '#component/random.ts';
import { createCluster } from '../../in-process/create-cluster.ts';
import { defaultConfiguration } from '../../scheduler/configuration/configuration.ts';
import { parseTarget } from '../commands/why.ts';
import { findPodWaits } from './pod-waits.ts';
import { whyPod } from './why-pod.ts';

const configuration = defaultConfiguration();
const cpu = (amount: string) => ({ resources: { requests: { cpu: amount } } });

function aPodDraft(name: string, amount: string, spec: Partial<PodSpec> = {}): Draft<Pod> {
  const containers = [{ name: 'main', image: 'main', ...cpu(amount) }];
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'default' }, spec: { containers, ...spec } };
}

test('a pod that no node will take is explained by node and plugin, all of them', async () => {
  const taints = [{ key: 'dedicated', value: 'db', effect: 'NoSchedule' }];
  await using cluster = await createCluster({
    nodes: [{ name: 'small' }, { name: 'tainted', taints }],
    isFrozen: true,
  });
  const { client, clock } = cluster;
  const why = async (name: string) =>
    (await whyPod({ namespace: 'default', name }, { client, clock, random: seededRandom(1), configuration })).join('\n');
  await client.resource(pods).create(aPodDraft('huge', '100', { nodeSelector: { disk: 'ssd' } }));
  await client.resource(pods).create(aPodDraft('gated', '1', { schedulingGates: [{ name: 'example.com/quota' }] }));
  await client.resource(pods).create(aPodDraft('foreign', '1', { schedulerName: 'volcano' }));
  await clock.advance(1_000);
  const explained = await why('huge');
  assert.match(explained, /^pod default\/huge has no node: 0\/2 nodes are available: /);
  assert.match(explained, /^ {2}small {4}NodeAffinity: node\(s\) didn't match Pod's node affinity\/selector$/m);
  assert.match(explained, /^ {11}NodeResourcesFit: Insufficient cpu$/m);
  assert.match(explained, /^ {2}tainted {2}TaintToleration: node\(s\) had untolerated taint\(s\)$/m);
  assert.match(await why('gated'), /waiting for scheduling gates: \[example.com\/quota\]/);
  assert.match(await why('foreign'), /waits for a scheduler called volcano/);
});

test('it tells who would have to leave, and changes nothing', async () => {
  await using cluster = await createCluster({ nodes: [{ name: 'only', capacity: { cpu: '2' } }], scheduler: false, isFrozen: true });
  const { client, clock } = cluster;
  for (const [name, value] of Object.entries({ low: 1, high: 100 })) {
    await client.resource(priorityclasses).create({ apiVersion: 'scheduling.k8s.io/v1', kind: 'PriorityClass', metadata: { name }, value });
  }
  await client.resource(pods).create(aPodDraft('low', '2', { priorityClassName: 'low', nodeName: 'only' }));
  await client.resource(pods).create(aPodDraft('high', '2', { priorityClassName: 'high' }));
  await clock.advance(1_000);
  const lines = await whyPod({ namespace: 'default', name: 'high' }, { client, clock, random: seededRandom(1), configuration });
  assert.equal(lines.at(-1), 'On only it would fit if these left, which have a lower priority: default/low');
  assert.equal((await client.resource(pods).get({ namespace: 'default', name: 'low' })).metadata.deletionTimestamp, undefined);
});

test('a pod that would fit now says so, and one that runs waits for nothing', async () => {
  await using cluster = await createCluster({ nodes: 1, scheduler: false, isFrozen: true });
  const { client, clock } = cluster;
  const why = (name: string) => whyPod({ namespace: 'default', name }, { client, clock, random: seededRandom(1), configuration });
  const [node] = (await client.resource(nodes).list()).items;
  await client.resource(pods).create(aPodDraft('free', '1'));
  await client.resource(pods).create(aPodDraft('placed', '1', { nodeName: node?.metadata.name ?? '' }));
  await clock.advance(10_000);
  assert.match((await why('free'))[0] ?? '', /one would do now: the scheduler has not looked at it yet/);
  assert.match((await why('placed'))[0] ?? '', /is on node-1 and ready: it waits for nothing/);
});

test('a target is a pod', () => {
  assert.deepEqual([parseTarget('pod/web'), parseTarget('po/web')], ['web', 'web']);
  assert.throws(() => parseTarget('node/web'), /it takes a pod, as pod\/NAME/);
});

function aPlacedPod(status: PodStatus, spec: Partial<PodSpec> = {}): Pod {
  const metadata = { name: 'web', namespace: 'default', uid: 'u', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' };
  const containers = [{ name: 'main', image: 'main', readinessProbe: { httpGet: { path: '/ready', port: 80 } } }];
  return { apiVersion: 'v1', kind: 'Pod', metadata, spec: { nodeName: 'worker-1', containers, ...spec }, status };
}

const aStatus = (changes: Partial<ContainerStatus>): ContainerStatus => ({
  name: 'main',
  image: 'main',
  imageID: '',
  ready: false,
  restartCount: 0,
  ...changes,
});
const started = { startTime: '2026-01-01T00:00:01Z', phase: 'Pending' };
const running = { running: { startedAt: '2026-01-01T00:00:02Z' } };
const warning = (reason: string, message: string): Event => ({
  apiVersion: 'v1',
  kind: 'Event',
  metadata: { name: 'e', namespace: 'default', uid: 'e', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:03Z' },
  involvedObject: { kind: 'Pod', name: 'web' },
  type: 'Warning',
  reason,
  message,
});

const waits: readonly { it: string; pod: Pod; events?: readonly Event[]; wait: string }[] = [
  { it: 'its kubelet', pod: aPlacedPod({ phase: 'Pending' }), wait: 'for the kubelet of worker-1 to take it up' },
  {
    it: 'its volumes',
    pod: aPlacedPod({ ...started, conditions: [{ type: 'PodReadyToStartContainers', status: 'False' }] }),
    events: [warning('FailedMount', 'secret "tls" not found')],
    wait: 'for its volumes and its network: FailedMount: secret "tls" not found',
  },
  {
    it: 'an image',
    pod: aPlacedPod({
      ...started,
      containerStatuses: [aStatus({ state: { waiting: { reason: 'ImagePullBackOff', message: 'no such image' } } })],
    }),
    wait: 'for its container main: ImagePullBackOff: no such image',
  },
  {
    it: 'the end of a back-off, with how it ended before',
    pod: aPlacedPod({
      ...started,
      containerStatuses: [
        aStatus({ state: { waiting: { reason: 'CrashLoopBackOff' } }, lastState: { terminated: { exitCode: 1, reason: 'Error' } } }),
      ],
    }),
    wait: 'for its container main: CrashLoopBackOff; it ended with exit code 1 (Error)',
  },
  {
    it: 'an init container, and nothing after it',
    pod: aPlacedPod(
      { ...started, initContainerStatuses: [aStatus({ name: 'migrate', state: running })] },
      { initContainers: [{ name: 'migrate', image: 'migrate' }] },
    ),
    wait: 'for its init container migrate to end',
  },
  {
    it: 'its readiness probe, with the last thing that was said of it',
    pod: aPlacedPod({ ...started, phase: 'Running', containerStatuses: [aStatus({ started: true, state: running })] }),
    events: [warning('Unhealthy', 'Readiness probe failed: HTTP probe failed with statuscode: 503')],
    wait: 'for its container main to be ready: its readiness probe asks for /ready on port 80',
  },
  {
    it: 'a readiness gate',
    pod: aPlacedPod(
      { ...started, phase: 'Running', containerStatuses: [aStatus({ ready: true, started: true, state: running })] },
      { readinessGates: [{ conditionType: 'example.com/ready' }] },
    ),
    wait: 'for its readiness gate: the condition example.com/ready is not True',
  },
];
for (const { it, pod, events = [], wait } of waits) {
  test(`a pod with a node waits for ${it}`, () => {
    const [first, ...others] = findPodWaits(pod, events);
    assert.equal(first, wait);
    assert.ok(others.every((line) => line.startsWith('last warning: ')));
  });
}
