/** What went through the interfaces of a network namespace, read from `/proc` of a process in it. The parsing is pure. */
import { readFile } from 'node:fs/promises';

export interface Interface {
  readonly name: string;
  readonly rxBytes: number;
  readonly rxErrors: number;
  readonly txBytes: number;
  readonly txErrors: number;
}

/** Empty for a process that is gone. */
export async function readInterfaces(pid: number | 'self'): Promise<readonly Interface[]> {
  return parseInterfaces(await readFile(`/proc/${pid}/net/dev`, 'utf8').catch(() => ''));
}

/** Two lines of headings, then a name and sixteen numbers: eight received, eight sent. Loopback is nobody's traffic. */
export function parseInterfaces(text: string): readonly Interface[] {
  return text
    .split('\n')
    .slice(2)
    .flatMap((line) => {
      const [name = '', counts = ''] = line.trim().split(/:\s*/);
      const numbers = counts.split(/\s+/).map(Number);
      if (name === '' || name === 'lo') return [];
      const [rxBytes = 0, , rxErrors = 0, , , , , , txBytes = 0, , txErrors = 0] = numbers;
      return [{ name, rxBytes, rxErrors, txBytes, txErrors }];
    });
}
