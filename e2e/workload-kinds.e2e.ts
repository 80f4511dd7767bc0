/** The other workloads as their user sees them, on real containers: one pod a node, pods with names of their own, pods that come to an end. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aNamespace, applyManifest, eventually, getJson, type Json, kubectl, runningContainers } from './cluster.ts';

const container = (command?: readonly string[]) => ({
  name: 'main',
  image: 'keelson/hello:v1',
  ...(command === undefined ? {} : { command }),
});

function aWorkload(kind: 'DaemonSet' | 'StatefulSet', spec: object): string {
  const labels = { app: 'web' };
  const template = { metadata: { labels }, spec: { terminationGracePeriodSeconds: 1, containers: [container()] } };
  return JSON.stringify({
    apiVersion: 'apps/v1',
    kind,
    metadata: { name: 'web' },
    spec: { selector: { matchLabels: labels }, template, ...spec },
  });
}

function aJob(name: string, command: string, spec: object): string {
  const template = { spec: { restartPolicy: 'Never', containers: [container(['node', '-e', command])] } };
  return JSON.stringify({ apiVersion: 'batch/v1', kind: 'Job', metadata: { name }, spec: { template, ...spec } });
}

async function podNames(namespace: string): Promise<readonly string[]> {
  return (await getJson('pods', '-n', namespace)).items.map((pod: Json) => pod.metadata.name).sort();
}

test('a DaemonSet runs one pod on each node that has no taint against it, and replaces them', async (t) => {
  const namespace = await aNamespace(t);
  await applyManifest(namespace, aWorkload('DaemonSet', {}));
  await kubectl('-n', namespace, 'rollout', 'status', 'daemonset/web', '--timeout=60s');
  const pods = await getJson('pods', '-n', namespace);
  assert.deepEqual(pods.items.map((pod: Json) => pod.spec.nodeName).sort(), ['worker-1', 'worker-2']);
  await kubectl('-n', namespace, 'set', 'image', 'daemonset/web', 'main=keelson/hello:v2');
  await kubectl('-n', namespace, 'rollout', 'status', 'daemonset/web', '--timeout=60s');
  const replaced = await getJson('pods', '-n', namespace);
  const images = replaced.items.filter((pod: Json) => !pod.metadata.deletionTimestamp).map((pod: Json) => pod.spec.containers[0].image);
  assert.deepEqual(images, ['keelson/hello:v2', 'keelson/hello:v2']);
});

test('a StatefulSet’s pods keep their names, come in order and go in the opposite order', async (t) => {
  const namespace = await aNamespace(t);
  await applyManifest(namespace, aWorkload('StatefulSet', { serviceName: 'web', replicas: 2 }));
  await kubectl('-n', namespace, 'rollout', 'status', 'statefulset/web', '--timeout=60s');
  const [first, second] = (await getJson('pods', '-n', namespace)).items;
  assert.deepEqual([first.metadata.name, second.metadata.name], ['web-0', 'web-1']);
  assert.ok(first.metadata.creationTimestamp <= second.metadata.creationTimestamp);
  await kubectl('-n', namespace, 'delete', 'pod', 'web-0');
  await eventually('web-0 is there again, as another pod', async () => {
    const again = await getJson('pod', 'web-0', '-n', namespace);
    return again.metadata.uid !== first.metadata.uid && again.status.phase === 'Running';
  });
  await kubectl('-n', namespace, 'scale', 'statefulset/web', '--replicas=1');
  await eventually('only web-0 is left', async () => (await podNames(namespace)).join() === 'web-0');
});

test('a Job runs its pods to completion, and one that cannot succeed fails after its retries', async (t) => {
  const namespace = await aNamespace(t);
  await applyManifest(namespace, aJob('works', "console.log('done')", { completions: 3, parallelism: 2 }));
  await applyManifest(namespace, aJob('fails', 'process.exit(1)', { backoffLimit: 0 }));
  await kubectl('-n', namespace, 'wait', '--for=condition=Complete', 'job/works', '--timeout=60s');
  assert.equal((await getJson('job', 'works', '-n', namespace)).status.succeeded, 3);
  assert.match(await kubectl('-n', namespace, 'logs', 'job/works'), /done/);
  await kubectl('-n', namespace, 'wait', '--for=condition=Failed', 'job/fails', '--timeout=60s');
  const failed = await getJson('job', 'fails', '-n', namespace);
  assert.equal(failed.status.conditions.find((condition: Json) => condition.type === 'Failed').reason, 'BackoffLimitExceeded');
  assert.deepEqual(await runningContainers(namespace), []);
});
