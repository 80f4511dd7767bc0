/** The runtime in memory behaves as an engine does. */
import { createFakeClock } from '#component/testing/fake-clock.ts';
import { describeContainerRuntime } from './container-runtime.contract.ts';
import { createFakeRuntime } from './fake-runtime.ts';
import type { FakeProgram } from './fake-session.ts';

/** What `ECHO_AND_FAIL` does. */
const echoAndFail: FakeProgram = async ({ stdin, write }) => {
  for await (const bytes of stdin) await write('stdout', bytes);
  await write('stderr', 'oops\n');
  return 3;
};

/** What the container itself does that somebody attaches to: one line, and an answer to it. */
const sayAgain: FakeProgram = async ({ stdin, write }) => {
  for await (const bytes of stdin) {
    await write('stdout', String(bytes).replace('\n', ' again\n'));
    return 0;
  }
  return 1;
};

describeContainerRuntime('fake', async () => {
  const clock = createFakeClock();
  const runtime = createFakeRuntime({
    clock,
    images: ['web:v1'],
    behave: () => ({ output: 'hello\n', program: (command) => (command.length === 0 ? sayAgain : echoAndFail) }),
  });
  return {
    runtime,
    image: 'web:v1',
    eventually: async () => {},
    close: async () => {},
  };
});
