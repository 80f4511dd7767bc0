/**
 * An etcd and an API server of the benchmark's own, for as long as it runs: the real `apiserver/main.ts` as a process of this machine, with certificates of
 * `bootstrap` and a certificate for somebody who is no administrator, so that every request is authorized by a role. etcd is the one of the PATH (or of
 * `KEELSON_ETCD`), else the image that the cluster runs; it syncs its writes to the disk like the cluster's.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parse } from 'yaml';
import { systemClock } from '#component/clock.ts';
import { silentLogger } from '#component/logger.ts';
import { systemRandom } from '#component/random.ts';
import { createEtcdStorage } from '../../apiserver/storage/etcd-storage.ts';
import { applyCertificates } from '../../bootstrap/certificates.ts';
import { identities } from '../../bootstrap/identities.ts';
import { issueCertificate } from '../../bootstrap/issue-certificate.ts';
import { type Connection, openConnection, type Target } from './connection.ts';
import { type Etcd, startEtcd } from './etcd.ts';

/** The one who makes the load. */
const USER = 'bench';
const READY_MS_MAX = 30_000;
const READY_RETRY_MS = 5;

const root = join(import.meta.dirname, '../..');

export interface LocalServer {
  readonly etcd: Etcd;
  /** Gone with the server: data and logs, and in `pki` the certificates of every component, as in the volumes of docker-compose.yml. */
  readonly folder: string;
  readonly pki: string;
  /** As an administrator, who prepares. */
  readonly administrator: Target;
  /** As somebody who needs a role for what he does. */
  readonly user: Target;
  readonly userName: string;
  /** Starts the server's process anew, on the data there is. Gives the seconds until it says that it is ready. */
  restart(): Promise<number>;
  pid(): number;
  /** As five minutes do: etcd keeps nothing but what is there. */
  forgetHistory(): Promise<void>;
  stop(): Promise<void>;
}

export async function startLocalServer(): Promise<LocalServer> {
  const folder = mkdtempSync(join(tmpdir(), 'keelson-bench-'));
  try {
    return await startIn(folder);
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

async function startIn(folder: string): Promise<LocalServer> {
  const pki = join(folder, 'pki');
  const [port, etcdPort, etcdMetricsPort] = await freePorts();
  const server = `https://127.0.0.1:${port}`;
  const user = await makeCertificates(pki, server);
  const etcd = await startEtcd({ folder, port: etcdPort, metricsPort: etcdMetricsPort, pki: join(pki, 'etcd') });
  const administrator = targetOf(server, pki, join(pki, 'host/admin'));
  const command = readCommand();
  const log = openSync(join(folder, 'apiserver.log'), 'a');
  let child: ChildProcess | undefined;
  return {
    etcd,
    folder,
    pki,
    administrator,
    user,
    userName: USER,
    pid: () => child?.pid ?? -1,
    restart: async () => {
      await end(child);
      const startedAt = performance.now();
      child = spawn(process.execPath, command, {
        cwd: root,
        env: environmentOf(folder, pki, port, etcdPort),
        stdio: ['ignore', log, log],
      });
      await untilReady(administrator, child, join(folder, 'apiserver.log'));
      return (performance.now() - startedAt) / 1_000;
    },
    forgetHistory: () => compactEtcd(pki, etcdPort),
    stop: async () => {
      await end(child);
      await etcd.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** What the cluster's API server is started with, behind `node`. */
function readCommand(): readonly string[] {
  const { services } = parse(readFileSync(join(root, 'docker-compose.yml'), 'utf8'));
  return services.apiserver.command.slice(1);
}

function environmentOf(folder: string, pki: string, port: number, etcdPort: number): NodeJS.ProcessEnv {
  const file = (name: string) => join(pki, 'apiserver', name);
  return {
    PATH: process.env.PATH,
    NODE_OPTIONS: process.env.KEELSON_BENCH_NODE_OPTIONS,
    // As in the image, where what Node compiled is kept.
    NODE_COMPILE_CACHE: join(folder, 'compile-cache'),
    NODE_ENV: 'production',
    PORT: String(port),
    LISTEN_ADDRESS: '127.0.0.1',
    // Nobody's (RFC 5737): nothing in a benchmark asks for the `kubernetes` Service, and a loopback address is none that it may have.
    ADVERTISE_ADDRESS: '192.0.2.1',
    ETCD_ENDPOINTS: `https://localhost:${etcdPort}`,
    KEELSON_ETCD_CA: file('etcd-ca.crt'),
    KEELSON_ETCD_CERT: file('etcd.crt'),
    KEELSON_ETCD_KEY: file('etcd.key'),
    KEELSON_CA: file('ca.crt'),
    KEELSON_SERVER_CERT: file('server.crt'),
    KEELSON_SERVER_KEY: file('server.key'),
    KEELSON_FRONT_PROXY_CA: file('front-proxy-ca.crt'),
    KEELSON_FRONT_PROXY_CLIENT_CERT: file('front-proxy-client.crt'),
    KEELSON_FRONT_PROXY_CLIENT_KEY: file('front-proxy-client.key'),
    KEELSON_KUBELET_CLIENT_CERT: file('kubelet-client.crt'),
    KEELSON_KUBELET_CLIENT_KEY: file('kubelet-client.key'),
    KEELSON_SERVICE_ACCOUNT_KEY: file('sa.key'),
    KEELSON_SERVICE_ACCOUNT_PUBLIC_KEY: file('sa.pub'),
  };
}

async function compactEtcd(pki: string, port: number): Promise<void> {
  const [ca, cert, key] = ['etcd-ca.crt', 'etcd.crt', 'etcd.key'].map((name) => readFileSync(join(pki, 'apiserver', name)));
  const credentials = { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) };
  const endpoints = [`https://localhost:${port}`];
  const storage = createEtcdStorage({ endpoints, ...credentials, log: silentLogger, clock: systemClock, random: systemRandom });
  try {
    await storage.compact(await storage.currentRevision());
  } finally {
    await storage.close();
  }
}

/** All of a cluster's, because that is what `bootstrap` makes; and one more, for the one who makes the load. */
async function makeCertificates(pki: string, server: string): Promise<Target> {
  for (const directory of ['authorities', 'host', ...identities.map((identity) => identity.directory)])
    mkdirSync(join(pki, directory), { recursive: true });
  const hostOwner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  await applyCertificates({ root: pki, server, hostOwner, clock: systemClock, log: silentLogger });
  const read = (path: string) => readFileSync(join(pki, path), 'utf8');
  const authority = { certificatePem: read('authorities/ca.crt'), keyPem: read('authorities/ca.key') };
  const identity = { directory: 'host', name: USER, authority: 'ca', commonName: USER, usage: 'client' } as const;
  const issued = await issueCertificate(identity, authority, { nowMs: Date.now(), lifetimeMs: 86_400_000 });
  return { server, ca: authority.certificatePem, certificate: issued.certificatePem, key: issued.keyPem };
}

function targetOf(server: string, pki: string, pair: string): Target {
  const read = (path: string) => readFileSync(path, 'utf8');
  return { server, ca: read(join(pki, 'authorities/ca.crt')), certificate: read(`${pair}.crt`), key: read(`${pair}.key`) };
}

async function untilReady(target: Target, child: ChildProcess, logFile: string): Promise<void> {
  const deadline = performance.now() + READY_MS_MAX;
  let connection: Connection | undefined;
  try {
    for (;;) {
      if (child.exitCode !== null || performance.now() > deadline)
        throw new Error(`the API server did not become ready:\n${readFileSync(logFile, 'utf8').slice(-2_000)}`);
      connection ??= openConnection(target);
      const answer = await connection.ask({ method: 'GET', path: '/readyz' }).catch(() => undefined);
      if (answer?.statusCode === 200) return;
      await delay(READY_RETRY_MS);
    }
  } finally {
    await connection?.close();
  }
}

async function end(child: ChildProcess | undefined): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  await exited;
}

async function freePorts(): Promise<readonly [number, number, number]> {
  const servers = [createServer(), createServer(), createServer()].map((server) => server.listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const [first = 0, second = 0, third = 0] = servers.map((server) => {
    const address = server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  });
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return [first, second, third];
}
