/** Which states of services, nodes and pods are wrong, and what is said of them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseServices } from '../compose.ts';
import { findPodProblems, findServiceProblems } from './status.ts';
import { findNodeProblems } from './up.ts';

const aService = (changes: object) => ({ service: 'scheduler', state: 'running', health: '', exitCode: 0, ...changes });

const serviceCases = [
  { it: 'running', service: aService({}), problem: undefined },
  { it: 'running, its first check to come', service: aService({ health: 'starting' }), problem: undefined },
  { it: 'unhealthy', service: aService({ health: 'unhealthy' }), problem: /scheduler: unhealthy/ },
  { it: 'stopped', service: aService({ state: 'exited' }), problem: /scheduler: exited/ },
  { it: 'a one-shot that is done', service: aService({ service: 'bootstrap', state: 'exited' }), problem: undefined },
  { it: 'a one-shot that failed', service: aService({ service: 'addons', state: 'exited', exitCode: 1 }), problem: /addons: failed/ },
];

for (const { it, service, problem } of serviceCases) {
  test(`a service that is ${it} is ${problem === undefined ? 'well' : 'named'}`, () => {
    const [found] = findServiceProblems([service]);
    if (problem === undefined) assert.equal(found, undefined);
    else assert.match(found ?? '', problem);
  });
}

test('compose’s list is read as lines and as an array', () => {
  const row = '{"Service":"etcd","State":"running","Health":"healthy","ExitCode":0}';
  const expected = [{ service: 'etcd', state: 'running', health: 'healthy', exitCode: 0 }];
  assert.deepEqual(parseServices(`${row}\n`), expected);
  assert.deepEqual(parseServices(`[${row}]`), expected);
  assert.deepEqual(parseServices(''), []);
});

const condition = (type: string, status: string, message?: string) => ({ type, status, ...(message === undefined ? {} : { message }) });

test('a node that is missing or not Ready is named with why', () => {
  const problems = findNodeProblems([
    { metadata: { name: 'control-plane' }, status: { conditions: [condition('Ready', 'True')] } },
    { metadata: { name: 'worker-1' }, status: { conditions: [condition('Ready', 'False', 'no network')] } },
  ]);
  assert.deepEqual(problems, ['node worker-1: not Ready: no network', 'node worker-2: its kubelet has not registered it']);
});

const podCases = [
  { it: 'ready', status: { conditions: [condition('Ready', 'True')] }, problem: undefined },
  { it: 'done', status: { phase: 'Succeeded' }, problem: undefined },
  {
    it: 'without its image',
    status: { phase: 'Pending', containerStatuses: [{ state: { waiting: { reason: 'ErrImagePull', message: 'no such image' } } }] },
    problem: 'pod default/web: ErrImagePull: no such image',
  },
  {
    it: 'unscheduled',
    status: { phase: 'Pending', conditions: [condition('PodScheduled', 'False', '0/3 nodes are available')] },
    problem: 'pod default/web: 0/3 nodes are available',
  },
  { it: 'not seen yet', status: {}, problem: 'pod default/web: not seen by its kubelet' },
];

for (const { it, status, problem } of podCases) {
  test(`a pod that is ${it} is ${problem === undefined ? 'well' : 'named with why'}`, () => {
    const found = findPodProblems([{ metadata: { namespace: 'default', name: 'web' }, status }]);
    assert.deepEqual(found, problem === undefined ? [] : [problem]);
  });
}
