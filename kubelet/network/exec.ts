/**
 * Runs a program of the node: the one place of the kubelet that starts processes (`ip`, `nft`, the CNI plugins). Bounded in time and output.
 */
import { execFile } from 'node:child_process';

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
