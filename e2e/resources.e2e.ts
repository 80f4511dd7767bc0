/** What pods use, and what happens when they use too much: metrics, limits, evictions and an autoscaler, on real containers. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aNamespace, api, applyManifest, closeApi, docker, eventually, getJson, type Json, kubectl } from './cluster.ts';

test.after(closeApi);

const IMAGE = 'keelson/keelson:dev';

function aPod(
  name: string,
  script: string,
  more: { resources?: object; volumes?: object[]; volumeMounts?: object[]; labels?: object } = {},
) {
  const { resources = {}, volumes = [], volumeMounts = [], labels = {} } = more;
  const container = { name: 'main', image: IMAGE, command: ['sh', '-c', script], resources, volumeMounts };
  const spec = { restartPolicy: 'Never', terminationGracePeriodSeconds: 0, volumes, containers: [container] };
  return JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata: { name, labels }, spec });
}

const statusOf = async (namespace: string, name: string): Promise<Json> => (await getJson('pod', name, '-n', namespace)).status;
const isRunning = async (namespace: string, name: string) => (await statusOf(namespace, name)).phase === 'Running';

/** Lines of a table without its heading, as words. */
function rows(table: string): readonly (readonly string[])[] {
  const lines = table.trim().split('\n').slice(1);
  return lines.map((line) => line.split(/\s+/));
}

test('kubectl top tells of nodes, pods and containers, chosen and sorted', async (t) => {
  const namespace = await aNamespace(t);
  await applyManifest(namespace, aPod('busy', 'while :; do :; done', { labels: { app: 'busy' }, resources: { limits: { cpu: '200m' } } }));
  await applyManifest(namespace, aPod('quiet', 'sleep infinity'));
  for (const name of ['busy', 'quiet']) await eventually(`${name} runs`, () => isRunning(namespace, name));
  const nodes = rows(await kubectl('top', 'nodes'));
  assert.deepEqual(nodes.map(([name]) => name).sort(), ['control-plane', 'worker-1', 'worker-2']);
  for (const [, cpu, , memory] of nodes) assert.match(`${cpu} ${memory}`, /^\d+m \d+Mi$/);

  const sorted = await eventually('the busy pod is seen to be busy', async () => {
    const found = rows(await kubectl('top', 'pods', '-n', namespace, '--sort-by=cpu'));
    return found.length === 2 && Number.parseInt(found[0]?.[1] ?? '', 10) >= 20 && found;
  });
  assert.deepEqual(
    sorted.map(([name]) => name),
    ['busy', 'quiet'],
  );
  const chosen = rows(await kubectl('top', 'pods', '-n', namespace, '-l', 'app=busy', '--containers'));
  assert.deepEqual(
    chosen.map(([pod, container]) => `${pod}/${container}`),
    ['busy/main'],
  );

  const [node] = nodes;
  const summary = (await api('GET', `/api/v1/nodes/${node?.[0]}/proxy/stats/summary`)).body;
  assert.equal(summary.node.nodeName, node?.[0]);
  assert.ok(summary.node.fs.capacityBytes > summary.node.fs.availableBytes);
  const metrics = (await api('GET', `/api/v1/nodes/${node?.[0]}/proxy/metrics/resource`)).body;
  assert.match(metrics, /^node_cpu_usage_seconds_total [\d.]+ \d+$/m);
});

test('limits are the kernel’s, and a container that runs out of memory is told of as OOMKilled', async (t) => {
  const namespace = await aNamespace(t);
  const resources = { requests: { cpu: '100m', memory: '32Mi' }, limits: { cpu: '500m', memory: '64Mi' } };
  await applyManifest(namespace, aPod('limited', 'sleep infinity', { resources }));
  await applyManifest(namespace, aPod('hungry', 'node -e "const a=[];for(;;)a.push(Buffer.alloc(1e6,1))"', { resources }));
  await eventually('the limited pod runs', () => isRunning(namespace, 'limited'));
  const [id = ''] = (
    await docker(
      'ps',
      '-q',
      '--filter',
      `label=keelson.dev/pod-namespace=${namespace}`,
      '--filter',
      'label=keelson.dev/container-name=main',
    )
  ).split('\n');
  const { HostConfig } = JSON.parse(await docker('inspect', '--format', '{{json .}}', id));
  assert.deepEqual([HostConfig.Memory, HostConfig.CpuShares, HostConfig.CpuQuota], [64 * 2 ** 20, 102, 50_000]);
  assert.match(HostConfig.CgroupParent, /keelson.*burstable.*pod/);

  const ended = await eventually('the hungry pod has ended', async () => {
    const { phase, containerStatuses } = await statusOf(namespace, 'hungry');
    return phase === 'Failed' && containerStatuses[0].state.terminated;
  });
  assert.deepEqual([ended.reason, ended.exitCode], ['OOMKilled', 137]);
});

test('a pod that fills its volume beyond the limit is evicted', async (t) => {
  const namespace = await aNamespace(t);
  const volumes = [{ name: 'cache', emptyDir: { sizeLimit: '2Mi' } }];
  const volumeMounts = [{ name: 'cache', mountPath: '/cache' }];
  await applyManifest(namespace, aPod('greedy', 'head -c 8000000 /dev/zero >/cache/file; sleep infinity', { volumes, volumeMounts }));
  // Disks are measured once a minute.
  const status = await eventually(
    'it is evicted',
    async () => {
      const found = await statusOf(namespace, 'greedy');
      return found.phase === 'Failed' && found;
    },
    150_000,
  );
  assert.equal(status.reason, 'Evicted');
  assert.equal(status.message, 'Usage of EmptyDir volume "cache" exceeds the limit "2Mi". ');
});

test('a resource that somebody advertises on a node can be asked for, and goes with its advertiser', async (t) => {
  const patch = (change: object[]) =>
    kubectl('patch', 'node', 'worker-1', '--subresource=status', '--type=json', '-p', JSON.stringify(change));
  const path = '/status/capacity/example.com~1dongle';
  const allocatable = async () => (await getJson('node', 'worker-1')).status.allocatable['example.com/dongle'];
  await patch([{ op: 'add', path, value: '3' }]);
  t.after(() => patch([{ op: 'remove', path }]).catch(() => ''));
  await eventually('it is allocatable', async () => (await allocatable()) === '3');
  await patch([{ op: 'remove', path }]);
  await eventually('it is gone', async () => (await allocatable()) === undefined);
});

test('an autoscaler gives a Deployment under load more pods, by the metrics that come with the cluster', async (t) => {
  const namespace = await aNamespace(t);
  const labels = { app: 'burner' };
  const resources = { requests: { cpu: '50m' }, limits: { cpu: '200m' } };
  const containers = [{ name: 'main', image: IMAGE, command: ['sh', '-c', 'while :; do :; done'], resources }];
  const template = { metadata: { labels }, spec: { terminationGracePeriodSeconds: 0, containers } };
  const spec = { replicas: 1, selector: { matchLabels: labels }, template };
  await applyManifest(namespace, JSON.stringify({ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'burner' }, spec }));
  await kubectl('rollout', 'status', 'deployment/burner', '-n', namespace, '--timeout=60s');
  await kubectl('autoscale', 'deployment', 'burner', '-n', namespace, '--min=1', '--max=3', '--cpu=50%');
  await eventually('it is scaled up', async () => (await getJson('deployment', 'burner', '-n', namespace)).spec.replicas > 1, 180_000);
  const { status } = await getJson('hpa', 'burner', '-n', namespace);
  assert.ok(status.currentMetrics[0].resource.current.averageUtilization > 50);
  assert.equal(status.conditions.find(({ type }: Json) => type === 'ScalingActive').status, 'True');
});
