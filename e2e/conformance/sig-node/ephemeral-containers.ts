/** Ephemeral containers: started in a pod that runs already, to look into it. */
import assert from 'node:assert/strict';
import type { Json } from '../../cluster.ts';
import type { ConformanceTest, TestScope } from '../framework/conformance-test.ts';
import { shell } from '../framework/exec.ts';
import { eventually } from '../framework/expect.ts';
import { WORKLOAD_IMAGE } from '../framework/image.ts';
import { aPod, untilRunning } from '../framework/pods.ts';
import { logOf, statusOf } from '../framework/run-pod.ts';

const aDebugger = (name: string): Json => ({
  name,
  image: WORKLOAD_IMAGE,
  command: ['sh', '-c', 'trap "exit 0" TERM; while true; do echo polo; sleep 0.5; done'],
  stdin: true,
  tty: true,
});

async function startsDebugger(t: TestScope): Promise<void> {
  const pods = t.resource('v1/pods');
  assert.equal((await pods.create(aPod('target'))).metadata.generation, 1);
  await untilRunning(pods, 'target');
  const patch = { spec: { ephemeralContainers: [aDebugger('debugger')] } };
  await pods.patch('target', patch, { type: 'strategic', subresource: 'ephemeralcontainers' });
  await pods.until('target', 'the debugger runs', (pod) => statusOf(pod, 'debugger')?.state.running !== undefined);
  assert.equal((await pods.get('target')).metadata.generation, 2);
  assert.equal(await shell(t, 'target', 'echo marco', 'debugger'), 'marco\n');
  await eventually('the debugger has said something', async () => /polo/.test(await logOf(t, 'target', 'debugger')));
}

async function addsAnother(t: TestScope): Promise<void> {
  await startsDebugger(t);
  const pods = t.resource('v1/pods');
  const names = async () => (await pods.get('target', 'ephemeralcontainers')).spec.ephemeralContainers.map(({ name }: Json) => name);
  assert.deepEqual(await names(), ['debugger']);
  await pods.change(
    'target',
    (pod) => {
      pod.spec.ephemeralContainers.push(aDebugger('debugger2'));
    },
    'ephemeralcontainers',
  );
  assert.deepEqual(await names(), ['debugger', 'debugger2']);
  await pods.until('target', 'the second debugger runs', (pod) => statusOf(pod, 'debugger2')?.state.running !== undefined);
}

const PREFIX = '[sig-node] Ephemeral Containers';

export const ephemeralContainerTests: readonly ConformanceTest[] = [
  { name: `${PREFIX} will start an ephemeral container in an existing pod [Conformance] [NodeConformance]`, run: startsDebugger },
  { name: `${PREFIX} should update the ephemeral containers in an existing pod [Conformance] [NodeConformance]`, run: addsAnother },
];
