/** envtest's way of starting a control plane, step by step (controller-runtime, pkg/internal/testing), with what it finds in `bin/envtest`. */
import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { CoreV1Api, KubeConfig } from '@kubernetes/client-node';
import { Agent, type Dispatcher, request } from 'undici';
import { generateKeyPem, issueAuthority, issueCertificate } from '../../bootstrap/issue-certificate.ts';
import { apiServerFlags, parseFlags } from '../../in-process/flagged-api-server.ts';

const assets = join(import.meta.dirname, '../../bin/envtest');
const validity = { nowMs: Date.now(), lifetimeMs: 3_600_000 };
const START_MS_MAX = 60_000;

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  await once(server.close(), 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** As envtest: until it answers 200, which nobody may take long for. */
async function startUntilHealthy(t: TestContext, name: string, args: readonly string[], url: string): Promise<ChildProcess> {
  const child = spawn(join(assets, name), args, { stdio: ['ignore', 'inherit', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  const agent: Dispatcher = new Agent({ connect: { rejectUnauthorized: false } });
  const deadline = Date.now() + START_MS_MAX;
  for (;;) {
    const answer = await request(url, { dispatcher: agent }).catch(() => undefined);
    await answer?.body.dump();
    if (answer?.statusCode === 200) break;
    assert.equal(child.exitCode, null, `${name} ended`);
    assert.ok(Date.now() < deadline, `${name} does not become healthy`);
    await delay(100);
  }
  await agent.close();
  return child;
}

async function stop(child: ChildProcess): Promise<number | null> {
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  await exited;
  return child.exitCode;
}

test('envtest starts etcd and kube-apiserver, is administrator by its own certificate, and stops them', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'k8s_test_framework_'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = (name: string, content: string) => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };
  const [serverCa, clientCa] = await Promise.all([issueAuthority('envtest', validity), issueAuthority('envtest-clients', validity)]);
  const identity = { directory: '', name: '', authority: 'ca' } as const;
  const serving = await issueCertificate(
    { ...identity, commonName: 'localhost', usage: 'server', serverNames: ['localhost', '127.0.0.1'] },
    serverCa,
    validity,
  );
  const admin = await issueCertificate(
    { ...identity, commonName: 'admin', organization: 'system:masters', usage: 'client' },
    clientCa,
    validity,
  );
  file('apiserver.crt', serving.certificatePem);
  file('apiserver.key', serving.keyPem);
  const [etcdPort, port] = [await freePort(), await freePort()];
  const url = `https://127.0.0.1:${port}`;
  const etcdUrl = `http://127.0.0.1:${etcdPort}`;
  const etcd = await startUntilHealthy(
    t,
    'etcd',
    [
      `--advertise-client-urls=${etcdUrl}`,
      `--data-dir=${folder}`,
      `--listen-client-urls=${etcdUrl}`,
      '--listen-peer-urls=http://127.0.0.1:0',
    ],
    `${etcdUrl}/health`,
  );
  const { stdout: help } = await promisify(execFile)(join(assets, 'kube-apiserver'), ['--help']);
  assert.doesNotMatch(help, /^\s*--insecure-port\b/m);
  const server = await startUntilHealthy(
    t,
    'kube-apiserver',
    [
      '--allow-privileged=true',
      '--authorization-mode=RBAC',
      '--bind-address=127.0.0.1',
      `--cert-dir=${folder}`,
      `--client-ca-file=${file('client-cert-auth-ca.crt', clientCa.certificatePem)}`,
      '--disable-admission-plugins=ServiceAccount',
      `--etcd-servers=${etcdUrl}`,
      `--secure-port=${port}`,
      `--service-account-issuer=${url}/`,
      `--service-account-key-file=${join(folder, 'sa-signer.crt')}`,
      `--service-account-signing-key-file=${file('sa-signer.key', await generateKeyPem())}`,
      '--service-cluster-ip-range=10.0.0.0/24',
    ],
    `${url}/healthz`,
  );
  const config = new KubeConfig();
  config.loadFromOptions({
    clusters: [{ name: 'envtest', server: url, caData: Buffer.from(serverCa.certificatePem).toString('base64') }],
    users: [
      {
        name: 'admin',
        certData: Buffer.from(admin.certificatePem).toString('base64'),
        keyData: Buffer.from(admin.keyPem).toString('base64'),
      },
    ],
    contexts: [{ name: 'envtest', cluster: 'envtest', user: 'admin' }],
    currentContext: 'envtest',
  });
  // No controller makes the account, so without the disabled plugin this would be refused.
  const body = { metadata: { name: 'pod' }, spec: { containers: [{ name: 'app', image: 'app' }] } };
  const created = await config.makeApiClient(CoreV1Api).createNamespacedPod({ namespace: 'default', body });
  assert.equal(created.status?.phase, 'Pending');
  assert.deepEqual([await stop(server), await stop(etcd)], [0, 0]);
});

test('a flag that Keelson does not have is refused by name', () => {
  assert.throws(
    () => parseFlags(['--secure-port=1', '--runtime-config=a/b=true'], apiServerFlags),
    /has no --runtime-config=a\/b=true; it has --advertise-address/,
  );
});

test('flags are written with an equals sign, with a space, or alone', () => {
  assert.deepEqual(
    [...parseFlags(['--secure-port=6443', '--bind-address', '::1', '--allow-privileged'], apiServerFlags)],
    [
      ['secure-port', '6443'],
      ['bind-address', '::1'],
      ['allow-privileged', 'true'],
    ],
  );
});
