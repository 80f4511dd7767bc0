/** A process of the fake runtime: a function that is given its streams and ends with an exit code. Output waits for its reader, as an engine's does. */
import { PassThrough, type Readable, Writable } from 'node:stream';
import type { ProcessSession, SessionOptions, TerminalSize } from './container-runtime.ts';
import type { LogPiece } from './log-frames.ts';

export interface FakeProcess {
  readonly stdin: Readable;
  /** Resolves when there is room for more. What nobody asked for is dropped. */
  write(stream: LogPiece['stream'], bytes: Uint8Array | string): Promise<void>;
  /** The size its terminal has now. */
  size(): TerminalSize | undefined;
  /** Aborted when nobody holds its streams any more. */
  readonly closed: AbortSignal;
}

export type FakeProgram = (process: FakeProcess) => Promise<number>;

export function createFakeSession(program: FakeProgram, options: SessionOptions): ProcessSession {
  const { hasStdin, hasStdout, hasStderr, hasTerminal, keepsStdinOpen = false } = options;
  const stdin = new PassThrough();
  const output = new PassThrough({ objectMode: true, highWaterMark: 1 });
  const closed = new AbortController();
  let size: TerminalSize | undefined;
  if (!hasStdin) stdin.end();
  const write = async (stream: LogPiece['stream'], bytes: Uint8Array | string): Promise<void> => {
    if (stream === 'stdout' || hasTerminal ? !hasStdout : !hasStderr) return;
    const piece: LogPiece = { stream: hasTerminal ? 'stdout' : stream, bytes: Buffer.from(bytes) };
    await new Promise<void>((resolve) => output.write(piece, () => resolve()));
  };
  const exit = program({ stdin, write, size: () => size, closed: closed.signal }).finally(() => output.end());
  exit.catch(() => {});
  return {
    stdin: hasStdin ? (keepsStdinOpen ? withoutEnd(stdin) : stdin) : undefined,
    output,
    resize: async (next) => {
      size = next;
    },
    exitCode: () => exit,
    close: () => {
      closed.abort();
      stdin.destroy();
      output.destroy();
    },
  };
}

function withoutEnd(stdin: PassThrough): Writable {
  return new Writable({ write: (chunk, _encoding, done) => void stdin.write(chunk, () => done()) });
}
