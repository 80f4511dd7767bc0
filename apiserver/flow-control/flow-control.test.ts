import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRegistry } from '#component/metrics.ts';
import { createFakeClock } from '#component/testing/fake-clock.ts';
import { parseRequestInfo } from '../request/request-info.ts';
import { byPrecedence, type FlowRequest, schemaMatches } from './classify.ts';
import { estimateWorkMs } from './estimate-work.ts';
import { createFlowControl } from './flow-control.ts';
import { AUTO_UPDATE, defaultFlowSchemas, defaultPriorityLevels } from './flow-objects.ts';
import { isLeftOver, operationsToKeep } from './kept-object.ts';

function aRequest(method: string, url: string, name: string, ...groups: readonly string[]): FlowRequest {
  const [path = '', query] = url.split('?');
  return { info: parseRequestInfo(method, path, new URLSearchParams(query)), user: { name, groups: [...groups, 'system:authenticated'] } };
}

const rows: readonly { who: string; asks: FlowRequest; schema: string }[] = [
  { who: 'an administrator', asks: aRequest('GET', '/api/v1/pods', 'admin', 'system:masters'), schema: 'exempt' },
  { who: 'a probe', asks: aRequest('GET', '/readyz', 'anybody'), schema: 'probes' },
  { who: 'a probe of one check', asks: aRequest('GET', '/livez/ping', 'anybody'), schema: 'probes' },
  {
    who: 'a leader',
    asks: aRequest('PUT', '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/a', 'system:kube-scheduler'),
    schema: 'system-leader-election',
  },
  {
    who: 'an account of the system',
    asks: aRequest('GET', '/api/v1/namespaces/a/configmaps/b', 'system:serviceaccount:kube-system:x', 'system:serviceaccounts'),
    schema: 'workload-leader-election',
  },
  {
    who: 'a node with its lease',
    asks: aRequest('PUT', '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/a', 'system:node:a', 'system:nodes'),
    schema: 'system-node-high',
  },
  {
    who: 'a node with its status',
    asks: aRequest('PATCH', '/api/v1/nodes/a/status', 'system:node:a', 'system:nodes'),
    schema: 'system-node-high',
  },
  { who: 'a node with anything else', asks: aRequest('GET', '/api/v1/pods', 'system:node:a', 'system:nodes'), schema: 'system-nodes' },
  { who: 'the scheduler', asks: aRequest('GET', '/api/v1/pods?watch=1', 'system:kube-scheduler'), schema: 'kube-scheduler' },
  {
    who: 'an application',
    asks: aRequest('GET', '/api/v1/pods', 'system:serviceaccount:default:x', 'system:serviceaccounts'),
    schema: 'service-accounts',
  },
  { who: 'a user', asks: aRequest('GET', '/apis', 'jane'), schema: 'global-default' },
];
for (const { who, asks, schema } of rows) {
  test(`${who} belongs to ${schema}`, () => {
    const found = byPrecedence(defaultFlowSchemas).find((one) => schemaMatches(one, asks));
    assert.equal(found?.metadata.name, schema);
  });
}

function aControl() {
  const clock = createFakeClock();
  const registry = createRegistry();
  return { clock, registry, control: createFlowControl({ clock, registry }) };
}

const user = aRequest('GET', '/api/v1/pods', 'jane');
const wide = () => 1_000;

test('what fits runs at once, and what does not waits until something has ended', async () => {
  const { control } = aControl();
  const turns = Array.from({ length: 60 }, () => control.begin(user, wide));
  const waiting = turns.filter(({ admitted }) => admitted !== undefined);
  const running = turns.filter(({ admitted }) => admitted === undefined);
  assert.ok(running.length > 5 && waiting.length > 5, `${running.length} run, ${waiting.length} wait`);
  running[0]?.end();
  running[0]?.end();
  await waiting[0]?.admitted;
  for (const turn of turns) turn.end();
  await Promise.allSettled(turns.map(({ admitted }) => admitted));
  assert.equal(control.begin(user, wide).admitted, undefined);
});

test('nobody waits for ever', async () => {
  const { control, clock } = aControl();
  const turns = Array.from({ length: 60 }, () => control.begin(user, wide));
  const last = turns.at(-1)?.admitted;
  const refused = assert.rejects(last ?? Promise.resolve(), {
    reason: 'TooManyRequests',
    message: 'Too many requests, please try again later.',
  });
  for (const { admitted } of turns) admitted?.catch(() => {});
  await clock.advance(15_000);
  await refused;
});

test('whoever goes away while waiting is forgotten, and all of it is counted', async () => {
  const { control, registry } = aControl();
  const turns = Array.from({ length: 60 }, () => control.begin(user, wide));
  for (const { admitted } of turns) admitted?.catch(() => {});
  const waiting = turns.filter(({ admitted }) => admitted !== undefined);
  for (const turn of waiting) turn.end();
  const metrics = await registry.metrics();
  const labels = 'priority_level="global-default",flow_schema="global-default"';
  assert.match(metrics, new RegExp(`rejected_requests_total\\{${labels},reason="cancelled"\\} ${waiting.length}`));
  assert.match(metrics, new RegExp(`dispatched_requests_total\\{${labels}\\} ${turns.length - waiting.length}`));
  assert.match(metrics, new RegExp(`current_inqueue_requests\\{${labels}\\} 0`));
  assert.match(metrics, /nominal_limit_seats\{priority_level="workload-low"\} 245/);
});

test('without any stored configuration the mandatory one holds', () => {
  const { control } = aControl();
  control.configure([], []);
  assert.equal(control.begin(aRequest('GET', '/api/v1/pods', 'admin', 'system:masters'), wide).admitted, undefined);
  const turns = Array.from({ length: 700 }, () => control.begin(user, () => 1));
  const refused = turns.filter(({ admitted }) => admitted !== undefined);
  for (const { admitted } of refused) admitted?.catch(() => {});
  assert.ok(refused.length > 0);
});

test('a schema whose level is not there is passed over', () => {
  const { control } = aControl();
  control.configure(
    defaultFlowSchemas,
    defaultPriorityLevels.filter(({ metadata }) => metadata.name !== 'global-default'),
  );
  assert.equal(control.begin(user, () => 1).admitted, undefined);
});

const stored = () => ({ objects: 1_000, bytes: 10 * 1024 * 1024 });
const estimates: readonly {
  it: string;
  url: string;
  method?: string;
  isReencoded?: boolean;
  bodyBytes?: number;
  between: readonly [number, number];
}[] = [
  { it: 'a read is little', url: '/api/v1/namespaces/a/pods/b', between: [0.1, 1] },
  { it: 'a list is its bytes', url: '/api/v1/pods', between: [30, 60] },
  { it: 'a page is its part of them', url: '/api/v1/pods?limit=100', between: [4, 8] },
  { it: 'another form costs more', url: '/api/v1/pods', isReencoded: true, between: [150, 400] },
  { it: 'one object by its name is a read', url: '/api/v1/pods?fieldSelector=metadata.name=a', between: [0.1, 1] },
  { it: 'a watch from a version is little', url: '/api/v1/pods?watch=1&resourceVersion=5', between: [0.1, 1] },
  {
    it: 'a watch that begins with everything is a list',
    url: '/api/v1/pods?watch=1&sendInitialEvents=true&resourceVersion=5',
    between: [30, 60],
  },
  { it: 'a write is its body', method: 'POST', url: '/api/v1/namespaces/a/pods', bodyBytes: 1024 * 1024, between: [40, 100] },
  { it: 'deleting all is a write for each', method: 'DELETE', url: '/api/v1/namespaces/a/pods', between: [900, 1_100] },
];
for (const { it, url, method = 'GET', isReencoded = false, bodyBytes = 0, between } of estimates) {
  test(`of the work beforehand: ${it}`, () => {
    const [path = '', text] = url.split('?');
    const query = new URLSearchParams(text);
    const workMs = estimateWorkMs({ info: parseRequestInfo(method, path, query), query, bodyBytes, isReencoded, stored });
    assert.ok(workMs >= between[0] && workMs <= between[1], `${workMs} ms`);
  });
}

const wanted = { metadata: {}, spec: { a: 1 } };
const kept: readonly { it: string; name?: string; annotation?: string; generation?: number; spec?: object; paths: readonly string[] }[] = [
  { it: 'is left alone when it is right', annotation: 'true', paths: [] },
  { it: 'gets its spec back', annotation: 'true', spec: {}, paths: ['/spec'] },
  { it: 'is left to whoever has taken it over', annotation: 'false', spec: {}, paths: [] },
  { it: 'without the annotation is ours while nobody has changed it', generation: 1, spec: {}, paths: ['/metadata/annotations', '/spec'] },
  { it: 'without the annotation is theirs once it was changed', generation: 2, spec: {}, paths: ['/metadata/annotations'] },
  {
    it: 'is kept in any case when it is mandatory',
    name: 'exempt',
    annotation: 'false',
    spec: {},
    paths: ['/metadata/annotations', '/spec'],
  },
];
for (const { it, name = 'system', annotation, generation = 3, spec = { a: 1 }, paths } of kept) {
  test(`a default object ${it}`, () => {
    const metadata = { name, generation, ...(annotation === undefined ? {} : { annotations: { [AUTO_UPDATE]: annotation } }) };
    assert.deepEqual(
      operationsToKeep({ metadata, spec }, wanted).map(({ path }) => path),
      paths,
    );
  });
}

test('only what is ours and no default any more is left over', () => {
  const names = new Set(['system']);
  const leftOver = (name: string, annotation?: string) =>
    isLeftOver(
      { metadata: { name, ...(annotation === undefined ? {} : { annotations: { [AUTO_UPDATE]: annotation } }) }, spec: {} },
      names,
    );
  assert.deepEqual(
    [leftOver('old', 'true'), leftOver('system', 'true'), leftOver('mine', 'false'), leftOver('mine')],
    [true, false, false, false],
  );
});
