/**
 * The kernel's side of the proxy: loads a ruleset with `nft -f -` (one transaction, all or nothing) and forgets UDP flows with `conntrack -D`.
 * The only file of this room that starts programs. They act on the network namespace this process runs in and need CAP_NET_ADMIN there.
 */
import { spawn } from 'node:child_process';
import type { StaleFlow } from './stale-flows.ts';

/** Ten thousand Services load in under a second; a program that takes this long hangs. */
const PROGRAM_MS_MAX = 60_000;

/** nft repeats the text around each error; the first lines tell. */
const ERROR_CHARS_MAX = 4_000;

/** What `conntrack` exits with when no flow matched. */
const NO_FLOW_MATCHED = 1;

export interface Nft {
  /** Throws with nft's own message when it refuses the text; the kernel then still has what it had. */
  load(text: string, signal: AbortSignal): Promise<void>;
  /** Does nothing where `conntrack` is not installed. */
  forgetFlow(flow: StaleFlow, signal: AbortSignal): Promise<void>;
}

export function createNft(): Nft {
  return {
    load: async (text, signal) => {
      const { exitCode, output } = await runProgram('nft', ['-f', '-'], text, signal);
      if (exitCode !== 0) throw new Error(`nft refused the ruleset (exit ${exitCode}): ${output.trim()}`);
    },
    forgetFlow: async (flow, signal) => {
      try {
        const { exitCode, output } = await runProgram('conntrack', conntrackArguments(flow), '', signal);
        if (exitCode !== 0 && exitCode !== NO_FLOW_MATCHED) throw new Error(`conntrack (exit ${exitCode}): ${output.trim()}`);
      } catch (error) {
        if (!isMissingProgram(error)) throw error;
      }
    },
  };
}

function conntrackArguments({ destination, port, endpoint }: StaleFlow): readonly string[] {
  return [
    ...['-D', '-f', 'ipv4', '-p', 'udp'],
    ...(destination === undefined ? [] : ['--orig-dst', destination]),
    ...['--orig-port-dst', String(port)],
    ...(endpoint === undefined ? [] : ['--dst-nat', endpoint]),
  ];
}

function isMissingProgram(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

interface ProgramResult {
  readonly exitCode: number | null;
  /** The beginning of what it wrote to standard error. */
  readonly output: string;
}

async function runProgram(name: string, args: readonly string[], input: string, signal: AbortSignal): Promise<ProgramResult> {
  const child = spawn(name, args, { stdio: ['pipe', 'ignore', 'pipe'], timeout: PROGRAM_MS_MAX, signal });
  const { promise, resolve, reject } = Promise.withResolvers<ProgramResult>();
  let output = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output = (output + text).slice(0, ERROR_CHARS_MAX);
  });
  child.stdin.on('error', () => {}); // it may exit without reading all of it; its exit code tells
  child.on('error', reject);
  child.on('close', (exitCode) => resolve({ exitCode, output }));
  child.stdin.end(input);
  return promise;
}
