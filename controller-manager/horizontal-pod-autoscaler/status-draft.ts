/** The status of an autoscaler in the making: conditions are set one after another, and the last word on each counts. Pure. */
import { isDeepStrictEqual } from 'node:util';
import { horizontalpodautoscalersV2 } from '#api/generated/resources.ts';
import type { V2HorizontalPodAutoscaler, V2HorizontalPodAutoscalerStatus } from '#api/generated/types.ts';
import { withCondition } from '#api/meta/condition.ts';
import { without } from '#api/meta/with-defined.ts';
import { type Action, updateStatus } from '#client/apply-actions.ts';
import { formatTime } from '#component/clock.ts';

export interface StatusDraft {
  set(type: string, status: 'True' | 'False', reason: string, message: string): void;
  /** The write of the status, if it says anything new. */
  write(change: Partial<V2HorizontalPodAutoscalerStatus>): readonly Action[];
  /** As `write`; figures of metrics, which are no longer known, go. */
  writeWithoutMetrics(change: Partial<V2HorizontalPodAutoscalerStatus>): readonly Action[];
}

export function createStatusDraft(autoscaler: V2HorizontalPodAutoscaler, nowMs: number): StatusDraft {
  const before: V2HorizontalPodAutoscalerStatus = autoscaler.status ?? { desiredReplicas: 0 };
  const time = formatTime(nowMs);
  let conditions = before.conditions ?? [];
  const write = (status: V2HorizontalPodAutoscalerStatus): readonly Action[] =>
    isDeepStrictEqual(autoscaler.status, status) ? [] : [updateStatus(horizontalpodautoscalersV2, { ...autoscaler, status })];
  return {
    set: (type, status, reason, message) => {
      conditions = withCondition(conditions, { type, status, reason, message }, time);
    },
    write: (change) => write({ ...before, ...change, conditions }),
    writeWithoutMetrics: (change) => write({ ...without(before, 'currentMetrics'), ...change, conditions }),
  };
}
