/**
 * Approves what kubelets ask for themselves: a certificate by which the API server knows a node, for who may have one by RBAC (`nodeclient` for any node's, `selfnodeclient` for
 * the node's own). Everything else waits for somebody to decide. Upstream: pkg/controller/certificates/approver.
 */
import { certificatesigningrequests, subjectaccessreviews } from '#api/generated/resources.ts';
import type { CertificateSigningRequest, SubjectAccessReview } from '#api/generated/types.ts';
import type { ObjectKey } from '#api/meta/object-key.ts';
import type { Draft } from '#api/meta/resource-type.ts';
import type { Action } from '#client/apply-actions.ts';
import { type ControllerDefinition, onChange } from '#client/controller.ts';
import { hasCondition, isKubeletClientRequest, type RequestedCertificate } from './certificate-requests/certificate-request.ts';
import type { SharedCaches } from './shared-caches.ts';

/** Nothing tells when somebody is given the right. */
const ASK_AGAIN_MS = 60_000;

export interface ApprovingSnapshot {
  readonly request: CertificateSigningRequest;
  /** What was asked for the author; undefined for requests that are not recognized. */
  readonly review: { readonly isAllowed: false } | { readonly isAllowed: true; readonly message: string } | undefined;
}

interface Recognizer {
  readonly subresource: string;
  readonly message: string;
  recognizes(request: CertificateSigningRequest, requested: RequestedCertificate): boolean;
}

const recognizers: readonly Recognizer[] = [
  {
    subresource: 'selfnodeclient',
    message: 'Auto approving self kubelet client certificate after SubjectAccessReview.',
    recognizes: (request, requested) => request.spec.username === requested.commonName && isKubeletClientRequest(request, requested),
  },
  {
    subresource: 'nodeclient',
    message: 'Auto approving kubelet client certificate after SubjectAccessReview.',
    recognizes: isKubeletClientRequest,
  },
];

export function certificateApprovingController(caches: SharedCaches): ControllerDefinition<ApprovingSnapshot> {
  return {
    name: 'certificate-approving',
    informers: [caches.certificateSigningRequests],
    triggers: [onChange(caches.certificateSigningRequests)],
    snapshot: (key) => snapshotApproving(key, caches),
    reconcile: reconcileApproving,
  };
}

async function snapshotApproving(key: ObjectKey, caches: SharedCaches): Promise<ApprovingSnapshot | undefined> {
  const request = caches.certificateSigningRequests.store.find(key);
  if (request === undefined || isDecided(request)) return undefined;
  const { parseRequest } = await import('./certificate-requests/x509.ts');
  const requested = parseRequest(request.spec.request);
  const recognized = requested === undefined ? [] : recognizers.filter(({ recognizes }) => recognizes(request, requested));
  for (const { subresource, message } of recognized) {
    const { status } = await caches.client.review(subjectaccessreviews, reviewOf(request, subresource));
    if (status?.allowed === true) return { request, review: { isAllowed: true, message } };
  }
  return { request, review: recognized.length === 0 ? undefined : { isAllowed: false } };
}

export function reconcileApproving({ request, review }: ApprovingSnapshot): readonly Action[] {
  if (review === undefined || isDecided(request)) return [];
  if (!review.isAllowed) return [{ verb: 'requeue', afterMs: ASK_AGAIN_MS }];
  const condition = { type: 'Approved', status: 'True', reason: 'AutoApproved', message: review.message };
  const object: CertificateSigningRequest = {
    ...request,
    status: { ...request.status, conditions: [...(request.status?.conditions ?? []), condition] },
  };
  return [{ verb: 'update', type: certificatesigningrequests, object, subresource: 'approval' }];
}

function isDecided({ status }: CertificateSigningRequest): boolean {
  return status?.certificate !== undefined || hasCondition(status, 'Approved') || hasCondition(status, 'Denied');
}

function reviewOf({ spec }: CertificateSigningRequest, subresource: string): Draft<SubjectAccessReview> {
  const { username = '', uid, groups, extra } = spec;
  return {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SubjectAccessReview',
    metadata: {},
    spec: {
      user: username,
      ...(uid === undefined ? {} : { uid }),
      ...(groups === undefined ? {} : { groups }),
      ...(extra === undefined ? {} : { extra }),
      resourceAttributes: { group: 'certificates.k8s.io', resource: 'certificatesigningrequests', verb: 'create', subresource },
    },
  };
}
