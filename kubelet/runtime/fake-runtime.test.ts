/** The runtime in memory behaves as an engine does. */
import { createFakeClock } from '#component/testing/fake-clock.ts';
import { describeContainerRuntime } from './container-runtime.contract.ts';
import { createFakeRuntime } from './fake-runtime.ts';

describeContainerRuntime('fake', async () => {
  const clock = createFakeClock();
  const runtime = createFakeRuntime({ clock, images: ['web:v1'], behave: () => ({ output: 'hello\n' }) });
  return {
    runtime,
    image: 'web:v1',
    eventually: async () => {},
    close: async () => {},
  };
});
