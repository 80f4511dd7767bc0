/**
 * When a CronJob runs: five fields (minute, hour, day of the month, month, day of the week) or a word such as `@daily`. Here a text becomes a schedule, or
 * it is said why not, in the words of the library that upstream parses schedules with (robfig/cron, ParseStandard). `cron-times.ts` tells the times.
 */

/** The fields' values; a day must be in both of its fields, or in one of them when both are restricted. */
export interface CronFields {
  readonly kind: 'fields';
  readonly minutes: ReadonlySet<number>;
  readonly hours: ReadonlySet<number>;
  readonly days: ReadonlySet<number>;
  readonly months: ReadonlySet<number>;
  /** Sunday is 0. */
  readonly weekdays: ReadonlySet<number>;
  /** Whether the field is left open: `*` or `?`, without a step. */
  readonly isEveryDay: boolean;
  readonly isEveryWeekday: boolean;
}

export type CronSchedule = CronFields | { readonly kind: 'every'; readonly periodMs: number };

export type ParsedSchedule =
  | { readonly isValid: true; readonly schedule: CronSchedule }
  | { readonly isValid: false; readonly problem: string };

interface Bounds {
  readonly min: number;
  readonly max: number;
  readonly names: readonly string[];
}

const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'] as const;
const days = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const;

const bounds = {
  minutes: { min: 0, max: 59, names: [] },
  hours: { min: 0, max: 23, names: [] },
  days: { min: 1, max: 31, names: [] },
  months: { min: 1, max: 12, names: months },
  weekdays: { min: 0, max: 6, names: days },
} as const;

const words: ReadonlyMap<string, string> = new Map([
  ['@yearly', '0 0 1 1 *'],
  ['@annually', '0 0 1 1 *'],
  ['@monthly', '0 0 1 * *'],
  ['@weekly', '0 0 * * 0'],
  ['@daily', '0 0 * * *'],
  ['@midnight', '0 0 * * *'],
  ['@hourly', '0 * * * *'],
]);
const EVERY = '@every ';
const DURATION = /^[+-]?((\d+(\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h))+$/;
const unitsMs: ReadonlyMap<string, number> = new Map([
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
  ['ms', 1],
]);
/** A shorter period is taken for this one. */
const PERIOD_MS_MIN = 1_000;

export function parseCronSchedule(text: string): ParsedSchedule {
  if (text.startsWith(EVERY)) return parseEvery(text);
  const spelled = text.startsWith('@') ? words.get(text) : text;
  if (spelled === undefined) return invalid(`unrecognized descriptor: ${text}`);
  const parts = spelled.split(/\s+/).filter((part) => part !== '');
  const [minute, hour, day, month, weekday, ...more] = parts;
  if (minute === undefined || hour === undefined || day === undefined || month === undefined || weekday === undefined || more.length > 0) {
    return invalid(`expected exactly 5 fields, found ${parts.length}: [${parts.join(' ')}]`);
  }
  const minutes = parseField(minute, bounds.minutes);
  const hours = parseField(hour, bounds.hours);
  const inMonth = parseField(day, bounds.days);
  const inYear = parseField(month, bounds.months);
  const inWeek = parseField(weekday, bounds.weekdays);
  const fields = [minutes, hours, inMonth, inYear, inWeek];
  const problem = fields.find((field) => typeof field.values === 'string')?.values;
  if (typeof problem === 'string') return invalid(problem);
  const valuesOf = ({ values }: Field): ReadonlySet<number> => (typeof values === 'string' ? new Set() : values);
  return {
    isValid: true,
    schedule: {
      kind: 'fields',
      minutes: valuesOf(minutes),
      hours: valuesOf(hours),
      days: valuesOf(inMonth),
      months: valuesOf(inYear),
      weekdays: valuesOf(inWeek),
      isEveryDay: inMonth.isOpen,
      isEveryWeekday: inWeek.isOpen,
    },
  };
}

/** Undefined for a text that is a schedule. */
export function cronScheduleProblem(text: string): string | undefined {
  const parsed = parseCronSchedule(text);
  return parsed.isValid ? undefined : parsed.problem;
}

function invalid(problem: string): ParsedSchedule {
  return { isValid: false, problem };
}

/** Whole seconds, at least one. */
function parseEvery(text: string): ParsedSchedule {
  const duration = text.slice(EVERY.length);
  if (!DURATION.test(duration)) {
    return invalid(`failed to parse duration ${text}: time: invalid duration ${JSON.stringify(duration)}`);
  }
  const parts = [...duration.matchAll(/(\d+\.?\d*|\.\d+)([a-zµ]+)/g)];
  const totalMs = parts.reduce((sum, [, amount, unit]) => sum + Number(amount) * (unitsMs.get(unit ?? '') ?? 0), 0);
  const periodMs = duration.startsWith('-') ? 0 : Math.floor(totalMs / 1_000) * 1_000;
  return { isValid: true, schedule: { kind: 'every', periodMs: Math.max(PERIOD_MS_MIN, periodMs) } };
}

interface Field {
  /** Text says what is wrong. */
  readonly values: ReadonlySet<number> | string;
  readonly isOpen: boolean;
}

function parseField(text: string, limits: Bounds): Field {
  const values = new Set<number>();
  let isOpen = false;
  for (const part of text.split(',').filter((piece) => piece !== '')) {
    const range = parseRange(part, limits);
    if (typeof range === 'string') return { values: range, isOpen };
    for (let value = range.start; value <= range.end; value += range.every) values.add(value);
    isOpen ||= range.isOpen;
  }
  return { values, isOpen };
}

interface Range {
  readonly start: number;
  readonly end: number;
  readonly every: number;
  readonly isOpen: boolean;
}

/** `7`, `1-5`, `*`, each with a step or without. */
function parseRange(text: string, limits: Bounds): Range | string {
  const [range = '', step, ...moreSteps] = text.split('/');
  const [low = '', high, ...moreLimits] = range.split('-');
  const isAny = low === '*' || low === '?';
  if (!isAny && moreLimits.length > 0) return `too many hyphens: ${text}`;
  const start = isAny ? limits.min : parseNumber(low, limits);
  if (typeof start === 'string') return start;
  const given = isAny ? limits.max : high === undefined ? start : parseNumber(high, limits);
  if (typeof given === 'string') return given;
  if (moreSteps.length > 0) return `too many slashes: ${text}`;
  const every = step === undefined ? 1 : parseNumber(step, { ...limits, names: [] });
  if (typeof every === 'string') return every;
  // A single number with a step means: from there to the end.
  const end = step !== undefined && high === undefined ? limits.max : given;
  if (start < limits.min) return `beginning of range (${start}) below minimum (${limits.min}): ${text}`;
  if (end > limits.max) return `end of range (${end}) above maximum (${limits.max}): ${text}`;
  if (start > end) return `beginning of range (${start}) beyond end of range (${end}): ${text}`;
  return every === 0 ? `step of range should be a positive number: ${text}` : { start, end, every, isOpen: isAny && every === 1 };
}

/** A number or its name; text for what is neither. */
function parseNumber(text: string, { names, min }: Bounds): number | string {
  const named = names.indexOf(text.toLowerCase());
  if (named >= 0) return named + min;
  if (!/^[+-]?\d{1,18}$/.test(text))
    return `failed to parse int from ${text}: strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`;
  return Number(text) < 0 ? `negative number (${Number(text)}) not allowed: ${text}` : Number(text);
}
