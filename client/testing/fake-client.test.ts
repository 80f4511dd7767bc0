/** The fake client keeps the contract of the real one. */
import { createFakeClock } from '#component/testing/fake-clock.ts';
import { describeClientContract } from './client-contract.ts';
import { createFakeClient } from './fake-client.ts';

describeClientContract('fake client', async () => {
  const client = createFakeClient({ clock: createFakeClock() });
  return { client, close: () => client.close() };
});
