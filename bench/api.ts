/**
 * What the API server costs per request: CPU-seconds of its process per 1,000 operations, from the kernel's accounting of its container, with 16 clients
 * over TLS with client certificates, authorization on, on the cluster's real etcd. The object is a ConfigMap of about 2 kB; 2,000 of them are
 * created, read, changed and deleted, and listed while they are there.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import Docker from 'dockerode';
import { Pool } from 'undici';
import type { Figure } from './figure.ts';

const CLIENTS = 16;
const OBJECTS = 2_000;
const LISTS = 20;
const PAYLOAD = 'x'.repeat(1_900);
const NAMESPACE = 'keelson-bench';
const COLLECTION = `/api/v1/namespaces/${NAMESPACE}/configmaps`;

const folder = join(import.meta.dirname, '../.keelson');

type Send = (method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, body?: string, contentType?: string) => Promise<string>;

export async function measureApi(): Promise<readonly Figure[]> {
  const docker = new Docker();
  const pool = new Pool('https://127.0.0.1:6443', {
    connections: CLIENTS,
    connect: { ca: read('ca.crt'), cert: read('admin.crt'), key: read('admin.key') },
  });
  const send = createSend(pool);
  const versions = new Map<string, string>();
  const name = (index: number) => `bench-${index}`;
  const object = (index: number, value: string, resourceVersion?: string) =>
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: name(index), resourceVersion },
      data: { payload: PAYLOAD, value },
    });
  const measure = async (figure: string, count: number, operate: (index: number) => Promise<unknown>): Promise<Figure> => ({
    bench: 'api',
    figure,
    value: (await cpuSecondsOf(docker, () => inParallel(count, operate))) * (1_000 / count),
    unit: 'CPU-s per 1,000',
  });
  await send('POST', '/api/v1/namespaces', JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } }));
  try {
    const created = await measure('create', OBJECTS, async (index) => {
      versions.set(name(index), versionOf(await send('POST', COLLECTION, object(index, 'created'))));
    });
    const got = await measure('get', OBJECTS, (index) => send('GET', `${COLLECTION}/${name(index)}`));
    const listed = await measure(`list of ${OBJECTS}`, LISTS, () => send('GET', COLLECTION));
    const put = await measure('put', OBJECTS, (index) =>
      send('PUT', `${COLLECTION}/${name(index)}`, object(index, 'replaced', versions.get(name(index)))),
    );
    const patched = await measure('merge patch', OBJECTS, (index) =>
      send('PATCH', `${COLLECTION}/${name(index)}`, '{"data":{"value":"patched"}}', 'application/merge-patch+json'),
    );
    const deleted = await measure('delete', OBJECTS, (index) => send('DELETE', `${COLLECTION}/${name(index)}`));
    return [created, got, listed, put, patched, deleted];
  } finally {
    await send('DELETE', `/api/v1/namespaces/${NAMESPACE}`);
    await pool.close();
  }
}

function read(file: string): string {
  return readFileSync(join(folder, file), 'utf8');
}

function createSend(pool: Pool): Send {
  return async (method, path, body, contentType = 'application/json') => {
    const headers = body === undefined ? {} : { 'content-type': contentType };
    const response = await pool.request({ method, path, headers, ...(body === undefined ? {} : { body }) });
    const text = await response.body.text();
    if (response.statusCode >= 400) throw new Error(`${method} ${path}: ${response.statusCode} ${text}`);
    return text;
  };
}

function versionOf(text: string): string {
  return JSON.parse(text).metadata.resourceVersion;
}

async function inParallel(count: number, operate: (index: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const work = async () => {
    for (let index = next++; index < count; index = next++) await operate(index);
  };
  await Promise.all(Array.from({ length: CLIENTS }, work));
}

async function cpuSecondsOf(docker: Docker, work: () => Promise<void>): Promise<number> {
  const before = await readCpuNs(docker);
  await work();
  return ((await readCpuNs(docker)) - before) / 1e9;
}

async function readCpuNs(docker: Docker): Promise<number> {
  const stats = await docker.getContainer('keelson-apiserver-1').stats({ stream: false, 'one-shot': true });
  return stats.cpu_stats.cpu_usage.total_usage;
}
