/**
 * A client's streams over SPDY, as clients before WebSocket have them: it opens one stream for each of input, outputs, window sizes and the last word, and names them
 * in a header. Source: upstream's kubelet, pkg/cri/streaming/remotecommand/httpstream.go.
 */
import type { Duplex } from 'node:stream';
import type { Clock } from '#component/clock.ts';
import type { TerminalSize } from '../runtime/container-runtime.ts';
import { type CommandOptions, type CommandStreams, encodeOutcome, takeSizes } from './command-streams.ts';
import { createSpdySession } from './spdy-session.ts';

export interface SpdyCommandProtocol {
  /** As `X-Stream-Protocol-Version` says it. */
  readonly name: string;
  readonly hasJsonStatus: boolean;
  readonly hasSizes: boolean;
}

export const spdyCommandProtocols: readonly SpdyCommandProtocol[] = [
  { name: 'v5.channel.k8s.io', hasJsonStatus: true, hasSizes: true },
  { name: 'v4.channel.k8s.io', hasJsonStatus: true, hasSizes: true },
  { name: 'v3.channel.k8s.io', hasJsonStatus: false, hasSizes: true },
  { name: 'v2.channel.k8s.io', hasJsonStatus: false, hasSizes: false },
];

/** Upstream's time for a client to open all its streams. */
const STREAMS_MS_MAX = 30_000;

/** Resolves once the client has opened what it asked for. Rejects, with the connection closed, when it does not. */
export async function acceptSpdyStreams(
  connection: Duplex,
  protocol: SpdyCommandProtocol,
  options: CommandOptions,
  deps: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<CommandStreams> {
  const gone = new AbortController();
  const awaited = new Set(wantedStreams(protocol, options));
  const opened = new Map<string, Duplex>();
  const complete = Promise.withResolvers<void>();
  const session = createSpdySession(connection, {
    role: 'server',
    clock: deps.clock,
    onStream: ({ headers, bytes }) => {
      const type = headers.get('streamtype') ?? '';
      if (!awaited.delete(type)) throw new Error(`unexpected stream type: "${type}"`);
      opened.set(type, bytes);
      if (awaited.size === 0) complete.resolve();
    },
  });
  const onAbort = () => connection.destroy();
  deps.signal.addEventListener('abort', onAbort, { once: true, signal: gone.signal });
  const leave = (cause?: unknown) => gone.abort(new Error('the client has gone', { cause }));
  session.run().then(leave, leave);
  gone.signal.addEventListener('abort', () => complete.reject(gone.signal.reason), { once: true });
  const cancel = deps.clock.after(STREAMS_MS_MAX, () => complete.reject(new Error('timed out waiting for client to create streams')));
  try {
    await complete.promise;
  } catch (error) {
    connection.destroy();
    throw error;
  } finally {
    cancel();
  }
  // Of these the client's half says nothing; unread, it would never end.
  for (const type of ['error', 'stdout', 'stderr']) opened.get(type)?.resume();
  return {
    stdin: opened.get('stdin'),
    stdout: opened.get('stdout'),
    stderr: opened.get('stderr'),
    gone: gone.signal,
    onResize: (listener) => readSizes(opened.get('resize'), listener),
    finish: async (outcome) => {
      for (const type of ['stdout', 'stderr', 'stdin']) opened.get(type)?.end();
      opened.get('error')?.end(encodeOutcome(outcome, protocol));
      await session.close();
    },
  };
}

function wantedStreams({ hasSizes }: SpdyCommandProtocol, options: CommandOptions): readonly string[] {
  return [
    'error',
    ...(options.hasStdin ? ['stdin'] : []),
    ...(options.hasStdout ? ['stdout'] : []),
    ...(options.hasStderr ? ['stderr'] : []),
    ...(options.hasTerminal && hasSizes ? ['resize'] : []),
  ];
}

function readSizes(stream: Duplex | undefined, listener: (size: TerminalSize) => void): void {
  let text = '';
  stream?.on('data', (piece: Buffer) => {
    const { sizes, rest } = takeSizes(text + piece.toString());
    text = rest;
    for (const size of sizes) listener(size);
  });
}
