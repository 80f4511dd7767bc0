/**
 * Resizing pods while they run: what was asked for is in the status once the kubelet has done it, the containers have it, and none was restarted.
 * The containers' own limits are read from the cgroup that each sees as its root.
 */
import assert from 'node:assert/strict';
import { parseQuantity, quantityToMilli, quantityToNumber } from '#api/meta/quantity.ts';
import type { Json } from '../../cluster.ts';
import type { ConformanceTest, TestScope } from '../framework/conformance-test.ts';
import { shell } from '../framework/exec.ts';
import { eventually } from '../framework/expect.ts';
import { untilRunning } from '../framework/pods.ts';
import { aScript, statusOf } from '../framework/run-pod.ts';

/** By container. */
type Resources = Readonly<Record<string, Json>>;

/** Requests and limits alike. */
const fixed = (cpu: string, memory: string): Json => ({ requests: { cpu, memory }, limits: { cpu, memory } });

const ofPod = (containers: Resources): readonly Json[] => Object.entries(containers).map(([name, resources]) => ({ name, resources }));

/** Needs next to nothing, so that it may be given as little. */
function aPodOf(containers: Resources): Json {
  const pod = aScript('resized', 'trap "exit 0" TERM; sleep 100000 & wait', { spec: { terminationGracePeriodSeconds: 1 } });
  const [main] = pod.spec.containers;
  return { ...pod, spec: { ...pod.spec, containers: ofPod(containers).map((container) => ({ ...main, ...container })) } };
}

function areSame(one: Json = {}, other: Json = {}): boolean {
  const flat = (resources: Json): readonly string[] =>
    ['requests', 'limits'].flatMap((kind) =>
      Object.entries(resources[kind] ?? {}).map(
        ([name, quantity]) => `${kind}.${name}=${quantityToMilli(parseQuantity(String(quantity)))}`,
      ),
    );
  return flat(one).toSorted().join() === flat(other).toSorted().join();
}

const isResizing = (pod: Json): boolean =>
  pod.status.conditions.some(({ type, status }: Json) => ['PodResizePending', 'PodResizeInProgress'].includes(type) && status === 'True');

/** Waits until the status tells of these resources, and nothing is left to be done. */
async function untilResized(t: TestScope, containers: Resources): Promise<Json> {
  const pod = await t
    .resource('v1/pods')
    .until(
      'resized',
      'the containers have what was asked for',
      (found) =>
        found !== undefined &&
        !isResizing(found) &&
        Object.entries(containers).every(([name, resources]) => areSame(statusOf(found, name)?.resources, resources)) &&
        found,
    );
  for (const [name, resources] of Object.entries(containers)) {
    assert.ok(areSame(pod.spec.containers.find((container: Json) => container.name === name)?.resources, resources), `${name} in the spec`);
    assert.equal(statusOf(pod, name)?.restartCount, 0, `${name} was not restarted`);
  }
  return pod;
}

const PERIOD_MICROS = 100_000;
const QUOTA_MICROS_MIN = 1_000;

/** Either generation of cgroups; what has no limit is left out. */
async function expectLimits(t: TestScope, containers: Resources): Promise<void> {
  const cgroup = '/sys/fs/cgroup';
  const memory = `cat ${cgroup}/memory.max 2>/dev/null || cat ${cgroup}/memory/memory.limit_in_bytes`;
  const quota = `cut -d' ' -f1 ${cgroup}/cpu.max 2>/dev/null || cat ${cgroup}/cpu/cpu.cfs_quota_us`;
  for (const [name, { limits = {} }] of Object.entries(containers))
    await eventually(`${name} is held to its limits`, async () => {
      const [bytes, micros] = (await shell(t, 'resized', `${memory}; ${quota}`, name)).split('\n').map(Number);
      if (limits.memory !== undefined) assert.equal(bytes, quantityToNumber(parseQuantity(limits.memory)));
      if (limits.cpu !== undefined) {
        const wanted = (quantityToMilli(parseQuantity(limits.cpu)) * PERIOD_MICROS) / 1_000;
        assert.equal(micros, Math.max(wanted, QUOTA_MICROS_MIN));
      }
      return true;
    });
}

async function start(t: TestScope, containers: Resources): Promise<void> {
  await t.resource('v1/pods').create(aPodOf(containers));
  await untilRunning(t.resource('v1/pods'), 'resized');
  await untilResized(t, containers);
}

const resizes = (before: Resources, changes: Resources) => async (t: TestScope) => {
  await start(t, before);
  const patch = { spec: { containers: ofPod(changes) } };
  await t.resource('v1/pods').patch('resized', patch, { type: 'strategic', subresource: 'resize' });
  const after = { ...before, ...changes };
  await untilResized(t, after);
  await expectLimits(t, after);
};

async function replaces(t: TestScope): Promise<void> {
  const pods = t.resource('v1/pods');
  const [before, after] = [{ c1: fixed('50m', '32Mi') }, { c1: fixed('70m', '40Mi') }];
  await start(t, before);
  await pods.change(
    'resized',
    ({ spec }) => {
      spec.containers[0].resources = after.c1;
    },
    'resize',
  );
  await untilResized(t, after);
  await expectLimits(t, after);
  assert.deepEqual(await pods.get('resized', 'resize'), await pods.get('resized'));
}

const THREE: Resources = { c1: fixed('50m', '32Mi'), c2: fixed('60m', '34Mi'), c3: fixed('70m', '36Mi') };

const SIX: Resources = {
  c1: { requests: { cpu: '20m' } },
  c2: { requests: { memory: '32Mi' } },
  c3: { requests: { cpu: '20m', memory: '32Mi' } },
  c4: { requests: { cpu: '20m', memory: '32Mi' }, limits: { cpu: '50m', memory: '40Mi' } },
  c5: { requests: { cpu: '20m', memory: '32Mi' }, limits: { cpu: '50m', memory: '40Mi' } },
  c6: {},
};

const SIX_CHANGES: Resources = {
  c1: { requests: { cpu: '25m' }, limits: { cpu: '60m' } },
  c2: { requests: { memory: '36Mi' }, limits: { memory: '44Mi' } },
  c3: { requests: { cpu: '15m', memory: '34Mi' }, limits: { cpu: '50m', memory: '40Mi' } },
  c4: { requests: { cpu: '25m', memory: '34Mi' }, limits: { cpu: '60m', memory: '44Mi' } },
  c5: { requests: { cpu: '15m', memory: '30Mi' }, limits: { cpu: '40m', memory: '36Mi' } },
  c6: { requests: { cpu: '20m', memory: '32Mi' } },
};

/** So little that the kernel does not tell one from the other. */
const EQUIVALENT: Resources = { c1: { requests: { cpu: '2m' }, limits: { cpu: '10m' } } };
const EQUIVALENT_CHANGES: Resources = { c1: { requests: { cpu: '1m' }, limits: { cpu: '5m' } } };

const PREFIX = '[sig-node] Pod InPlace Resize Container';
const GUARANTEED = `${PREFIX} guaranteed pods with multiple containers 3 containers -`;
const SUFFIX = '[MinimumKubeletVersion:1.34] [Conformance]';

export const podResizeTests: readonly ConformanceTest[] = [
  {
    name: `${GUARANTEED} increase cpu & mem on c1, c2, decrease cpu & mem on c3 - net increase ${SUFFIX}`,
    run: resizes(THREE, { c1: fixed('60m', '36Mi'), c2: fixed('70m', '38Mi'), c3: fixed('60m', '34Mi') }),
  },
  {
    name: `${GUARANTEED} increase cpu & mem on c1, decrease cpu & mem on c2, c3 - net decrease ${SUFFIX}`,
    run: resizes(THREE, { c1: fixed('60m', '36Mi'), c2: fixed('50m', '30Mi'), c3: fixed('60m', '30Mi') }),
  },
  {
    name: `${GUARANTEED} increase: CPU (c1,c3), memory (c2, c3) ; decrease: CPU (c2) ${SUFFIX}`,
    run: resizes(THREE, { c1: fixed('60m', '32Mi'), c2: fixed('50m', '38Mi'), c3: fixed('80m', '40Mi') }),
  },
  {
    name: `${PREFIX} burstable pods - extended 6 containers - various operations performed (including adding limits and requests) ${SUFFIX}`,
    run: resizes(SIX, SIX_CHANGES),
  },
  { name: `${PREFIX} burstable pods - extended resize with equivalents ${SUFFIX}`, run: resizes(EQUIVALENT, EQUIVALENT_CHANGES) },
  { name: `${PREFIX} resize pod via the replace endpoint ${SUFFIX}`, run: replaces },
];
