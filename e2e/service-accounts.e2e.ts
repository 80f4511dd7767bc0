/** Programs in pods and the API: what they find in their container, whom the server takes them for, what they may do, and when that ends. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { Agent, request } from 'undici';
import {
  aNamespace,
  api,
  applyManifest,
  closeApi,
  docker,
  eventually,
  getJson,
  helloManifest,
  type Json,
  kubeconfigPath,
  kubectl,
  rolledOut,
  runningContainers,
} from './cluster.ts';

after(closeApi);

const MOUNT_PATH = '/var/run/secrets/kubernetes.io/serviceaccount';

/** Asks as every in-cluster client does: by the name of the Service, with the mounted token, trusting the mounted authority. */
async function askFrom(container: string, path: string): Promise<{ statusCode: number; body: Json }> {
  const script = `
    import { readFileSync } from 'node:fs';
    const token = readFileSync('${MOUNT_PATH}/token', 'utf8');
    const response = await fetch('https://kubernetes.default.svc${path}', { headers: { authorization: 'Bearer ' + token } });
    process.stdout.write(JSON.stringify({ statusCode: response.status, body: await response.json() }));
  `;
  const trust = `NODE_EXTRA_CA_CERTS=${MOUNT_PATH}/ca.crt`;
  return JSON.parse(await docker('exec', '-e', trust, container, 'node', '--input-type=module', '-e', script));
}

/** The same from outside, with a token carried out of its pod. */
async function statusWith(token: string): Promise<number> {
  const dispatcher = new Agent({ connect: { ca: readFileSync(join(dirname(kubeconfigPath), 'ca.crt'), 'utf8') } });
  const headers = { authorization: `Bearer ${token}` };
  const { statusCode, body } = await request('https://127.0.0.1:6443/version', { dispatcher, headers });
  await body.dump();
  await dispatcher.close();
  return statusCode;
}

/** A running pod of the hello app: its name and its container. */
async function aRunningPod(namespace: string): Promise<{ name: string; container: string }> {
  await applyManifest(namespace, helloManifest({ replicas: 1 }));
  await rolledOut(namespace, 'hello');
  const pods = await getJson('pods', '-n', namespace);
  const [container = ''] = await runningContainers(namespace);
  return { name: pods.items[0].metadata.name, container };
}

test('a pod reads itself through the API once RBAC lets it, and nothing else', async (t) => {
  const namespace = await aNamespace(t);
  const { name, container } = await aRunningPod(namespace);
  const own = `/api/v1/namespaces/${namespace}/pods/${name}`;
  const refused = await askFrom(container, own);
  assert.equal(refused.statusCode, 403);
  const message = `pods "${name}" is forbidden: User "system:serviceaccount:${namespace}:default" cannot get resource "pods" in API group "" in the namespace "${namespace}"`;
  assert.equal(refused.body.message, message);
  await applyManifest(
    namespace,
    `
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: { name: pod-reader }
rules: [{ apiGroups: [""], resources: [pods], verbs: [get] }]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: { name: pod-reader }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: Role, name: pod-reader }
subjects: [{ kind: ServiceAccount, name: default, namespace: ${namespace} }]
`,
  );
  const granted = await eventually('the role is in force', async () => {
    const answer = await askFrom(container, own);
    return answer.statusCode === 200 && answer;
  });
  assert.equal(granted.body.metadata.name, name);
  assert.equal((await askFrom(container, `/api/v1/namespaces/${namespace}/secrets`)).statusCode, 403);
  assert.equal((await askFrom(container, '/api/v1/namespaces/kube-system/pods')).statusCode, 403);
});

test('a container finds its namespace, the authority and the address of the API server', async (t) => {
  const namespace = await aNamespace(t);
  const { container } = await aRunningPod(namespace);
  assert.equal(await docker('exec', container, 'cat', `${MOUNT_PATH}/namespace`), namespace);
  const published = await getJson('configmap', 'kube-root-ca.crt', '-n', namespace);
  assert.equal(await docker('exec', container, 'cat', `${MOUNT_PATH}/ca.crt`), published.data['ca.crt']);
  const environment = await docker('exec', container, 'env');
  assert.match(environment, /^KUBERNETES_SERVICE_HOST=10\.96\.0\.1$/m);
  assert.match(environment, /^KUBERNETES_SERVICE_PORT=443$/m);
});

test('a token ends with its pod', async (t) => {
  const namespace = await aNamespace(t);
  const { name, container } = await aRunningPod(namespace);
  const token = await docker('exec', container, 'cat', `${MOUNT_PATH}/token`);
  assert.equal(await statusWith(token), 200);
  await kubectl('-n', namespace, 'delete', 'pod', name, '--wait=true');
  await eventually('the token is refused', async () => (await statusWith(token)) === 401);
});

test('a pod that wants no token has none, and one of an unknown account is refused', async (t) => {
  const namespace = await aNamespace(t);
  const post = (metadata: object, spec: object) =>
    api('POST', `/api/v1/namespaces/${namespace}/pods`, {
      body: JSON.stringify({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata,
        spec: { containers: [{ name: 'main', image: 'keelson/hello:v1' }], terminationGracePeriodSeconds: 1, ...spec },
      }),
    });
  const refused = await post({ name: 'lost' }, { serviceAccountName: 'nobody' });
  const message = `pods "lost" is forbidden: error looking up service account ${namespace}/nobody: serviceaccount "nobody" not found`;
  assert.deepEqual([refused.statusCode, refused.body.message], [403, message]);
  const created = await post({ name: 'plain' }, { automountServiceAccountToken: false });
  assert.deepEqual([created.statusCode, created.body.spec.volumes], [201, undefined]);
});

test('the default account and the authority come back when somebody deletes them', async (t) => {
  const namespace = await aNamespace(t);
  for (const [kind, name] of [
    ['serviceaccount', 'default'],
    ['configmap', 'kube-root-ca.crt'],
  ] as const) {
    const before = await eventually(`${kind}/${name} is there`, () => getJson(kind, name, '-n', namespace));
    await kubectl('-n', namespace, 'delete', kind, name);
    await eventually(`${kind}/${name} is back`, async () => {
      const found = await getJson(kind, name, '-n', namespace);
      return found.metadata.uid !== before.metadata.uid;
    });
  }
});
