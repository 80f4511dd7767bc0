/** CertificateSigningRequests as objects: their approval and their status beside themselves. The signer is nobody: nothing is signed. */
import assert from 'node:assert/strict';
import { webcrypto } from 'node:crypto';
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import { issueAuthority } from '../../../bootstrap/issue-certificate.ts';
import type { Json } from '../../cluster.ts';
import { checkApiOperations } from '../framework/api-operations.ts';
import type { ConformanceTest, TestScope } from '../framework/conformance-test.ts';

const REQUESTS = 'certificates.k8s.io/v1/certificatesigningrequests';
const HOUR_SECONDS = 3_600;

async function aRequestPem(): Promise<string> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const request = await x509.Pkcs10CertificateRequestGenerator.create({ name: 'CN=e2e.example.com', keys, signingAlgorithm: algorithm });
  return `${request.toString('pem')}\n`;
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');

async function operates(t: TestScope): Promise<void> {
  const request = base64(await aRequestPem());
  const { certificatePem } = await issueAuthority('e2e.example.com', { nowMs: Date.now(), lifetimeMs: HOUR_SECONDS * 1_000 });
  const signerName = `example.com/e2e-${t.suffix}`;
  const usages = ['digital signature', 'key encipherment', 'server auth'];
  const anObject = (): Json => ({
    apiVersion: 'certificates.k8s.io/v1',
    kind: 'CertificateSigningRequest',
    spec: { request, signerName, expirationSeconds: HOUR_SECONDS, usages },
  });
  await checkApiOperations(t, {
    resource: REQUESTS,
    anObject,
    status: {
      patch: { certificate: base64(certificatePem) },
      update: { conditions: [{ type: 'StatusUpdate', status: 'True', reason: 'E2E', message: 'Set from an e2e test' }] },
    },
  });
  await checkApproval(t, anObject());
}

async function checkApproval(t: TestScope, object: Json): Promise<void> {
  const requests = t.resource(REQUESTS, '');
  const name = `e2e-${t.suffix}-approval`;
  t.cleanUp(() => requests.delete(name));
  const { resources } = await t.cluster.request({ path: '/apis/certificates.k8s.io/v1' });
  assert.ok(resources.some((resource: Json) => resource.name === 'certificatesigningrequests/approval'));
  const created = await requests.create({ ...object, metadata: { name } });
  assert.equal(created.spec.expirationSeconds, HOUR_SECONDS);
  const bySigner = await requests.list({ fieldSelector: `spec.signerName=${object.spec.signerName}` });
  assert.deepEqual(
    bySigner.items.map(({ metadata }: Json) => metadata.name),
    [name],
  );
  const read = await requests.get(name, 'approval');
  assert.deepEqual([read.kind, read.metadata.uid], ['CertificateSigningRequest', created.metadata.uid]);
  const patch = {
    metadata: { annotations: { patchedapproval: 'true' } },
    status: { conditions: [{ type: 'ApprovalPatch', status: 'True', reason: 'e2e' }] },
  };
  const patched = await requests.patch(name, patch, { subresource: 'approval' });
  const typesOf = ({ status }: Json): readonly string[] => status.conditions.map(({ type }: Json) => type);
  assert.deepEqual([typesOf(patched), patched.metadata.annotations.patchedapproval], [['ApprovalPatch'], 'true']);
  const approved = await requests.change(
    name,
    (found) => found.status.conditions.push({ type: 'Approved', status: 'True', reason: 'E2E', message: 'Set from an e2e test' }),
    'approval',
  );
  assert.deepEqual(typesOf(approved), ['ApprovalPatch', 'Approved']);
}

export const certificateTests: readonly ConformanceTest[] = [
  { name: '[sig-auth] Certificates API [Privileged:ClusterAdmin] should support CSR API operations [Conformance]', run: operates },
];
