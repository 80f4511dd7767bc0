/**
 * How the e2e suites reach the composed cluster: kubectl, the API over HTTPS, and the engine that the containers really run on. The
 * suites expect a running cluster (`npm start`); each test works in a namespace of its own and removes it.
 */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Agent, request } from 'undici';

const execute = promisify(execFile);
const root = join(import.meta.dirname, '..');
const folder = join(root, '.keelson');
export const kubeconfigPath = join(folder, 'kubeconfig');
const installed = ['kubectl-trixie', 'kubectl-sid'].map((name) => join(folder, 'bin', name)).filter((path) => existsSync(path));
/** An old kubectl and a new one where set-up could unpack them, else the machine's alone. */
export const kubectlPaths: readonly string[] = installed.length === 0 ? ['kubectl'] : installed;
/** What the suites that are not about kubectl use: the newest. */
export const kubectlPath = kubectlPaths.at(-1) ?? 'kubectl';

/** Everything the product answers within, with room for a busy machine: a wait that ends here is a failure. */
const WAIT_MS_MAX = 90_000;
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;

export interface Output {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end; a non-zero exit is an answer, not an error. `environment` is added to this process's. */
export async function run(file: string, args: readonly string[], input?: string, environment: object = {}): Promise<Output> {
  const child = execute(file, args, { maxBuffer: OUTPUT_BYTES_MAX, cwd: root, env: { ...process.env, ...environment } });
  // A program that ends without reading its input closes the pipe under us; its exit code tells what matters.
  child.child.stdin?.on('error', () => {}).end(input ?? '');
  try {
    const { stdout, stderr } = await child;
    return { code: 0, stdout, stderr };
  } catch (error) {
    const failed: Json = error;
    return { code: failed.code ?? 1, stdout: failed.stdout ?? '', stderr: failed.stderr ?? String(error) };
  }
}

async function expectSuccess(what: string, output: Promise<Output>): Promise<string> {
  const { code, stdout, stderr } = await output;
  if (code !== 0) throw new Error(`${what} exited ${code}: ${stderr || stdout}`);
  return stdout;
}

/** kubectl as the admin; gives what it printed, throws with its error output when it fails. */
export function kubectl(...args: readonly string[]): Promise<string> {
  return expectSuccess(`kubectl ${args.join(' ')}`, tryKubectl(...args));
}

/** kubectl where failing is what the test looks at. */
export function tryKubectl(...args: readonly string[]): Promise<Output> {
  return run(kubectlPath, ['--kubeconfig', kubeconfigPath, ...args]);
}

/** `kubectl apply -f -` of a manifest; an empty namespace for what lives in none. */
export function applyManifest(namespace: string, manifest: string): Promise<string> {
  const args = ['--kubeconfig', kubeconfigPath, ...(namespace === '' ? [] : ['-n', namespace]), 'apply', '-f', '-'];
  return expectSuccess('kubectl apply', run(kubectlPath, args, manifest));
}

/** One object or list, parsed. */
export async function getJson(...args: readonly string[]): Promise<Json> {
  return JSON.parse(await kubectl('get', ...args, '-o', 'json'));
}

/** Parsed JSON whose shape the test asserts by looking. */
// biome-ignore lint/suspicious/noExplicitAny: e2e suites look at foreign JSON; a wrong path fails the test that takes it
export type Json = any;

export function docker(...args: readonly string[]): Promise<string> {
  return expectSuccess(`docker ${args.join(' ')}`, run('docker', args));
}

export function compose(...args: readonly string[]): Promise<string> {
  return docker('compose', '--project-directory', root, ...args);
}

/** Ids of the running app containers of a namespace's pods: what really runs, whatever the API says. */
export async function runningContainers(namespace: string): Promise<readonly string[]> {
  const filters = [`label=keelson.dev/pod-namespace=${namespace}`, 'label=keelson.dev/type=container', 'status=running'];
  const ids = await docker('ps', '-q', '--no-trunc', ...filters.flatMap((filter) => ['--filter', filter]));
  return ids.split('\n').filter((id) => id !== '');
}

/** Waits until `check` gives a value (anything but undefined or false); its last failure explains a time-out. */
export async function eventually<T>(what: string, check: () => Promise<T | undefined | false>, waitMs = WAIT_MS_MAX): Promise<T> {
  const deadline = Date.now() + waitMs;
  let last: unknown;
  while (Date.now() < deadline) {
    try {
      const value = await check();
      if (value !== undefined && value !== false) return value;
      last = undefined;
    } catch (error) {
      last = error;
    }
    await delay(200);
  }
  throw new Error(`${what}: not within ${waitMs / 1_000} s`, { cause: last });
}

/** A namespace for one test, deleted when the test ends (and asserted gone, containers included). */
export async function aNamespace(t: TestContext): Promise<string> {
  const name = `e2e-${randomBytes(4).toString('hex')}`;
  await applyManifest('', JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } }));
  t.after(async () => {
    await kubectl('delete', 'namespace', name, '--wait=true', '--timeout=90s');
    await eventually(`the containers of ${name} are gone`, async () => (await runningContainers(name)).length === 0);
  });
  return name;
}

/** Where the kubeconfig says that the cluster is. */
export function serverUrl(): string {
  const server = /^\s*(?:.*\s)?server: "?([^"\s]+)"?/m.exec(readFileSync(kubeconfigPath, 'utf8'))?.[1];
  if (server === undefined) throw new Error(`${kubeconfigPath} names no server`);
  return server;
}

let agent: Agent | undefined;

/** One request to the API server with the admin's certificate (or none, with `anonymous`). */
export async function api(
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
  path: string,
  options: { body?: string | Buffer; contentType?: string; anonymous?: boolean } = {},
): Promise<{ statusCode: number; body: Json }> {
  const ca = readFileSync(join(folder, 'ca.crt'), 'utf8');
  agent ??= new Agent({
    connect: { ca, cert: readFileSync(join(folder, 'admin.crt'), 'utf8'), key: readFileSync(join(folder, 'admin.key'), 'utf8') },
  });
  const dispatcher = options.anonymous ? new Agent({ connect: { ca } }) : agent;
  const headers = options.body === undefined ? {} : { 'content-type': options.contentType ?? 'application/json' };
  const response = await request(`${serverUrl()}${path}`, {
    method,
    dispatcher,
    headers,
    ...(options.body === undefined ? {} : { body: options.body }),
  });
  const text = await response.body.text();
  if (options.anonymous) await dispatcher.close();
  const isJson = String(response.headers['content-type']).includes('json');
  return { statusCode: response.statusCode, body: isJson ? JSON.parse(text) : text };
}

/** Closes what `api` opened, so that a test file can end. */
export async function closeApi(): Promise<void> {
  const closing = agent;
  agent = undefined;
  // Every answer has been read by now; a polite close would wait for sockets that nothing else keeps alive.
  await closing?.destroy();
}

/** The address at which a node answers, from the host. */
export async function nodeAddresses(): Promise<ReadonlyMap<string, string>> {
  const nodes = await getJson('nodes');
  return new Map(
    nodes.items.map((node: Json) => [
      node.metadata.name,
      node.status.addresses.find((address: Json) => address.type === 'InternalIP').address,
    ]),
  );
}

/** The hello app, as a manifest for a test's own namespace. */
export function helloManifest(options: { replicas: number; image?: string }): string {
  return `
apiVersion: apps/v1
kind: Deployment
metadata: { name: hello, labels: { app: hello } }
spec:
  replicas: ${options.replicas}
  selector: { matchLabels: { app: hello } }
  template:
    metadata: { labels: { app: hello } }
    spec:
      terminationGracePeriodSeconds: 5
      containers:
        - name: hello
          image: ${options.image ?? 'keelson/hello:v1'}
          ports: [{ name: http, containerPort: 8080 }]
          env:
            - { name: POD_NAME, valueFrom: { fieldRef: { fieldPath: metadata.name } } }
            - { name: NODE_NAME, valueFrom: { fieldRef: { fieldPath: spec.nodeName } } }
          readinessProbe: { httpGet: { path: /, port: http }, periodSeconds: 1 }
---
apiVersion: v1
kind: Service
metadata: { name: hello }
spec:
  type: NodePort
  selector: { app: hello }
  ports: [{ name: http, port: 80, targetPort: http }]
`;
}

/** Waits until the Deployment's new pods are all available and the old ones gone from its status. */
export function rolledOut(namespace: string, deployment: string): Promise<string> {
  return kubectl('-n', namespace, 'rollout', 'status', `deployment/${deployment}`, '--timeout=90s');
}
