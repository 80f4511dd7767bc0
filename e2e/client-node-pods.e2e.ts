/** `@kubernetes/client-node`, unchanged, on a real pod: logs, attach, files in and out, and a forwarded port. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { Attach, CoreV1Api, Cp, Exec, KubeConfig, Log, PortForward, type V1Status } from '@kubernetes/client-node';
import { aNamespace, eventually, kubeconfigPath, kubectl } from './cluster.ts';

const kubeConfig = new KubeConfig();
kubeConfig.loadFromFile(kubeconfigPath);
const core = kubeConfig.makeApiClient(CoreV1Api);

/** Says `ready`, then back whatever it is told; and answers HTTP. */
const SCRIPT = `
process.stdin.on('data', (line) => console.log('told ' + String(line).trim()));
require('http').createServer((_, answer) => answer.end('from inside')).listen(8080, () => console.log('ready'));
process.on('SIGTERM', () => process.exit(0));`;

async function aPod(t: TestContext): Promise<string> {
  const namespace = await aNamespace(t);
  const container = { name: 'main', image: 'keelson/hello:v1', command: ['node', '-e', SCRIPT], stdin: true };
  const readinessProbe = { tcpSocket: { port: 8080 }, periodSeconds: 1 };
  await core.createNamespacedPod({
    namespace,
    body: { metadata: { name: 'pod' }, spec: { containers: [{ ...container, readinessProbe }] } },
  });
  await kubectl('-n', namespace, 'wait', '--for=condition=Ready', 'pod/pod', '--timeout=60s');
  return namespace;
}

/** A stream and, at any time, all that came through it. */
function collector(): { readonly stream: PassThrough; text(): string } {
  const stream = new PassThrough();
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  return { stream, text: () => Buffer.concat(chunks).toString() };
}

test('logs follow what is said to the container through attach', async (t) => {
  const namespace = await aPod(t);
  const log = collector();
  const following = await new Log(kubeConfig).log(namespace, 'pod', 'main', log.stream, { follow: true });
  t.after(() => following.abort());
  await eventually('the first line', async () => log.text() === 'ready\n');
  const [output, input] = [collector(), new PassThrough()];
  const socket = await new Attach(kubeConfig).attach(namespace, 'pod', 'main', output.stream, null, input, false);
  t.after(() => socket.close());
  input.write('hello\n');
  await eventually('an answer on both roads', async () => output.text().includes('told hello\n') && log.text().includes('told hello\n'));
  const last = await core.readNamespacedPodLog({ namespace, name: 'pod', tailLines: 1, timestamps: true });
  assert.match(last, /^\d{4}-\d\d-\d\dT\S+Z told hello\n$/);
});

test('a command’s status comes with its output, and files go in and out', async (t) => {
  const namespace = await aPod(t);
  const [output, errors] = [collector(), collector()];
  const ended = Promise.withResolvers<V1Status>();
  const command = ['node', '-e', "console.log('out'); console.error('err'); process.exitCode = 3"];
  await new Exec(kubeConfig).exec(namespace, 'pod', 'main', command, output.stream, errors.stream, null, false, ended.resolve);
  const status = await ended.promise;
  assert.deepEqual([status.status, status.details?.causes?.[0]?.message], ['Failure', '3']);
  assert.deepEqual([output.text(), errors.text()], ['out\n', 'err\n']);

  const folder = mkdtempSync(join(tmpdir(), 'keelson-client-cp-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const bytes = Buffer.from(Array.from({ length: 100_000 }, (_, index) => (index * 17) % 256));
  for (const name of ['there', 'back']) mkdirSync(join(folder, name));
  writeFileSync(join(folder, 'there', 'file'), bytes);
  // Neither says when it is done, so the outcome is looked for.
  const cp = new Cp(kubeConfig);
  // The archive sets the folder's own mode and time, so it has to be the container's user's.
  await kubectl('-n', namespace, 'exec', 'pod', '--', 'mkdir', '/tmp/in');
  await cp.cpToPod(namespace, 'pod', 'main', join(folder, 'there'), '/tmp/in');
  const size = ['node', '-p', "fs.statSync('/tmp/in/file').size"];
  await eventually('the file is there', async () => (await kubectl('-n', namespace, 'exec', 'pod', '--', ...size)) === `${bytes.length}\n`);
  await cp.cpFromPod(namespace, 'pod', 'main', 'file', join(folder, 'back'), '/tmp/in');
  await eventually('the file is back', async () => readFileSync(join(folder, 'back', 'file')).equals(bytes));
});

test('a forwarded port leads into the pod', async (t) => {
  const namespace = await aPod(t);
  const [output, input] = [collector(), new PassThrough()];
  const socket = await new PortForward(kubeConfig).portForward(namespace, 'pod', [8080], output.stream, null, input);
  t.after(() => (typeof socket === 'function' ? socket()?.close() : socket.close()));
  input.write('GET / HTTP/1.1\r\nHost: pod\r\nConnection: close\r\n\r\n');
  await eventually('the pod’s answer', async () => output.text().startsWith('HTTP/1.1 200 OK') && output.text().includes('from inside'));
});
