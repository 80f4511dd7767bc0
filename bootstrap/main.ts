/**
 * What happens once per start of the cluster, as three compose services: `certificates` makes them and the kubeconfig, before anything
 * else runs; `addons` applies the cluster's own workloads as soon as the API server is there; `revive` completes what the engine started
 * only in part. Each loads only what it needs: the first is on the way of every start.
 */
import { chownSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { systemClock } from '#component/clock.ts';
import { readConfig } from '#component/config.ts';
import { createLogger, type Logger } from '#component/logger.ts';
import { runProcess } from '#component/shutdown.ts';
import type { ApplyDeps } from './apply-manifests.ts';

/** Mounted by compose: one directory per component, the user's folder, and a file of the user's that shows who that is. */
const PKI_ROOT = '/pki';

/** Where docker-compose.yml publishes the API server on the host. */
const HOST_SERVER = 'https://127.0.0.1:6443';

const tasks: Readonly<Record<string, (log: Logger, signal: AbortSignal) => Promise<void>>> = {
  certificates: makeCertificates,
  addons: applyAddons,
  revive,
};

async function makeCertificates(log: Logger): Promise<void> {
  const config = readConfig(process.env);
  const root = config.text('KEELSON_PKI', PKI_ROOT);
  const server = config.text('KEELSON_SERVER', HOST_SERVER);
  config.finish();
  const { applyCertificates } = await import('./certificates.ts');
  const { uid, gid } = statSync(`${root}/owner`);
  chownSync(`${root}/host`, uid, gid);
  const made = await applyCertificates({ root, server, hostOwner: { uid, gid }, clock: systemClock, log });
  log.info({ made: made.length }, 'certificates are in place');
}

async function applyAddons(log: Logger, signal: AbortSignal): Promise<void> {
  const config = readConfig(process.env);
  const server = config.text('KEELSON_SERVER', 'https://control-plane:6443');
  const ca = config.file('KEELSON_CA', '/etc/keelson/ca.crt');
  const certificate = config.file('KEELSON_CERT', '/etc/keelson/tls.crt');
  const key = config.file('KEELSON_KEY', '/etc/keelson/tls.key');
  const dnsIdentity = {
    ca,
    certificate: config.file('DNS_CERT', '/etc/keelson/dns.crt'),
    key: config.file('DNS_KEY', '/etc/keelson/dns.key'),
  };
  const manifest = config.file('DNS_MANIFEST', fileURLToPath(new URL('../dns/dns.yaml', import.meta.url)));
  const storage = config.file('STORAGE_MANIFEST', fileURLToPath(new URL('../kubelet/provisioner/storage-class.yaml', import.meta.url)));
  config.finish();
  const { createClient } = await import('#client/client.ts');
  const { applyManifests, dnsIdentitySecret, waitUntilReady } = await import('./apply-manifests.ts');
  const { parseManifests } = await import('./manifest.ts');
  const client = createClient({ server, ca, certificate, key, userAgent: 'keelson-addons' });
  try {
    const deps: ApplyDeps = {
      client,
      clock: systemClock,
      onApplied: ({ kind, metadata }, outcome) => log.info({ kind, name: metadata.name, outcome }, 'applied'),
    };
    await waitUntilReady(deps, signal);
    await applyManifests([dnsIdentitySecret(dnsIdentity), ...parseManifests(manifest), ...parseManifests(storage)], deps);
  } finally {
    await client.close();
  }
}

async function revive(log: Logger, signal: AbortSignal): Promise<void> {
  const config = readConfig(process.env);
  const socketPath = config.text('DOCKER_SOCKET', '/var/run/docker.sock');
  const project = config.text('KEELSON_CLUSTER', 'keelson');
  config.finish();
  const { createEngine, reviveServices } = await import('./revive-services.ts');
  await reviveServices(project, { engine: createEngine(socketPath), clock: systemClock, log }, signal);
}

const [taskName = ''] = process.argv.slice(2);
const task = tasks[taskName];
if (task === undefined) throw new Error(`no such task: ${taskName}; there are ${Object.keys(tasks).join(', ')}`);
const log = createLogger('bootstrap', process.env.LOG_LEVEL ?? 'info');
await runProcess(log, (signal) => task(log, signal));
