/**
 * Who stands behind a CertificateSigningRequest: it carries the name of who made it, whatever the author wrote; it is approved only by who may approve for that
 * signer, and signed only by who may sign for it; and nobody asks for a certificate of the cluster's masters. Source: upstream's plugin/pkg/admission/certificates.
 */
import { APPROVAL_TYPES } from '#api/certificates/v1/certificate-signing-request.ts';
import { certificatesigningrequests } from '#api/generated/resources.ts';
import type { CertificateSigningRequest, CertificateSigningRequestCondition } from '#api/generated/types.ts';
import { invalidValue } from '#api/meta/field-path.ts';
import { jsonEquals } from '#api/meta/json.ts';
import { forbidden, invalid } from '#api/meta/status.ts';
import { type Clock, formatTime } from '#component/clock.ts';
import type { RbacAuthorizer } from '../authorization/rbac-authorizer.ts';
import { isOfType } from '../encoding/json-value.ts';
import type { User } from '../request/user.ts';
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts';

const CLIENT_SIGNER = 'kubernetes.io/kube-apiserver-client';
const MASTERS = 'system:masters';

export interface CertificateRequestDeps {
  readonly authorizer: Pick<RbacAuthorizer, 'policy'>;
  readonly clock: Clock;
}

export function certificateRequests({ authorizer, clock }: CertificateRequestDeps): AdmissionPlugin {
  return {
    name: 'CertificateRequests',
    mutate: ({ object, operation, user, info }) => {
      if (!isOfType(certificatesigningrequests, object)) return object;
      if (operation === 'CREATE') return requestedBy(object, user);
      return info.subresource === '' ? object : withTimes(object, formatTime(clock.now()));
    },
    validate: (request) => throwIfNotAllowed(request, authorizer),
  };
}

function requestedBy({ spec, ...request }: CertificateSigningRequest, user: User): CertificateSigningRequest {
  const { username: _name, groups: _groups, uid: _uid, extra: _extra, ...wanted } = spec;
  const { name: username, groups, uid, extra } = user;
  const author = { username, groups, ...(uid === undefined ? {} : { uid }), ...(extra === undefined ? {} : { extra }) };
  return { ...request, spec: { ...wanted, ...author } };
}

function withTimes(request: CertificateSigningRequest, time: string): CertificateSigningRequest {
  const conditions = request.status?.conditions?.map((condition) => withTime(condition, time));
  return conditions === undefined ? request : { ...request, status: { ...request.status, conditions } };
}

function withTime(condition: CertificateSigningRequestCondition, time: string): CertificateSigningRequestCondition {
  const { lastUpdateTime = time, lastTransitionTime = time } = condition;
  return { ...condition, lastUpdateTime, lastTransitionTime };
}

async function throwIfNotAllowed(request: AdmissionRequest, authorizer: Pick<RbacAuthorizer, 'policy'>): Promise<void> {
  const { object, operation } = request;
  if (operation === 'DELETE' || !isOfType(certificatesigningrequests, object)) return;
  if (operation === 'CREATE') await throwIfForMasters(object);
  else throwUnlessPermitted(request, object, authorizer);
}

function throwUnlessPermitted(
  { previous, user, info }: AdmissionRequest,
  object: CertificateSigningRequest,
  authorizer: Pick<RbacAuthorizer, 'policy'>,
): void {
  const before = previous !== undefined && isOfType(certificatesigningrequests, previous) ? previous : undefined;
  const { signerName } = object.spec;
  const mayDo = (verb: 'approve' | 'sign') => isAllowed(authorizer, user, verb, signerName);
  if (info.subresource === 'approval' && !mayDo('approve')) {
    const why = `user not permitted to approve requests with signerName ${JSON.stringify(signerName)}`;
    throw forbidden(certificatesigningrequests, object.metadata.name, why);
  }
  if (info.subresource !== 'status' || !isSigned(object, before) || mayDo('sign')) return;
  const why = `user not permitted to sign requests with signerName ${JSON.stringify(signerName)}`;
  throw forbidden(certificatesigningrequests, object.metadata.name, why);
}

/** Whether the update signs, or refuses to. */
function isSigned({ status }: CertificateSigningRequest, previous: CertificateSigningRequest | undefined): boolean {
  const signing = (conditions: readonly CertificateSigningRequestCondition[] = []) =>
    conditions.filter(({ type }) => !APPROVAL_TYPES.some((approval) => approval === type));
  return (
    (status?.certificate ?? '') !== (previous?.status?.certificate ?? '') ||
    !jsonEquals(signing(status?.conditions), signing(previous?.status?.conditions))
  );
}

/** For the signer itself, or for all of its domain (`example.com/*`). */
function isAllowed({ policy }: Pick<RbacAuthorizer, 'policy'>, user: User, verb: string, signerName: string): boolean {
  const names = [signerName, `${signerName.split('/')[0]}/*`];
  const about = { isResource: true, group: 'certificates.k8s.io', namespace: '', resource: 'signers' } as const;
  return names.some((name) => policy().authorize(user, { ...about, verb, name, subresource: '' }).allowed);
}

/** The organisation of a client's certificate is its group, and that group may do everything. Throws Invalid for what is no request at all. */
async function throwIfForMasters({ spec, metadata }: CertificateSigningRequest): Promise<void> {
  const organizations = await organizationsIn(spec.request, metadata.name);
  if (spec.signerName !== CLIENT_SIGNER || !organizations.includes(MASTERS)) return;
  throw forbidden(certificatesigningrequests, metadata.name, `use of ${CLIENT_SIGNER} signer with ${MASTERS} group is not allowed`);
}

async function organizationsIn(base64: string, name: string): Promise<readonly string[]> {
  // Loaded on first use: the library takes longer to load than most of the server, and few clusters see such a request.
  await import('reflect-metadata');
  const { Pkcs10CertificateRequest } = await import('@peculiar/x509');
  try {
    return new Pkcs10CertificateRequest(Buffer.from(base64, 'base64').toString('latin1')).subjectName.getField('O');
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw invalid(certificatesigningrequests, name, [invalidValue('spec.request', base64, why)]);
  }
}
