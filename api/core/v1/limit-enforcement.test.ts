import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LimitRange, LimitRangeItem, PersistentVolumeClaim, Pod } from '../../generated/types.ts';
import { applyLimitRange, claimLimitProblems, podLimitProblems } from './limit-enforcement.ts';

const metadata = { name: 'x', namespace: 'default', uid: 'u', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' };

const aRange = (...limits: readonly LimitRangeItem[]): LimitRange => ({ apiVersion: 'v1', kind: 'LimitRange', metadata, spec: { limits } });
const container = (name: string, requests: Record<string, string> = {}, limits: Record<string, string> = {}) => ({
  name,
  resources: { requests, limits },
});
const aPod = (...containers: Pod['spec']['containers']): Pod => ({ apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers } });

test('containers get what they left out, and people are told', () => {
  const range = aRange({ type: 'Container', default: { cpu: '1', memory: '1Gi' }, defaultRequest: { cpu: '500m' } });
  const pod = applyLimitRange(aPod(container('a'), container('b', { cpu: '2' }, { cpu: '2', memory: '2Gi' })), range);
  assert.deepEqual(pod.spec.containers, [
    { name: 'a', resources: { requests: { cpu: '500m' }, limits: { cpu: '1', memory: '1Gi' } } },
    { name: 'b', resources: { requests: { cpu: '2' }, limits: { cpu: '2', memory: '2Gi' } } },
  ]);
  assert.equal(
    pod.metadata.annotations?.['kubernetes.io/limit-ranger'],
    'LimitRanger plugin set: cpu request for container a; cpu, memory limit for container a',
  );
});

test('a pod that lacks nothing stays as it is', () => {
  const pod = aPod(container('a', { cpu: '1' }, { cpu: '1' }));
  assert.equal(applyLimitRange(pod, aRange({ type: 'Container', default: { cpu: '2' } })), pod);
});

const cases: readonly { it: string; item: LimitRangeItem; pod: Pod; problems: readonly string[] }[] = [
  {
    it: 'refuses too little',
    item: { type: 'Container', min: { memory: '500Mi' } },
    pod: aPod(container('a', { memory: '100Mi' }, { memory: '1Gi' })),
    problems: ['minimum memory usage per Container is 500Mi, but request is 100Mi'],
  },
  {
    it: 'refuses too much',
    item: { type: 'Container', max: { cpu: '800m' } },
    pod: aPod(container('a', { cpu: '500m' }, { cpu: '1500m' })),
    problems: ['maximum cpu usage per Container is 800m, but limit is 1500m'],
  },
  {
    it: 'refuses what does not say how much',
    item: { type: 'Container', min: { cpu: '1' }, max: { cpu: '2' } },
    pod: aPod(container('a')),
    problems: [
      'minimum cpu usage per Container is 1.  No request is specified',
      'maximum cpu usage per Container is 2.  No limit is specified',
    ],
  },
  {
    it: 'adds up the containers of a pod',
    item: { type: 'Pod', max: { memory: '1Gi' } },
    pod: aPod(container('a', {}, { memory: '600Mi' }), container('b', {}, { memory: '600Mi' })),
    problems: ['maximum memory usage per Pod is 1Gi, but limit is 1200Mi'],
  },
  {
    it: 'refuses a limit that is too far from the request',
    item: { type: 'Container', maxLimitRequestRatio: { cpu: '2' } },
    pod: aPod(container('a', { cpu: '100m' }, { cpu: '250m' })),
    problems: ['cpu max limit to request ratio per Container is 2, but provided ratio is 2.500000'],
  },
  {
    it: 'lets through what is within every bound',
    item: { type: 'Container', min: { cpu: '1' }, max: { cpu: '2' }, maxLimitRequestRatio: { cpu: '2' } },
    pod: aPod(container('a', { cpu: '1' }, { cpu: '2' })),
    problems: [],
  },
];

for (const { it, item, pod, problems } of cases) {
  test(`a LimitRange ${it}`, () => assert.deepEqual(podLimitProblems(pod, aRange(item)), problems));
}

test('a claim is held against both bounds', () => {
  const claim = (storage: string): PersistentVolumeClaim => ({
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata,
    spec: { resources: { requests: { storage } } },
  });
  const range = aRange({ type: 'PersistentVolumeClaim', min: { storage: '1Gi' }, max: { storage: '2Gi' } });
  assert.deepEqual(claimLimitProblems(claim('500Mi'), range), [
    'minimum storage usage per PersistentVolumeClaim is 1Gi, but request is 500Mi',
  ]);
  assert.deepEqual(claimLimitProblems(claim('3Gi'), range), ['maximum storage usage per PersistentVolumeClaim is 2Gi, but request is 3Gi']);
  assert.deepEqual(claimLimitProblems(claim('2Gi'), range), []);
});
