/**
 * Running a command in a container, over a WebSocket of the fifth version of the streaming protocol: each message begins with the number of its
 * channel. Cheaper by far than a kubectl for each look into a pod.
 */
import type { Json, Output } from '../../cluster.ts';
import type { TestScope } from './conformance-test.ts';

const STDOUT = 1;
const STDERR = 2;
const ERROR = 3;

/** A command of a test ends at once, or not at all. */
const EXEC_MS_MAX = 60_000;

/** Runs a command to its end; a code other than 0 is an answer. Throws when the command could not be run. */
export async function exec(t: TestScope, pod: string, command: readonly string[], container?: string): Promise<Output> {
  const query = new URLSearchParams([
    ...command.map((word) => ['command', word] as [string, string]),
    ['stdout', 'true'],
    ['stderr', 'true'],
    ...(container === undefined ? [] : [['container', container] as [string, string]]),
  ]);
  const path = `${t.resource('v1/pods').path}/${pod}/exec?${query}`;
  const messages = await readSocket(t, path, 'v5.channel.k8s.io');
  const channel = (number: number) =>
    Buffer.concat(messages.filter((message) => message[0] === number).map((message) => message.subarray(1))).toString();
  const status: Json = JSON.parse(channel(ERROR) || '{"status":"Failure","message":"the stream ended without a status"}');
  return { code: codeOf(status), stdout: channel(STDOUT), stderr: channel(STDERR) };
}

/** What a shell in the container prints; throws with what it complains of when it fails. */
export async function shell(t: TestScope, pod: string, script: string, container?: string): Promise<string> {
  const { code, stdout, stderr } = await exec(t, pod, ['sh', '-c', script], container);
  if (code !== 0) throw new Error(`in ${pod}: ${script} exited ${code}: ${stderr || stdout}`);
  return stdout;
}

/** All messages of a WebSocket until the other side closes it. */
export async function readSocket(t: TestScope, path: string, protocol: string): Promise<readonly Buffer[]> {
  const socket = t.cluster.openSocket(path, protocol);
  const messages: Buffer[] = [];
  const ended = Promise.withResolvers<void>();
  const timer = setTimeout(() => ended.reject(new Error(`${path}: not ended within ${EXEC_MS_MAX / 1_000} s`)), EXEC_MS_MAX);
  socket.binaryType = 'arraybuffer';
  socket.addEventListener('message', ({ data }) => messages.push(Buffer.from(data)));
  socket.addEventListener('close', () => ended.resolve());
  socket.addEventListener('error', ({ error, message }) => ended.reject(new Error(`${path}: ${message}`, { cause: error })));
  try {
    await ended.promise;
    return messages;
  } finally {
    clearTimeout(timer);
    socket.close();
  }
}

function codeOf({ status, reason, message, details }: Json): number {
  if (status === 'Success') return 0;
  if (reason !== 'NonZeroExitCode') throw new Error(message);
  return Number(details.causes.find((cause: Json) => cause.reason === 'ExitCode').message);
}
