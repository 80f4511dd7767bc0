/**
 * For which of its times a CronJob is to start a Job now: the last one that is past and has no Job yet. Missed ones before it are not made up for. Pure.
 * Upstream: pkg/controller/cronjob/utils.go (mostRecentScheduleTime).
 */
import type { CronSchedule } from '#api/batch/v1/cron-schedule.ts';
import { lastTimeMs, nextTimeMs } from '#api/batch/v1/cron-times.ts';

/** So many missed times are worth a warning: the clocks may be wrong. */
const MISSED_TIMES_MAX = 100;

export type DueTime =
  | { readonly state: 'due'; readonly timeMs: number; readonly hasMissedMany: boolean }
  | { readonly state: 'not yet' }
  /** No such day will ever come. */
  | { readonly state: 'never' };

export interface Times {
  readonly schedule: CronSchedule;
  readonly timeZone: string;
  /** Epoch milliseconds: the last time that had its Job, or when the CronJob was made. */
  readonly sinceMs: number;
  readonly nowMs: number;
}

export function findDueTime({ schedule, timeZone, sinceMs, nowMs }: Times): DueTime {
  const firstMs = nextTimeMs(schedule, sinceMs, timeZone);
  if (firstMs === undefined) return { state: 'never' };
  if (firstMs > nowMs) return { state: 'not yet' };
  const secondMs = nextTimeMs(schedule, firstMs, timeZone) ?? Number.POSITIVE_INFINITY;
  // The first two tell how far apart times are, and so about how many were missed.
  const missed = (nowMs - firstMs) / (secondMs - firstMs) + 1;
  const lastMs = lastTimeMs(schedule, { afterMs: sinceMs, untilMs: nowMs }, timeZone) ?? firstMs;
  return { state: 'due', timeMs: lastMs, hasMissedMany: missed > MISSED_TIMES_MAX };
}
