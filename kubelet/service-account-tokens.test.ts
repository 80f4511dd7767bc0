/** Which tokens a pod gets, when they are replaced, and what becomes of them while the server is away. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serviceaccounts } from '#api/generated/resources.ts';
import type { Pod } from '#api/generated/types.ts';
import { ApiError } from '#api/meta/status.ts';
import type { Client } from '#client/client.ts';
import { createFakeClient } from '#client/testing/fake-client.ts';
import { formatTime } from '#component/clock.ts';
import { silentLogger } from '#component/logger.ts';
import { createFakeClock } from '#component/testing/fake-clock.ts';
import { createServiceAccountTokens } from './service-account-tokens.ts';
import { tokenKey } from './volumes/volume-files.ts';

const HOUR_MS = 3_600_000;

function aPod(...projections: readonly { readonly audience?: string; readonly expirationSeconds?: number }[]): Pod {
  const sources = projections.map((projection) => ({ serviceAccountToken: { path: 'token', ...projection } }));
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web', namespace: 'shop', uid: 'p1', resourceVersion: '1', creationTimestamp: '' },
    spec: { serviceAccountName: 'seller', containers: [], volumes: [{ name: 'access', projected: { sources } }] },
  };
}

/** An API server that numbers its tokens, and remembers what it was asked for. */
async function setUp() {
  const clock = createFakeClock();
  const client = createFakeClient({ clock });
  const asked: unknown[] = [];
  let isAway = false;
  const accounts = client.resource(serviceaccounts);
  const numbering: Client = {
    ...client,
    resource: (type) => ({
      ...client.resource(type),
      createSubresource: async (key, subresource, body) => {
        if (isAway) throw new ApiError('ServiceUnavailable', 'away');
        await accounts.get(key);
        asked.push(body);
        const seconds = JSON.parse(JSON.stringify(body)).spec.expirationSeconds;
        const expirationTimestamp = formatTime(clock.now() + seconds * 1_000);
        return { kind: 'TokenRequest', status: { token: `${subresource}-${asked.length}`, expirationTimestamp } };
      },
    }),
  };
  await accounts.create({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'seller', namespace: 'shop' } });
  return {
    clock,
    asked,
    tokens: createServiceAccountTokens({ client: numbering, clock, log: silentLogger }),
    goAway: (away: boolean) => {
      isAway = away;
    },
  };
}

test('a token is asked for in the name of the pod, for whom and how long its volume says', async () => {
  const { tokens, asked } = await setUp();
  await tokens.get(aPod({ audience: 'vault', expirationSeconds: 7_200 }));
  assert.deepEqual(asked, [
    {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: { audiences: ['vault'], expirationSeconds: 7_200, boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: 'web', uid: 'p1' } },
    },
  ]);
});

test('each audience gets its own token, the same one whoever asks', async () => {
  const { tokens, asked } = await setUp();
  const { byKey } = await tokens.get(aPod({}, { audience: 'vault' }, {}));
  assert.equal(asked.length, 2);
  assert.deepEqual(
    [byKey.get(tokenKey({ path: 'token' })), byKey.get(tokenKey({ path: 'token', audience: 'vault' }))],
    ['token-1', 'token-2'],
  );
});

test('a token is replaced at four fifths of its life, not before', async () => {
  const { tokens, clock, asked } = await setUp();
  const pod = aPod({ expirationSeconds: 3_600 });
  const { refreshAtMs } = await tokens.get(pod);
  assert.equal(refreshAtMs, clock.now() + 0.8 * HOUR_MS);
  await clock.advance(0.8 * HOUR_MS - 1);
  await tokens.get(pod);
  assert.equal(asked.length, 1);
  await clock.advance(1);
  assert.deepEqual([...(await tokens.get(pod)).byKey.values()], ['token-2']);
});

test('a token that lasts for years is replaced every day', async () => {
  const { tokens, clock } = await setUp();
  const { refreshAtMs } = await tokens.get(aPod({ expirationSeconds: 2 ** 32 }));
  assert.equal(refreshAtMs, clock.now() + 24 * HOUR_MS);
});

test('while the server is away the old token stays until it expires, and is tried again', async () => {
  const { tokens, clock, goAway } = await setUp();
  const pod = aPod({ expirationSeconds: 3_600 });
  await tokens.get(pod);
  goAway(true);
  await clock.advance(0.9 * HOUR_MS);
  const { byKey, refreshAtMs } = await tokens.get(pod);
  assert.deepEqual([[...byKey.values()], refreshAtMs], [['token-1'], clock.now() + 30_000]);
  await clock.advance(0.1 * HOUR_MS);
  await assert.rejects(tokens.get(pod), { reason: 'ServiceUnavailable' });
  goAway(false);
  assert.deepEqual([...(await tokens.get(pod)).byKey.values()], ['token-2']);
});

test('a pod whose account is not there gets the server’s answer', async () => {
  const { tokens } = await setUp();
  const pod = aPod({});
  await assert.rejects(tokens.get({ ...pod, spec: { ...pod.spec, serviceAccountName: 'nobody' } }), { reason: 'NotFound' });
});
