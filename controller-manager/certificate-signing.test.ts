import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { certificatesigningrequests, clusterrolebindings } from '#api/generated/resources.ts';
import type { CertificateSigningRequest } from '#api/generated/types.ts';
import { type Cluster, createCluster } from '../in-process/create-cluster.ts';
import { reconcileApproving } from './certificate-approving.ts';
import { reconcileCleaning } from './certificate-cleaning.ts';
import { lifetimeOf, reconcileSigning } from './certificate-signing.ts';
import { aCertificateRequest } from './testing/a-certificate-request.ts';
import { describeActions, metadataOf, NOW_MS, secondsAgo } from './testing/builders.ts';

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
const clientUsages = ['digital signature', 'client auth'];

type Condition = NonNullable<NonNullable<CertificateSigningRequest['status']>['conditions']>[number];

function aRequest(status: CertificateSigningRequest['status'] = {}, created = secondsAgo(60)): CertificateSigningRequest {
  return {
    apiVersion: 'certificates.k8s.io/v1',
    kind: 'CertificateSigningRequest',
    metadata: { ...metadataOf('one'), creationTimestamp: created },
    spec: { request: '', signerName: 'kubernetes.io/kube-apiserver-client', usages: ['client auth'] },
    status,
  };
}

const since = (type: string, seconds: number): Condition => ({ type, status: 'True', lastUpdateTime: secondsAgo(seconds) });

const cleanings = [
  { it: 'leaves a new request', request: aRequest(), actions: [`requeue ${24 * HOUR_MS - MINUTE_MS}`] },
  {
    it: 'removes one nobody decided in a day',
    request: aRequest({}, secondsAgo(86_400)),
    actions: ['delete certificatesigningrequests one'],
  },
  {
    it: 'removes one an hour after it was denied',
    request: aRequest({ conditions: [since('Denied', 3_600)] }),
    actions: ['delete certificatesigningrequests one'],
  },
  {
    it: 'removes one an hour after it failed',
    request: aRequest({ conditions: [since('Approved', 9_000), since('Failed', 3_600)] }),
    actions: ['delete certificatesigningrequests one'],
  },
  {
    it: 'leaves one that waits for its signer',
    request: aRequest({ conditions: [since('Approved', 90_000)] }),
    actions: [],
  },
  {
    it: 'leaves one that was signed just now',
    request: aRequest({ conditions: [since('Approved', 60)], certificate: 'x' }),
    actions: [`requeue ${HOUR_MS - MINUTE_MS}`],
  },
  {
    it: 'removes one whose certificate has expired',
    request: aRequest({ conditions: [since('Approved', 60)], certificate: 'x' }),
    expiresAtMs: NOW_MS - 1,
    actions: ['delete certificatesigningrequests one'],
  },
];
for (const { it, request, expiresAtMs, actions } of cleanings) {
  test(`cleaning certificate requests ${it}`, () => {
    assert.deepEqual(describeActions(reconcileCleaning({ request, expiresAtMs, nowMs: NOW_MS })), actions);
  });
}

test('who may have a node’s certificate is approved at once, and others are asked for again', () => {
  const [approve] = reconcileApproving({ request: aRequest(), review: { isAllowed: true, message: 'allowed' } });
  assert.equal(approve?.verb === 'update' && approve.subresource, 'approval');
  assert.deepEqual(describeActions(reconcileApproving({ request: aRequest(), review: { isAllowed: false } })), ['requeue 60000']);
  assert.deepEqual(reconcileApproving({ request: aRequest(), review: undefined }), []);
});

test('a request that breaks a signer’s rules has failed for good', () => {
  const [write] = reconcileSigning({ request: aRequest(), outcome: { problem: 'no' }, nowMs: NOW_MS });
  assert.deepEqual(describeActions(write === undefined ? [] : [write]), ['updateStatus certificatesigningrequests one']);
});

test('a certificate lasts as long as was asked for, between ten minutes and a year', () => {
  assert.deepEqual(
    [lifetimeOf(undefined), lifetimeOf(1), lifetimeOf(7_200), lifetimeOf(1e9)],
    [8_760 * HOUR_MS, 600_000, 2 * HOUR_MS, 8_760 * HOUR_MS],
  );
});

async function untilStatus(cluster: Cluster, name: string, is: (status: NonNullable<CertificateSigningRequest['status']>) => boolean) {
  const get = () => cluster.client.resource(certificatesigningrequests).get({ namespace: '', name });
  await cluster.clock.advanceUntil(async () => is((await get()).status ?? {}), { virtualMsMax: 5 * MINUTE_MS });
  return get();
}

test('an approved request gets a certificate of the cluster’s authority, with its names and usages and nothing more', async () => {
  await using cluster = await createCluster();
  cluster.clock.freeze();
  const requests = cluster.client.resource(certificatesigningrequests);
  const asked = await requests.create(
    await aCertificateRequest('jane', {
      subject: 'O=developers, CN=jane',
      signerName: 'kubernetes.io/kube-apiserver-client',
      usages: clientUsages,
      expirationSeconds: 3_600,
    }),
  );
  const conditions = [{ type: 'Approved', status: 'True', reason: 'Yes', message: '' }];
  await requests.update({ ...asked, status: { conditions } }, 'approval');
  const { status } = await untilStatus(cluster, 'jane', ({ certificate }) => certificate !== undefined);
  const certificate = new X509Certificate(Buffer.from(status?.certificate ?? '', 'base64'));
  assert.equal(certificate.subject, 'O=developers\nCN=jane');
  assert.ok(certificate.verify(new X509Certificate(cluster.ca).publicKey));
  assert.deepEqual(certificate.keyUsage, ['1.3.6.1.5.5.7.3.2']);
  assert.equal(certificate.ca, false);
  assert.ok(Math.abs(certificate.validToDate.getTime() - cluster.clock.now() - HOUR_MS) < MINUTE_MS);
});

test('a kubelet’s request is approved once its author may have it', async () => {
  await using cluster = await createCluster();
  cluster.clock.freeze();
  const subject = 'O=system:nodes, CN=system:node:worker-9';
  const wanted = { subject, signerName: 'kubernetes.io/kube-apiserver-client-kubelet', usages: clientUsages };
  await cluster.client.resource(clusterrolebindings).create({
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name: 'node-requests' },
    roleRef: {
      apiGroup: 'rbac.authorization.k8s.io',
      kind: 'ClusterRole',
      name: 'system:certificates.k8s.io:certificatesigningrequests:nodeclient',
    },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'kubernetes-admin' }],
  });
  await cluster.client.resource(certificatesigningrequests).create(await aCertificateRequest('worker-9', wanted));
  const { status } = await untilStatus(cluster, 'worker-9', ({ certificate }) => certificate !== undefined);
  assert.deepEqual(
    status?.conditions?.map(({ reason, message }) => `${reason}: ${message}`),
    ['AutoApproved: Auto approving kubelet client certificate after SubjectAccessReview.'],
  );
});

test('a serving certificate without a name fails', async () => {
  await using cluster = await createCluster();
  cluster.clock.freeze();
  const requests = cluster.client.resource(certificatesigningrequests);
  const wanted = {
    subject: 'O=system:nodes, CN=system:node:worker-9',
    signerName: 'kubernetes.io/kubelet-serving',
    usages: ['digital signature', 'server auth'],
  };
  const asked = await requests.create(await aCertificateRequest('serving', wanted));
  await requests.update({ ...asked, status: { conditions: [{ type: 'Approved', status: 'True' }] } }, 'approval');
  const { status } = await untilStatus(cluster, 'serving', ({ conditions = [] }) => conditions.some(({ type }) => type === 'Failed'));
  assert.equal(status?.conditions?.[1]?.message, 'DNS or IP subjectAltName is required');
});
