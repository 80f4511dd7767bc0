/** Certificates as they land on the volumes: who may read what, what a second run does, and what one does after a crash. */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { parse } from 'yaml';
import { silentLogger } from '#component/logger.ts';
import { createFakeClock } from '#component/testing/fake-clock.ts';
import { applyCertificates } from './certificates.ts';
import { identities } from './identities.ts';

const NOW_MS = Date.UTC(2026, 5, 1);
const DAY_MS = 24 * 60 * 60 * 1000;

/** The volumes' mount points, in a folder that goes away with the test. */
function aRoot(t: TestContext): string {
  const root = mkdtempSync(join(tmpdir(), 'keelson-pki-'));
  t.after(() => rmSync(root, { recursive: true }));
  for (const directory of new Set(['authorities', ...identities.map((identity) => identity.directory)])) mkdirSync(join(root, directory));
  return root;
}

function apply(root: string, nowMs = NOW_MS): Promise<readonly string[]> {
  const hostOwner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  return applyCertificates({ root, server: 'https://127.0.0.1:6443', hostOwner, clock: createFakeClock(nowMs), log: silentLogger });
}

function readCertificate(root: string, name: string): X509Certificate {
  return new X509Certificate(readFileSync(join(root, `${name}.crt`)));
}

test('a first run makes every identity, a second none', async (t) => {
  const root = aRoot(t);
  assert.equal((await apply(root)).length, identities.length);
  assert.deepEqual(await apply(root), []);
});

test('the API server’s certificate names what clients call it', async (t) => {
  const root = aRoot(t);
  await apply(root);
  const certificate = readCertificate(root, 'apiserver/server');
  for (const name of ['kubernetes.default.svc', 'control-plane', 'localhost']) assert.equal(certificate.checkHost(name), name);
  for (const address of ['127.0.0.1', '10.96.0.1']) assert.equal(certificate.checkIP(address), address);
  assert.equal(certificate.ca, false);
});

test('a kubelet is a node of the group of nodes', async (t) => {
  const root = aRoot(t);
  await apply(root);
  const certificate = readCertificate(root, 'kubelet-worker-1/tls');
  assert.equal(certificate.subject, 'O=system:nodes\nCN=system:node:worker-1');
  assert.deepEqual(certificate.keyUsage, ['1.3.6.1.5.5.7.3.2']);
});

test('only the API server is known to etcd’s authority', async (t) => {
  const root = aRoot(t);
  await apply(root);
  const authority = new X509Certificate(readFileSync(join(root, 'etcd/ca.crt')));
  const clients = identities.filter(({ usage }) => usage === 'client').map(({ directory, name }) => `${directory}/${name}`);
  const known = clients.filter((name) => readCertificate(root, name).verify(authority.publicKey));
  assert.deepEqual(known, ['apiserver/etcd']);
});

test('keys and the user’s files are for their owner alone', async (t) => {
  const root = aRoot(t);
  await apply(root);
  const privateFiles = ['apiserver/server.key', 'apiserver/sa.key', 'host/kubeconfig', 'host/admin.key', 'host/admin.crt', 'host/ca.crt'];
  for (const name of privateFiles) assert.equal(statSync(join(root, name)).mode & 0o777, 0o600, name);
});

test('the kubeconfig holds all that a client needs', async (t) => {
  const root = aRoot(t);
  await apply(root);
  const kubeconfig = parse(readFileSync(join(root, 'host/kubeconfig'), 'utf8'));
  assert.equal(kubeconfig['current-context'], 'keelson');
  assert.equal(kubeconfig.clusters[0].cluster.server, 'https://127.0.0.1:6443');
  const embedded = Buffer.from(kubeconfig.users[0].user['client-certificate-data'], 'base64').toString();
  assert.equal(embedded, readFileSync(join(root, 'host/admin.crt'), 'utf8'));
});

test('after two thirds of a year certificates are renewed under the same authority', async (t) => {
  const root = aRoot(t);
  await apply(root);
  const authority = readFileSync(join(root, 'host/ca.crt'), 'utf8');
  const made = await apply(root, NOW_MS + 250 * DAY_MS);
  assert.equal(made.length, identities.length);
  assert.equal(readFileSync(join(root, 'host/ca.crt'), 'utf8'), authority);
});

test('an authority near its end is renewed with its key, and what it signed stays', async (t) => {
  const root = aRoot(t);
  await apply(root);
  const laterMs = NOW_MS + 2500 * DAY_MS;
  await apply(root, laterMs);
  assert.deepEqual(await apply(root, laterMs), []);
  const authority = readCertificate(root, 'authorities/ca');
  assert.ok(authority.validToDate.getTime() > laterMs + 3000 * DAY_MS);
  assert.ok(readCertificate(root, 'host/admin').verify(authority.publicKey));
});

for (const broken of ['host/admin.crt', 'scheduler/tls.key', 'authorities/ca.crt', 'authorities/etcd-ca.key']) {
  test(`a run after ${broken} was lost or cut short leaves a whole set`, async (t) => {
    const root = aRoot(t);
    await apply(root);
    truncateSync(join(root, broken), 20);
    assert.notEqual((await apply(root)).length, 0);
    assert.deepEqual(await apply(root), []);
    rmSync(join(root, broken));
    assert.notEqual((await apply(root)).length, 0);
    assert.deepEqual(await apply(root), []);
    for (const { directory, name, authority } of identities) {
      const signer = readCertificate(root, `authorities/${authority}`);
      assert.ok(readCertificate(root, `${directory}/${name}`).verify(signer.publicKey), `${directory}/${name}`);
    }
  });
}
