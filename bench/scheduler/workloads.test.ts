/** The workloads are upstream's, and can be made smaller in proportion. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodeBodies, podBody } from './objects.ts';
import { chooseWorkloads, resizeWorkload } from './workloads.ts';

const [basic = assert.fail()] = chooseWorkloads(['Basic']);

test('a workload is chosen with or without what most names begin with', () => {
  assert.deepEqual(chooseWorkloads(['SchedulingBasic']), [basic]);
  assert.throws(() => chooseWorkloads(['Simple']), /no such workload: Simple; there are SchedulingBasic, /);
});

test('fewer nodes have fewer pods before, and the measured pods are counted apart', () => {
  const small = resizeWorkload(basic, { nodes: 50, pods: 7 });
  assert.deepEqual([small.nodes, small.before[0]?.count, small.measured.count], [50, 10, 7]);
});

test('nodes are given the zones in turn', () => {
  const [spreading = assert.fail()] = chooseWorkloads(['TopologySpreading']);
  const zones = nodeBodies(resizeWorkload(spreading, { nodes: 4, pods: 1 })).map(
    (body) => JSON.parse(body).metadata.labels['topology.kubernetes.io/zone'],
  );
  assert.deepEqual(zones, ['moon-1', 'moon-2', 'moon-3', 'moon-1']);
});

test('a pod asks for what upstream’s template asks for', () => {
  const { resources } = JSON.parse(podBody('pod', basic.measured.pod)).spec.containers[0];
  assert.deepEqual(resources, { requests: { cpu: '100m', memory: '500Mi' }, limits: { cpu: '100m', memory: '500Mi' } });
});
