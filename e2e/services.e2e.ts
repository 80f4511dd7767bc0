/** The packet's way: node port, cluster IP, name, and the same spread over all replicas. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { request } from 'undici';
import {
  aNamespace,
  applyManifest,
  docker,
  eventually,
  getJson,
  helloManifest,
  kubectl,
  nodeAddresses,
  rolledOut,
  runningContainers,
} from './cluster.ts';

/** Fetches from inside a container, as an app would. */
function fetchInside(container: string, url: string, times: number): Promise<string> {
  const script = `for (let i = 0; i < ${times}; i++) process.stdout.write(await (await fetch('${url}', { headers: { connection: 'close' } })).text())`;
  return docker('exec', container, 'node', '--input-type=module', '-e', script);
}

function answeringPods(text: string): ReadonlySet<string> {
  return new Set([...text.matchAll(/Hello from (\S+)/g)].map((match) => match[1] ?? ''));
}

test('a NodePort answers on every node, and every replica gets its share', async (t) => {
  const namespace = await aNamespace(t);
  await applyManifest(namespace, helloManifest({ replicas: 3 }));
  await rolledOut(namespace, 'hello');
  const service = await getJson('service', 'hello', '-n', namespace);
  const port = service.spec.ports[0].nodePort;
  assert.ok(port >= 30_000 && port <= 32_767);
  for (const [node, address] of await nodeAddresses()) {
    const answers: string[] = [];
    await eventually(`all three replicas answer through ${node}`, async () => {
      const response = await request(`http://${address}:${port}/`, { reset: true });
      answers.push(await response.body.text());
      return answeringPods(answers.join('')).size === 3;
    });
  }
});

test('a pod reaches a Service by its cluster IP and by its name, spread over all replicas', async (t) => {
  const namespace = await aNamespace(t);
  await applyManifest(namespace, helloManifest({ replicas: 3 }));
  await rolledOut(namespace, 'hello');
  const [container = ''] = await runningContainers(namespace);
  const service = await getJson('service', 'hello', '-n', namespace);
  for (const host of [service.spec.clusterIP, 'hello', `hello.${namespace}.svc.cluster.local`]) {
    await eventually(
      `all three replicas answer ${host}`,
      async () => answeringPods(await fetchInside(container, `http://${host}/`, 40)).size === 3,
    );
  }
});

test('a Service without ready endpoints refuses connections at once', async (t) => {
  const namespace = await aNamespace(t);
  await applyManifest(namespace, helloManifest({ replicas: 1 }));
  await rolledOut(namespace, 'hello');
  const [container = ''] = await runningContainers(namespace);
  await applyManifest(
    namespace,
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'nobody' },
      spec: { selector: { app: 'nobody' }, ports: [{ port: 80 }] },
    }),
  );
  const nobody = await getJson('service', 'nobody', '-n', namespace);
  await eventually('the connection is refused', async () => {
    const script = `try { await fetch('http://${nobody.spec.clusterIP}/'); } catch (error) { process.stdout.write(error.cause.code); }`;
    return (await docker('exec', container, 'node', '--input-type=module', '-e', script)) === 'ECONNREFUSED';
  });
});

test('a pod taken out of a Service gets no more connections', async (t) => {
  const namespace = await aNamespace(t);
  await applyManifest(namespace, helloManifest({ replicas: 2 }));
  await rolledOut(namespace, 'hello');
  const pods = await getJson('pods', '-n', namespace);
  const leaving = pods.items[0].metadata.name;
  const staying = pods.items[1];
  const containers = await docker(
    'ps',
    '-q',
    '--filter',
    `label=keelson.dev/pod-uid=${staying.metadata.uid}`,
    '--filter',
    'label=keelson.dev/type=container',
  );
  await kubectl('-n', namespace, 'label', 'pod', leaving, 'app-');
  await rolledOut(namespace, 'hello');
  await eventually('only members answer', async () => {
    const answering = answeringPods(await fetchInside(containers.trim(), 'http://hello/', 20));
    return !answering.has(leaving) && answering.size === 2;
  });
});
