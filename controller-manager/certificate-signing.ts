/**
 * Signs approved certificate requests of the cluster's own signers with the cluster's authority; those that break a signer's rules are marked as failed, once and for all.
 * Without the authority's key, in tests and wherever none was handed over, nothing is signed. Upstream: pkg/controller/certificates/signer.
 */
import { certificatesigningrequests } from '#api/generated/resources.ts';
import type { CertificateSigningRequest } from '#api/generated/types.ts';
import type { ObjectKey } from '#api/meta/object-key.ts';
import { type Action, updateStatus } from '#client/apply-actions.ts';
import { type ControllerDefinition, onChange } from '#client/controller.ts';
import { formatTime } from '#component/clock.ts';
import { hasCondition, isApproved, isOwnSigner, type SigningAuthority, signerProblem } from './certificate-requests/certificate-request.ts';
import type { SharedCaches } from './shared-caches.ts';

/** A year, as upstream's --cluster-signing-duration: the most that is given, and what is given to who does not ask. */
const LIFETIME_MS_MAX = 8_760 * 3_600_000;
/** Less would be over before it is in use. */
const LIFETIME_MS_MIN = 600_000;

export interface SigningSnapshot {
  readonly request: CertificateSigningRequest;
  /** The certificate in base64, or why there will never be one. */
  readonly outcome: { readonly certificate: string } | { readonly problem: string };
  readonly nowMs: number;
}

export function certificateSigningController(caches: SharedCaches, authority: SigningAuthority): ControllerDefinition<SigningSnapshot> {
  return {
    name: 'certificate-signing',
    informers: [caches.certificateSigningRequests],
    triggers: [onChange(caches.certificateSigningRequests)],
    snapshot: (key) => snapshotSigning(key, caches, authority),
    reconcile: reconcileSigning,
  };
}

async function snapshotSigning(key: ObjectKey, caches: SharedCaches, authority: SigningAuthority): Promise<SigningSnapshot | undefined> {
  const request = caches.certificateSigningRequests.store.find(key);
  if (request === undefined || !isWaiting(request)) return undefined;
  const { parseRequest, signCertificate } = await import('./certificate-requests/x509.ts');
  const { request: encoded, usages = [], expirationSeconds } = request.spec;
  const requested = parseRequest(encoded);
  if (requested === undefined) throw new Error(`unable to parse csr "${key.name}"`);
  const nowMs = caches.clock.now();
  const problem = signerProblem(request, requested);
  if (problem !== undefined) return { request, outcome: { problem }, nowMs };
  const certificate = await signCertificate({ request: encoded, usages, lifetimeMs: lifetimeOf(expirationSeconds), nowMs }, authority);
  return { request, outcome: { certificate }, nowMs };
}

export function reconcileSigning({ request, outcome, nowMs }: SigningSnapshot): readonly Action[] {
  if ('certificate' in outcome) {
    return [updateStatus(certificatesigningrequests, { ...request, status: { ...request.status, certificate: outcome.certificate } })];
  }
  const failed = {
    type: 'Failed',
    status: 'True',
    reason: 'SignerValidationFailure',
    message: outcome.problem,
    lastUpdateTime: formatTime(nowMs),
  };
  const conditions = [...(request.status?.conditions ?? []), failed];
  return [updateStatus(certificatesigningrequests, { ...request, status: { ...request.status, conditions } })];
}

function isWaiting(request: CertificateSigningRequest): boolean {
  const { status } = request;
  return (
    isOwnSigner(request.spec.signerName) && isApproved(request) && !hasCondition(status, 'Failed') && status?.certificate === undefined
  );
}

export function lifetimeOf(expirationSeconds: number | undefined): number {
  if (expirationSeconds === undefined) return LIFETIME_MS_MAX;
  return Math.min(Math.max(expirationSeconds * 1_000, LIFETIME_MS_MIN), LIFETIME_MS_MAX);
}
