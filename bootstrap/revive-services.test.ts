import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger } from '#component/logger.ts';
import { createFakeClock } from '#component/testing/fake-clock.ts';
import { type Engine, type EngineContainer, reviveServices } from './revive-services.ts';

const joined = { id: 'k', name: 'keelson-kubelet-1-1', error: 'cannot join network of a non running container' };
const stopped = { id: 's', name: 'keelson-scheduler-1', error: '' };

function anEngine(exited: readonly EngineContainer[], startsFrom: number) {
  const tried: string[] = [];
  const running = new Set<string>();
  const engine: Engine = {
    listExited: async () => exited.filter(({ id }) => !running.has(id)),
    start: async (id) => {
      tried.push(id);
      if (tried.length < startsFrom) throw new Error('not yet');
      running.add(id);
    },
  };
  return { engine, tried };
}

async function revive(engine: Engine): Promise<void> {
  const clock = createFakeClock();
  const reviving = reviveServices('keelson', { engine, clock, log: silentLogger }, new AbortController().signal);
  await clock.advance(30_000);
  await reviving;
}

test('a container that the engine could not start is started, once the one it joins is up', async () => {
  const { engine, tried } = anEngine([joined], 3);
  await revive(engine);
  assert.deepEqual(tried, ['k', 'k', 'k']);
});

test('a container that somebody stopped stays stopped', async () => {
  const { engine, tried } = anEngine([stopped], 1);
  await revive(engine);
  assert.deepEqual(tried, []);
});
