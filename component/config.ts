/**
 * Configuration from the environment, read once in each `main.ts`. All problems are reported together, with the variable's name and
 * what it should hold, before anything is started.
 */
import { readFileSync } from 'node:fs';

export interface ConfigReader {
  /** A string; without a default the variable must be set. */
  text(name: string, fallback?: string): string;
  /** A whole number within bounds. */
  integer(name: string, options: { fallback?: number; min: number; max: number }): number;
  /** The content of the file that the variable names. */
  file(name: string, fallback?: string): string;
  /** Throws one error that names every problem found so far. */
  finish(): void;
}

export function readConfig(environment: Readonly<Record<string, string | undefined>>): ConfigReader {
  const problems: string[] = [];
  const text = (name: string, fallback?: string): string => {
    const value = environment[name] ?? fallback;
    if (value === undefined || (value === '' && fallback === undefined)) problems.push(`${name} must be set`);
    return value ?? '';
  };
  return {
    text,
    integer: (name, { fallback, min, max }) => {
      const value = Number(text(name, fallback === undefined ? undefined : String(fallback)));
      if (!Number.isInteger(value) || value < min || value > max) problems.push(`${name} must be a whole number from ${min} to ${max}`);
      return value;
    },
    file: (name, fallback) => {
      const path = text(name, fallback);
      try {
        return path === '' ? '' : readFileSync(path, 'utf8');
      } catch (error) {
        problems.push(`${name}: cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`);
        return '';
      }
    },
    finish: () => {
      if (problems.length > 0) throw new Error(`configuration:\n  ${problems.join('\n  ')}`);
    },
  };
}
