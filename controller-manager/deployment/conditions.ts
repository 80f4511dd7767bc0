/**
 * A Deployment's conditions. A condition whose status and reason stay the same is left alone, times included; one whose status stays keeps
 * its transition time. Upstream: pkg/controller/deployment/util (SetDeploymentCondition).
 */
import type { DeploymentCondition } from '#api/generated/types.ts';
import { findCondition, withoutCondition } from '#api/meta/condition.ts';
import { formatTime } from '#component/clock.ts';

export type Conditions = readonly DeploymentCondition[];

export interface NewCondition {
  readonly type: 'Available' | 'Progressing' | 'ReplicaFailure';
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
}

export function setCondition(conditions: Conditions, condition: NewCondition, nowMs: number): Conditions {
  const previous = findCondition(conditions, condition.type);
  if (previous?.status === condition.status && previous.reason === condition.reason) return conditions;
  return renewCondition(conditions, condition, nowMs);
}

/** Like `setCondition`, but the update time moves even if nothing else did: there was progress. */
export function renewCondition(conditions: Conditions, condition: NewCondition, nowMs: number): Conditions {
  const previous = findCondition(conditions, condition.type);
  const now = formatTime(nowMs);
  const lastTransitionTime = previous?.status === condition.status ? (previous.lastTransitionTime ?? now) : now;
  return [...withoutCondition(conditions, condition.type), { ...condition, lastUpdateTime: now, lastTransitionTime }];
}
