/**
 * Times as the API writes them: RFC 3339 in UTC, whole seconds (`Time`) or microseconds (`MicroTime`), and the ages that tables show.
 * Pure: the present moment is always a parameter (epoch milliseconds).
 */

const RFC3339 = /^(\d{4}-\d{2}-\d{2})[Tt](\d{2}:\d{2}:\d{2})(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/;

/** A time in any offset as the API stores it, or undefined when the text is no time. */
export function normalizeTime(text: string, precision: 'time' | 'micro-time'): string | undefined {
  const [, date, clock, fraction = '', offset] = RFC3339.exec(text) ?? [];
  if (date === undefined || clock === undefined || offset === undefined) return undefined;
  const epochMs = Date.parse(`${date}T${clock}${offset.toUpperCase()}`);
  if (Number.isNaN(epochMs)) return undefined;
  const seconds = new Date(epochMs).toISOString().slice(0, 19);
  return precision === 'time' ? `${seconds}Z` : `${seconds}.${fraction.slice(1, 7).padEnd(6, '0')}Z`;
}

/** Epoch milliseconds of a stored time; undefined for an absent or malformed one. */
export function parseTime(text: string | undefined): number | undefined {
  const epochMs = text === undefined ? Number.NaN : Date.parse(text);
  return Number.isNaN(epochMs) ? undefined : epochMs;
}

const SECOND_MS = 1000;
const MINUTE_S = 60;
const HOUR_S = 60 * MINUTE_S;
const DAY_S = 24 * HOUR_S;
const YEAR_S = 365 * DAY_S;

/** `95s`, `5m30s`, `3h5m`, `2d4h`, `3y20d`: two units while the first is small, as kubectl shows ages. */
export function formatAge(durationMs: number): string {
  const seconds = Math.trunc(durationMs / SECOND_MS);
  if (seconds < -1) return '<invalid>';
  if (seconds < 2 * MINUTE_S) return `${Math.max(seconds, 0)}s`;
  if (seconds < 10 * MINUTE_S) return twoUnits(seconds, [MINUTE_S, 'm'], [1, 's']);
  if (seconds < 3 * HOUR_S) return `${Math.trunc(seconds / MINUTE_S)}m`;
  if (seconds < 8 * HOUR_S) return twoUnits(seconds, [HOUR_S, 'h'], [MINUTE_S, 'm']);
  if (seconds < 2 * DAY_S) return `${Math.trunc(seconds / HOUR_S)}h`;
  if (seconds < 8 * DAY_S) return twoUnits(seconds, [DAY_S, 'd'], [HOUR_S, 'h']);
  if (seconds < 2 * YEAR_S) return `${Math.trunc(seconds / DAY_S)}d`;
  if (seconds < 8 * YEAR_S) return twoUnits(seconds, [YEAR_S, 'y'], [DAY_S, 'd']);
  return `${Math.trunc(seconds / YEAR_S)}y`;
}

function twoUnits(seconds: number, [large, largeUnit]: readonly [number, string], [small, smallUnit]: readonly [number, string]): string {
  const rest = Math.trunc((seconds % large) / small);
  return `${Math.trunc(seconds / large)}${largeUnit}${rest === 0 ? '' : `${rest}${smallUnit}`}`;
}

/** How long ago a stored time was; `<unknown>` for an absent one. */
export function ageOf(time: string | undefined, nowMs: number): string {
  const epochMs = parseTime(time);
  return epochMs === undefined ? '<unknown>' : formatAge(nowMs - epochMs);
}
