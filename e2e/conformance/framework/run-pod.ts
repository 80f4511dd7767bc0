/**
 * Pods that run a program to its end and are judged by what it printed: what most tests of the kubelet look at. The programs are one-liners for the
 * shell of the image that `image.ts` names.
 */
import assert from 'node:assert/strict';
import type { Json } from '../../cluster.ts';
import type { TestScope } from './conformance-test.ts';
import { aPod } from './pods.ts';

/** A pod that runs `script` once. `spec` and `container` are laid over what it would be. */
export function aScript(name: string, script: string, options: { labels?: Json; spec?: Json; container?: Json } = {}): Json {
  return aCommand(name, ['sh', '-c', script], options);
}

/** A pod that runs a command once. */
export function aCommand(name: string, command: readonly string[], options: { labels?: Json; spec?: Json; container?: Json } = {}): Json {
  return aPod(name, {
    ...options,
    spec: { restartPolicy: 'Never', ...options.spec },
    container: { command: [...command], ...options.container },
  });
}

/** Creates the pod and waits until it has succeeded; gives what its container printed. Throws with that when it failed. */
export async function outputOf(t: TestScope, pod: Json): Promise<string> {
  const { name } = pod.metadata;
  await t.resource('v1/pods').create(pod);
  const { status } = await untilEnded(t, name);
  const log = await logOf(t, name);
  assert.equal(status.phase, 'Succeeded', `${name} ended as ${JSON.stringify(status.containerStatuses)}, printing ${log}`);
  return log;
}

/** Gives the pod as it ended, whether well or not. */
export function untilEnded(t: TestScope, name: string): Promise<Json> {
  return t.resource('v1/pods').until(name, `pod ${name} ends`, (pod) => ['Succeeded', 'Failed'].includes(pod?.status?.phase) && pod);
}

/** What a container has printed so far; the container may be left out where there is only one. */
export async function logOf(t: TestScope, name: string, container?: string): Promise<string> {
  const query = container === undefined ? '' : `?container=${container}`;
  const { statusCode, text } = await t.cluster.send({ path: `${t.resource('v1/pods').path}/${name}/log${query}` });
  if (statusCode !== 200) throw new Error(`the log of ${name}: ${statusCode} ${text}`);
  return text;
}

/** Asserts that `text` has each of these lines. */
export function expectLines(text: string, expected: readonly string[]): void {
  const lines = text.split('\n');
  for (const line of expected) assert.ok(lines.includes(line), `no line ${JSON.stringify(line)} in ${JSON.stringify(text)}`);
}

/** What the kubelet tells of a container of any sort; undefined until it does. */
export function statusOf(pod: Json | undefined, container = 'main'): Json | undefined {
  const { initContainerStatuses = [], containerStatuses = [], ephemeralContainerStatuses = [] } = pod?.status ?? {};
  return [...initContainerStatuses, ...containerStatuses, ...ephemeralContainerStatuses].find(({ name }: Json) => name === container);
}
