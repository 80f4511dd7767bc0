/** The cluster's own manifests against the real API server, in process. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { deployments, services } from '#api/generated/resources.ts';
import { createClient } from '#client/client.ts';
import { systemClock } from '#component/clock.ts';
import { createTestApiServer } from '../apiserver/testing/test-api-server.ts';
import { type ApplyOutcome, applyManifests, createMissing } from './apply-manifests.ts';
import { parseManifests } from './manifest.ts';

const dns = parseManifests(readFileSync(new URL('../dns/dns.yaml', import.meta.url), 'utf8'));
const hello = parseManifests(readFileSync(new URL('../examples/hello.yaml', import.meta.url), 'utf8'));

async function setUp() {
  const server = await createTestApiServer();
  const client = createClient({ server: server.url, ca: server.ca, ...server.admin, userAgent: 'test' });
  const outcomes: ApplyOutcome[] = [];
  const deps = { client, clock: systemClock, onApplied: (_: unknown, outcome: ApplyOutcome) => outcomes.push(outcome) };
  const stop = async () => {
    await client.close();
    await server.stop();
  };
  return { client, deps, outcomes, stop };
}

test('cluster DNS is applied again on every start, with its two protocols on one port', async (t) => {
  const { client, deps, outcomes, stop } = await setUp();
  t.after(stop);
  await applyManifests(dns, deps);
  await applyManifests(dns, deps);
  assert.deepEqual(new Set(outcomes.slice(0, dns.length)), new Set(['created']));
  assert.deepEqual(new Set(outcomes.slice(dns.length)), new Set(['merged']));
  const service = await client.resource(services).get({ namespace: 'kube-system', name: 'kube-dns' });
  assert.deepEqual(
    service.spec.ports?.map(({ name, port, protocol }) => `${name} ${port}/${protocol}`),
    ['dns 53/UDP', 'dns-tcp 53/TCP'],
  );
});

test('the hello application stays as its user left it', async (t) => {
  const { client, deps, outcomes, stop } = await setUp();
  t.after(stop);
  await createMissing(hello, deps);
  const key = { namespace: 'default', name: 'hello' };
  await client.resource(deployments).patch(key, 'merge', { spec: { replicas: 7 } });
  await createMissing(hello, deps);
  assert.equal((await client.resource(deployments).get(key)).spec.replicas, 7);
  assert.deepEqual(new Set(outcomes.slice(hello.length)), new Set(['kept']));
});
