/**
 * An etcd for one run of the benchmark, with the flags of docker-compose.yml: a process where one is installed, else a container of the cluster's image, which is
 * built if it is missing. Both listen on a port of this machine, with TLS, and tell of their CPU on a second port.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { metricsAt, type UsageReader, usageOfMetrics } from './usage.ts';

const IMAGE = 'keelson/etcd:dev';
const READY_MS_MAX = 20_000;
const READY_RETRY_MS = 20;

const root = join(import.meta.dirname, '../..');

export interface Etcd {
  /** How it runs, for the reader of the figures. */
  readonly kind: 'process' | 'container';
  readonly usage: UsageReader;
  stop(): Promise<void>;
}

export interface EtcdOptions {
  /** For its data. */
  readonly folder: string;
  readonly port: number;
  readonly metricsPort: number;
  /** Where its certificates are. */
  readonly pki: string;
}

export async function startEtcd(options: EtcdOptions): Promise<Etcd> {
  const binary = process.env.KEELSON_ETCD ?? 'etcd';
  const isInstalled = spawnSync(binary, ['--version'], { stdio: 'ignore' }).status === 0;
  const stop = isInstalled ? startProcess(binary, options) : startContainer(options);
  const readMetrics = metricsAt(`http://127.0.0.1:${options.metricsPort}/metrics`);
  try {
    await untilListening(options.metricsPort);
    await untilListening(options.port);
  } catch (error) {
    await stop();
    throw error;
  }
  return { kind: isInstalled ? 'process' : 'container', usage: usageOfMetrics(readMetrics), stop };
}

function startProcess(binary: string, options: EtcdOptions): () => Promise<void> {
  const data = join(options.folder, 'etcd');
  mkdirSync(data, { mode: 0o700 });
  const child = spawn(binary, flagsOf({ ...options, data, address: '127.0.0.1' }), { stdio: 'ignore' });
  return async () => {
    if (child.exitCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    await exited;
  };
}

function startContainer(options: EtcdOptions): () => Promise<void> {
  const docker = (...args: readonly string[]) => {
    const { status, stdout, stderr } = spawnSync('docker', args, { cwd: root, encoding: 'utf8' });
    if (status !== 0) throw new Error(`docker ${args[0]}: ${stderr}`);
    return stdout.trim();
  };
  if (docker('images', '--quiet', IMAGE) === '') docker('compose', 'build', 'etcd');
  const publish = [options.port, options.metricsPort].flatMap((port) => ['--publish', `127.0.0.1:${port}:${port}`]);
  const flags = flagsOf({ ...options, pki: '/pki', data: '/tmp/etcd', address: '0.0.0.0' });
  const id = docker('run', '--detach', '--rm', '--user=0', ...publish, '--volume', `${options.pki}:/pki:ro`, IMAGE, ...flags);
  return async () => {
    docker('rm', '--force', '--volumes', id);
  };
}

function flagsOf({
  port,
  metricsPort,
  pki,
  data,
  address,
}: EtcdOptions & { readonly data: string; readonly address: string }): readonly string[] {
  return [
    '--name=etcd',
    `--data-dir=${data}`,
    `--listen-client-urls=https://${address}:${port}`,
    `--advertise-client-urls=https://127.0.0.1:${port}`,
    '--listen-peer-urls=http://127.0.0.1:0',
    '--initial-advertise-peer-urls=http://127.0.0.1:2380',
    '--initial-cluster=etcd=http://127.0.0.1:2380',
    '--client-cert-auth',
    `--trusted-ca-file=${pki}/ca.crt`,
    `--cert-file=${pki}/server.crt`,
    `--key-file=${pki}/server.key`,
    `--listen-metrics-urls=http://${address}:${metricsPort}`,
    '--heartbeat-interval=100',
    '--election-timeout=500',
    '--enable-grpc-gateway=false',
    '--quota-backend-bytes=4294967296',
    '--logger=zap',
    '--log-level=warn',
  ];
}

async function untilListening(port: number): Promise<void> {
  const deadline = performance.now() + READY_MS_MAX;
  while (!(await isListening(port))) {
    if (performance.now() > deadline) throw new Error(`etcd does not listen on port ${port}`);
    await delay(READY_RETRY_MS);
  }
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
