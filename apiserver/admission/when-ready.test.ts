/** A server that has just started lets nobody write past webhooks and policies that it has not read yet. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isReason } from '#api/meta/status.ts';
import { whenReady } from './when-ready.ts';

test('a write while policies are still being read is told to come back', async () => {
  const plugin = whenReady({ cache: { waitFor: async () => {} }, policies: { isReady: () => false } });
  const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', uid: '', resourceVersion: '', creationTimestamp: '' } };
  const request: Parameters<NonNullable<typeof plugin.mutate>>[0] = Object.assign(Object.create(null), {
    object,
    signal: new AbortController().signal,
  });
  const passage = { isRepeated: () => false, askForRepetition: () => {} };
  await assert.rejects(
    async () => plugin.mutate?.(request, passage),
    (error) => isReason(error, 'ServiceUnavailable') && error.details?.retryAfterSeconds === 1,
  );
});
