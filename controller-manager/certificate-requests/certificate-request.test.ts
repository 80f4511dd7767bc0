import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CertificateSigningRequest } from '#api/generated/types.ts';
import { metadataOf } from '../testing/builders.ts';
import { type RequestedCertificate, signerProblem } from './certificate-request.ts';

const ofNode: RequestedCertificate = {
  commonName: 'system:node:worker-1',
  organizations: ['system:nodes'],
  dnsNames: [],
  ipAddresses: [],
  emailAddresses: [],
  uris: [],
};
const client = ['digital signature', 'client auth'];
const serving = ['digital signature', 'key encipherment', 'server auth'];

const cases: readonly { it: string; signer: string; asks?: Partial<RequestedCertificate>; usages: readonly string[]; problem?: string }[] =
  [
    { it: 'gives a kubelet its certificate', signer: 'kube-apiserver-client-kubelet', usages: client },
    {
      it: 'gives a kubelet with an RSA key its certificate',
      signer: 'kube-apiserver-client-kubelet',
      usages: [...client, 'key encipherment'],
    },
    {
      it: 'gives nobody else a kubelet’s certificate',
      signer: 'kube-apiserver-client-kubelet',
      asks: { organizations: ['developers'] },
      usages: client,
      problem: 'subject organization is not system:nodes',
    },
    {
      it: 'wants a node’s name',
      signer: 'kube-apiserver-client-kubelet',
      asks: { commonName: 'worker-1' },
      usages: client,
      problem: 'subject common name does not begin with system:node:',
    },
    {
      it: 'gives a client no names of servers',
      signer: 'kube-apiserver-client-kubelet',
      asks: { dnsNames: ['worker-1'] },
      usages: client,
      problem: 'DNS subjectAltNames are not allowed',
    },
    {
      it: 'wants the usages of a client',
      signer: 'kube-apiserver-client-kubelet',
      usages: serving,
      problem: 'usages did not match [client auth digital signature key encipherment]',
    },
    { it: 'gives a kubelet a server’s certificate', signer: 'kubelet-serving', asks: { dnsNames: ['worker-1'] }, usages: serving },
    { it: 'wants a name for a server', signer: 'kubelet-serving', usages: serving, problem: 'DNS or IP subjectAltName is required' },
    {
      it: 'gives anybody a client’s certificate',
      signer: 'kube-apiserver-client',
      asks: { commonName: 'jane', organizations: [] },
      usages: ['client auth'],
    },
    {
      it: 'gives a client no server’s certificate',
      signer: 'kube-apiserver-client',
      usages: ['client auth', 'server auth'],
      problem: 'invalid usage for client certificate: server auth',
    },
    {
      it: 'wants a client to be one',
      signer: 'kube-apiserver-client',
      usages: ['digital signature'],
      problem: 'missing required usage for client certificate: client auth',
    },
  ];
for (const { it, signer, asks = {}, usages, problem } of cases) {
  test(`a signer ${it}`, () => {
    const request: CertificateSigningRequest = {
      apiVersion: 'certificates.k8s.io/v1',
      kind: 'CertificateSigningRequest',
      metadata: metadataOf('one'),
      spec: { request: '', signerName: `kubernetes.io/${signer}`, usages },
    };
    assert.equal(signerProblem(request, { ...ofNode, ...asks }), problem);
  });
}
