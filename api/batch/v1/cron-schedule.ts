/**
 * When a CronJob runs: five fields (minute, hour, day of the month, month, day of the week) or a word such as `@daily`. Here: whether a text says so, and if
 * not, why, in the words of the library that upstream parses schedules with (robfig/cron, ParseStandard).
 */

interface Bounds {
  readonly min: number;
  readonly max: number;
  readonly names: readonly string[];
}

const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'] as const;
const days = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const;

const fields: readonly Bounds[] = [
  { min: 0, max: 59, names: [] },
  { min: 0, max: 23, names: [] },
  { min: 1, max: 31, names: [] },
  { min: 1, max: 12, names: months },
  { min: 0, max: 6, names: days },
];

const words = ['@yearly', '@annually', '@monthly', '@weekly', '@daily', '@midnight', '@hourly'] as const;
const EVERY = '@every ';
const DURATION = /^[+-]?(\d+(\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)((\d+(\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h))*$/;

/** Undefined for a text that is a schedule. */
export function cronScheduleProblem(text: string): string | undefined {
  if (text.startsWith('@')) return wordProblem(text);
  const parts = text.split(/\s+/).filter((part) => part !== '');
  if (parts.length !== fields.length) return `expected exactly ${fields.length} fields, found ${parts.length}: [${parts.join(' ')}]`;
  for (const [index, part] of parts.entries()) {
    const bounds = fields[index];
    const problem = bounds && fieldProblem(part, bounds);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function wordProblem(text: string): string | undefined {
  if (words.some((word) => word === text)) return undefined;
  if (!text.startsWith(EVERY)) return `unrecognized descriptor: ${text}`;
  const duration = text.slice(EVERY.length);
  return DURATION.test(duration) ? undefined : `failed to parse duration ${text}: time: invalid duration ${JSON.stringify(duration)}`;
}

function fieldProblem(text: string, bounds: Bounds): string | undefined {
  for (const part of text.split(',').filter((piece) => piece !== '')) {
    const problem = rangeProblem(part, bounds);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/** `7`, `1-5`, `*`, each with a step or without. */
function rangeProblem(text: string, bounds: Bounds): string | undefined {
  const [range = '', step, ...moreSteps] = text.split('/');
  const [low = '', high, ...moreLimits] = range.split('-');
  const isAny = low === '*' || low === '?';
  if (!isAny && moreLimits.length > 0) return `too many hyphens: ${text}`;
  const start = isAny ? bounds.min : parseNumber(low, bounds);
  if (typeof start === 'string') return start;
  const given = isAny ? bounds.max : high === undefined ? start : parseNumber(high, bounds);
  if (typeof given === 'string') return given;
  if (moreSteps.length > 0) return `too many slashes: ${text}`;
  const every = step === undefined ? 1 : parseNumber(step, { ...bounds, names: [] });
  if (typeof every === 'string') return every;
  // A single number with a step means: from there to the end.
  const end = step !== undefined && high === undefined ? bounds.max : given;
  if (start < bounds.min) return `beginning of range (${start}) below minimum (${bounds.min}): ${text}`;
  if (end > bounds.max) return `end of range (${end}) above maximum (${bounds.max}): ${text}`;
  if (start > end) return `beginning of range (${start}) beyond end of range (${end}): ${text}`;
  return every === 0 ? `step of range should be a positive number: ${text}` : undefined;
}

/** A number or its name; text for what is neither. */
function parseNumber(text: string, { names, min }: Bounds): number | string {
  const named = names.indexOf(text.toLowerCase());
  if (named >= 0) return named + min;
  if (!/^[+-]?\d{1,18}$/.test(text))
    return `failed to parse int from ${text}: strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`;
  return Number(text) < 0 ? `negative number (${Number(text)}) not allowed: ${text}` : Number(text);
}
