/**
 * A client's streams over one WebSocket: messages by channel to input and window sizes, output and the last word as messages. Whoever does not read the input stops
 * the whole socket, whoever does not read the socket stops the output; nothing is gathered beyond one buffer each way.
 * Source: upstream's kubelet, pkg/cri/streaming/remotecommand/websocket.go.
 */
import { Readable, Writable } from 'node:stream';
import { closeWebSocket, type WebSocket } from '#component/web-socket.ts';
import type { TerminalSize } from '../runtime/container-runtime.ts';
import { type ChannelProtocol, channels, decodeMessage, encodeMessage } from './channel-protocol.ts';
import { type CommandOptions, type CommandStreams, encodeOutcome, takeSizes } from './command-streams.ts';

/** What is read of the client before its process reads on. */
const STDIN_BYTES_MAX = 64 * 1024;

export function createWebSocketStreams(
  webSocket: WebSocket,
  protocol: ChannelProtocol,
  options: CommandOptions,
  signal: AbortSignal,
): CommandStreams {
  const gone = new AbortController();
  const sizeListeners = new Set<(size: TerminalSize) => void>();
  const stdin = new Readable({ highWaterMark: STDIN_BYTES_MAX, read: () => webSocket.resume() });
  let sizeText = '';
  // A client says it as soon as it is connected, when the process is not there yet.
  let lastSize: TerminalSize | undefined;
  let isInputOpen = options.hasStdin;

  const send = (channel: number, bytes: Buffer): Promise<void> =>
    new Promise((resolve, reject) => {
      const message = encodeMessage(protocol, { channel, bytes });
      webSocket.send(message, (error) => (error ? reject(error) : resolve()));
    });

  const output = (channel: number): Writable =>
    new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        send(channel, chunk).then(() => done(), done);
      },
    }).on('error', () => {});

  webSocket.on('message', (data: Buffer) => {
    const message = decodeMessage(protocol, data);
    if (message?.channel === channels.stdin) {
      // A process that no longer reads must not keep us from hearing the rest.
      if (isInputOpen && !stdin.destroyed && !stdin.push(message.bytes)) webSocket.pause();
    } else if (message?.channel === channels.resize) {
      const { sizes, rest } = takeSizes(sizeText + message.bytes.toString());
      sizeText = rest;
      lastSize = sizes.at(-1) ?? lastSize;
      for (const size of sizes) for (const listener of sizeListeners) listener(size);
    } else if (message?.channel === channels.close && message.bytes[0] === channels.stdin) {
      if (isInputOpen) stdin.push(null);
      isInputOpen = false;
    }
  });
  // `close` follows.
  webSocket.on('error', () => {});
  webSocket.on('close', () => {
    gone.abort(new Error('the client has gone'));
    stdin.destroy();
  });
  stdin.on('error', () => {});
  signal.addEventListener('abort', () => webSocket.terminate(), { once: true, signal: gone.signal });

  const streams = {
    stdin: options.hasStdin ? stdin : undefined,
    stdout: options.hasStdout ? output(channels.stdout) : undefined,
    stderr: options.hasStderr ? output(channels.stderr) : undefined,
  };
  // An empty message tells the client that it is connected.
  const first = options.hasStdout ? channels.stdout : options.hasStderr ? channels.stderr : channels.error;
  send(first, Buffer.alloc(0)).catch(() => {});

  return {
    ...streams,
    gone: gone.signal,
    onResize: (listener) => {
      sizeListeners.add(listener);
      if (lastSize !== undefined) listener(lastSize);
    },
    finish: async (outcome) => {
      const lastWord = encodeOutcome(outcome, protocol);
      if (lastWord.length > 0) await send(channels.error, lastWord).catch(() => {});
      await closeWebSocket(webSocket);
    },
  };
}
