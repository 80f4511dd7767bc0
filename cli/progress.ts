/**
 * Tells the user what is going on: one line per step with how long it took, at most 80 columns, coloured only on a terminal. A step that
 * takes a while says so while it runs; on a terminal that line is overwritten, elsewhere (a log) it stays.
 */
import type { Clock } from '#component/clock.ts';

const NAME_WIDTH = 16;
const LINE_WIDTH = 79;

export interface Terminal {
  write(text: string): unknown;
  readonly isTTY?: boolean;
}

/** Shows what a running step is at. */
export type Say = (what: string) => void;

export interface Progress {
  heading(text: string): void;
  /** Runs a step and prints its outcome, the text `work` resolves with. A failure is printed as such and thrown on. */
  step(name: string, work: (say: Say) => Promise<string>): Promise<void>;
  text(line?: string): void;
}

export function createProgress(terminal: Terminal, clock: Clock): Progress {
  const isTerminal = terminal.isTTY === true;
  const finish = (mark: string, color: number, name: string, detail: string, startMs: number) => {
    if (isTerminal) terminal.write('\r\u001b[K');
    const line = renderStep(mark, name, detail, clock.monotonic() - startMs);
    terminal.write(`${isTerminal ? line.replace(mark, `\u001b[${color}m${mark}\u001b[0m`) : line}\n`);
  };
  const announce = (name: string, what: string) => {
    const line = `… ${name.padEnd(NAME_WIDTH)}${what}`.slice(0, LINE_WIDTH);
    terminal.write(isTerminal ? `\r\u001b[K${line}` : `${line}\n`);
  };
  return {
    heading: (text) => terminal.write(isTerminal ? `\u001b[1m${text}\u001b[0m\n` : `${text}\n`),
    text: (line = '') => terminal.write(`${line}\n`),
    step: async (name, work) => {
      const startMs = clock.monotonic();
      if (isTerminal) announce(name, '');
      try {
        const detail = await work((what) => announce(name, what));
        finish('✓', 32, name, detail, startMs);
      } catch (error) {
        finish('✗', 31, name, 'failed', startMs);
        throw error;
      }
    },
  };
}

/** `✓ name   detail   0.1 s`, the duration at the right edge; a detail that is too long is cut. */
export function renderStep(mark: string, name: string, detail: string, durationMs: number): string {
  const duration = formatDuration(durationMs);
  const start = `${mark} ${name.padEnd(NAME_WIDTH)}`;
  const room = LINE_WIDTH - start.length - duration.length - 1;
  const shown = detail.length <= room ? detail : `${detail.slice(0, room - 1)}…`;
  return `${start}${shown.padEnd(room)} ${duration}`;
}

/** `0.1 s`, `12.3 s`, `2 min 05 s`. */
export function formatDuration(durationMs: number): string {
  const seconds = durationMs / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`;
}
