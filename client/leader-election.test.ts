import assert from 'node:assert/strict';
import { test } from 'node:test';
import { leases } from '#api/generated/resources.ts';
import { ApiError } from '#api/meta/status.ts';
import { silentLogger } from '#component/logger.ts';
import { seededRandom } from '#component/random.ts';
import { aborted } from '#component/shutdown.ts';
import { createFakeClock } from '#component/testing/fake-clock.ts';
import { runAsLeader } from './leader-election.ts';
import { createFakeClient } from './testing/fake-client.ts';

const key = { namespace: 'kube-system', name: 'kube-scheduler' };

function setUp() {
  let isReachable = true;
  const clock = createFakeClock();
  const client = createFakeClient({
    clock,
    onRequest: () => {
      if (!isReachable) throw new ApiError('ServiceUnavailable', 'connection refused');
    },
  });
  const leading: string[] = [];
  const candidate = (identity: string) => {
    const stop = new AbortController();
    const deps = { client, clock, random: seededRandom(identity.length), log: silentLogger };
    const lead = async (signal: AbortSignal) => {
      leading.push(identity);
      await aborted(signal);
      leading.splice(leading.indexOf(identity), 1);
    };
    const running = runAsLeader({ leaseName: key.name, identity }, deps, lead, stop.signal);
    return { stop, running };
  };
  const setReachable = (value: boolean) => {
    isReachable = value;
  };
  return { clock, client, leading, candidate, setReachable };
}

test('of two candidates one leads; when it stops the other takes over at once', async () => {
  const { clock, client, leading, candidate } = setUp();
  const first = candidate('a');
  await clock.advance(1);
  const second = candidate('bb');
  await clock.advance(60_000);
  assert.deepEqual(leading, ['a']);
  first.stop.abort();
  await first.running;
  await clock.advance(5_000);
  assert.deepEqual(leading, ['bb']);
  const { spec } = await client.resource(leases).get(key);
  assert.deepEqual([spec.holderIdentity, spec.leaseTransitions, spec.leaseDurationSeconds], ['bb', 1, 15]);
  second.stop.abort();
  await second.running;
  assert.equal((await client.resource(leases).get(key)).spec.holderIdentity, '');
});

test('a leader that cannot renew for 10 s stops leading and fails', async () => {
  const { clock, leading, candidate, setReachable } = setUp();
  const { running } = candidate('a');
  await clock.advance(60_000);
  const failing = assert.rejects(running, /the lease was lost/);
  setReachable(false);
  await clock.advance(9_000);
  assert.deepEqual(leading, ['a']);
  await clock.advance(4_000);
  assert.deepEqual(leading, []);
  await failing;
});

test('a short outage does not cost the lease', async () => {
  const { clock, leading, candidate, setReachable } = setUp();
  const { stop, running } = candidate('a');
  await clock.advance(10_000);
  setReachable(false);
  await clock.advance(7_000);
  setReachable(true);
  await clock.advance(30_000);
  assert.deepEqual(leading, ['a']);
  stop.abort();
  await running;
});

test('a candidate waits out the lease of a leader that vanished', async () => {
  const { clock, client, leading, candidate } = setUp();
  await client.resource(leases).create({
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: key,
    spec: { holderIdentity: 'ghost', leaseDurationSeconds: 15, leaseTransitions: 4 },
  });
  const { stop, running } = candidate('a');
  await clock.advance(14_000);
  assert.deepEqual(leading, []);
  await clock.advance(6_000);
  assert.deepEqual(leading, ['a']);
  stop.abort();
  await running;
});
