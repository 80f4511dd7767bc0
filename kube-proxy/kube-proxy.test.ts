import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { endpointslices, nodes, services } from '#api/generated/resources.ts';
import { silentLogger } from '#component/logger.ts';
import { createRegistry } from '#component/metrics.ts';
import { seededRandom } from '#component/random.ts';
import { createFakeClock } from '#component/testing/fake-clock.ts';
import { createKubeProxy } from './kube-proxy.ts';
import type { StaleFlow } from './stale-flows.ts';
import { anEndpoint, aService, aSlice } from './testing/builders.ts';
import { createFakeInformer } from './testing/fake-informer.ts';
import { tracePacket } from './testing/packet-tracer.ts';

async function startProxy(t: TestContext) {
  const clock = createFakeClock();
  const informers = { services: createFakeInformer(services), slices: createFakeInformer(endpointslices), node: createFakeInformer(nodes) };
  const loads: string[] = [];
  const forgotten: StaleFlow[] = [];
  const failures: Error[] = [];
  const proxy = createKubeProxy({
    informers,
    nodeName: 'worker-1',
    podCidr: '10.244.0.0/16',
    serviceCidr: '10.96.0.0/16',
    nft: {
      load: async (text) => {
        const failure = failures.shift();
        if (failure) throw failure;
        loads.push(text);
      },
      forgetFlow: async (flow) => void forgotten.push(flow),
    },
    registry: createRegistry(),
    clock,
    random: seededRandom(1),
    log: silentLogger,
  });
  const stop = new AbortController();
  const running = proxy.run(stop.signal);
  t.after(async () => {
    stop.abort(new Error('the test is over'));
    await running;
  });
  const settle = async () => {
    for (let index = 0; index < 5; index += 1) await turn();
  };
  const sync = async () => {
    for (const informer of Object.values(informers)) informer.sync();
    await settle();
  };
  return { proxy, clock, informers, loads, forgotten, failures, settle, sync };
}

const slice = (...addresses: readonly string[]) => aSlice(addresses.map((address) => anEndpoint(address, 'worker-2')));

test('the proxy loads nothing before it knows everything, then all at once', async (t) => {
  const { proxy, informers, loads, sync, settle } = await startProxy(t);
  informers.services.put(aService());
  informers.slices.put(slice('10.244.2.4'));
  informers.services.sync();
  await settle();
  assert.deepEqual([loads.length, proxy.unready()], [0, ['rules']]);
  await sync();
  assert.deepEqual([loads.length, proxy.unready()], [1, []]);
  const verdict = tracePacket(loads[0] ?? '', { from: '10.244.1.9', to: '10.96.0.10:80/tcp' });
  assert.deepEqual(verdict, { sentTo: ['10.244.2.4:8080'], masqueraded: [] });
});

test('an idle proxy loads a change at once, and a burst of changes as one', async (t) => {
  const { clock, informers, loads, sync, settle } = await startProxy(t);
  await sync();
  await clock.advance(60_000);
  assert.equal(loads.length, 1, 'idle means idle');
  informers.services.put(aService());
  await settle();
  assert.equal(loads.length, 2);
  for (let pod = 2; pod < 50; pod += 1) {
    informers.slices.put(slice(`10.244.2.${pod}`));
    await settle();
  }
  assert.equal(loads.length, 2);
  await clock.advance(1_000);
  assert.equal(loads.length, 3);
});

test('a change that concerns no rule loads nothing', async (t) => {
  const { clock, informers, loads, sync } = await startProxy(t);
  informers.services.put(aService());
  await sync();
  const service = aService();
  informers.services.put({ ...service, metadata: { ...service.metadata, annotations: { note: 'new' }, resourceVersion: '9' } });
  await clock.advance(5_000);
  assert.equal(loads.length, 1);
});

test('a ruleset that the kernel refuses is tried again with growing pauses, as a whole', async (t) => {
  const { proxy, clock, informers, loads, failures, sync, settle } = await startProxy(t);
  informers.services.put(aService({ sessionAffinity: 'ClientIP' }));
  informers.slices.put(slice('10.244.2.4'));
  await sync();
  await clock.advance(1_000);
  failures.push(new Error('busy'), new Error('busy'));
  informers.slices.put(slice('10.244.2.4', '10.244.2.5'));
  await settle();
  assert.deepEqual([loads.length, proxy.unready()], [1, ['rules']]);
  await clock.advance(1_500);
  assert.equal(loads.length, 2);
  assert.match(loads[1] ?? '', /^delete table/m);
});

test('a kept affinity set is not deleted with the table', async (t) => {
  const { clock, informers, loads, sync } = await startProxy(t);
  informers.services.put(aService({ sessionAffinity: 'ClientIP' }));
  informers.slices.put(slice('10.244.2.4'));
  await sync();
  informers.slices.put(slice('10.244.2.4', '10.244.2.5'));
  await clock.advance(1_000);
  assert.equal(loads.length, 2);
  assert.doesNotMatch(loads[1] ?? '', /delete table/);
});

test('UDP flows to an endpoint that went are forgotten, and those that began before there was one', async (t) => {
  const { clock, informers, forgotten, sync } = await startProxy(t);
  const udp = { name: 'http', port: 53, protocol: 'UDP' };
  const udpSlice = (...addresses: readonly string[]) => ({ ...slice(...addresses), ports: [{ ...udp, port: 1053 }] });
  informers.services.put(aService({ ports: [{ ...udp, nodePort: 30053 }] }));
  await sync();
  assert.deepEqual(forgotten.splice(0), []);
  informers.slices.put(udpSlice('10.244.2.4', '10.244.2.5'));
  await clock.advance(1_000);
  assert.deepEqual(forgotten.splice(0), [
    { destination: '10.96.0.10', port: 53, endpoint: undefined },
    { destination: undefined, port: 30053, endpoint: undefined },
  ]);
  informers.slices.put(udpSlice('10.244.2.5'));
  await clock.advance(1_000);
  assert.deepEqual(forgotten.splice(0), [
    { destination: '10.96.0.10', port: 53, endpoint: '10.244.2.4' },
    { destination: undefined, port: 30053, endpoint: '10.244.2.4' },
  ]);
});
