/** The scheduler under its own identity against a real API server in this process: its permissions suffice, its bindings stick. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { events, leases, nodes, pods } from '#api/generated/resources.ts';
import { createClient } from '#client/client.ts';
import { createInformer } from '#client/informer.ts';
import { systemClock } from '#component/clock.ts';
import { silentLogger } from '#component/logger.ts';
import { systemRandom } from '#component/random.ts';
import { createTestApiServer } from '../apiserver/testing/test-api-server.ts';
import { createScheduler } from './scheduler.ts';
import { aNodeDraft, aPodDraft } from './testing/builders.ts';

const POD_COUNT = 20;

test('pods get nodes, evenly, with an event each, under a lease', async () => {
  await using server = await createTestApiServer();
  const clientFor = (identity: { readonly certificate: string; readonly key: string }, userAgent: string) =>
    createClient({ server: server.url, ca: server.ca, ...identity, userAgent });
  const admin = clientFor(server.admin, 'test');
  const client = clientFor(await server.client('system:kube-scheduler'), 'kube-scheduler');
  const deps = { clock: systemClock, random: systemRandom, log: silentLogger };
  const stop = new AbortController();
  const watched = createInformer({ type: pods }, { ...deps, client: admin });
  const allBound = new Promise<void>((resolve) => {
    watched.onChange(() => {
      if (watched.store.list().filter(({ spec }) => spec.nodeName !== undefined).length === POD_COUNT) resolve();
    });
  });

  const running = Promise.all([createScheduler({ ...deps, client, identity: 'test' }).run(stop.signal), watched.run(stop.signal)]);
  for (const name of ['worker-1', 'worker-2']) {
    const draft = aNodeDraft({ name });
    const node = await admin.resource(nodes).create(draft);
    const sized = await admin.resource(nodes).updateStatus({ ...node, ...draft, metadata: node.metadata });
    // A new node is tainted until the node controller finds it ready; there is none here.
    await admin.resource(nodes).update({ ...sized, spec: {} });
  }
  for (let index = 0; index < POD_COUNT; index++) await admin.resource(pods).create(aPodDraft({ name: `web-${index}` }));
  await Promise.race([allBound, running]);
  stop.abort();
  await running;

  const perNode = Map.groupBy(watched.store.list(), ({ spec }) => spec.nodeName);
  const counts = ['worker-1', 'worker-2'].map((name) => perNode.get(name)?.length);
  assert.deepEqual(counts, [POD_COUNT / 2, POD_COUNT / 2]);
  const told = (await admin.resource(events).list()).items.filter(({ reason }) => reason === 'Scheduled');
  assert.equal(told.length, POD_COUNT);
  const lease = await admin.resource(leases).get({ namespace: 'kube-system', name: 'kube-scheduler' });
  assert.equal(lease.spec.holderIdentity, '', 'the lease was given up');
  await Promise.all([client.close(), admin.close()]);
});
