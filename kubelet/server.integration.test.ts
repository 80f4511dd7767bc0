/** The kubelet's HTTPS API over real TLS on the loopback: who may call, what a log request gives, what is refused. */
import 'reflect-metadata';
import assert from 'node:assert/strict';
import { Agent, request as httpsRequest } from 'node:https';
import { before, test } from 'node:test';
import * as x509 from '@peculiar/x509';
import type { Pod } from '#api/generated/types.ts';
import { createFakeClient } from '#client/testing/fake-client.ts';
import { silentLogger } from '#component/logger.ts';
import { Registry } from '#component/metrics.ts';
import { createFakeClock } from '#component/testing/fake-clock.ts';
import type { PodStates } from './pod-states.ts';
import { aContainer, aSandbox } from './runtime/container-runtime.contract.ts';
import { createFakeRuntime } from './runtime/fake-runtime.ts';
import { runKubeletServer } from './server.ts';
import { createKubeletAccess } from './server-access.ts';
import { openLocalDialer } from './testing/local-dialer.ts';
import { noStats } from './testing/no-stats.ts';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const ALLOWED = 'kube-apiserver-kubelet-client';

interface Identity {
  readonly certificate: string;
  readonly key: string;
}

interface Authority {
  readonly certificate: x509.X509Certificate;
  readonly keys: Awaited<ReturnType<typeof makeKeys>>;
}

function makeKeys() {
  return crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
}

async function makeAuthority(): Promise<Authority> {
  const keys = await makeKeys();
  const extensions = [new x509.BasicConstraintsExtension(true)];
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=test-ca',
    keys,
    signingAlgorithm: algorithm,
    extensions,
  });
  return { certificate, keys };
}

async function issue(authority: Authority, name: string): Promise<Identity> {
  const keys = await makeKeys();
  const certificate = await x509.X509CertificateGenerator.create({
    subject: `CN=${name}`,
    issuer: authority.certificate.subject,
    publicKey: keys.publicKey,
    signingKey: authority.keys.privateKey,
    signingAlgorithm: algorithm,
    extensions: [new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: 'localhost' }])],
  });
  const key = Buffer.from(await crypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  return { certificate: certificate.toString('pem'), key: `-----BEGIN PRIVATE KEY-----\n${key}\n-----END PRIVATE KEY-----\n` };
}

let authority: Authority;
let serving: Identity;
let allowed: Identity;
let other: Identity;
/** Its authority is another one. */
let stranger: Identity;

before(async () => {
  authority = await makeAuthority();
  stranger = await issue(await makeAuthority(), ALLOWED);
  [serving, allowed, other] = await Promise.all([issue(authority, 'node'), issue(authority, ALLOWED), issue(authority, 'somebody')]);
});

const pod: Pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'contract', namespace: 'default', uid: 'contract-uid', resourceVersion: '1', creationTimestamp: '' },
  spec: { containers: [{ name: 'web' }, { name: 'late' }] },
};

async function withServer(body: (port: number) => Promise<void>): Promise<void> {
  const clock = createFakeClock();
  const runtime = createFakeRuntime({ clock, images: ['web:v1'], behave: () => ({ output: 'hello\nworld\n' }) });
  const sandboxId = await runtime.createSandbox(aSandbox('web:v1'));
  await runtime.startContainer(sandboxId);
  await runtime.startContainer(await runtime.createContainer(aContainer('web:v1', sandboxId)));
  const states: PodStates = {
    isConnected: () => true,
    whenListed: async () => {},
    sandboxesOf: () => [],
    containersOf: () => runtime.all().filter(({ identity }) => identity.containerName !== undefined),
    all: () => runtime.all(),
    refresh: async () => {},
    run: async () => {},
  };
  const fake = createFakeClient({ clock });
  // The API server lets nobody in.
  const resource: typeof fake.resource = (type) => ({
    ...fake.resource(type),
    create: async (object) => JSON.parse(JSON.stringify({ ...object, status: { allowed: false } })),
  });
  const access = createKubeletAccess({ client: { ...fake, resource }, clock, nodeName: 'worker-1', trustedNames: [ALLOWED] });
  const pods = { pods: () => [pod], findPod: (_namespace: string, name: string) => (name === 'contract' ? pod : undefined) };
  const stop = new AbortController();
  const listening = Promise.withResolvers<number>();
  const options = {
    address: '127.0.0.1',
    port: 0,
    certificate: serving.certificate,
    key: serving.key,
    ca: authority.certificate.toString('pem'),
  };
  const running = runKubeletServer(
    options,
    { pods, states, runtime, access, stats: noStats, openDialer: openLocalDialer, metrics: new Registry(), clock, log: silentLogger },
    stop.signal,
    listening.resolve,
  );
  try {
    await body(await listening.promise);
  } finally {
    stop.abort();
    await running;
  }
}

function get(port: number, path: string, identity: Identity | undefined): Promise<{ readonly code: number; readonly text: string }> {
  const agent = new Agent({
    ca: authority.certificate.toString('pem'),
    ...(identity === undefined ? {} : { cert: identity.certificate, key: identity.key }),
  });
  return new Promise((resolve, reject) => {
    const request = httpsRequest({ host: 'localhost', port, path, agent }, async (response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of response) chunks.push(Buffer.from(chunk));
      agent.destroy();
      resolve({ code: response.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') });
    });
    request.on('error', reject);
    request.end();
  });
}

test('the API server’s certificate may read a log, whole or in part', async () => {
  await withServer(async (port) => {
    assert.deepEqual(await get(port, '/containerLogs/default/contract/web', allowed), { code: 200, text: 'hello\nworld\n' });
    assert.deepEqual(await get(port, '/containerLogs/default/contract/web?limitBytes=3', allowed), { code: 200, text: 'hel' });
    assert.deepEqual(await get(port, '/healthz', allowed), { code: 200, text: 'ok' });
  });
});

test('another certificate is forbidden, and without one nobody is known', async () => {
  await withServer(async (port) => {
    assert.equal((await get(port, '/pods', other)).code, 403);
    assert.equal((await get(port, '/pods', stranger)).code, 401);
    assert.equal((await get(port, '/pods', undefined)).code, 401);
  });
});

test('what is not there is a Status with a reason', async () => {
  await withServer(async (port) => {
    const missing = await get(port, '/containerLogs/default/nobody/web', allowed);
    assert.equal(missing.code, 404);
    assert.match(missing.text, /"message":"pod \\"nobody\\" not found"/);
    assert.equal((await get(port, '/containerLogs/default/contract/web?tailLines=x', allowed)).code, 400);
    assert.equal((await get(port, '/stats/container', allowed)).code, 404);
  });
});
