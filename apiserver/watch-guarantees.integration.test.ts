/** The guarantees of a watch, on a real etcd. */
import { after, before } from 'node:test';
import { systemClock } from '#component/clock.ts';
import { silentLogger } from '#component/logger.ts';
import { systemRandom } from '#component/random.ts';
import { createEtcdStorage } from './storage/etcd-storage.ts';
import { type EtcdContainer, startEtcd } from './storage/testing/etcd-container.ts';
import { describeWatchGuarantees } from './testing/watch-guarantees.ts';

let etcd: EtcdContainer;

before(async () => {
  etcd = await startEtcd();
});

after(() => etcd.stop());

describeWatchGuarantees('etcd', [1, 2, 3], async (context) => {
  const storage = createEtcdStorage({ endpoints: [etcd.endpoint], clock: systemClock, random: systemRandom, log: silentLogger });
  context.after(() => storage.close());
  return storage;
});
