/** A Deployment's life as its user sees it, checked against the containers that really run. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  aNamespace,
  applyManifest,
  docker,
  eventually,
  getJson,
  helloManifest,
  type Json,
  kubectl,
  rolledOut,
  runningContainers,
} from './cluster.ts';

async function podsOf(namespace: string): Promise<readonly Json[]> {
  const pods = await getJson('pods', '-n', namespace);
  return pods.items.filter((pod: Json) => pod.metadata.deletionTimestamp === undefined);
}

async function imagesOf(namespace: string): Promise<readonly string[]> {
  const ids = await runningContainers(namespace);
  if (ids.length === 0) return [];
  const images = await docker('inspect', '--format', '{{.Config.Image}}', ...ids);
  return images.trim().split('\n').sort();
}

test('kubectl apply starts one container per replica, spread over the workers', async (t) => {
  const namespace = await aNamespace(t);
  await applyManifest(namespace, helloManifest({ replicas: 3 }));
  await rolledOut(namespace, 'hello');
  assert.equal((await runningContainers(namespace)).length, 3);
  const pods = await podsOf(namespace);
  assert.deepEqual([...new Set(pods.map((pod) => pod.spec.nodeName))].sort(), ['worker-1', 'worker-2']);
  assert.equal(new Set(pods.map((pod) => pod.status.podIP)).size, 3);
  const wide = await kubectl('get', 'pods', '-n', namespace, '-o', 'wide');
  assert.match(wide, /^NAME\s+READY\s+STATUS\s+RESTARTS\s+AGE\s+IP\s+NODE\s+NOMINATED NODE\s+READINESS GATES\n/);
  assert.match(wide, /hello-\S+\s+1\/1\s+Running\s+0/);
  assert.match(
    await kubectl('get', 'deployment', 'hello', '-n', namespace),
    /NAME\s+READY\s+UP-TO-DATE\s+AVAILABLE\s+AGE\nhello\s+3\/3\s+3\s+3\s/,
  );
});

test('a deleted pod is replaced by a new one', async (t) => {
  const namespace = await aNamespace(t);
  await applyManifest(namespace, helloManifest({ replicas: 2 }));
  await rolledOut(namespace, 'hello');
  const [victim] = await podsOf(namespace);
  const before = new Set(await runningContainers(namespace));
  await kubectl('delete', 'pod', victim.metadata.name, '-n', namespace);
  await eventually('two containers run again, one of them new', async () => {
    const now = await runningContainers(namespace);
    return now.length === 2 && now.filter((id) => !before.has(id)).length === 1;
  });
  const names = (await podsOf(namespace)).map((pod) => pod.metadata.name);
  assert.equal(names.includes(victim.metadata.name), false);
});

test('a killed container is started again in the same pod, and the pod counts it', async (t) => {
  const namespace = await aNamespace(t);
  await applyManifest(namespace, helloManifest({ replicas: 1 }));
  await rolledOut(namespace, 'hello');
  const [pod] = await podsOf(namespace);
  const [container = ''] = await runningContainers(namespace);
  await docker('kill', container);
  await eventually('the pod is ready again after one restart', async () => {
    const [now] = await podsOf(namespace);
    const status = now?.status.containerStatuses[0];
    return now?.metadata.uid === pod.metadata.uid && status.restartCount === 1 && status.ready;
  });
  const [now] = await podsOf(namespace);
  assert.equal(now.status.containerStatuses[0].lastState.terminated.exitCode, 137);
  assert.equal(now.status.podIP, pod.status.podIP);
});

test('scaling up and down starts and stops containers', async (t) => {
  const namespace = await aNamespace(t);
  await applyManifest(namespace, helloManifest({ replicas: 1 }));
  await rolledOut(namespace, 'hello');
  await kubectl('scale', 'deployment/hello', '--replicas=4', '-n', namespace);
  await eventually('four containers run', async () => (await runningContainers(namespace)).length === 4);
  await rolledOut(namespace, 'hello');
  await kubectl('scale', 'deployment/hello', '--replicas=0', '-n', namespace);
  await eventually('no container runs', async () => (await runningContainers(namespace)).length === 0);
  await eventually('no pod is left', async () => (await getJson('pods', '-n', namespace)).items.length === 0);
});

test('a rolling update replaces every container without an interruption, and an undo brings the old ones back', async (t) => {
  const namespace = await aNamespace(t);
  await applyManifest(namespace, helloManifest({ replicas: 3 }));
  await rolledOut(namespace, 'hello');
  const watch = { stop: false, fewest: Number.POSITIVE_INFINITY };
  const watching = (async () => {
    while (!watch.stop) {
      const deployment = await getJson('deployment', 'hello', '-n', namespace);
      watch.fewest = Math.min(watch.fewest, deployment.status.availableReplicas ?? 0);
    }
  })();
  await kubectl('set', 'image', 'deployment/hello', 'hello=keelson/hello:v2', '-n', namespace);
  await rolledOut(namespace, 'hello');
  watch.stop = true;
  await watching;
  assert.ok(watch.fewest >= 3, `maxUnavailable 25 % of 3 rounds down to none; saw ${watch.fewest} available`);
  await eventually('only v2 runs', async () => (await imagesOf(namespace)).join() === Array(3).fill('keelson/hello:v2').join());
  assert.match(await kubectl('rollout', 'history', 'deployment/hello', '-n', namespace), /\n1 .*\n2 /);
  await kubectl('rollout', 'undo', 'deployment/hello', '-n', namespace);
  await rolledOut(namespace, 'hello');
  await eventually('only v1 runs', async () => (await imagesOf(namespace)).join() === Array(3).fill('keelson/hello:v1').join());
  const replicaSets = await getJson('replicasets', '-n', namespace);
  assert.equal(replicaSets.items.length, 2, 'the undo takes the old ReplicaSet again');
});

test('logs, events and describe tell what happened', async (t) => {
  const namespace = await aNamespace(t);
  await applyManifest(namespace, helloManifest({ replicas: 1 }));
  await rolledOut(namespace, 'hello');
  const [pod] = await podsOf(namespace);
  const name = pod.metadata.name;
  assert.match(await kubectl('logs', name, '-n', namespace), /listens on port/);
  assert.match(await kubectl('logs', name, '-n', namespace, '--timestamps', '--tail=1'), /^\d{4}-\d\d-\d\dT\S+Z /);
  const events = await kubectl('get', 'events', '-n', namespace);
  for (const reason of ['ScalingReplicaSet', 'SuccessfulCreate', 'Scheduled', 'Pulled', 'Created', 'Started'])
    assert.match(events, new RegExp(reason));
  const described = await kubectl('describe', 'pod', name, '-n', namespace);
  assert.match(described, /Status:\s+Running/);
  assert.match(described, /Controlled By:\s+ReplicaSet\/hello-/);
  assert.match(described, /Successfully assigned \S+ to worker-\d/);
  assert.match(
    await kubectl('describe', 'deployment', 'hello', '-n', namespace),
    /3? ?.*RollingUpdateStrategy:\s+25% max unavailable, 25% max surge/s,
  );
});

test('deleting a Deployment deletes what it owns', async (t) => {
  const namespace = await aNamespace(t);
  await applyManifest(namespace, helloManifest({ replicas: 2 }));
  await rolledOut(namespace, 'hello');
  await kubectl('delete', 'deployment', 'hello', '-n', namespace);
  await eventually('no container runs', async () => (await runningContainers(namespace)).length === 0);
  await eventually('no ReplicaSet and no pod is left', async () => (await getJson('pods,replicasets', '-n', namespace)).items.length === 0);
});

test('a pod whose image cannot be had says so, and one whose command fails backs off', async (t) => {
  const namespace = await aNamespace(t);
  await kubectl('run', 'absent', '--image=keelson.invalid/absent:v1', '-n', namespace);
  await kubectl('run', 'failing', '--image=keelson/hello:v1', '-n', namespace, '--command', '--', 'sh', '-c', 'exit 3');
  const waitingReason = (pod: Json) => pod.status.containerStatuses?.[0]?.state?.waiting?.reason;
  await eventually('the image is reported', async () =>
    /^(ErrImagePull|ImagePullBackOff)$/.test(waitingReason(await getJson('pod', 'absent', '-n', namespace))),
  );
  const failing = await eventually('the crash loop is reported', async () => {
    const pod = await getJson('pod', 'failing', '-n', namespace);
    return waitingReason(pod) === 'CrashLoopBackOff' && pod;
  });
  assert.equal(failing.status.containerStatuses[0].lastState.terminated.exitCode, 3);
  assert.ok(failing.status.containerStatuses[0].restartCount >= 1);
});
