/**
 * A process of Docker's whose streams are held, over a connection taken out of HTTP: what is written to it is the process's input, what is read is its output,
 * framed unless it has a terminal. Called by `docker-runtime.ts`, which opens the connection. Closing the writing half is the end of input.
 */
import { type Duplex, Writable } from 'node:stream';
import type { Clock } from '#component/clock.ts';
import type { ProcessSession, SessionOptions, TerminalSize } from './container-runtime.ts';
import { type LogPiece, parseLogFrames } from './log-frames.ts';

/** The engine learns of an exit a moment after the output has ended. */
const EXIT_POLL_MS_MIN = 10;
/** A process has its terminal within a second, also on a busy machine. */
const RESIZE_TRIES_MAX = 10;
const RESIZE_RETRY_MS = 20;
/** A process that closed its output and goes on is asked about this often. */
const EXIT_POLL_MS_MAX = 1_000;

export interface SessionControl {
  resize(size: TerminalSize): Promise<void>;
  /** Undefined while it runs. */
  findExitCode(): Promise<number | undefined>;
}

export function createDockerSession(
  connection: Duplex,
  { hasStdin, hasTerminal, keepsStdinOpen = false }: SessionOptions,
  { resize, findExitCode }: SessionControl,
  { clock }: { readonly clock: Clock },
): ProcessSession {
  // A failure of the connection reaches whoever reads or writes it; nobody may be doing either at the moment.
  connection.on('error', () => {});
  const closed = new AbortController();
  connection.on('close', () => closed.abort(new Error('the connection is closed')));
  return {
    stdin: hasStdin ? (keepsStdinOpen ? withoutEnd(connection) : connection) : undefined,
    output: hasTerminal ? rawPieces(connection) : parseLogFrames(connection),
    resize: (size) => resizeSoon(() => resize(size), clock, closed.signal),
    exitCode: async (signal) => {
      for (let delayMs = EXIT_POLL_MS_MIN; ; delayMs = Math.min(delayMs * 2, EXIT_POLL_MS_MAX)) {
        const exitCode = await findExitCode();
        if (exitCode !== undefined) return exitCode;
        await clock.sleep(delayMs, signal);
      }
    },
    close: () => connection.destroy(),
  };
}

/** The engine gives the connection away before the process has its terminal, and refuses to size what is not there. */
async function resizeSoon(resize: () => Promise<void>, clock: Clock, signal: AbortSignal): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      return await resize();
    } catch (error) {
      if (tries >= RESIZE_TRIES_MAX) throw error;
      await clock.sleep(RESIZE_RETRY_MS * tries, signal);
    }
  }
}

/** The engine would take the end of the input for the end of the client, and send no more output. */
function withoutEnd(connection: Duplex): Writable {
  return new Writable({ write: (chunk, _encoding, done) => void connection.write(chunk, done) });
}

async function* rawPieces(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<LogPiece> {
  for await (const bytes of chunks) yield { stream: 'stdout', bytes };
}
