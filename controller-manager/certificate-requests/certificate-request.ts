/**
 * What a certificate request says, and who may have what it asks for: the rules of the signers that the cluster has itself. Pure; `x509.ts` reads requests. Upstream:
 * pkg/apis/certificates/helpers.go and pkg/controller/certificates/signer, whose words these are.
 */
import type { CertificateSigningRequest } from '#api/generated/types.ts';

export const KUBELET_CLIENT_SIGNER = 'kubernetes.io/kube-apiserver-client-kubelet';
const KUBELET_SERVING_SIGNER = 'kubernetes.io/kubelet-serving';
const API_SERVER_CLIENT_SIGNER = 'kubernetes.io/kube-apiserver-client';
const LEGACY_UNKNOWN_SIGNER = 'kubernetes.io/legacy-unknown';

/** The part of a request that rules are about. */
export interface RequestedCertificate {
  readonly commonName: string;
  readonly organizations: readonly string[];
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
  readonly emailAddresses: readonly string[];
  readonly uris: readonly string[];
}

/** What signs, as PEM. */
export interface SigningAuthority {
  readonly certificatePem: string;
  readonly keyPem: string;
}

type Usages = readonly string[];
type Rule = (requested: RequestedCertificate, usages: Usages) => string | undefined;

/** What keeps a signer from signing; undefined when nothing does. Signers that are not the cluster's own are not here. */
const signerRules: ReadonlyMap<string, Rule> = new Map([
  [KUBELET_SERVING_SIGNER, kubeletServingProblem],
  [KUBELET_CLIENT_SIGNER, kubeletClientProblem],
  [API_SERVER_CLIENT_SIGNER, (_requested, usages) => clientUsageProblem(usages)],
  [LEGACY_UNKNOWN_SIGNER, () => undefined],
]);

export function isOwnSigner(signerName: string): boolean {
  return signerRules.has(signerName);
}

export function signerProblem({ spec }: CertificateSigningRequest, requested: RequestedCertificate): string | undefined {
  return signerRules.get(spec.signerName)?.(requested, spec.usages ?? []);
}

/** Whether it asks for a certificate by which a kubelet is known to the API server. */
export function isKubeletClientRequest({ spec }: CertificateSigningRequest, requested: RequestedCertificate): boolean {
  return spec.signerName === KUBELET_CLIENT_SIGNER && kubeletClientProblem(requested, spec.usages ?? []) === undefined;
}

export function isApproved({ status }: CertificateSigningRequest): boolean {
  return hasCondition(status, 'Approved') && !hasCondition(status, 'Denied');
}

export function hasCondition(status: CertificateSigningRequest['status'], type: string): boolean {
  return status?.conditions?.some((condition) => condition.type === type) === true;
}

function kubeletServingProblem(requested: RequestedCertificate, usages: Usages): string | undefined {
  if (!isOfNodes(requested)) return 'subject organization is not system:nodes';
  if (requested.dnsNames.length + requested.ipAddresses.length === 0) return 'DNS or IP subjectAltName is required';
  if (requested.emailAddresses.length > 0) return 'Email subjectAltNames are not allowed';
  if (requested.uris.length > 0) return 'URI subjectAltNames are not allowed';
  return usageProblem(usages, 'server auth') ?? nodeNameProblem(requested);
}

function kubeletClientProblem(requested: RequestedCertificate, usages: Usages): string | undefined {
  if (!isOfNodes(requested)) return 'subject organization is not system:nodes';
  if (requested.dnsNames.length > 0) return 'DNS subjectAltNames are not allowed';
  if (requested.emailAddresses.length > 0) return 'Email subjectAltNames are not allowed';
  if (requested.ipAddresses.length > 0) return 'IP subjectAltNames are not allowed';
  if (requested.uris.length > 0) return 'URI subjectAltNames are not allowed';
  return nodeNameProblem(requested) ?? usageProblem(usages, 'client auth');
}

function isOfNodes({ organizations }: RequestedCertificate): boolean {
  return organizations.length === 1 && organizations[0] === 'system:nodes';
}

function nodeNameProblem({ commonName }: RequestedCertificate): string | undefined {
  return commonName.startsWith('system:node:') ? undefined : 'subject common name does not begin with system:node:';
}

/** Only an RSA key enciphers keys. */
function usageProblem(usages: Usages, role: 'client auth' | 'server auth'): string | undefined {
  const needed = role === 'client auth' ? [role, 'digital signature', 'key encipherment'] : ['digital signature', 'key encipherment', role];
  const isAllowed = usages.every((usage) => needed.includes(usage));
  const isEnough = needed.every((usage) => usage === 'key encipherment' || usages.includes(usage));
  return isAllowed && isEnough ? undefined : `usages did not match [${needed.join(' ')}]`;
}

const clientUsages = ['digital signature', 'key encipherment', 'client auth'];

function clientUsageProblem(usages: Usages): string | undefined {
  const other = usages.find((usage) => !clientUsages.includes(usage));
  if (other !== undefined) return `invalid usage for client certificate: ${other}`;
  return usages.includes('client auth') ? undefined : 'missing required usage for client certificate: client auth';
}
