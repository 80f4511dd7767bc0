/** Leases: who leads, and which nodes live. Rules, and when a lease has run out. */
import type { Lease } from '../../generated/types.ts';
import { invalidValue } from '../../meta/field-path.ts';
import { dns1123SubdomainProblems } from '../../meta/names.ts';
import type { FieldProblem } from '../../meta/status.ts';
import { parseTime } from '../../meta/time.ts';
import { validateNotNegative, validateObjectMeta } from '../../meta/validation.ts';

export function validateLease(lease: Lease): readonly FieldProblem[] {
  const { leaseDurationSeconds: duration, leaseTransitions } = lease.spec;
  const problems = [...validateObjectMeta(lease.metadata, { isNamespaced: true, nameRule: dns1123SubdomainProblems })];
  if (duration !== undefined && duration <= 0) {
    problems.push(invalidValue('spec.leaseDurationSeconds', duration, 'must be greater than 0'));
  }
  return [...problems, ...validateNotNegative(leaseTransitions ?? 0, 'spec.leaseTransitions')];
}

/** Not renewed within its duration, or never held. */
export function isLeaseExpired(lease: Lease, nowMs: number): boolean {
  const renewed = parseTime(lease.spec.renewTime);
  return renewed === undefined || !lease.spec.holderIdentity || renewed + (lease.spec.leaseDurationSeconds ?? 0) * 1000 <= nowMs;
}
