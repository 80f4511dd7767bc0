/**
 * Deletes certificate requests that nobody needs any longer: an hour after they were approved and signed, denied or failed, a day after nobody decided, and when their
 * certificate has expired. Requests come by themselves, so they must go by themselves. Upstream: pkg/controller/certificates/cleaner.
 */
import { certificatesigningrequests } from '#api/generated/resources.ts';
import type { CertificateSigningRequest } from '#api/generated/types.ts';
import type { ObjectKey } from '#api/meta/object-key.ts';
import { parseTime } from '#api/meta/time.ts';
import { type Action, remove } from '#client/apply-actions.ts';
import { type ControllerDefinition, onChange } from '#client/controller.ts';
import { hasCondition } from './certificate-requests/certificate-request.ts';
import type { SharedCaches } from './shared-caches.ts';

const DECIDED_MS = 3_600_000;
const PENDING_MS = 24 * 3_600_000;

export interface CleaningSnapshot {
  readonly request: CertificateSigningRequest;
  /** When its certificate expires. */
  readonly expiresAtMs: number | undefined;
  readonly nowMs: number;
}

export function certificateCleaningController(caches: SharedCaches): ControllerDefinition<CleaningSnapshot> {
  return {
    name: 'certificate-cleaning',
    informers: [caches.certificateSigningRequests],
    triggers: [onChange(caches.certificateSigningRequests)],
    snapshot: (key) => snapshotCleaning(key, caches),
    reconcile: reconcileCleaning,
  };
}

async function snapshotCleaning(key: ObjectKey, caches: SharedCaches): Promise<CleaningSnapshot | undefined> {
  const request = caches.certificateSigningRequests.store.find(key);
  if (request === undefined) return undefined;
  return { request, expiresAtMs: await expiryOf(request), nowMs: caches.clock.now() };
}

async function expiryOf({ status }: CertificateSigningRequest): Promise<number | undefined> {
  if (status?.certificate === undefined) return undefined;
  const { expiryOf: parse } = await import('./certificate-requests/x509.ts');
  return parse(status.certificate);
}

export function reconcileCleaning({ request, expiresAtMs, nowMs }: CleaningSnapshot): readonly Action[] {
  const dueAtMs = Math.min(
    ...deadlinesOf(request),
    isSigned(request) ? (expiresAtMs ?? Number.POSITIVE_INFINITY) : Number.POSITIVE_INFINITY,
  );
  if (dueAtMs === Number.POSITIVE_INFINITY) return [];
  return dueAtMs <= nowMs ? [remove(certificatesigningrequests, request)] : [{ verb: 'requeue', afterMs: dueAtMs - nowMs }];
}

/** A request that was approved waits for its signer as long as it takes. */
function deadlinesOf(request: CertificateSigningRequest): readonly number[] {
  const { conditions = [] } = request.status ?? {};
  if (conditions.length === 0) return [(parseTime(request.metadata.creationTimestamp) ?? 0) + PENDING_MS];
  return conditions.flatMap(({ type, lastUpdateTime }) => {
    const decidedAtMs = parseTime(lastUpdateTime);
    const isOver = type === 'Denied' || type === 'Failed' || (type === 'Approved' && isSigned(request));
    return isOver && decidedAtMs !== undefined ? [decidedAtMs + DECIDED_MS] : [];
  });
}

function isSigned({ status }: CertificateSigningRequest): boolean {
  return hasCondition(status, 'Approved') && status?.certificate !== undefined;
}
