/**
 * Shares: a number of pods, or a percentage of those wanted. Rolling updates and disruption budgets are given in them. Each kind has its own words for
 * what a share may be in it; here is what they have in common.
 */
import { invalidValue } from './field-path.ts';
import type { FieldProblem } from './status.ts';
import { validateNotNegative } from './validation.ts';

const PERCENT = /^[0-9]+%$/;
const NOT_A_PERCENT =
  "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')";

/** `isAtMostAll`: more than all of them would make no sense. */
export function validateShare(
  share: number | string,
  field: string,
  { isAtMostAll }: { readonly isAtMostAll: boolean },
): readonly FieldProblem[] {
  if (typeof share === 'number') return validateNotNegative(share, field);
  if (!PERCENT.test(share)) return [invalidValue(field, share, NOT_A_PERCENT)];
  return isAtMostAll && shareNumber(share) > 100 ? [invalidValue(field, share, 'must not be greater than 100%')] : [];
}

/** The figure alone: of `25%` as of `25`. */
export function shareNumber(share: number | string): number {
  return typeof share === 'number' ? share : Number.parseInt(share, 10);
}

/** A count, or a percentage of the replicas rounded up or down. */
export function resolveShare(share: number | string, replicas: number, round: 'up' | 'down'): number {
  if (typeof share === 'number') return share;
  const exact = (shareNumber(share) * replicas) / 100;
  return round === 'up' ? Math.ceil(exact) : Math.floor(exact);
}
