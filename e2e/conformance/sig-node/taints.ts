/** Taints with the effect NoExecute: pods that tolerate them for a time are evicted when it is over, unless the taint is gone by then. */
import assert from 'node:assert/strict';
import type { Json } from '../../cluster.ts';
import type { ConformanceTest, TestScope } from '../framework/conformance-test.ts';
import { aPod, untilRunning } from '../framework/pods.ts';

const KEY = 'kubernetes.io/e2e-evict-taint-key';
const SECOND_MS = 1_000;
/** Timestamps are of whole seconds. */
const ROUNDING_MS = 1_000;

const aTolerant = (name: string, tolerationSeconds: number, spec: Json = {}): Json =>
  aPod(name, {
    labels: { group: 'tolerant' },
    spec: {
      tolerations: [{ key: KEY, operator: 'Equal', value: 'evict', effect: 'NoExecute', tolerationSeconds }],
      terminationGracePeriodSeconds: 1,
      ...spec,
    },
  });

/** Gives when the node was tainted; the taint is gone when the test is over, whatever becomes of it. */
async function taint(t: TestScope, node: string): Promise<number> {
  const nodes = t.resource('v1/nodes', '');
  t.cleanUp(() => untaint(t, node));
  const { date } = (await t.cluster.send({ path: '/version' })).headers;
  await nodes.change(node, ({ spec }) => {
    spec.taints = [...(spec.taints ?? []), { key: KEY, value: 'evict', effect: 'NoExecute' }];
  });
  return Date.parse(String(date));
}

async function untaint(t: TestScope, node: string): Promise<void> {
  await t.resource('v1/nodes', '').change(node, ({ spec }) => {
    spec.taints = (spec.taints ?? []).filter(({ key }: Json) => key !== KEY);
  });
}

/** When the eviction took place: the end of a grace period is what an object tells. */
function evictedAt({ metadata }: Json): number {
  return Date.parse(metadata.deletionTimestamp) - metadata.deletionGracePeriodSeconds * SECOND_MS;
}

async function evictsInTime(t: TestScope): Promise<void> {
  const pods = t.resource('v1/pods');
  const tolerance: Readonly<Record<string, number>> = { short: 5, long: 25 };
  await pods.create(aTolerant('short', 5));
  const { spec } = await untilRunning(pods, 'short');
  const { labels } = (await t.resource('v1/nodes', '').get(spec.nodeName)).metadata;
  const nodeSelector = { 'kubernetes.io/hostname': labels['kubernetes.io/hostname'] };
  await pods.create(aTolerant('long', 25, { nodeSelector }));
  await untilRunning(pods, 'long');
  const watch = await pods.watch({ labelSelector: 'group=tolerant' });
  const tainted = await taint(t, spec.nodeName);
  for (const name of ['short', 'long']) {
    const { object } = await watch.until(
      `${name} is evicted`,
      ({ object: pod }) => pod.metadata.deletionTimestamp !== undefined && pod.metadata.name === name,
      60_000,
    );
    const afterMs = evictedAt(object) - tainted;
    assert.ok(afterMs >= (tolerance[name] ?? 0) * SECOND_MS - ROUNDING_MS, `${name} was evicted after ${afterMs} ms`);
  }
  await Promise.all(['short', 'long'].map((name) => pods.untilGone(name)));
}

const TOLERATION_SECONDS = 10;
/** Nothing tells that an eviction was called off: it would have come by then. */
const CALLED_OFF_MS = 20_000;

async function callsEvictionOff(t: TestScope): Promise<void> {
  const pods = t.resource('v1/pods');
  await pods.create(aTolerant('spared', TOLERATION_SECONDS));
  const { spec } = await untilRunning(pods, 'spared');
  const watch = await pods.watch({ labelSelector: 'group=tolerant' });
  await taint(t, spec.nodeName);
  await untaint(t, spec.nodeName);
  await assert.rejects(
    watch.until('it is evicted all the same', ({ object }) => object.metadata.deletionTimestamp !== undefined, CALLED_OFF_MS),
    /no event within/,
  );
}

export const taintTests: readonly ConformanceTest[] = [
  {
    name: '[sig-node] NoExecuteTaintManager Single Pod removing taint cancels eviction [Conformance] [Disruptive] [Serial]',
    run: callsEvictionOff,
  },
  {
    name: '[sig-node] NoExecuteTaintManager Multiple Pods evicts pods with minTolerationSeconds [Conformance] [Disruptive] [Serial]',
    run: evictsInTime,
  },
];
