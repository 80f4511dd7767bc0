/** LimitRanges: what they fill in and refuse, and their lives as objects. */
import assert from 'node:assert/strict';
import type { Json } from '../../cluster.ts';
import type { ConformanceTest, TestScope } from '../framework/conformance-test.ts';
import { eventually, expectRefusal } from '../framework/expect.ts';
import { aPod } from '../framework/pods.ts';

const LIMIT_RANGES = 'v1/limitranges';

const amounts = (cpu: string, memory: string, storage: string): Json => ({ cpu, memory, 'ephemeral-storage': storage });
const MIN = amounts('50m', '100Mi', '100Gi');
const MAX = amounts('500m', '500Mi', '500Gi');
const DEFAULT_REQUEST = amounts('100m', '200Mi', '200Gi');
const LOWER_MIN = amounts('9m', '49Mi', '49Gi');

const aLimitRange = (name: string, labels: Json): Json => ({
  apiVersion: 'v1',
  kind: 'LimitRange',
  metadata: { name, labels },
  spec: { limits: [{ type: 'Container', min: MIN, max: MAX, default: MAX, defaultRequest: DEFAULT_REQUEST }] },
});

const withResources = (name: string, requests: Json, limits: Json = {}): Json =>
  aPod(name, { container: { resources: { requests, limits } } });

async function fillsInAndRefuses(t: TestScope): Promise<void> {
  const ranges = t.resource(LIMIT_RANGES);
  const pods = t.resource('v1/pods');
  const create = async (pod: Json): Promise<Json> => (await pods.create(pod)).spec.containers[0].resources;
  const watch = await ranges.watch({ labelSelector: `time=${t.suffix}` });
  await ranges.create(aLimitRange('limit-range', { time: t.suffix }));
  await watch.expect('ADDED', 'the LimitRange is created');
  const [limit] = (await ranges.get('limit-range')).spec.limits;
  assert.deepEqual([limit.defaultRequest, limit.default, limit.min, limit.max], [DEFAULT_REQUEST, MAX, MIN, MAX]);
  await eventually('the LimitRange is effective', async () => {
    const { resources } = (await pods.create(aPod('pod-no-resources'), { dryRun: 'All' })).spec.containers[0];
    return resources.requests?.cpu === '100m';
  });
  assert.deepEqual(await create(withResources('pod-no-resources', {})), { requests: DEFAULT_REQUEST, limits: MAX });
  const partial = withResources('pod-partial-resources', { memory: '150Mi', 'ephemeral-storage': '150Gi' }, { cpu: '300m' });
  // A limit without a request is the request too: the default request is for containers that say neither.
  assert.deepEqual(await create(partial), { requests: amounts('300m', '150Mi', '150Gi'), limits: amounts('300m', '500Mi', '500Gi') });
  const tooSmall = amounts('10m', '50Mi', '50Gi');
  const tooLarge = amounts('600m', '600Mi', '600Gi');
  await expectRefusal(create(withResources('limit-pod', tooSmall)), {
    reason: 'Forbidden',
    message: 'minimum cpu usage per Container is 50m',
  });
  // The default limit is below the request, which no pod may have.
  await expectRefusal(create(withResources('limit-pod', tooLarge)));
  await expectRefusal(create(withResources('limit-pod', tooLarge, tooLarge)), {
    reason: 'Forbidden',
    message: 'maximum cpu usage per Container is 500m',
  });
  await ranges.change('limit-range', (range) => {
    range.spec.limits[0].min = LOWER_MIN;
  });
  assert.deepEqual((await ranges.get('limit-range')).spec.limits[0].min, LOWER_MIN);
  await eventually('the update is effective', () => create(withResources('limit-pod', tooSmall)));
  await expectRefusal(create(withResources('limit-pod-2', tooLarge, tooLarge)), { reason: 'Forbidden' });
  await ranges.delete('limit-range', { gracePeriodSeconds: 30 });
  await ranges.untilGone('limit-range');
  await eventually('the deletion is effective', () => create(withResources('limit-pod-2', tooLarge)));
}

async function lives(t: TestScope): Promise<void> {
  const ranges = t.resource(LIMIT_RANGES);
  const other = await t.createNamespace('conformance-other');
  const labels = { 'e2e-test': t.suffix, state: 'created' };
  const ours = { labelSelector: `e2e-test=${t.suffix}` };
  const namespacesOf = async (): Promise<readonly string[]> => {
    const { items } = await t.resource(LIMIT_RANGES, '').list(ours);
    return items.map(({ metadata }: Json) => metadata.namespace).sort();
  };
  await ranges.create(aLimitRange('e2e-limitrange', labels));
  await t.resource(LIMIT_RANGES, other).create(aLimitRange('e2e-limitrange', labels));
  assert.deepEqual(await namespacesOf(), [t.namespace, other].sort());
  const [limit] = (await ranges.get('e2e-limitrange')).spec.limits;
  const patch = { metadata: { labels: { state: 'patched' } }, spec: { limits: [{ ...limit, min: LOWER_MIN }] } };
  const patched = await ranges.patch('e2e-limitrange', patch, { type: 'strategic' });
  assert.deepEqual([patched.metadata.labels.state, patched.spec.limits[0].min], ['patched', LOWER_MIN]);
  await ranges.deleteCollection({ labelSelector: `e2e-test=${t.suffix},state=patched` });
  await ranges.untilGone('e2e-limitrange');
  assert.deepEqual(await namespacesOf(), [other]);
}

const PREFIX = '[sig-scheduling] LimitRange';

export const limitRangeTests: readonly ConformanceTest[] = [
  {
    name: `${PREFIX} should create a LimitRange with defaults and ensure pod has those defaults applied. [Conformance]`,
    run: fillsInAndRefuses,
  },
  { name: `${PREFIX} should list, patch and delete a LimitRange by collection [Conformance]`, run: lives },
];
