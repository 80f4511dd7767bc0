import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Container, PodSpec } from '#api/generated/types.ts';
import { podRequests, scoredPodRequests } from './resource-amounts.ts';

const container = (cpu: string, restartPolicy?: string): Container => ({
  name: 'c',
  resources: { requests: { cpu } },
  ...(restartPolicy === undefined ? {} : { restartPolicy }),
});

const cases: readonly { it: string; spec: PodSpec; cpu: number }[] = [
  { it: 'adds up its containers', spec: { containers: [container('1'), container('500m')] }, cpu: 1_500 },
  {
    it: 'needs the largest init container if that is more',
    spec: { initContainers: [container('2'), container('3')], containers: [container('1')] },
    cpu: 3_000,
  },
  {
    it: 'keeps a sidecar beside the containers and beside later init containers',
    spec: { initContainers: [container('1', 'Always'), container('3')], containers: [container('2')] },
    cpu: 4_000,
  },
  { it: 'adds the overhead', spec: { containers: [container('1')], overhead: { cpu: '250m' } }, cpu: 1_250 },
  {
    it: 'lets requests of the whole pod take the place of the sum',
    spec: { containers: [container('1')], resources: { requests: { cpu: '3' } } },
    cpu: 3_000,
  },
];
for (const { it, spec, cpu } of cases) test(`a pod ${it}`, () => assert.equal(podRequests(spec).get('cpu'), cpu));

test('a pod that asks for nothing still counts for something when nodes are compared', () => {
  const spec = { containers: [{ name: 'c' }] };
  assert.equal(podRequests(spec).get('cpu'), undefined);
  assert.deepEqual(
    [...scoredPodRequests(spec)],
    [
      ['cpu', 100],
      ['memory', 209_715_200],
    ],
  );
});
