import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pods, secrets, serviceaccounts } from '#api/generated/resources.ts';
import type { Secret, ServiceAccount } from '#api/generated/types.ts';
import { isReason } from '#api/meta/status.ts';
import { createClient } from '#client/client.ts';
import { type Cluster, createCluster } from '../in-process/create-cluster.ts';
import { reconcileToken, type ServiceAccountTokenSnapshot } from './service-account-token.ts';
import { describeActions, metadataOf } from './testing/builders.ts';

const base64 = (text: string) => Buffer.from(text).toString('base64');
const account: ServiceAccount = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: metadataOf('builder') };
const annotations = { 'kubernetes.io/service-account.name': 'builder', 'kubernetes.io/service-account.uid': 'uid-builder' };

function aSecret(data: Readonly<Record<string, string>> = {}): Secret {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'kubernetes.io/service-account-token',
    metadata: metadataOf('token', { annotations }),
    data,
  };
}

const full = { token: base64('t'), 'ca.crt': base64('ca'), namespace: base64('default') };
const cases: readonly { it: string; given: ServiceAccountTokenSnapshot; actions: readonly string[] }[] = [
  { it: 'fills an empty Secret', given: { secret: aSecret(), account, rootCa: 'ca', token: 't' }, actions: ['update secrets token'] },
  { it: 'leaves a full one', given: { secret: aSecret(full), account, rootCa: 'ca', token: undefined }, actions: [] },
  {
    it: 'replaces an authority of before',
    given: { secret: aSecret(full), account, rootCa: 'new', token: undefined },
    actions: ['update secrets token'],
  },
  {
    it: 'removes a Secret whose account is gone',
    given: { secret: aSecret(full), account: undefined, rootCa: 'ca', token: undefined },
    actions: ['delete secrets token'],
  },
  {
    it: 'has the account forget a Secret that is gone',
    given: { gone: { namespace: 'default', name: 'token' }, account: { ...account, secrets: [{ name: 'token' }, { name: 'other' }] } },
    actions: ['update serviceaccounts builder'],
  },
  { it: 'leaves an account that did not name it', given: { gone: { namespace: 'default', name: 'token' }, account }, actions: [] },
];
for (const { it, given, actions } of cases) {
  test(`the token controller ${it}`, () => assert.deepEqual(describeActions(reconcileToken(given)), actions));
}

const key = { namespace: 'default', name: 'token' };

async function untilToken({ client, clock }: Cluster): Promise<string> {
  const read = async () => (await client.resource(secrets).get(key)).data?.token ?? '';
  await clock.advanceUntil(async () => (await read()) !== '', { virtualMsMax: 10_000 });
  return Buffer.from(await read(), 'base64').toString();
}

test('a token in a Secret is good as long as its Secret and its account are there', async () => {
  await using cluster = await createCluster();
  const { client } = cluster;
  await client
    .resource(serviceaccounts)
    .create({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'builder', namespace: 'default' } });
  const named = { ...key, annotations: { 'kubernetes.io/service-account.name': 'builder' } };
  await client.resource(secrets).create({ apiVersion: 'v1', kind: 'Secret', type: 'kubernetes.io/service-account-token', metadata: named });
  const token = await untilToken(cluster);
  const builder = createClient({ server: cluster.url, ca: cluster.ca, token: () => token, userAgent: 'test' });
  try {
    const asks = () => builder.resource(pods).list({ namespace: 'default' });
    await assert.rejects(asks, (error) => isReason(error, 'Forbidden') && /system:serviceaccount:default:builder/.test(error.message));
    await client.resource(serviceaccounts).delete({ namespace: 'default', name: 'builder' });
    await assert.rejects(asks, (error) => isReason(error, 'Unauthorized'));
    const isGone = async () => (await client.resource(secrets).list({ namespace: 'default' })).items.length === 0;
    await cluster.clock.advanceUntil(isGone, { virtualMsMax: 10_000 });
  } finally {
    await builder.close();
  }
});
