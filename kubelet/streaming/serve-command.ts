/**
 * Joins a client's streams to a process until the process has ended or the client has gone: input one way, output the other, window sizes, and in the end the exit
 * code. Called by the kubelet's server for `exec` and `attach`. A client that goes leaves the process running, with its input ended, as upstream does.
 * Source: upstream's kubelet, pkg/cri/streaming/remotecommand/{exec,attach}.go.
 */
import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Logger } from '#component/logger.ts';
import type { ProcessSession, SessionOptions } from '../runtime/container-runtime.ts';
import type { CommandOutcome, CommandStreams } from './command-streams.ts';

/** `start` is called once the client is connected. Resolves when the connection is closed. */
export async function serveCommand(
  streams: CommandStreams,
  start: (options: SessionOptions) => Promise<ProcessSession>,
  options: SessionOptions,
  { log }: { readonly log: Logger },
): Promise<void> {
  await streams.finish(await runSession(streams, start, options, log));
}

async function runSession(
  streams: CommandStreams,
  start: (options: SessionOptions) => Promise<ProcessSession>,
  options: SessionOptions,
  log: Logger,
): Promise<CommandOutcome> {
  let session: ProcessSession | undefined;
  try {
    session = await start(options);
    return { type: 'exited', exitCode: await join(streams, session) };
  } catch (error) {
    if (!streams.gone.aborted) log.info({ err: error }, 'a command failed');
    return { type: 'failed', error };
  } finally {
    session?.close();
  }
}

async function join(streams: CommandStreams, session: ProcessSession): Promise<number> {
  const { gone } = streams;
  const close = () => session.close();
  gone.addEventListener('abort', close, { once: true });
  try {
    // A process may change its mind about its terminal, and end at any moment.
    streams.onResize((size) => void session.resize(size).catch(() => {}));
    // That the process does not read its input to the end is its own affair.
    if (streams.stdin !== undefined && session.stdin !== undefined) void pipeline(streams.stdin, session.stdin).catch(() => {});
    for await (const { stream, bytes } of session.output) {
      const sink = streams[stream];
      if (sink !== undefined) await write(sink, bytes, gone);
    }
    gone.throwIfAborted();
    return await session.exitCode(gone);
  } finally {
    gone.removeEventListener('abort', close);
  }
}

/** Resolves when the client has taken it. */
function write(sink: Writable, bytes: Uint8Array, gone: AbortSignal): Promise<void> {
  gone.throwIfAborted();
  return new Promise((resolve, reject) => sink.write(bytes, (error) => (error ? reject(error) : resolve())));
}
