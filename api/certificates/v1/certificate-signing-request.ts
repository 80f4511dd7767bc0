/**
 * CertificateSigningRequests: rules, what each of its subresources may change, and that approvals are never taken back. Source: upstream's
 * pkg/apis/certificates/validation and pkg/registry/certificates/certificates/strategy.go.
 */
import type { CertificateSigningRequest, CertificateSigningRequestCondition } from '../../generated/types.ts';
import { duplicate, forbiddenField, invalidValue, notSupported, required, tooLong } from '../../meta/field-path.ts';
import { jsonEquals } from '../../meta/json.ts';
import { dns1123SubdomainProblems, type NameRule } from '../../meta/names.ts';
import type { FieldProblem } from '../../meta/status.ts';
import { validateObjectMeta } from '../../meta/validation.ts';
import { decodePem } from './pem.ts';

const EXPIRATION_SECONDS_MIN = 600;
const LEGACY_SIGNER = 'kubernetes.io/legacy-unknown';
const SIGNER_NAME_CHARACTERS_MAX = 571;

export const APPROVAL_TYPES = ['Approved', 'Denied'] as const;
const FINAL_TYPES = ['Approved', 'Denied', 'Failed'] as const;

const usages = [
  'any',
  'cert sign',
  'client auth',
  'code signing',
  'content commitment',
  'crl sign',
  'data encipherment',
  'decipher only',
  'digital signature',
  'email protection',
  'encipher only',
  'ipsec end system',
  'ipsec tunnel',
  'ipsec user',
  'key agreement',
  'key encipherment',
  'microsoft sgc',
  'netscape sgc',
  'ocsp signing',
  's/mime',
  'server auth',
  'signing',
  'timestamping',
] as const;

const anyName: NameRule = () => [];

type Request = CertificateSigningRequest;

export function validateRequest({ metadata, spec, status }: Request): readonly FieldProblem[] {
  const { usages: wanted = [], expirationSeconds: seconds } = spec;
  const problems = [...validateObjectMeta(metadata, { isNamespaced: false, nameRule: anyName })];
  const requestProblem = decodePem(spec.request, 'CERTIFICATE REQUEST');
  if (typeof requestProblem === 'string') problems.push(invalidValue('spec.request', spec.request, requestProblem));
  if (wanted.length === 0) problems.push(required('spec.usages'));
  for (const [index, usage] of wanted.entries()) {
    if (!usages.some((known) => known === usage)) problems.push(notSupported(`spec.usages[${index}]`, usage, usages));
    if (wanted.indexOf(usage) < index) problems.push(duplicate(`spec.usages[${index}]`, usage));
  }
  problems.push(...validateSignerName(spec.signerName, 'spec.signerName'));
  if (seconds !== undefined && seconds < EXPIRATION_SECONDS_MIN) {
    const why = 'may not specify a duration less than 600 seconds (10 minutes)';
    problems.push(invalidValue('spec.expirationSeconds', seconds, why));
  }
  return [...problems, ...validateConditions(status?.conditions ?? [])];
}

/** `example.com/my-signer` */
function validateSignerName(name: string, field: string): readonly FieldProblem[] {
  if (name === '') return [required(field)];
  if (name === LEGACY_SIGNER) return [invalidValue(field, name, 'the legacy signerName is not allowed via this API version')];
  const [domain = '', path, ...more] = name.split('/');
  if (path === undefined || more.length > 0) {
    return [invalidValue(field, name, "must be a fully qualified domain and path of the form 'example.com/signer-name'")];
  }
  const problems: FieldProblem[] = name.length > SIGNER_NAME_CHARACTERS_MAX ? [tooLong(field, SIGNER_NAME_CHARACTERS_MAX)] : [];
  if (!domain.includes('.')) problems.push(invalidValue(field, domain, 'should be a domain with at least two segments separated by dots'));
  const texts = [...dns1123SubdomainProblems(domain), ...dns1123SubdomainProblems(path)];
  return [...problems, ...texts.map((text) => invalidValue(field, name, text))];
}

function validateConditions(conditions: readonly CertificateSigningRequestCondition[]): readonly FieldProblem[] {
  const types = conditions.map(({ type }) => type);
  return conditions.flatMap(({ type, status }, index) => {
    const field = `status.conditions[${index}]`;
    const problems: FieldProblem[] = type === '' ? [required(`${field}.type`)] : [];
    const allowed = FINAL_TYPES.some((known) => known === type) ? ['True'] : ['False', 'True', 'Unknown'];
    if (status === '') problems.push(required(`${field}.status`));
    else if (!allowed.includes(status)) problems.push(notSupported(`${field}.status`, status, allowed));
    const other = APPROVAL_TYPES.find((approval) => approval !== type);
    const isApproval = APPROVAL_TYPES.some((approval) => approval === type);
    if (isApproval && types.slice(0, index).some((before) => before === other)) {
      problems.push(invalidValue(`${field}.type`, type, 'Approved and Denied conditions are mutually exclusive'));
    }
    return types.indexOf(type) < index ? [...problems, duplicate(`${field}.type`, type)] : problems;
  });
}

/** Whoever may approve need not be who may sign, and neither takes anything back. */
export function validateRequestUpdate(request: Request, previous: Request, subresource: string): readonly FieldProblem[] {
  const of = ({ status }: Request, type: string) => (status?.conditions ?? []).filter((condition) => condition.type === type);
  const removed = FINAL_TYPES.filter((type) => of(request, type).length < of(previous, type).length);
  const problems = removed.map((type) =>
    forbiddenField('status.conditions', `updates may not remove a condition of type ${JSON.stringify(type)}`),
  );
  if (subresource !== 'approval') {
    for (const type of APPROVAL_TYPES.filter((approval) => !removed.includes(approval))) {
      const [now, before] = [of(request, type), of(previous, type)];
      if (jsonEquals(now, before)) continue;
      const verb = now.length > before.length ? 'add' : 'modify';
      problems.push(forbiddenField('status.conditions', `updates may not ${verb} a condition of type ${JSON.stringify(type)}`));
    }
  }
  return [...problems, ...validateCertificateUpdate(request, previous, subresource)];
}

function validateCertificateUpdate({ status }: Request, previous: Request, subresource: string): readonly FieldProblem[] {
  const [now = '', before = ''] = [status?.certificate, previous.status?.certificate];
  const field = 'status.certificate';
  if (now === before) return [];
  if (subresource !== 'status') return [forbiddenField(field, 'updates may not set certificate content')];
  if (before !== '') return [forbiddenField(field, 'updates may not modify existing certificate content')];
  const problem = decodePem(now, 'CERTIFICATE');
  return typeof problem === 'string' ? [invalidValue(field, '<certificate data>', problem)] : [];
}

/** Through `/approval` nothing but the conditions changes. */
export function withApprovalOf(request: Request, previous: Request): Request {
  const { conditions: _before, ...status } = previous.status ?? {};
  const conditions = request.status?.conditions;
  return { ...previous, metadata: request.metadata, status: { ...status, ...(conditions === undefined ? {} : { conditions }) } };
}

/** The request itself, and who made it, are fixed from the start. */
export function keepRequest(request: Request, previous: Request): Request {
  return { ...request, spec: previous.spec };
}
