/**
 * Streams into a pod over each kubectl that set-up unpacked, each over WebSocket as it speaks by itself and over SPDY/3.1 as those up to 1.29 do: exec with and
 * without a terminal, attach, cp, port-forward, debug. What is asserted on is what a user sees.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { request } from 'undici';
import { aNamespace, applyManifest, eventually, getJson, kubeconfigPath, kubectl, kubectlPaths, type Output, run } from './cluster.ts';

const protocols: readonly { readonly name: string; readonly environment: Readonly<Record<string, string>> }[] = [
  { name: 'WebSocket', environment: {} },
  { name: 'SPDY', environment: { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: 'false', KUBECTL_PORT_FORWARD_WEBSOCKETS: 'false' } },
];

/** A page on port 8080, and a container that repeats what it is told. */
const manifest = `
apiVersion: v1
kind: Pod
metadata: { name: streams }
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - { name: hello, image: 'keelson/hello:v1' }
  - { name: echo, image: 'keelson/hello:v1', command: [sh, -c, 'while read -r line; do echo "heard $line"; done; echo end'], stdin: true, stdinOnce: true }
`;

interface Client {
  readonly namespace: string;
  kubectl(args: readonly string[], input?: string): Promise<Output>;
  /** With a terminal of 40 by 100 characters, on which the input is typed. */
  onTerminal(args: readonly string[], input: string): Promise<Output>;
  arguments(args: readonly string[]): readonly string[];
  readonly path: string;
  readonly environment: Readonly<Record<string, string>>;
}

async function aClient(t: TestContext, path: string, environment: Client['environment']): Promise<Client> {
  const namespace = await aNamespace(t);
  await applyManifest(namespace, manifest);
  await kubectl('wait', 'pod/streams', '-n', namespace, '--for=condition=Ready', '--timeout=60s');
  const all = (args: readonly string[]) => ['--kubeconfig', kubeconfigPath, '-n', namespace, ...args];
  return {
    namespace,
    path,
    environment,
    arguments: all,
    kubectl: (args, input) => run(path, all(args), input, environment),
    onTerminal: (args, input) => {
      const line = [path, ...all(args)].map((word) => `'${word}'`).join(' ');
      return run('script', ['-qec', `stty rows 40 cols 100; exec ${line}`, '/dev/null'], input, environment);
    },
  };
}

const cases: Readonly<Record<string, (client: Client, t: TestContext) => Promise<void>>> = {
  'a command’s outputs and exit code come back apart': async ({ kubectl: call }) => {
    const result = await call(['exec', 'streams', '-c', 'hello', '--', 'sh', '-c', 'echo out; echo err >&2; exit 7']);
    assert.deepEqual([result.code, result.stdout], [7, 'out\n']);
    assert.match(result.stderr, /^err\n/);
  },
  'the end of the input ends a command that waits for it, and its last words come back': async ({ kubectl: call }) => {
    const input = 'x'.repeat(300_000);
    const result = await call(['exec', '-i', 'streams', '-c', 'hello', '--', 'sh', '-c', 'wc -c; echo done'], input);
    assert.deepEqual([result.code, result.stdout], [0, '300000\ndone\n']);
  },
  'a terminal has the size of the user’s and one output': async ({ onTerminal }) => {
    const result = await onTerminal(['exec', '-it', 'streams', '-c', 'hello', '--', 'sh', '-c', 'sleep 1; tty; stty size; exit 3'], '');
    assert.match(result.stdout, /\/dev\/pts\/\d+\r?\n40 100/);
    assert.equal(result.code, 3);
  },
  'what is typed on a terminal reaches the shell': async ({ onTerminal }) => {
    const result = await onTerminal(['exec', '-it', 'streams', '-c', 'hello', '--', 'sh'], 'echo $((6 * 7)); exit\n');
    // What is typed before the shell is there stands before its prompt, and the answer then right behind it.
    assert.match(result.stdout, /^(?:[#$] )*42\r?$/m);
  },
  'an attached container hears the input and its end': async ({ kubectl: call }) => {
    const result = await call(['attach', '-i', 'streams', '-c', 'echo'], 'one\ntwo\n');
    assert.equal(result.code, 0, result.stderr);
    assert.equal(result.stdout, 'heard one\nheard two\nend\n');
  },
  'a file copied in and out is the same file': async ({ kubectl: call }, t) => {
    const folder = mkdtempSync(join(tmpdir(), 'keelson-streams-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const bytes = Buffer.from(Array.from({ length: 500_000 }, (_, index) => (index * 31) % 256));
    writeFileSync(join(folder, 'there'), bytes);
    assert.equal((await call(['cp', '-c', 'hello', join(folder, 'there'), 'streams:/tmp/file'])).code, 0);
    assert.equal((await call(['cp', '-c', 'hello', 'streams:/tmp/file', join(folder, 'back')])).code, 0);
    assert.ok(readFileSync(join(folder, 'back')).equals(bytes));
  },
  'a forwarded port leads to the pod, again and again': async ({ path, arguments: all, environment }, t) => {
    const forward = spawn(path, all(['port-forward', 'streams', ':8080']), { env: { ...process.env, ...environment } });
    t.after(() => forward.kill());
    let said = '';
    forward.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    const port = await eventually('the port is open', async () => /127\.0\.0\.1:(\d+) ->/.exec(said)?.[1]);
    for (let times = 0; times < 3; times++) {
      const response = await request(`http://127.0.0.1:${port}/`, { reset: true });
      assert.match(await response.body.text(), /^Hello from /);
    }
  },
  'a debugger joins a container’s processes, and its exit code is told': async ({ kubectl: call, namespace }) => {
    const script = 'cat /proc/1/cmdline | tr "\\0" " "; exit 5';
    const debug = ['debug', 'streams', '--image=keelson/hello:v1', '--target=hello', '-c', 'debugger', '--', 'sh', '-c', script];
    assert.equal((await call(debug)).code, 0);
    const ended = await eventually('the debugger has ended', async () => {
      const pod = await getJson('pod', 'streams', '-n', namespace);
      return pod.status.ephemeralContainerStatuses?.[0]?.state?.terminated;
    });
    assert.equal(ended.exitCode, 5);
    assert.match((await call(['logs', 'streams', '-c', 'debugger'])).stdout, /node/);
  },
};

for (const path of kubectlPaths) {
  for (const { name, environment } of protocols) {
    describe(`${basename(path)} over ${name}`, () => {
      for (const [it, body] of Object.entries(cases)) {
        test(it, async (t) => body(await aClient(t, path, environment), t));
      }
    });
  }
}
