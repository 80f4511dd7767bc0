/** The guestbook: a frontend, a store and its replicas, behind three Services; what is written through the frontend is read through it. */
import assert from 'node:assert/strict';
import type { Json } from '../../cluster.ts';
import type { ConformanceTest, TestScope } from '../framework/conformance-test.ts';
import { eventually } from '../framework/expect.ts';
import { createProgram } from '../framework/program.ts';

/** The whole application starts within this. */
const START_MS_MAX = 180_000;

const parts = [
  { name: 'agnhost-primary', role: 'primary', replicas: 1, port: 6379 },
  { name: 'agnhost-replica', role: 'replica', replicas: 2, port: 6379 },
  { name: 'frontend', role: 'frontend', replicas: 3, port: 80 },
] as const;

type Part = (typeof parts)[number];

function aService({ name, role, port }: Part): Json {
  const labels = { app: 'guestbook', role };
  return { apiVersion: 'v1', kind: 'Service', metadata: { name, labels }, spec: { selector: labels, ports: [{ port }] } };
}

function aDeployment({ name, role, replicas, port }: Part, specOf: (args: readonly string[], container: Json) => Json): Json {
  const labels = { app: 'guestbook', role };
  const readinessProbe = { tcpSocket: { port }, periodSeconds: 1 };
  const template = { metadata: { labels }, spec: specOf([role], { ports: [{ containerPort: port }], readinessProbe }) };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: { replicas, selector: { matchLabels: labels }, template },
  };
}

async function ask(t: TestScope, query: string): Promise<Json> {
  const path = `/api/v1/namespaces/${t.namespace}/services/frontend/proxy/guestbook?${query}`;
  return t.cluster.request({ path });
}

async function worksAndStops(t: TestScope): Promise<void> {
  const specOf = await createProgram(t, 'guestbook');
  const objects = parts.flatMap((part) => [aService(part), aDeployment(part, specOf)]);
  const manifest = objects.map((object) => JSON.stringify(object)).join('\n');
  await t.kubectl(['create', '-f', '-'], manifest);
  for (const { name, replicas } of parts)
    await t
      .resource('apps/v1/deployments')
      .until(name, `${name} is available`, (found) => found?.status.availableReplicas === replicas, START_MS_MAX);
  await eventually('the frontend answers', async () => (await ask(t, 'cmd=get&key=messages')).data === '');
  assert.equal((await ask(t, 'cmd=set&key=messages&value=TestEntry')).message, 'Updated');
  await eventually('the entry is read', async () => (await ask(t, 'cmd=get&key=messages')).data === 'TestEntry');
  await t.kubectl(['delete', '--grace-period=0', '--force', '-f', '-'], manifest);
  await t.resource('v1/pods').untilAll({ labelSelector: 'app=guestbook' }, 'no pod is left', (pods) => pods.length === 0);
}

export const guestbookTests: readonly ConformanceTest[] = [
  {
    name: '[sig-cli] Kubectl client Guestbook application should create and stop a working application [Conformance]',
    run: worksAndStops,
  },
];
