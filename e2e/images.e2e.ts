/** Images from a real registry: with and without credentials, what is not there, what is the engine's own. Statuses and events are upstream's. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { aNamespace, applyManifest, docker, eventually, getJson, type Json, run } from './cluster.ts';
import { login, startRegistries } from './registry.ts';

function aPod(name: string, image: string, more = ''): string {
  return `
apiVersion: v1
kind: Pod
metadata: { name: ${name} }
spec:
  terminationGracePeriodSeconds: 0
  ${more}
  containers: [{ name: main, image: "${image}", imagePullPolicy: IfNotPresent }]
`;
}

const waitingOf = async (namespace: string, name: string): Promise<Json> =>
  (await getJson('pod', name, '-n', namespace)).status.containerStatuses?.[0]?.state?.waiting;

const messagesOf = async (namespace: string, name: string): Promise<readonly string[]> => {
  const { items } = await getJson('events', '-n', namespace, '--field-selector', `involvedObject.name=${name}`);
  return items.map(({ reason, message }: Json) => `${reason}: ${message}`);
};

const isRunning = async (namespace: string, name: string) => (await getJson('pod', name, '-n', namespace)).status.phase === 'Running';

/** A small image that no engine has seen before; the name is its own, so that tests do not meet. */
async function buildImage(name: string): Promise<void> {
  const dockerfile = `FROM debian:trixie-slim\nLABEL test=${randomBytes(8).toString('hex')}\nCMD ["sleep", "infinity"]\n`;
  const built = await run('docker', ['build', '--quiet', '--tag', name, '-'], dockerfile);
  assert.equal(built.code, 0, built.stderr);
}

test('images come from a registry, for who may have them', async (t) => {
  const namespace = await aNamespace(t);
  const { open, closed } = await startRegistries(t);
  const name = `e2e/${randomBytes(4).toString('hex')}:v1`;
  await buildImage(`${open}/${name}`);
  await docker('push', '--quiet', `${open}/${name}`);
  await docker('image', 'rm', `${open}/${name}`);
  t.after(() => run('docker', ['image', 'rm', `${open}/${name}`, `${closed}/${name}`]));

  await applyManifest(namespace, aPod('open', `${open}/${name}`));
  await eventually('a pod of a pulled image runs', () => isRunning(namespace, 'open'));
  const told = await messagesOf(namespace, 'open');
  assert.ok(told.includes(`Pulling: Pulling image "${open}/${name}"`));
  const pulled = told.find((text) => text.startsWith('Pulled: ')) ?? '';
  const success = `Pulled: Successfully pulled image "${open}/${name}" in `;
  assert.equal(pulled.slice(0, success.length), success);
  assert.match(pulled, /in [\dms.]+ \([\dms.]+ including waiting\)\. Image size: \d+ bytes\.$/);

  await applyManifest(namespace, aPod('denied', `${closed}/${name}`));
  const denied = await eventually('a pull without a password fails', () => waitingOf(namespace, 'denied'));
  assert.match(denied.reason, /^(ErrImagePull|ImagePullBackOff)$/);
  assert.match(denied.message, /no basic auth credentials/);
  const backOff = await eventually('it backs off', async () => {
    const waiting = await waitingOf(namespace, 'denied');
    return waiting?.reason === 'ImagePullBackOff' && waiting;
  });
  assert.ok(backOff.message.startsWith(`Back-off pulling image "${closed}/${name}": ErrImagePull: `), backOff.message);

  const auths = JSON.stringify({ auths: { [closed]: login } });
  const data = Buffer.from(auths).toString('base64');
  await applyManifest(
    namespace,
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'login' },
      type: 'kubernetes.io/dockerconfigjson',
      data: { '.dockerconfigjson': data },
    }),
  );
  await applyManifest(namespace, aPod('allowed', `${closed}/${name}`, 'imagePullSecrets: [{ name: login }]'));
  await eventually('with the password it runs', () => isRunning(namespace, 'allowed'));

  // The image is on the engine by now, but it was pulled with a password that this pod does not have.
  await applyManifest(namespace, aPod('latecomer', `${closed}/${name}`));
  const node = (await getJson('pod', 'allowed', '-n', namespace)).spec.nodeName;
  const late = await eventually('it is scheduled', async () => (await getJson('pod', 'latecomer', '-n', namespace)).spec.nodeName);
  if (late === node) await eventually('who has no password may not use it', () => waitingOf(namespace, 'latecomer'));
});

test('an image that is not there is told of in the registry’s words', async (t) => {
  const namespace = await aNamespace(t);
  const { open } = await startRegistries(t);
  await applyManifest(namespace, aPod('missing', `${open}/nothing/here:v1`));
  const waiting = await eventually('the pull fails', () => waitingOf(namespace, 'missing'));
  assert.match(waiting.message, /manifest for .*nothing\/here:v1 not found: manifest unknown/);
});

test('an image that was just built runs on every node, without a registry', async (t) => {
  const namespace = await aNamespace(t);
  const name = `e2e-built-${randomBytes(4).toString('hex')}:v1`;
  await buildImage(name);
  t.after(() => run('docker', ['image', 'rm', '--force', name]));
  const pods = ['worker-1', 'worker-2'].map((node) => aPod(node, name, `nodeName: ${node}`));
  await applyManifest(namespace, pods.join('---\n'));
  for (const node of ['worker-1', 'worker-2']) await eventually(`it runs on ${node}`, () => isRunning(namespace, node));
  const told = await messagesOf(namespace, 'worker-1');
  assert.ok(told.includes(`Pulled: Container image "${name}" already present on machine and can be accessed by the pod`));
});
