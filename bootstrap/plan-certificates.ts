/**
 * Decides which certificates to make: pure, from what was found on the volumes and the time. `certificates.ts` reads, asks here and acts.
 * A run may be cut off between any two files, so nothing is believed for being there: a certificate stays only if its authority
 * signed it, its key is its own, it says what it should say and it has time left.
 */
import type { AuthorityName, Identity } from './identities.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

/** Authorities outlive any cluster of this kind; theirs is the one certificate that users hold copies of. */
export const AUTHORITY_LIFETIME_MS = 3650 * DAY_MS;

/** A year, as kubeadm's: `up` renews long before, and a cluster that runs for a year untouched is restarted for other reasons. */
export const CERTIFICATE_LIFETIME_MS = 365 * DAY_MS;

/** The share of its lifetime after which a certificate is replaced. */
const RENEWAL_SHARE = 2 / 3;

/** What a certificate on disk says; undefined where a file is missing or cannot be read. */
export interface FoundCertificate {
  readonly commonName: string | undefined;
  readonly organization: string | undefined;
  readonly serverNames: readonly string[];
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly isKeyItsOwn: boolean;
  /** Signed by the authority that is wanted for it now; for an authority, by itself. */
  readonly isSignedByAuthority: boolean;
}

export interface FoundAuthority {
  readonly certificate: FoundCertificate | undefined;
  readonly hasKey: boolean;
}

/** `create` makes a new key, so everything it signed is made anew; `renew` keeps the key, so nothing else changes. */
export type AuthorityPlan = 'keep' | 'renew' | 'create';

export interface PlannedCertificate {
  readonly identity: Identity;
  readonly reason: string;
}

export function planAuthority(found: FoundAuthority, nowMs: number): AuthorityPlan {
  if (!found.hasKey) return 'create';
  const { certificate } = found;
  if (certificate === undefined || !certificate.isKeyItsOwn || !certificate.isSignedByAuthority) return 'create';
  return isDue(certificate, nowMs) ? 'renew' : 'keep';
}

/** Gives those to make, each with why. `created` names the authorities with a new key: nothing that is there can be theirs. */
export function planCertificates(
  wanted: readonly Identity[],
  find: (identity: Identity) => FoundCertificate | undefined,
  created: ReadonlySet<AuthorityName>,
  nowMs: number,
): readonly PlannedCertificate[] {
  return wanted.flatMap((identity) => {
    const reason = created.has(identity.authority) ? 'its authority is new' : reasonToIssue(identity, find(identity), nowMs);
    return reason === undefined ? [] : [{ identity, reason }];
  });
}

function reasonToIssue(identity: Identity, found: FoundCertificate | undefined, nowMs: number): string | undefined {
  if (found === undefined) return 'it is missing';
  if (!found.isSignedByAuthority) return 'another authority signed it';
  if (!found.isKeyItsOwn) return 'its key is another one';
  if (found.commonName !== identity.commonName || found.organization !== identity.organization) return 'its subject has changed';
  if (!areSameNames(found.serverNames, identity.serverNames ?? [])) return 'its names have changed';
  if (isDue(found, nowMs)) return 'it nears its end';
  return undefined;
}

/** Also due when its time has not come yet: the machine's clock was ahead when it was made. */
function isDue({ notBeforeMs, notAfterMs }: FoundCertificate, nowMs: number): boolean {
  return nowMs < notBeforeMs || nowMs >= notBeforeMs + (notAfterMs - notBeforeMs) * RENEWAL_SHARE;
}

function areSameNames(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && new Set([...left, ...right]).size === left.length;
}
