/** `kubectl proxy` as a process beside the test, and a request over a Unix socket. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { kubectlPath } from '../../cluster.ts';
import type { TestScope } from '../framework/conformance-test.ts';

const SAID_MS_MAX = 20_000;

export interface Proxy extends AsyncDisposable {
  /** The first group of the pattern, as soon as what the process prints matches it. */
  said(pattern: RegExp): Promise<string>;
}

/** Runs until disposed of. */
export function startProxy(t: TestScope, args: readonly string[]): Proxy {
  const child = spawn(kubectlPath, ['--kubeconfig', t.cluster.kubeconfig, 'proxy', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  return {
    said: (pattern) => saidBy(child, pattern),
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
    },
  };
}

async function saidBy(child: ChildProcess, pattern: RegExp): Promise<string> {
  const found = Promise.withResolvers<string>();
  let output = '';
  const read = (chunk: Buffer) => {
    output += chunk.toString('utf8');
    const match = pattern.exec(output);
    if (match) found.resolve(match[1] ?? '');
  };
  child.stdout?.on('data', read);
  child.stderr?.on('data', read);
  child.once('exit', (code) => found.reject(new Error(`kubectl proxy exited ${code}: ${output}`)));
  child.once('error', found.reject);
  const timer = setTimeout(() => found.reject(new Error(`kubectl proxy said only: ${output}`)), SAID_MS_MAX);
  return found.promise.finally(() => clearTimeout(timer));
}

export async function askOverSocket(socketPath: string, path: string): Promise<string> {
  const answered = Promise.withResolvers<string>();
  request({ socketPath, path }, (response) => text(response).then(answered.resolve, answered.reject))
    .once('error', answered.reject)
    .end();
  return answered.promise;
}
