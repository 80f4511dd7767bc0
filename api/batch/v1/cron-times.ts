/**
 * The times at which a schedule runs: the moments whose clock on the wall of the time zone reads what its fields say. So a time that the clocks skip in spring does
 * not come that day, and one that they show twice in autumn comes twice, as upstream's library (robfig/cron) has it. Pure.
 */
import type { CronFields, CronSchedule } from './cron-schedule.ts';

/** Fields such as February 31 never meet; this far ahead nobody looks. */
const YEARS_AHEAD_MAX = 5;
const MINUTE_MS = 60_000;

/** The first time after `afterMs`, epoch milliseconds; undefined when there is none within years. Throws RangeError for a zone that is none. */
export function nextTimeMs(schedule: CronSchedule, afterMs: number, timeZone: string): number | undefined {
  if (schedule.kind === 'every') return Math.floor(afterMs / 1_000) * 1_000 + schedule.periodMs;
  const firstMs = (Math.floor(afterMs / MINUTE_MS) + 1) * MINUTE_MS;
  let time = Temporal.Instant.fromEpochMilliseconds(firstMs).toZonedDateTimeISO(timeZone);
  const yearMax = time.year + YEARS_AHEAD_MAX;
  while (time.year <= yearMax) {
    const later = skipMismatch(schedule, time);
    if (later === undefined) return time.epochMilliseconds;
    time = later;
  }
  return undefined;
}

/** The last time after `afterMs` that is not past `untilMs`; undefined when there is none. */
export function lastTimeMs(
  schedule: CronSchedule,
  { afterMs, untilMs }: { readonly afterMs: number; readonly untilMs: number },
  timeZone: string,
): number | undefined {
  if (schedule.kind === 'every') {
    const periods = Math.floor((untilMs - Math.floor(afterMs / 1_000) * 1_000) / schedule.periodMs);
    return periods < 1 ? undefined : Math.floor(afterMs / 1_000) * 1_000 + periods * schedule.periodMs;
  }
  // Times may be anything from a minute to years apart: look back further and further until there is one.
  let last: number | undefined;
  for (let spanMs = MINUTE_MS; last === undefined; spanMs *= 2) {
    const fromMs = Math.max(afterMs, untilMs - spanMs);
    let time = nextTimeMs(schedule, fromMs, timeZone);
    for (; time !== undefined && time <= untilMs; time = nextTimeMs(schedule, time, timeZone)) last = time;
    if (fromMs === afterMs) break;
  }
  return last;
}

/** Where to look next, as far ahead as the coarsest field that does not match allows; undefined when all match. */
function skipMismatch(fields: CronFields, time: Temporal.ZonedDateTime): Temporal.ZonedDateTime | undefined {
  if (!fields.months.has(time.month)) return time.with({ day: 1 }).add({ months: 1 }).startOfDay();
  if (!matchesDay(fields, time)) return time.add({ days: 1 }).startOfDay();
  if (!fields.hours.has(time.hour)) return time.add({ minutes: 60 - time.minute });
  return fields.minutes.has(time.minute) ? undefined : time.add({ minutes: 1 });
}

function matchesDay({ days, weekdays, isEveryDay, isEveryWeekday }: CronFields, { day, dayOfWeek }: Temporal.ZonedDateTime): boolean {
  const [inMonth, inWeek] = [days.has(day), weekdays.has(dayOfWeek % 7)];
  return isEveryDay || isEveryWeekday ? inMonth && inWeek : inMonth || inWeek;
}
