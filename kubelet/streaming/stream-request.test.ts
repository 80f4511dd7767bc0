/** What a request for a stream asks for, and every way in which it can be wrong. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isReason } from '#api/meta/status.ts';
import type { RuntimeContainer } from '../runtime/container-runtime.ts';
import { channelProtocols } from './channel-protocol.ts';
import { spdyCommandProtocols } from './spdy-streams.ts';
import { agreeOnProtocol, findRunning, parseCommandOptions, parsePorts } from './stream-request.ts';

const none = { hasStdin: false, hasStdout: false, hasStderr: false, hasTerminal: false };

test('streams are those that are asked for', () => {
  assert.deepEqual(parseCommandOptions(new URLSearchParams('input=1&output=1')), { ...none, hasStdin: true, hasStdout: true });
  assert.deepEqual(parseCommandOptions(new URLSearchParams('error=1')), { ...none, hasStderr: true });
});

test('a terminal has no error output of its own', () => {
  assert.deepEqual(parseCommandOptions(new URLSearchParams('output=1&error=1&tty=1')), { ...none, hasStdout: true, hasTerminal: true });
});

const refusals: readonly { it: string; ask: () => unknown; message: string }[] = [
  {
    it: 'without any stream',
    ask: () => parseCommandOptions(new URLSearchParams('tty=1&error=1')),
    message: 'you must specify at least 1 of stdin, stdout, stderr',
  },
  { it: 'for no port', ask: () => parsePorts(new URLSearchParams()), message: 'query parameter "port" is required' },
  { it: 'for an empty port', ask: () => parsePorts(new URLSearchParams('port=')), message: 'query parameter "port" cannot be empty' },
  { it: 'for port 0', ask: () => parsePorts(new URLSearchParams('port=80,0')), message: 'port "0" must be > 0' },
  {
    it: 'for a port that is too high',
    ask: () => parsePorts(new URLSearchParams('port=65536')),
    message: 'unable to parse "65536" as a port',
  },
  { it: 'for a port that is none', ask: () => parsePorts(new URLSearchParams('port=http')), message: 'unable to parse "http" as a port' },
  { it: 'without an upgrade', ask: () => agree({}), message: 'Upgrade request required' },
  {
    it: 'over SPDY without a version',
    ask: () => agree({ upgrade: 'SPDY/3.1' }),
    message: 'unable to upgrade: X-Stream-Protocol-Version is required',
  },
];
for (const { it, ask, message } of refusals) {
  test(`a request ${it} is refused`, () => assert.throws(ask, { name: 'ApiError', reason: 'BadRequest', message }));
}

test('ports may be given together or one by one', () => {
  assert.deepEqual(parsePorts(new URLSearchParams('port=80,443&port=8080')), [80, 443, 8080]);
});

function agree(headers: Record<string, string>) {
  const { carrier, protocol } = agreeOnProtocol(headers, { webSocket: channelProtocols, spdy: spdyCommandProtocols });
  return `${carrier} ${protocol.name}`;
}

test('the client’s first wish that is served is what is spoken', () => {
  assert.equal(agree({ upgrade: 'websocket', 'sec-websocket-protocol': 'v5.channel.k8s.io' }), 'webSocket v5.channel.k8s.io');
  assert.equal(agree({ upgrade: 'websocket' }), 'webSocket ');
  assert.equal(agree({ upgrade: 'SPDY/3.1', 'x-stream-protocol-version': 'v9, v4.channel.k8s.io' }), 'spdy v4.channel.k8s.io');
});

test('a protocol nobody knows is forbidden, with those that are known', () => {
  assert.throws(
    () => agree({ upgrade: 'websocket', 'sec-websocket-protocol': 'mqtt' }),
    (error) => isReason(error, 'Forbidden') && /\[mqtt\]; supports \[v5\.channel\.k8s\.io v4/.test(error.message),
  );
});

function attempt(containerName: string, number: number, isRunning: boolean): RuntimeContainer {
  const exited = { phase: 'exited', exitCode: 0, reason: '', message: '', startedAtMs: 0, finishedAtMs: 0 } as const;
  return {
    id: `${containerName}-${number}`,
    identity: { podUid: 'u', podNamespace: 'default', podName: 'web', containerName, attempt: number },
    image: '',
    imageId: '',
    createdAtMs: 0,
    state: isRunning ? { phase: 'running', pid: 1, startedAtMs: 0 } : exited,
    hasTerminal: false,
    closesStdinOnce: false,
    resources: { cpuShares: 2 },
    sandboxId: undefined,
  };
}

test('the attempt that runs is meant', () => {
  assert.equal(findRunning([attempt('web', 0, false), attempt('web', 1, true), attempt('other', 0, true)], 'web').id, 'web-1');
});

test('a container that does not run is not found', () => {
  assert.throws(() => findRunning([attempt('web', 0, false)], 'web'), {
    message: 'unable to upgrade connection: container not found ("web")',
  });
});
