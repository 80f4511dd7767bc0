/** What is done to a pod through the subresources that are neither its status nor its scale, over the whole server. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { send, type TestRequest, type TestResponse } from './testing/http-client.ts';
import { createTestApiServer, type TestApiServer } from './testing/test-api-server.ts';

let server: TestApiServer;
before(async () => {
  server = await createTestApiServer();
});
after(() => server.stop());

const PODS = '/api/v1/namespaces/default/pods';
const BUDGETS = '/apis/policy/v1/namespaces/default/poddisruptionbudgets';
const MERGE = { headers: { 'content-type': 'application/merge-patch+json' } };
const STRATEGIC = { headers: { 'content-type': 'application/strategic-merge-patch+json' } };

const call = (method: string, path: string, body?: unknown, options: TestRequest = {}): Promise<TestResponse> =>
  send(server, path, { method, ...(body === undefined ? {} : { body }), ...options });

async function aPod(name: string, app: string, more: object = {}): Promise<void> {
  const resources = { requests: { cpu: '100m', memory: '10Mi' } };
  const spec = { nodeName: 'n', containers: [{ name: 'c', image: 'i', resources }], ...more };
  const created = await call('POST', PODS, { metadata: { name, labels: { app } }, spec });
  assert.equal(created.statusCode, 201, created.text);
}

async function withStatus(name: string, status: object): Promise<void> {
  const patched = await call('PATCH', `${PODS}/${name}/status`, { status }, MERGE);
  assert.equal(patched.statusCode, 200, patched.text);
}

const running = { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] };
const notReady = { phase: 'Running', conditions: [{ type: 'Ready', status: 'False' }] };

async function aBudget(name: string, status: object, more: object = {}): Promise<void> {
  const made = await call('POST', BUDGETS, {
    metadata: { name },
    spec: { minAvailable: 1, selector: { matchLabels: { app: name } }, ...more },
  });
  assert.equal(made.statusCode, 201, made.text);
  const patched = await call(
    'PATCH',
    `${BUDGETS}/${name}/status`,
    { status: { observedGeneration: 1, expectedPods: 2, ...status } },
    MERGE,
  );
  assert.equal(patched.statusCode, 200, patched.text);
}

const evict = (name: string, more: object = {}, query = '') =>
  call('POST', `${PODS}/${name}/eviction${query}`, { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name }, ...more });

describe('an eviction', () => {
  test('of a pod without a budget deletes it, and tells why', async () => {
    await aPod('free', 'free');
    await withStatus('free', running);
    const answer = await evict('free');
    assert.equal(answer.statusCode, 201, answer.text);
    assert.equal(answer.at('status'), 'Success');
    const left = await call('GET', `${PODS}/free`);
    assert.notEqual(left.at('metadata.deletionTimestamp'), undefined);
    assert.equal(left.at('status.conditions.1.reason'), 'EvictionByEvictionAPI');
  });

  test('takes from the budget, as long as there is something left', async () => {
    await aBudget('two', { disruptionsAllowed: 1, desiredHealthy: 1, currentHealthy: 2 });
    for (const name of ['two-a', 'two-b']) {
      await aPod(name, 'two');
      await withStatus(name, running);
    }
    const outcomes = (await Promise.all([evict('two-a'), evict('two-b')])).map(({ statusCode }) => statusCode).sort();
    assert.deepEqual(outcomes, [201, 429]);
    const budget = await call('GET', `${BUDGETS}/two`);
    assert.equal(budget.at('status.disruptionsAllowed'), 0);
    assert.equal(Object.keys(Object(budget.at('status.disruptedPods'))).length, 1);
  });

  test('that the budget does not allow is told so, word for word', async () => {
    await aBudget('full', { disruptionsAllowed: 0, desiredHealthy: 1, currentHealthy: 1 });
    await aPod('full', 'full');
    await withStatus('full', running);
    const answer = await evict('full');
    assert.equal(answer.statusCode, 429);
    assert.equal(answer.at('reason'), 'TooManyRequests');
    assert.equal(answer.at('message'), "Cannot evict pod as it would violate the pod's disruption budget.");
    const cause = { reason: 'DisruptionBudget', message: 'The disruption budget full needs 1 healthy pods and has 1 currently' };
    assert.deepEqual(answer.at('details.causes'), [cause]);
    assert.equal(answer.headers['retry-after'], undefined);
  });

  test('waits for a budget that was just changed', async () => {
    await aBudget('fresh', { observedGeneration: 0, disruptionsAllowed: 1 });
    await aPod('fresh', 'fresh');
    await withStatus('fresh', running);
    const answer = await evict('fresh');
    assert.equal(answer.at('details.causes.0.message'), 'The disruption budget fresh is still being processed by the server.');
    assert.equal(answer.headers['retry-after'], '10');
  });

  test('of a pod that is not ready costs nothing where its budget is met, or says so', async () => {
    await aBudget('met', { disruptionsAllowed: 0, desiredHealthy: 1, currentHealthy: 1 });
    await aBudget('open', { disruptionsAllowed: 0, desiredHealthy: 2, currentHealthy: 0 }, { unhealthyPodEvictionPolicy: 'AlwaysAllow' });
    await aBudget('shut', { disruptionsAllowed: 0, desiredHealthy: 2, currentHealthy: 0 });
    for (const name of ['met', 'open', 'shut']) {
      await aPod(name, name);
      await withStatus(name, notReady);
    }
    const outcomes = await Promise.all(['met', 'open', 'shut'].map((name) => evict(name)));
    assert.deepEqual(
      outcomes.map(({ statusCode }) => statusCode),
      [201, 201, 429],
    );
  });

  test('that is a dry run takes nothing from anybody', async () => {
    await aBudget('dry', { disruptionsAllowed: 1, desiredHealthy: 1, currentHealthy: 2 });
    await aPod('dry', 'dry');
    await withStatus('dry', running);
    assert.equal((await evict('dry', {}, '?dryRun=All')).statusCode, 201);
    assert.equal((await evict('dry', { deleteOptions: { dryRun: ['All'] } })).statusCode, 201);
    assert.equal((await call('GET', `${PODS}/dry`)).at('metadata.deletionTimestamp'), undefined);
    assert.equal((await call('GET', `${BUDGETS}/dry`)).at('status.disruptionsAllowed'), 1);
  });

  test('must mean the pod that it is posted to', async () => {
    await aPod('meant', 'meant');
    assert.equal((await evict('meant', { metadata: { name: 'other' } })).statusCode, 400);
    assert.equal((await evict('nobody')).statusCode, 404);
    assert.equal((await evict('meant', { deleteOptions: { preconditions: { uid: 'other' } } })).statusCode, 409);
    assert.equal((await evict('meant', { deleteOptions: { preconditions: 7 } })).statusCode, 400);
  });
});

describe('ephemeral containers', () => {
  const add = (name: string, container: object) =>
    call('PATCH', `${PODS}/${name}/ephemeralcontainers`, { spec: { ephemeralContainers: [container] } }, STRATEGIC);

  test('come into a pod that runs, and stay as they are', async () => {
    await aPod('debugged', 'debugged');
    const added = await add('debugged', { name: 'd', image: 'busybox', targetContainerName: 'c' });
    assert.equal(added.statusCode, 200, added.text);
    assert.equal(added.at('spec.ephemeralContainers.0.terminationMessagePolicy'), 'File');
    assert.equal(added.at('metadata.generation'), 2);
    const changed = await add('debugged', { name: 'd', image: 'other' });
    assert.equal(changed.statusCode, 422);
    assert.match(
      String(changed.at('message')),
      /spec.ephemeralContainers: Forbidden: existing ephemeral containers "d" may not be changed/,
    );
    const labels = await call('PATCH', `${PODS}/debugged/ephemeralcontainers`, { metadata: { labels: { x: 'y' } } }, STRATEGIC);
    assert.equal(labels.at('metadata.labels.x'), undefined);
    const elsewhere = await call('PATCH', `${PODS}/debugged`, { spec: { ephemeralContainers: [{ name: 'e', image: 'i' }] } }, STRATEGIC);
    assert.equal(elsewhere.statusCode, 422);
  });

  test('carry nothing that a workload would rely on', async () => {
    await aPod('strict', 'strict');
    const refused = await add('strict', { name: 'c', image: 'i', targetContainerName: 'x', ports: [{ containerPort: 80 }] });
    assert.equal(refused.statusCode, 422);
    const fields = [0, 1, 2].map((index) => refused.at(`details.causes.${index}.field`));
    const at = 'spec.ephemeralContainers[0]';
    assert.deepEqual(fields, [`${at}.name`, `${at}.targetContainerName`, `${at}.ports`]);
    const early = { name: 'early', image: 'i' };
    const created = await call('POST', PODS, {
      metadata: { name: 'born-with' },
      spec: { containers: [early], ephemeralContainers: [{ name: 'e', image: 'i' }] },
    });
    assert.match(created.text, /spec.ephemeralContainers: Forbidden: cannot be set on create/);
  });
});

describe('a resize', () => {
  const resize = (name: string, resources: object, more: object = {}) =>
    call('PATCH', `${PODS}/${name}/resize`, { spec: { containers: [{ name: 'c', resources, ...more }] } }, STRATEGIC);

  test('changes what containers ask for, and nothing else', async () => {
    await aPod('grown', 'grown');
    const grown = await resize('grown', { requests: { cpu: '200m' } }, { image: 'other' });
    assert.equal(grown.statusCode, 200, grown.text);
    assert.equal(grown.at('spec.containers.0.resources.requests.cpu'), '200m');
    assert.equal(grown.at('spec.containers.0.image'), 'i');
    assert.equal(grown.at('metadata.generation'), 2);
  });

  test('keeps the quality of service, and takes nothing away', async () => {
    await aPod('kept', 'kept');
    const better = await resize('kept', { limits: { cpu: '100m', memory: '10Mi' } });
    assert.match(better.text, /spec: Invalid value: \\"Burstable\\": Pod QOS Class may not change as a result of resizing/);
    const less = await resize('kept', { requests: { memory: null } });
    assert.match(less.text, /spec.containers\[0\].resources.requests: Forbidden: resource requests cannot be removed/);
    const other = await resize('kept', { requests: { 'ephemeral-storage': '1Gi' } });
    assert.match(other.text, /only cpu and memory resources are mutable/);
  });

  test('is refused where the node cannot do it', async () => {
    await aPod('elsewhere', 'elsewhere');
    await withStatus('elsewhere', {
      phase: 'Running',
      containerStatuses: [{ name: 'c', image: 'i', imageID: '', ready: true, restartCount: 0, state: { running: {} } }],
    });
    const refused = await resize('elsewhere', { requests: { cpu: '200m' } });
    assert.match(refused.text, /Pod running on node without support for resize/);
  });
});

test('kubectl drain finds in discovery that pods can be evicted', async () => {
  const { body } = await call('GET', '/api/v1');
  const resources: readonly { readonly name?: string; readonly group?: string; readonly version?: string; readonly kind?: string }[] =
    Object(body).resources;
  const eviction = resources.find(({ name }) => name === 'pods/eviction');
  assert.deepEqual([eviction?.group, eviction?.version, eviction?.kind], ['policy', 'v1', 'Eviction']);
});

test('a pod is bound by a Binding of its own too', async () => {
  const spec = { containers: [{ name: 'c', image: 'i' }] };
  await call('POST', PODS, { metadata: { name: 'bound' }, spec });
  const bound = await call('POST', '/api/v1/namespaces/default/bindings', {
    metadata: { name: 'bound' },
    target: { kind: 'Node', name: 'n' },
  });
  assert.equal(bound.statusCode, 201, bound.text);
  assert.equal((await call('GET', `${PODS}/bound`)).at('spec.nodeName'), 'n');
  assert.equal((await call('POST', '/api/v1/namespaces/default/bindings', { target: { name: 'n' } })).statusCode, 400);
});

test('the parts of the control plane tell how they are', async () => {
  const all = await call('GET', '/api/v1/componentstatuses');
  assert.equal(all.at('kind'), 'ComponentStatusList');
  const named = await call('GET', '/api/v1/componentstatuses/etcd-0');
  assert.deepEqual(named.at('conditions'), [{ type: 'Healthy', status: 'True', message: 'ok' }]);
  assert.match(String(named.headers.warning), /v1 ComponentStatus is deprecated in v1.19\+/);
  const scheduler = await call('GET', '/api/v1/componentstatuses/scheduler');
  assert.equal(scheduler.at('conditions.0.status'), 'False');
  assert.equal((await call('GET', '/api/v1/componentstatuses/other')).statusCode, 404);
  const table = await call('GET', '/api/v1/componentstatuses', undefined, {
    headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' },
  });
  assert.equal(table.at('rows.1.cells.1'), 'Healthy');
});
