/** Certificate requests as a program makes them: a new key, and what is asked for with it. */
import { webcrypto } from 'node:crypto';
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import type { CertificateSigningRequest } from '#api/generated/types.ts';
import type { Draft } from '#api/meta/resource-type.ts';

export interface Wanted {
  /** `O=system:nodes, CN=system:node:worker-1` */
  readonly subject: string;
  readonly dnsNames?: readonly string[];
  readonly signerName: string;
  readonly usages: readonly string[];
  readonly expirationSeconds?: number;
}

export async function aCertificateRequest(name: string, wanted: Wanted): Promise<Draft<CertificateSigningRequest>> {
  const { subject, dnsNames = [], signerName, usages, expirationSeconds } = wanted;
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const names = dnsNames.map((value) => ({ type: 'dns' as const, value }));
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: subject,
    keys,
    signingAlgorithm: algorithm,
    extensions: names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(names)],
  });
  const spec = { request: Buffer.from(request.toString('pem')).toString('base64'), signerName, usages };
  return {
    apiVersion: 'certificates.k8s.io/v1',
    kind: 'CertificateSigningRequest',
    metadata: { name },
    spec: { ...spec, ...(expirationSeconds === undefined ? {} : { expirationSeconds }) },
  };
}
