import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod, PodSpec, RuntimeClass } from '#api/generated/types.ts';
import { checkOverhead, withRuntimeClass } from './runtime-class.ts';

const aPod = (spec: Partial<PodSpec> = {}): Pod => ({ metadata: { name: 'web' }, spec: { containers: [], ...spec } }) as Pod;
const aClass = (rest: Partial<RuntimeClass> = {}): RuntimeClass =>
  ({ metadata: { name: 'kata' }, handler: 'kata', ...rest }) as RuntimeClass;
const OVERHEAD = { podFixed: { cpu: '10m', memory: '1Mi' } };

test('a pod without a class stays as it is', () => {
  const pod = aPod();
  assert.equal(withRuntimeClass(pod, undefined), pod);
});

test('a pod gets the overhead of its class', () => {
  assert.deepEqual(withRuntimeClass(aPod(), aClass({ overhead: OVERHEAD })).spec.overhead, OVERHEAD.podFixed);
});

test('a pod may bring the overhead of its class, however it is written, and no other', () => {
  const found = aClass({ overhead: OVERHEAD });
  assert.deepEqual(withRuntimeClass(aPod({ overhead: { cpu: '0.01', memory: '1024Ki' } }), found).spec.overhead, OVERHEAD.podFixed);
  for (const overhead of [{ cpu: '20m', memory: '1Mi' }, { cpu: '10m' }])
    assert.throws(() => withRuntimeClass(aPod({ overhead }), found), /Pod's Overhead doesn't match RuntimeClass's defined Overhead$/);
});

test('a pod goes where its class is at home', () => {
  const gpu = { key: 'gpu', operator: 'Exists' };
  const own = { key: 'own', operator: 'Exists' };
  const found = aClass({ scheduling: { nodeSelector: { runtime: 'kata' }, tolerations: [gpu, own] } });
  const { spec } = withRuntimeClass(aPod({ nodeSelector: { disk: 'ssd' }, tolerations: [own] }), found);
  assert.deepEqual(spec.nodeSelector, { disk: 'ssd', runtime: 'kata' });
  assert.deepEqual(spec.tolerations, [own, gpu]);
});

test('a pod that wants to go elsewhere is refused', () => {
  const found = aClass({ scheduling: { nodeSelector: { runtime: 'kata' } } });
  assert.throws(
    () => withRuntimeClass(aPod({ nodeSelector: { runtime: 'runc' } }), found),
    /conflict: runtimeClass\.scheduling\.nodeSelector\[runtime\] = kata; pod\.spec\.nodeSelector\[runtime\] = runc$/,
  );
});

test('overhead is only what a class has', () => {
  const why = /Pod Overhead set without corresponding RuntimeClass defined Overhead$/;
  for (const found of [undefined, aClass()]) assert.throws(() => checkOverhead(aPod({ overhead: { cpu: '10m' } }), found), why);
  assert.throws(() => checkOverhead(aPod({ overhead: { cpu: '1' } }), aClass({ overhead: OVERHEAD })), /doesn't match/);
  checkOverhead(aPod({ overhead: OVERHEAD.podFixed }), aClass({ overhead: OVERHEAD }));
  checkOverhead(aPod(), undefined);
});
