/**
 * A client's end of a command: what it types, where the output goes, how the end is told. WebSocket (`web-socket-streams.ts`) and SPDY (`spdy-streams.ts`) each make
 * one; `serve-command.ts` joins it to a process. Also the pure parts that both share: window sizes and the last word.
 * Source: upstream's kubelet, pkg/cri/streaming/remotecommand/{exec,httpstream}.go.
 */
import type { Readable, Writable } from 'node:stream';
import type { Status } from '#api/generated/types.ts';
import { ApiError, toStatus } from '#api/meta/status.ts';
import type { TerminalSize } from '../runtime/container-runtime.ts';

/** Which streams a client asks for. */
export interface CommandOptions {
  readonly hasStdin: boolean;
  readonly hasStdout: boolean;
  readonly hasStderr: boolean;
  readonly hasTerminal: boolean;
}

export interface CommandStreams {
  /** Ends when the client closes it or goes. Absent, like the next two, when it was not asked for. */
  readonly stdin: Readable | undefined;
  readonly stdout: Writable | undefined;
  readonly stderr: Writable | undefined;
  /** Aborted when the client has gone, and when the kubelet stops. */
  readonly gone: AbortSignal;
  onResize(listener: (size: TerminalSize) => void): void;
  /** Says how it ended and closes the connection. Resolves when it is closed; what the client no longer hears is no failure. */
  finish(outcome: CommandOutcome): Promise<void>;
}

export type CommandOutcome = { readonly type: 'exited'; readonly exitCode: number } | { readonly type: 'failed'; readonly error: unknown };

/** What clients know an exit code by. */
const NON_ZERO_EXIT_CODE = 'NonZeroExitCode';
const EXIT_CODE_CAUSE = 'ExitCode';

export function statusOfOutcome(outcome: CommandOutcome): Status {
  if (outcome.type === 'failed') {
    const why = outcome.error instanceof Error ? outcome.error.message : String(outcome.error);
    return toStatus(new ApiError('InternalError', `Internal error occurred: error executing command in container: ${why}`));
  }
  const { exitCode } = outcome;
  if (exitCode === 0) return { metadata: {}, status: 'Success' };
  return {
    metadata: {},
    status: 'Failure',
    message: `command terminated with non-zero exit code: exit status ${exitCode}`,
    reason: NON_ZERO_EXIT_CODE,
    details: { causes: [{ reason: EXIT_CODE_CAUSE, message: String(exitCode) }] },
  };
}

/** The last word as the client's version of the protocol wants it: old ones hear of failures only. */
export function encodeOutcome(outcome: CommandOutcome, { hasJsonStatus }: { readonly hasJsonStatus: boolean }): Buffer {
  const status = statusOfOutcome(outcome);
  if (hasJsonStatus) return Buffer.from(JSON.stringify(status));
  return Buffer.from(status.status === 'Success' ? '' : (status.message ?? ''));
}

/** Longer than any size; what is left over beyond it was none. */
const SIZE_CHARACTERS_MAX = 1_024;
/** The kernel's type for either. */
const CELLS_MAX = 65_535;

/** Takes JSON objects one after the other, cut anywhere; gives the sizes and what to put before the next piece. */
export function takeSizes(text: string): { readonly sizes: readonly TerminalSize[]; readonly rest: string } {
  const end = text.lastIndexOf('}') + 1;
  const sizes = [...text.slice(0, end).matchAll(/\{[^{}]*\}/g)].map(([object]) => parseSize(object)).filter((size) => size !== undefined);
  return { sizes, rest: text.slice(end).slice(-SIZE_CHARACTERS_MAX) };
}

function parseSize(text: string): TerminalSize | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const columns = cellsOf(value, 'Width');
    const rows = cellsOf(value, 'Height');
    return columns === undefined || rows === undefined ? undefined : { columns, rows };
  } catch {
    return undefined;
  }
}

function cellsOf(value: unknown, name: string): number | undefined {
  const found: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
  return typeof found === 'number' && Number.isInteger(found) && found >= 0 && found <= CELLS_MAX ? found : undefined;
}
