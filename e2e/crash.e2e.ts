/**
 * Any process may die at any time. While a Deployment scales, one process after the other gets SIGKILL and is started again by the engine;
 * the cluster must come to the same state, with no acknowledged write lost, no container started twice, and running pods running on.
 */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { request } from 'undici';
import {
  aNamespace,
  api,
  applyManifest,
  closeApi,
  compose,
  docker,
  eventually,
  getJson,
  helloManifest,
  type Json,
  kubectl,
  nodeAddresses,
  rolledOut,
  runningContainers,
} from './cluster.ts';

after(closeApi);

const nodes = ['control-plane', '1', '2'];
const services = [
  'apiserver',
  'etcd',
  'scheduler',
  'controller-manager',
  ...nodes.flatMap((node) => [`kubelet-${node}`, `kube-proxy-${node}`]),
];

/** SIGKILL from outside, as the kernel's OOM killer would: the engine's restart policy brings the process back. Needs root on the engine's host. */
async function killService(service: string): Promise<void> {
  const id = (await compose('ps', '-q', service)).trim();
  const pid = Number(await docker('inspect', '--format', '{{.State.Pid}}', id));
  process.kill(pid, 'SIGKILL');
}

async function podUids(namespace: string): Promise<readonly string[]> {
  const ids = await runningContainers(namespace);
  if (ids.length === 0) return [];
  const uids = await docker('inspect', '--format', '{{index .Config.Labels "keelson.dev/pod-uid"}}', ...ids);
  return uids.trim().split('\n').sort();
}

async function scale(namespace: string, replicas: number): Promise<void> {
  await eventually('the scale is accepted', async () => {
    const answer = await api('PATCH', `/apis/apps/v1/namespaces/${namespace}/deployments/hello/scale`, {
      body: JSON.stringify({ spec: { replicas } }),
      contentType: 'application/merge-patch+json',
    });
    return answer.statusCode === 200;
  });
}

for (const service of services) {
  test(`the cluster converges when ${service} is killed while a Deployment scales`, async (t) => {
    const namespace = await aNamespace(t);
    await applyManifest(namespace, helloManifest({ replicas: 2 }));
    await rolledOut(namespace, 'hello');
    const before = await podUids(namespace);
    const containersBefore = await runningContainers(namespace);
    await scale(namespace, 5);
    await killService(service);
    await eventually('five pods are ready', async () => {
      const deployment = await getJson('deployment', 'hello', '-n', namespace);
      return deployment.spec.replicas === 5 && deployment.status.readyReplicas === 5 && deployment.status.replicas === 5;
    });
    const after = await podUids(namespace);
    assert.equal(after.length, 5, 'as many containers as replicas');
    assert.equal(new Set(after).size, 5, 'no pod has two containers');
    assert.deepEqual(
      before.filter((uid) => !after.includes(uid)),
      [],
      'the pods that ran before still run',
    );
    const containersAfter = new Set(await runningContainers(namespace));
    assert.deepEqual(
      containersBefore.filter((id) => !containersAfter.has(id)),
      [],
      'in the same containers',
    );
    const pods = await getJson('pods', '-n', namespace);
    assert.deepEqual(
      pods.items.map((pod: Json) => pod.status.containerStatuses[0].restartCount),
      [0, 0, 0, 0, 0],
    );
    assert.equal(new Set(pods.items.map((pod: Json) => pod.status.podIP)).size, 5, 'no address is given twice');
  });
}

test('no acknowledged write is lost when the API server and etcd are killed under load', async (t) => {
  const namespace = await aNamespace(t);
  const acknowledged: string[] = [];
  const writing = { stop: false };
  const writer = (async () => {
    for (let index = 0; !writing.stop; index++) {
      const name = `write-${index}`;
      try {
        const answer = await api('POST', `/api/v1/namespaces/${namespace}/configmaps`, {
          body: JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { index: String(index) } }),
        });
        if (answer.statusCode === 201) acknowledged.push(name);
        else assert.ok(answer.statusCode >= 500 || answer.statusCode === 409, `${answer.statusCode} ${JSON.stringify(answer.body)}`);
      } catch (error) {
        assert.ok(error instanceof Error && !(error instanceof assert.AssertionError), String(error));
      }
    }
  })();
  for (const service of ['apiserver', 'etcd', 'apiserver']) {
    const count = acknowledged.length;
    await eventually('writes are acknowledged', async () => acknowledged.length > count + 20);
    await killService(service);
  }
  const count = acknowledged.length;
  await eventually('writes are acknowledged again', async () => acknowledged.length > count + 20);
  writing.stop = true;
  await writer;
  const stored = new Set((await getJson('configmaps', '-n', namespace)).items.map((item: Json) => item.metadata.name));
  assert.deepEqual(
    acknowledged.filter((name) => !stored.has(name)),
    [],
  );
});

test('while etcd is away requests fail with a 5xx that says why, and a watch goes on without a gap afterwards', async (t) => {
  const namespace = await aNamespace(t);
  await compose('stop', '--timeout=1', 'etcd');
  t.after(() => compose('start', 'etcd'));
  const refused = await eventually('a write is refused', async () => {
    const answer = await api('POST', `/api/v1/namespaces/${namespace}/configmaps`, {
      body: JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'during' } }),
    });
    return answer.statusCode >= 500 && answer;
  });
  assert.equal(refused.body.kind, 'Status');
  assert.match(refused.body.reason, /ServiceUnavailable|Timeout|InternalError/);
  await compose('start', 'etcd');
  await eventually('a write succeeds again', async () => {
    const answer = await api('POST', `/api/v1/namespaces/${namespace}/configmaps`, {
      body: JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'after' } }),
    });
    return answer.statusCode === 201;
  });
  await applyManifest(namespace, helloManifest({ replicas: 1 }));
  await rolledOut(namespace, 'hello');
});

test('deleting a node’s kubelet for a while leaves its pods running', async (t) => {
  const namespace = await aNamespace(t);
  await applyManifest(namespace, helloManifest({ replicas: 2 }));
  await rolledOut(namespace, 'hello');
  const before = await runningContainers(namespace);
  await compose('stop', '--timeout=5', 'kubelet-1');
  assert.deepEqual(await runningContainers(namespace), before);
  await compose('start', 'kubelet-1');
  await kubectl('wait', '--for=condition=Ready', 'node/worker-1', '--timeout=60s');
  await rolledOut(namespace, 'hello');
  assert.deepEqual([...(await runningContainers(namespace))].sort(), [...before].sort());
});

for (const node of ['worker-1', 'control-plane']) {
  test(`when the container of ${node} restarts, everything on that node joins its new network`, async (t) => {
    const namespace = await aNamespace(t);
    await applyManifest(namespace, helloManifest({ replicas: 2 }));
    await rolledOut(namespace, 'hello');
    const service = await getJson('service', 'hello', '-n', namespace);
    await compose('restart', '--timeout=1', node);
    await eventually('the API answers and both pods are ready', async () => {
      const deployment = await getJson('deployment', 'hello', '-n', namespace);
      return deployment.status.readyReplicas === 2;
    });
    for (const [name, address] of await nodeAddresses()) {
      await eventually(`the Service answers through ${name}`, async () => {
        const response = await request(`http://${address}:${service.spec.ports[0].nodePort}/`, { reset: true, headersTimeout: 2_000 });
        return (await response.body.text()).startsWith('Hello from');
      });
    }
  });
}
