/** CertificateSigningRequests, as the API server serves them. Who asks, and when it was approved, is filled in by admission. */
import { keepRequest, validateRequest, validateRequestUpdate, withApprovalOf } from '#api/certificates/v1/certificate-signing-request.ts';
import { certificatesigningrequests as type } from '#api/generated/resources.ts';
import type { CertificateSigningRequest } from '#api/generated/types.ts';
import { formatAge } from '#api/meta/time.ts';
import { ageColumn, NONE, nameColumn, textColumn } from './columns.ts';
import { defineResource } from './define-resource.ts';

export const certificatesigningrequests = defineResource<CertificateSigningRequest>(type, {
  shortNames: ['csr'],
  columns: [
    nameColumn,
    ageColumn,
    textColumn('SignerName', 'Who is asked to sign.', ({ spec }) => spec.signerName || NONE),
    textColumn('Requestor', 'Who asks.', ({ spec }) => spec.username ?? ''),
    textColumn('RequestedDuration', 'How long the certificate should be good for.', duration),
    textColumn('Condition', 'Whether it was approved, and signed.', condition),
  ],
  validate: validateRequest,
  validateUpdate: validateRequestUpdate,
  initialStatus: () => ({}),
  prepareForUpdate: keepRequest,
  prepareForApproval: withApprovalOf,
  selectableFields: ({ spec }) => ({ 'spec.signerName': spec.signerName ?? '' }),
});

function duration({ spec }: CertificateSigningRequest): string {
  return spec.expirationSeconds === undefined ? NONE : formatAge(spec.expirationSeconds * 1000);
}

/** `Approved,Issued` */
function condition({ status }: CertificateSigningRequest): string {
  const has = (wanted: string) => status?.conditions?.some(({ type: known }) => known === wanted) === true;
  const decision = has('Denied') ? 'Denied' : has('Approved') ? 'Approved' : 'Pending';
  const failed = has('Failed') ? ',Failed' : '';
  return `${decision}${failed}${status?.certificate ? ',Issued' : ''}`;
}
