/**
 * Makes keys and certificates (ECDSA P-256) with @peculiar/x509. Knows nothing of files: takes who and until when, gives PEM. Loaded only
 * when something has to be made, because the library takes longer to load than a run with nothing to do takes altogether.
 */
import { createPrivateKey, createPublicKey, webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
// x509's decorators need the metadata API, which this module brings, before it is loaded.
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import type { Identity } from './identities.ts';

const KEY_ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const SIGNING_ALGORITHM = { name: 'ECDSA', hash: 'SHA-256' } as const;

/** A certificate counts from a little earlier: the clock of the machine that checks it may be behind. */
const BACKDATED_MS = 5 * 60 * 1000;

export interface KeyAndCertificate {
  readonly keyPem: string;
  readonly certificatePem: string;
}

export interface Validity {
  readonly nowMs: number;
  readonly lifetimeMs: number;
}

/** A self-signed authority, with a new key or, to renew it, with the one it has. */
export async function issueAuthority(name: string, validity: Validity, existingKeyPem?: string): Promise<KeyAndCertificate> {
  const keyPem = existingKeyPem ?? (await generateKeyPem());
  const keys = await importKeys(keyPem);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: [{ CN: [name] }],
    ...validityDates(validity),
    keys,
    signingAlgorithm: SIGNING_ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign | x509.KeyUsageFlags.digitalSignature, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { keyPem, certificatePem: `${certificate.toString('pem')}\n` };
}

/** A certificate with a new key, signed by `authority`. */
export async function issueCertificate(identity: Identity, authority: KeyAndCertificate, validity: Validity): Promise<KeyAndCertificate> {
  const keyPem = await generateKeyPem();
  const [keys, authorityKeys] = await Promise.all([importKeys(keyPem), importKeys(authority.keyPem)]);
  const certificate = await x509.X509CertificateGenerator.create({
    subject: subjectOf(identity),
    issuer: new x509.X509Certificate(authority.certificatePem).subject,
    ...validityDates(validity),
    publicKey: keys.publicKey,
    signingKey: authorityKeys.privateKey,
    signingAlgorithm: SIGNING_ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([
        identity.usage === 'server' ? x509.ExtendedKeyUsage.serverAuth : x509.ExtendedKeyUsage.clientAuth,
      ]),
      await x509.AuthorityKeyIdentifierExtension.create(authorityKeys.publicKey),
      ...alternativeNames(identity.serverNames ?? []),
    ],
  });
  return { keyPem, certificatePem: `${certificate.toString('pem')}\n` };
}

/** A private key as PKCS#8 PEM. */
export async function generateKeyPem(): Promise<string> {
  const keys = await webcrypto.subtle.generateKey(KEY_ALGORITHM, true, ['sign', 'verify']);
  return x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey), 'PRIVATE KEY').concat('\n');
}

async function importKeys(keyPem: string): Promise<webcrypto.CryptoKeyPair> {
  const privateDer = createPrivateKey(keyPem).export({ type: 'pkcs8', format: 'der' });
  const publicDer = createPublicKey(keyPem).export({ type: 'spki', format: 'der' });
  const [privateKey, publicKey] = await Promise.all([
    webcrypto.subtle.importKey('pkcs8', privateDer, KEY_ALGORITHM, true, ['sign']),
    webcrypto.subtle.importKey('spki', publicDer, KEY_ALGORITHM, true, ['verify']),
  ]);
  return { privateKey, publicKey };
}

function subjectOf({ organization, commonName }: Identity): x509.JsonName {
  return [...(organization === undefined ? [] : [{ O: [organization] }]), { CN: [commonName] }];
}

function validityDates({ nowMs, lifetimeMs }: Validity) {
  return { notBefore: new Date(nowMs - BACKDATED_MS), notAfter: new Date(nowMs + lifetimeMs) };
}

function alternativeNames(names: readonly string[]): readonly x509.Extension[] {
  if (names.length === 0) return [];
  return [
    new x509.SubjectAlternativeNameExtension(
      names.map((name) => ({ type: isIP(name) === 0 ? ('dns' as const) : ('ip' as const), value: name })),
    ),
  ];
}
