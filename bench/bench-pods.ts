/** What the benchmarks of the node share: a client with the administrator's certificate, and pods that do nothing or serve HTTP. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Container, Pod } from '#api/generated/types.ts';
import type { Draft } from '#api/meta/resource-type.ts';
import { type Client, createClient } from '#client/client.ts';
import { IMAGE, SLEEP } from './bare-containers.ts';

const folder = join(import.meta.dirname, '../.keelson');
export const kubeconfig = join(folder, 'kubeconfig');
export const kubectl = join(folder, 'bin', 'kubectl-sid');

export function createBenchClient(): Client {
  return createClient({
    server: 'https://127.0.0.1:6443',
    ca: readFileSync(join(folder, 'ca.crt'), 'utf8'),
    certificate: readFileSync(join(folder, 'admin.crt'), 'utf8'),
    key: readFileSync(join(folder, 'admin.key'), 'utf8'),
    userAgent: 'bench',
  });
}

export interface BenchPodOptions {
  readonly nodeName?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly container?: Partial<Container>;
}

export function benchPod(name: string, { nodeName, labels = {}, container = { command: SLEEP } }: BenchPodOptions = {}): Draft<Pod> {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default', labels },
    spec: {
      ...(nodeName === undefined ? {} : { nodeName }),
      terminationGracePeriodSeconds: 0,
      containers: [{ name: 'main', image: IMAGE, ...container }],
    },
  };
}
