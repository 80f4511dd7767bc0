/**
 * Reads certificate requests and certificates, and signs certificates, with @peculiar/x509. Loaded only once there is a request: the library takes longer to load than
 * the rest of the controller manager. What may be signed is decided in `certificate-request.ts`.
 */
import { createPrivateKey, createPublicKey, webcrypto } from 'node:crypto';
// x509's decorators need the metadata API, which this module brings, before it is loaded.
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import type { RequestedCertificate, SigningAuthority } from './certificate-request.ts';

const KEY_ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const SIGNING_ALGORITHM = { name: 'ECDSA', hash: 'SHA-256' } as const;

/** A certificate counts from a little earlier: the clock of the machine that checks it may be behind. */
const BACKDATED_MS = 5 * 60_000;
/** Of lifetimes longer than this the five minutes are taken off at the end. */
const SHORT_LIFETIME_MS = 8 * 3_600_000;

/** Of what is in base64 in an object; undefined when it cannot be read. */
export function parseRequest(base64: string): RequestedCertificate | undefined {
  try {
    return describe(requestOf(base64));
  } catch {
    return undefined;
  }
}

/** Epoch milliseconds; undefined for what is no certificate. */
export function expiryOf(base64: string): number | undefined {
  try {
    return new x509.X509Certificate(Buffer.from(base64, 'base64').toString('latin1')).notAfter.getTime();
  } catch {
    return undefined;
  }
}

export interface Signing {
  /** In base64. */
  readonly request: string;
  readonly usages: readonly string[];
  readonly lifetimeMs: number;
  readonly nowMs: number;
}

/** The certificate as an object carries it: PEM in base64. Rejects for a request that its own key did not sign, and when the authority has expired. */
export async function signCertificate({ request, usages, lifetimeMs, nowMs }: Signing, authority: SigningAuthority): Promise<string> {
  const parsed = requestOf(request);
  if (!(await parsed.verify())) throw new Error('unable to verify certificate request signature');
  const issuer = new x509.X509Certificate(authority.certificatePem);
  if (nowMs > issuer.notAfter.getTime())
    throw new Error(`cannot sign a certificate: the signing authority expired at ${issuer.notAfter.toISOString()}`);
  const endMs = nowMs + lifetimeMs - (lifetimeMs > SHORT_LIFETIME_MS ? BACKDATED_MS : 0);
  const certificate = await x509.X509CertificateGenerator.create({
    subject: parsed.subject,
    issuer: issuer.subject,
    notBefore: new Date(nowMs - BACKDATED_MS),
    notAfter: new Date(Math.min(endMs, issuer.notAfter.getTime())),
    publicKey: parsed.publicKey,
    signingKey: await importSigningKey(authority.keyPem),
    signingAlgorithm: SIGNING_ALGORITHM,
    extensions: [
      ...usageExtensions(usages),
      new x509.BasicConstraintsExtension(false, undefined, true),
      await x509.AuthorityKeyIdentifierExtension.create(await importPublicKey(authority.keyPem)),
      ...alternativeNames(parsed),
    ],
  });
  return Buffer.from(`${certificate.toString('pem')}\n`).toString('base64');
}

function requestOf(base64: string): x509.Pkcs10CertificateRequest {
  return new x509.Pkcs10CertificateRequest(Buffer.from(base64, 'base64').toString('latin1'));
}

function describe(request: x509.Pkcs10CertificateRequest): RequestedCertificate {
  const names = namesOf(request);
  const of = (type: string) => names.filter((name) => name.type === type).map(({ value }) => value);
  return {
    commonName: request.subjectName.getField('CN')[0] ?? '',
    organizations: request.subjectName.getField('O'),
    dnsNames: of('dns'),
    ipAddresses: of('ip'),
    emailAddresses: of('email'),
    uris: of('url'),
  };
}

function namesOf(request: x509.Pkcs10CertificateRequest): readonly x509.GeneralName[] {
  return request.extensions.flatMap((extension) =>
    extension instanceof x509.SubjectAlternativeNameExtension ? extension.names.items : [],
  );
}

/** Other extensions that were asked for are left out, as upstream's signer does. */
function alternativeNames(request: x509.Pkcs10CertificateRequest): readonly x509.Extension[] {
  const names = namesOf(request).map(({ type, value }) => ({ type, value }));
  return names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(names)];
}

const keyUsages = new Map<string, number>([
  ['signing', x509.KeyUsageFlags.digitalSignature],
  ['digital signature', x509.KeyUsageFlags.digitalSignature],
  ['content commitment', x509.KeyUsageFlags.nonRepudiation],
  ['key encipherment', x509.KeyUsageFlags.keyEncipherment],
  ['key agreement', x509.KeyUsageFlags.keyAgreement],
  ['data encipherment', x509.KeyUsageFlags.dataEncipherment],
  ['cert sign', x509.KeyUsageFlags.keyCertSign],
  ['crl sign', x509.KeyUsageFlags.cRLSign],
  ['encipher only', x509.KeyUsageFlags.encipherOnly],
  ['decipher only', x509.KeyUsageFlags.decipherOnly],
]);

const extendedKeyUsages = new Map<string, string>([
  ['any', '2.5.29.37.0'],
  ['server auth', x509.ExtendedKeyUsage.serverAuth],
  ['client auth', x509.ExtendedKeyUsage.clientAuth],
  ['code signing', x509.ExtendedKeyUsage.codeSigning],
  ['email protection', x509.ExtendedKeyUsage.emailProtection],
  ['s/mime', x509.ExtendedKeyUsage.emailProtection],
  ['ipsec end system', '1.3.6.1.5.5.7.3.5'],
  ['ipsec tunnel', '1.3.6.1.5.5.7.3.6'],
  ['ipsec user', '1.3.6.1.5.5.7.3.7'],
  ['timestamping', x509.ExtendedKeyUsage.timeStamping],
  ['ocsp signing', x509.ExtendedKeyUsage.ocspSigning],
  ['microsoft sgc', '1.3.6.1.4.1.311.10.3.3'],
  ['netscape sgc', '2.16.840.1.113730.4.1'],
]);

function usageExtensions(usages: readonly string[]): readonly x509.Extension[] {
  const flags = usages.reduce((sum, usage) => sum | (keyUsages.get(usage) ?? 0), 0);
  const purposes = [...new Set(usages.map((usage) => extendedKeyUsages.get(usage)).filter((purpose) => purpose !== undefined))];
  return [
    ...(flags === 0 ? [] : [new x509.KeyUsagesExtension(flags, true)]),
    ...(purposes.length === 0 ? [] : [new x509.ExtendedKeyUsageExtension(purposes)]),
  ];
}

function importSigningKey(keyPem: string): Promise<webcrypto.CryptoKey> {
  const der = createPrivateKey(keyPem).export({ type: 'pkcs8', format: 'der' });
  return webcrypto.subtle.importKey('pkcs8', der, KEY_ALGORITHM, false, ['sign']);
}

function importPublicKey(keyPem: string): Promise<webcrypto.CryptoKey> {
  const der = createPublicKey(keyPem).export({ type: 'spki', format: 'der' });
  return webcrypto.subtle.importKey('spki', der, KEY_ALGORITHM, true, ['verify']);
}
