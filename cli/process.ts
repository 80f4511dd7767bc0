/**
 * The one place where the command line starts other programs. Nothing goes through a shell. `run` gives the exit code and what was
 * said and leaves the judgement to its caller; `runOrThrow` is for programs that have to succeed.
 */
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';

/** What is kept of a program's output; only the end of it ever matters to a person. */
const OUTPUT_CHARACTERS_MAX = 4_000_000;

/** How much of a failed program's output goes into the error. */
const ERROR_LINES_MAX = 12;

/** A shell's code for a command that is not there. */
const EXIT_NOT_FOUND = 127;

/** A shell's code for a command that a signal ended. */
const EXIT_KILLED = 137;

export interface RunOptions {
  readonly cwd?: string;
  /** Added to this process's environment. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

export interface RunResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs to the end. A program that does not exist has exit code 127; one that ran out of time, or was killed, 124. */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: { ...process.env, ...options.environment },
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(options.timeoutMs === undefined ? {} : { timeout: options.timeoutMs, killSignal: 'SIGKILL' }),
    });
    const output = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8');
      child[name].on('data', (text: string) => {
        output[name] = (output[name] + text).slice(-OUTPUT_CHARACTERS_MAX);
      });
    }
    child.on('error', (error) => resolve({ exitCode: EXIT_NOT_FOUND, stdout: '', stderr: error.message }));
    child.on('close', (code) => resolve({ exitCode: code ?? 124, ...output }));
  });
}

/** Runs to the end with this terminal's input and output. Gives the exit code, 127 for a program that does not exist. */
export function runAttached(command: string, args: readonly string[], environment: Readonly<Record<string, string>>): Promise<number> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { env: { ...process.env, ...environment }, stdio: 'inherit' });
    child.on('error', () => resolve(EXIT_NOT_FOUND));
    child.on('close', (code, signal) => resolve(code ?? (signal === null ? 1 : EXIT_KILLED)));
  });
}

/** Gives standard output; throws an error with the command and the end of what it said when it fails. */
export async function runOrThrow(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const result = await run(command, args, options);
  if (result.exitCode === 0) return result.stdout;
  const said = `${result.stdout}\n${result.stderr}`.split('\n').filter((line) => line.trim() !== '');
  throw new Error([`${command} ${args.join(' ')} failed (${result.exitCode})`, ...said.slice(-ERROR_LINES_MAX)].join('\n  '));
}

/** Starts a program that outlives this one, its output going to a file. Gives what tells whether it has ended already. */
export function startDetached(command: string, args: readonly string[], logPath: string): { hasEnded(): boolean } {
  const log = openSync(logPath, 'a');
  const child = spawn(command, args, { detached: true, stdio: ['ignore', log, log] });
  closeSync(log);
  let isOver = false;
  child.on('error', () => {
    isOver = true;
  });
  child.on('exit', () => {
    isOver = true;
  });
  child.unref();
  return { hasEnded: () => isOver };
}
