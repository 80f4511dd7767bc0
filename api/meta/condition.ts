/**
 * Conditions: the list by which an object says what holds of it. Each type occurs once, and its transition time moves only when its
 * status does; `withCondition` keeps both true. Works for every kind's condition type, which differ in their optional fields.
 */

export interface ConditionLike {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
  readonly lastTransitionTime?: string;
}

export function findCondition<C extends ConditionLike>(conditions: readonly C[] | undefined, type: string): C | undefined {
  return conditions?.find((condition) => condition.type === type);
}

export function isConditionTrue(conditions: readonly ConditionLike[] | undefined, type: string): boolean {
  return findCondition(conditions, type)?.status === 'True';
}

/** The list with one condition added or replaced in its place; `time` is when its status changed, if it did. */
export function withCondition<C extends ConditionLike>(conditions: readonly C[] | undefined, condition: C, time: string): readonly C[] {
  const previous = findCondition(conditions, condition.type);
  const hasChanged = previous?.status !== condition.status;
  const lastTransitionTime = hasChanged ? time : (previous?.lastTransitionTime ?? time);
  const complete = { ...condition, lastTransitionTime };
  if (previous === undefined) return [...(conditions ?? []), complete];
  return (conditions ?? []).map((other) => (other.type === condition.type ? complete : other));
}

export function withoutCondition<C extends ConditionLike>(conditions: readonly C[] | undefined, type: string): readonly C[] {
  return (conditions ?? []).filter((condition) => condition.type !== type);
}
