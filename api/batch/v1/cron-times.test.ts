import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type CronSchedule, parseCronSchedule } from './cron-schedule.ts';
import { lastTimeMs, nextTimeMs } from './cron-times.ts';

function scheduleOf(text: string): CronSchedule {
  const parsed = parseCronSchedule(text);
  assert.ok(parsed.isValid, text);
  return parsed.schedule;
}

function nextTimes(text: string, after: string, count: number, zone = 'UTC'): readonly string[] {
  const schedule = scheduleOf(text);
  const times: string[] = [];
  for (let timeMs: number | undefined = Date.parse(after); times.length < count; ) {
    timeMs = nextTimeMs(schedule, timeMs, zone);
    if (timeMs === undefined) break;
    times.push(new Date(timeMs).toISOString().slice(0, 16));
  }
  return times;
}

const cases: readonly { it: string; schedule: string; after: string; zone?: string; times: readonly string[] }[] = [
  {
    it: 'each minute comes after the last',
    schedule: '* * * * *',
    after: '2026-01-01T00:00:00Z',
    times: ['2026-01-01T00:01', '2026-01-01T00:02'],
  },
  { it: 'a time counts only when it is past', schedule: '30 4 * * *', after: '2026-01-01T04:30:00Z', times: ['2026-01-02T04:30'] },
  {
    it: 'a number with a step begins there',
    schedule: '5/20 * * * *',
    after: '2026-01-01T00:00:00Z',
    times: ['2026-01-01T00:05', '2026-01-01T00:25', '2026-01-01T00:45', '2026-01-01T01:05'],
  },
  {
    it: 'ranges and lists add up',
    schedule: '0-30/15,45 0 * * *',
    after: '2026-01-01T00:00:00Z',
    times: ['2026-01-01T00:15', '2026-01-01T00:30', '2026-01-01T00:45', '2026-01-02T00:00'],
  },
  {
    it: 'names stand for months and days',
    schedule: '0 0 * feb mon',
    after: '2026-01-01T00:00:00Z',
    times: ['2026-02-02T00:00', '2026-02-09T00:00'],
  },
  {
    it: 'two restricted day fields are alternatives',
    schedule: '0 0 13 * fri',
    after: '2026-01-01T00:00:00Z',
    times: ['2026-01-02T00:00', '2026-01-09T00:00', '2026-01-13T00:00', '2026-01-16T00:00'],
  },
  {
    it: 'an open day field leaves it to the other',
    schedule: '0 0 ? * sun',
    after: '2026-01-01T00:00:00Z',
    times: ['2026-01-04T00:00', '2026-01-11T00:00'],
  },
  { it: 'a leap day is waited for', schedule: '0 0 29 2 *', after: '2026-03-01T00:00:00Z', times: ['2028-02-29T00:00'] },
  { it: 'a day that never comes is given up', schedule: '0 0 31 2 *', after: '2026-01-01T00:00:00Z', times: [] },
  { it: 'words are schedules', schedule: '@weekly', after: '2026-01-01T00:00:00Z', times: ['2026-01-04T00:00'] },
  {
    it: 'periods count from the last time',
    schedule: '@every 1h30m',
    after: '2026-01-01T00:10:00Z',
    times: ['2026-01-01T01:40', '2026-01-01T03:10'],
  },
  {
    it: 'the time zone tells the hour',
    schedule: '0 9 * * *',
    after: '2026-07-01T00:00:00Z',
    zone: 'Europe/Berlin',
    times: ['2026-07-01T07:00'],
  },
  {
    it: 'an hour that the clocks skip does not come',
    schedule: '30 2 * * *',
    after: '2026-03-28T12:00:00Z',
    zone: 'Europe/Berlin',
    times: ['2026-03-30T00:30'],
  },
  {
    it: 'an hour that they repeat comes twice',
    schedule: '30 2 * * *',
    after: '2026-10-24T12:00:00Z',
    zone: 'Europe/Berlin',
    times: ['2026-10-25T00:30', '2026-10-25T01:30', '2026-10-26T01:30'],
  },
  {
    it: 'a zone may be half an hour off',
    schedule: '0 0 * * *',
    after: '2026-01-01T00:00:00Z',
    zone: 'Asia/Kolkata',
    times: ['2026-01-01T18:30'],
  },
];
for (const { it, schedule, after, zone, times } of cases) {
  test(`${it}: ${schedule}`, () => assert.deepEqual(nextTimes(schedule, after, Math.max(times.length, 1), zone), times));
}

const field = (min: number, max: number) =>
  fc.oneof(
    fc.constant('*'),
    fc.integer({ min, max }).map(String),
    fc.tuple(fc.integer({ min, max }), fc.integer({ min: 1, max: 9 })).map(([start, step]) => `${start}/${step}`),
  );

test('the next time is the first minute that the fields match', () => {
  const schedules = fc.tuple(field(0, 59), field(0, 23), field(1, 31), fc.constant('*'), field(0, 6)).map((fields) => fields.join(' '));
  const zones = fc.constantFrom('UTC', 'America/New_York', 'Australia/Lord_Howe');
  // Around the change of the clocks.
  const starts = fc.integer({ min: Date.UTC(2026, 9, 20), max: Date.UTC(2026, 10, 5) });
  fc.assert(
    fc.property(schedules, zones, starts, (text, zone, startMs) => {
      const next = nextTimeMs(scheduleOf(text), startMs, zone);
      assert.equal(next, firstMatch(text, startMs, zone, next));
    }),
    { numRuns: 60 },
  );
});

test('the last time is the one that the next follows', () => {
  const schedules = fc.constantFrom('* 0 * * *', '0,1 0 * * *', '0 6 * * 1-5', '15 3 1 * *', '@every 7m', '@hourly');
  const spans = fc.integer({ min: 0, max: 40 * 86_400_000 });
  fc.assert(
    fc.property(schedules, spans, (text, spanMs) => {
      const schedule = scheduleOf(text);
      const [afterMs, untilMs] = [Date.UTC(2026, 0, 1), Date.UTC(2026, 0, 1) + spanMs];
      let expected: number | undefined;
      for (
        let time = nextTimeMs(schedule, afterMs, 'UTC');
        time !== undefined && time <= untilMs;
        time = nextTimeMs(schedule, time, 'UTC')
      ) {
        expected = time;
      }
      assert.equal(lastTimeMs(schedule, { afterMs, untilMs }, 'UTC'), expected);
    }),
    { numRuns: 40 },
  );
});

/** By trying minute after minute, up to the time in question. */
function firstMatch(text: string, startMs: number, zone: string, untilMs: number | undefined): number | undefined {
  const schedule = scheduleOf(text);
  if (schedule.kind === 'every') return undefined;
  for (let timeMs = (Math.floor(startMs / 60_000) + 1) * 60_000; timeMs <= (untilMs ?? startMs); timeMs += 60_000) {
    const { month, day, dayOfWeek, hour, minute } = Temporal.Instant.fromEpochMilliseconds(timeMs).toZonedDateTimeISO(zone);
    const [inMonth, inWeek] = [schedule.days.has(day), schedule.weekdays.has(dayOfWeek % 7)];
    const isDay = schedule.isEveryDay || schedule.isEveryWeekday ? inMonth && inWeek : inMonth || inWeek;
    if (isDay && schedule.months.has(month) && schedule.hours.has(hour) && schedule.minutes.has(minute)) return timeMs;
  }
  return undefined;
}
