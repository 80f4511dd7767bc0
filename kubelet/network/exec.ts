/**
 * Runs a program of the node: the one place of the kubelet that starts processes (`ip`, `nft`, the CNI plugins). Bounded in time and output. Also starts helpers:
 * programs of ours that run on, are asked by message and may give a connection away.
 */
import { execFile, spawn } from 'node:child_process';
import { Socket } from 'node:net';

/** Under load a plugin takes a second; upstream gives the whole network setup minutes. */
const RUN_MS_MAX = 60_000;
const OUTPUT_BYTES_MAX = 4 * 1024 * 1024;

export interface RunOptions {
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** The program's standard output; throws with what it wrote when it fails. */
export type Run = (program: string, args: readonly string[], options?: RunOptions) => Promise<string>;

/** `path`: where programs are looked for. */
export function createRun(path: string): Run {
  return (program, args, { input = '', env = {} } = {}) =>
    new Promise((resolve, reject) => {
      const settings = { env: { PATH: path, ...env }, timeout: RUN_MS_MAX, maxBuffer: OUTPUT_BYTES_MAX };
      const child = execFile(program, [...args], settings, (error, stdout, stderr) => {
        if (error === null) resolve(stdout);
        else reject(new RunError(program, stdout, stderr, error));
      });
      // A program that ends without reading its input is judged by its exit code.
      child.stdin?.on('error', () => {});
      child.stdin?.end(input);
    });
}

export class RunError extends Error {
  readonly stdout: string;

  constructor(program: string, stdout: string, stderr: string, cause: Error) {
    super(`${program}: ${stderr.trim() || stdout.trim() || cause.message}`, { cause });
    this.name = 'RunError';
    this.stdout = stdout;
  }
}

/** A program of ours that runs beside the kubelet. What it says, and the connections it hands over, go to `onMessage`. */
export interface Helper {
  ask(message: object): void;
  stop(): void;
}

export interface HelperListener {
  onMessage(message: unknown, connection: Socket | undefined): void;
  /** Once, when it has ended or could not be started; `why` is what it complained of. */
  onEnd(why: string): void;
}

/** `path`: where programs are looked for. */
export type StartHelper = (program: string, args: readonly string[], listener: HelperListener) => Helper;

const COMPLAINT_CHARACTERS_MAX = 1_000;

export function createStartHelper(path: string): StartHelper {
  return (program, args, { onMessage, onEnd }) => {
    const child = spawn(program, [...args], { env: { PATH: path }, stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    const ended = Promise.withResolvers<string>();
    let complaint = '';
    child.stderr?.on('data', (text: Buffer) => {
      complaint = (complaint + text.toString()).slice(-COMPLAINT_CHARACTERS_MAX);
    });
    child.on('message', (message, connection) => onMessage(message, connection instanceof Socket ? connection : undefined));
    child.on('error', (error) => ended.resolve(error.message));
    child.on('close', (code) => ended.resolve(complaint.trim() || `${program} exited ${code}`));
    void ended.promise.then(onEnd);
    return {
      // One that has ended says so in `onEnd`.
      ask: (message) => void (child.connected && child.send(message, () => {})),
      stop: () => void child.kill('SIGKILL'),
    };
  };
}
