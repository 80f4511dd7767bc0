import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { systemClock } from '#component/clock.ts';
import { parseStored } from '../../encoding/json-value.ts';
import { createMemoryStorage } from '../../storage/memory-storage.ts';
import { send, type TestRequest, type TestResponse, valueAt } from '../../testing/http-client.ts';
import { createTestApiServer, type TestApiServer } from '../../testing/test-api-server.ts';
import { createTestWebhooks, type TestWebhooks } from '../../testing/webhook-server.ts';

let server: TestApiServer;
let hooks: TestWebhooks;
before(async () => {
  server = await createTestApiServer();
  hooks = await createTestWebhooks(server, {}, ['hook.default.svc']);
  await call('POST', '/api/v1/namespaces', { metadata: { name: 'exempt', labels: { skip: 'yes' } } });
});
after(async () => {
  await server.stop();
  await hooks.stop();
});

const GROUP = '/apis/admissionregistration.k8s.io/v1';
const CONFIGURATIONS = {
  Validating: `${GROUP}/validatingwebhookconfigurations`,
  Mutating: `${GROUP}/mutatingwebhookconfigurations`,
} as const;
const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps';
const PODS = '/api/v1/namespaces/default/pods';
const merge = { headers: { 'content-type': 'application/merge-patch+json' } };

const call = (method: string, path: string, body?: unknown, options: TestRequest = {}): Promise<TestResponse> =>
  send(server, path, { method, ...(body === undefined ? {} : { body }), ...options });

const aRule = (resource: string, operations: readonly string[] = ['CREATE'], more: object = {}) => ({
  operations,
  apiGroups: ['*'],
  apiVersions: ['*'],
  resources: [resource],
  ...more,
});

const aWebhook = (path: string, more: object = {}) => ({
  name: `${path.slice(1)}.example.com`,
  clientConfig: hooks.config(path),
  rules: [aRule('configmaps')],
  sideEffects: 'None',
  admissionReviewVersions: ['v1', 'v1beta1'],
  ...more,
});

/** Creates a configuration, and waits until the server has seen it. */
async function configure(kind: 'Validating' | 'Mutating', name: string, ...webhooks: readonly object[]): Promise<void> {
  const created = await call('POST', CONFIGURATIONS[kind], { metadata: { name, labels: { test: 'yes' } }, webhooks });
  assert.equal(created.statusCode, 201, created.text);
  await call('GET', `${CONFIGURATIONS[kind]}/${name}`);
}

afterEach(async () => {
  for (const path of Object.values(CONFIGURATIONS)) {
    await call('DELETE', path);
    await call('GET', path);
  }
  hooks.forget();
});

let count = 0;
const aName = () => `a${++count}`;
const aConfigMap = (data: object = {}, metadata: object = {}) => ({ metadata: { name: aName(), ...metadata }, data });

const withoutVersion = (bytes: Buffer): object => {
  const { resourceVersion: _, ...metadata } = parseStored(bytes).metadata;
  return { ...parseStored(bytes), metadata };
};

const patchOf = (...operations: readonly object[]) => ({
  allowed: true,
  patchType: 'JSONPatch',
  patch: Buffer.from(JSON.stringify(operations)).toString('base64'),
});
const adds = (key: string) => patchOf({ op: 'add', path: `/data/${key}`, value: 'yes' });
const denies = (status: object = { code: 403, reason: 'Forbidden', message: 'not that' }) => ({ allowed: false, status });

describe('a validating webhook', () => {
  test('is told everything about a write and lets it pass', async () => {
    hooks.handle('/allow', () => ({ allowed: true, warnings: ['think "twice"'] }));
    await configure('Validating', 'all', aWebhook('/allow'));
    const wanted = aConfigMap({ a: 'b' });
    const created = await call('POST', `${CONFIG_MAPS}?fieldManager=me`, wanted);
    assert.equal(created.statusCode, 201, created.text);
    assert.equal(created.headers.warning, '299 - "think \\"twice\\""');
    const [request] = hooks.of('/allow');
    const { name } = wanted.metadata;
    assert.deepEqual(valueAt(request, 'kind'), { group: '', version: 'v1', kind: 'ConfigMap' });
    assert.deepEqual(valueAt(request, 'resource'), { group: '', version: 'v1', resource: 'configmaps' });
    assert.deepEqual(valueAt(request, 'requestKind'), { group: '', version: 'v1', kind: 'ConfigMap' });
    assert.equal(valueAt(request, 'name'), name);
    assert.equal(valueAt(request, 'namespace'), 'default');
    assert.equal(valueAt(request, 'operation'), 'CREATE');
    assert.equal(valueAt(request, 'userInfo.username'), 'kubernetes-admin');
    assert.equal(valueAt(request, 'object.data.a'), 'b');
    assert.equal(valueAt(request, 'object.metadata.uid'), created.at('metadata.uid'));
    assert.equal(valueAt(request, 'oldObject'), null);
    assert.equal(valueAt(request, 'dryRun'), false);
    assert.deepEqual(valueAt(request, 'options'), { kind: 'CreateOptions', apiVersion: 'meta.k8s.io/v1', fieldManager: 'me' });
  });

  test('denies a create, an update, a patch and a deletion, each with its own words, and is asked once about each', async () => {
    const wanted = aConfigMap({ a: 'good' });
    const path = `${CONFIG_MAPS}/${wanted.metadata.name}`;
    hooks.handle('/deny', (request) =>
      valueAt(request, 'object.data.a') === 'good' ? { allowed: true } : { ...denies(), warnings: ['it was bad'] },
    );
    await configure('Validating', 'deny', aWebhook('/deny', { rules: [aRule('configmaps', ['CREATE', 'UPDATE', 'DELETE'])] }));
    assert.equal((await call('POST', CONFIG_MAPS, wanted)).statusCode, 201);
    for (const [method, at, options] of [
      ['POST', CONFIG_MAPS, {}],
      ['PUT', path, {}],
      ['PATCH', path, merge],
      ['DELETE', path, {}],
    ] as const) {
      hooks.forget();
      const body = method === 'DELETE' ? undefined : { metadata: { name: wanted.metadata.name }, data: { a: 'bad' } };
      const answer = await call(method, at, body, options);
      assert.equal(answer.statusCode, 403, method);
      assert.deepEqual(answer.body, {
        kind: 'Status',
        apiVersion: 'v1',
        metadata: {},
        status: 'Failure',
        message: 'admission webhook "deny.example.com" denied the request: not that',
        reason: 'Forbidden',
        code: 403,
      });
      assert.equal(answer.headers.warning, '299 - "it was bad"');
      assert.equal(hooks.requests.length, 1, method);
    }
    const [deletion] = hooks.of('/deny');
    assert.equal(valueAt(deletion, 'object'), null);
    assert.equal(valueAt(deletion, 'oldObject.data.a'), 'good');
    assert.deepEqual(valueAt(deletion, 'options'), { kind: 'DeleteOptions', apiVersion: 'meta.k8s.io/v1' });
    assert.equal((await call('GET', path)).at('data.a'), 'good');
  });

  test('denies each object of a deletion of many', async () => {
    const wanted = aConfigMap({}, { labels: { many: 'yes' } });
    await call('POST', CONFIG_MAPS, wanted);
    hooks.handle('/deny', () => denies());
    await configure('Validating', 'deny', aWebhook('/deny', { rules: [aRule('configmaps', ['DELETE'])] }));
    const answer = await call('DELETE', `${CONFIG_MAPS}?labelSelector=many%3Dyes`);
    assert.equal(answer.at('message'), 'admission webhook "deny.example.com" denied the request: not that');
    assert.equal(valueAt(hooks.of('/deny')[0], 'name'), wanted.metadata.name);
  });

  test('is not asked in a namespace its selector leaves out, nor about objects whose labels are others', async () => {
    hooks.handle('/deny', () => denies());
    await configure(
      'Validating',
      'deny',
      aWebhook('/deny', {
        namespaceSelector: { matchExpressions: [{ key: 'skip', operator: 'DoesNotExist' }] },
        objectSelector: { matchLabels: { kind: 'odd' } },
      }),
    );
    const odd = { labels: { kind: 'odd' } };
    assert.equal((await call('POST', '/api/v1/namespaces/exempt/configmaps', aConfigMap({}, odd))).statusCode, 201);
    assert.equal((await call('POST', CONFIG_MAPS, aConfigMap())).statusCode, 201);
    assert.equal((await call('POST', CONFIG_MAPS, aConfigMap({}, odd))).statusCode, 403);
  });

  test('is asked about a namespace by the labels it will have', async () => {
    hooks.handle('/deny', () => denies());
    const namespaceSelector = { matchLabels: { team: 'a' } };
    await configure('Validating', 'deny', aWebhook('/deny', { namespaceSelector, rules: [aRule('namespaces')] }));
    assert.equal((await call('POST', '/api/v1/namespaces', { metadata: { name: aName() } })).statusCode, 201);
    const refused = await call('POST', '/api/v1/namespaces', { metadata: { name: 'team-a', labels: { team: 'a' } } });
    assert.equal(refused.statusCode, 403);
    assert.equal(valueAt(hooks.of('/deny')[0], 'namespace'), 'team-a');
  });

  test('denies attaching to a pod, with the options of the connection', async () => {
    hooks.handle('/deny', () => denies({ code: 403, reason: 'Forbidden', message: 'attaching to pod is not allowed' }));
    await configure('Validating', 'deny', aWebhook('/deny', { rules: [aRule('pods/attach', ['CONNECT'])] }));
    const pod = { metadata: { name: aName() }, spec: { containers: [{ name: 'a', image: 'a' }] } };
    await call('POST', PODS, pod);
    const answer = await call('POST', `${PODS}/${pod.metadata.name}/attach?container=a&stdout=true`);
    assert.equal(answer.statusCode, 403);
    assert.match(answer.text, /attaching to pod is not allowed/);
    const [request] = hooks.of('/deny');
    assert.deepEqual(valueAt(request, 'object'), { kind: 'PodAttachOptions', apiVersion: 'v1', stdout: true, container: 'a' });
    assert.deepEqual(valueAt(request, 'kind'), { group: '', version: 'v1', kind: 'PodAttachOptions' });
    assert.equal(valueAt(request, 'subResource'), 'attach');
    assert.equal(valueAt(request, 'name'), pod.metadata.name);
  });

  test('denies the creation of a CustomResourceDefinition', async () => {
    hooks.handle('/deny', () => denies());
    await configure('Validating', 'deny', aWebhook('/deny', { rules: [aRule('customresourcedefinitions')] }));
    const schema = { openAPIV3Schema: { type: 'object' } };
    const answer = await call('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', {
      metadata: { name: 'as.example.com' },
      spec: {
        group: 'example.com',
        scope: 'Cluster',
        names: { plural: 'as', kind: 'A' },
        versions: [{ name: 'v1', served: true, storage: true, schema }],
      },
    });
    assert.equal(answer.statusCode, 403);
  });

  test('of several, all are asked at once and the first in order is told', async () => {
    hooks.handle('/deny', () => denies());
    hooks.handle('/later', () => denies({ message: 'later', code: 409 }));
    await configure('Validating', 'b', aWebhook('/later'));
    await configure('Validating', 'a', aWebhook('/deny'));
    const answer = await call('POST', CONFIG_MAPS, aConfigMap());
    assert.match(answer.text, /deny.example.com/);
    assert.equal(hooks.requests.length, 2);
  });

  test('sees a Scale when something is scaled, and denies it', async () => {
    hooks.handle('/deny', () => denies());
    await configure('Validating', 'deny', aWebhook('/deny', { rules: [aRule('deployments/scale', ['UPDATE'])] }));
    const template = { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'a', image: 'a' }] } };
    const deployment = { metadata: { name: aName() }, spec: { replicas: 1, selector: { matchLabels: { a: 'b' } }, template } };
    const path = '/apis/apps/v1/namespaces/default/deployments';
    assert.equal((await call('POST', path, deployment)).statusCode, 201);
    const answer = await call('PATCH', `${path}/${deployment.metadata.name}/scale`, { spec: { replicas: 3 } }, merge);
    assert.equal(answer.statusCode, 403);
    const [request] = hooks.of('/deny');
    assert.deepEqual(valueAt(request, 'kind'), { group: 'autoscaling', version: 'v1', kind: 'Scale' });
    assert.equal(valueAt(request, 'object.spec.replicas'), 3);
    assert.equal(valueAt(request, 'oldObject.spec.replicas'), 1);
  });

  test('sees a pod being bound', async () => {
    hooks.handle('/deny', () => denies());
    await configure('Validating', 'deny', aWebhook('/deny', { rules: [aRule('pods/binding')] }));
    const pod = { metadata: { name: aName() }, spec: { containers: [{ name: 'a', image: 'a' }] } };
    await call('POST', PODS, pod);
    const answer = await call('POST', `${PODS}/${pod.metadata.name}/binding`, { metadata: pod.metadata, target: { name: 'n' } });
    assert.equal(answer.statusCode, 403);
    assert.equal(valueAt(hooks.of('/deny')[0], 'object.target.name'), 'n');
  });

  test('sees a question about access', async () => {
    hooks.handle('/deny', () => denies());
    await configure('Validating', 'deny', aWebhook('/deny', { rules: [aRule('selfsubjectaccessreviews')] }));
    const spec = { resourceAttributes: { verb: 'get', resource: 'pods' } };
    const answer = await call('POST', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', { spec });
    assert.equal(answer.statusCode, 403);
    assert.equal(valueAt(hooks.of('/deny')[0], 'object.spec.resourceAttributes.verb'), 'get');
  });

  test('is asked in the version its rules name when the kinds are equivalent, and not when they must be exact', async () => {
    hooks.handle('/deny', () => denies());
    const rules = [{ ...aRule('horizontalpodautoscalers'), apiGroups: ['autoscaling'], apiVersions: ['v1'] }];
    const scaler = {
      metadata: { name: aName() },
      spec: { maxReplicas: 3, scaleTargetRef: { kind: 'Deployment', name: 'a', apiVersion: 'apps/v1' } },
    };
    const path = '/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers';
    await configure('Validating', 'exact', aWebhook('/deny', { rules, matchPolicy: 'Exact' }));
    assert.equal((await call('POST', path, scaler)).statusCode, 201);
    await configure('Validating', 'equivalent', aWebhook('/deny', { rules }));
    assert.equal((await call('POST', path, { ...scaler, metadata: { name: aName() } })).statusCode, 403);
    const [request] = hooks.of('/deny');
    assert.equal(valueAt(request, 'object.apiVersion'), 'autoscaling/v1');
    assert.equal(valueAt(request, 'kind.version'), 'v1');
    assert.equal(valueAt(request, 'requestKind.version'), 'v2');
  });
});

describe('a mutating webhook', () => {
  test('sees what the one before it did, by name and by place', async () => {
    hooks.handle('/one', (request) => (valueAt(request, 'object.data.start') === 'yes' ? adds('one') : { allowed: true }));
    hooks.handle('/two', (request) => (valueAt(request, 'object.data.one') === 'yes' ? adds('two') : { allowed: true }));
    hooks.handle('/three', (request) => (valueAt(request, 'object.data.two') === 'yes' ? adds('three') : { allowed: true }));
    await configure('Mutating', 'b', aWebhook('/three'));
    await configure('Mutating', 'a', aWebhook('/one'), aWebhook('/two'));
    const created = await call('POST', CONFIG_MAPS, aConfigMap({ start: 'yes' }));
    assert.deepEqual(created.at('data'), { start: 'yes', one: 'yes', two: 'yes', three: 'yes' });
  });

  test('has its additions completed with defaults', async () => {
    const container = { name: 'added', image: 'b' };
    hooks.handle('/init', () => patchOf({ op: 'add', path: '/spec/initContainers', value: [container] }));
    await configure('Mutating', 'init', aWebhook('/init', { rules: [aRule('pods')] }));
    const pod = { metadata: { name: aName() }, spec: { containers: [{ name: 'a', image: 'a' }] } };
    const created = await call('POST', PODS, pod);
    assert.equal(created.statusCode, 201, created.text);
    assert.equal(created.at('spec.initContainers.0.terminationMessagePolicy'), 'File');
    // What the plugins before it did was done once, and done to the new container too.
    const volumes = created.at('spec.volumes');
    assert.equal(Array.isArray(volumes) ? volumes.length : 0, 1);
    assert.equal(created.at('spec.initContainers.0.volumeMounts.0.name'), created.at('spec.volumes.0.name'));
  });

  test('is asked again after a later change if it wants to be, once', async () => {
    hooks.handle('/counts', (request) => {
      const data = valueAt(request, 'object.data');
      return patchOf({ op: 'add', path: '/data/seen', value: Object.keys(typeof data === 'object' && data !== null ? data : {}).join() });
    });
    hooks.handle('/adds', () => adds('late'));
    await configure('Mutating', 'a', aWebhook('/counts', { reinvocationPolicy: 'IfNeeded' }));
    await configure('Mutating', 'b', aWebhook('/adds'));
    const created = await call('POST', CONFIG_MAPS, aConfigMap({ a: 'b' }));
    assert.equal(created.at('data.seen'), 'a,seen,late');
    assert.equal(hooks.of('/counts').length, 2);
    assert.equal(hooks.of('/adds').length, 1);
  });

  test('is never told of webhook configurations, nor can it keep anybody from deleting them', async () => {
    const rules = [aRule('*', ['*'])];
    hooks.handle('/deny', () => denies());
    await configure(
      'Validating',
      'deny',
      aWebhook('/deny', { rules: [aRule('*', ['CREATE', 'DELETE'], { apiGroups: [GROUP.split('/')[2]] })] }),
    );
    await configure('Mutating', 'all', aWebhook('/deny', { rules: [{ ...rules[0], apiGroups: ['admissionregistration.k8s.io'] }] }));
    await configure('Mutating', 'another', aWebhook('/other'));
    assert.equal((await call('DELETE', `${CONFIGURATIONS.Mutating}/another`)).statusCode, 200);
    assert.equal(hooks.requests.length, 0);
  });

  test('changes what its conditions let through, and nothing else', async () => {
    hooks.handle('/adds', () => adds('changed'));
    const matchConditions = [{ name: 'not-skipped', expression: 'request.operation == "CREATE" && object.metadata.name != "skip-me"' }];
    await configure('Mutating', 'most', aWebhook('/adds', { matchConditions }));
    assert.equal((await call('POST', CONFIG_MAPS, aConfigMap({ a: 'b' }))).at('data.changed'), 'yes');
    assert.equal((await call('POST', CONFIG_MAPS, aConfigMap({ a: 'b' }, { name: 'skip-me' }))).at('data.changed'), undefined);
  });

  test('whose condition cannot be evaluated refuses, or is passed over, by its failure policy', async () => {
    const matchConditions = [{ name: 'odd', expression: 'object.data.nothing == "a"' }];
    hooks.handle('/adds', () => adds('changed'));
    await configure('Mutating', 'ignore', aWebhook('/adds', { matchConditions, failurePolicy: 'Ignore' }));
    assert.equal((await call('POST', CONFIG_MAPS, aConfigMap({ a: 'b' }))).statusCode, 201);
    await configure('Mutating', 'odd', aWebhook('/adds', { matchConditions }));
    const refused = await call('POST', CONFIG_MAPS, aConfigMap({ a: 'b' }));
    assert.equal(refused.statusCode, 403);
    assert.match(
      String(refused.at('message')),
      /is forbidden: expression 'object.data.nothing == "a"' resulted in error: no such key: nothing/,
    );
    assert.equal(hooks.requests.length, 0);
  });

  const broken: readonly { it: string; answer: object | number; says: RegExp }[] = [
    { it: 'a patch that does not apply', answer: patchOf({ op: 'test', path: '/data/a', value: 'c' }), says: /cannot be applied/ },
    {
      it: 'a patch without its type',
      answer: { allowed: true, patch: 'W10=' },
      says: /returned response.patch but not response.patchType/,
    },
    {
      it: 'a patch of another type',
      answer: { allowed: true, patch: 'W10=', patchType: 'MergePatch' },
      says: /received invalid webhook response: unsupported patch type "MergePatch"/,
    },
    { it: 'a patch that is no JSON', answer: { allowed: true, patch: 'eA==', patchType: 'JSONPatch' }, says: /received undecodable patch/ },
    {
      it: 'a patch of the kind',
      answer: patchOf({ op: 'replace', path: '/kind', value: 'Pod' }),
      says: /attempted to change the object's kind/,
    },
    { it: 'an answer to somebody else', answer: { allowed: true, uid: 'x' }, says: /expected response.uid="[^"]+", got "x"/ },
    {
      it: 'an error',
      answer: 500,
      says: /failed to call webhook: an error on the server \("no"\) has prevented the request from succeeding/,
    },
    { it: 'nothing under its path', answer: 404, says: /failed to call webhook: the server could not find the requested resource/ },
  ];
  for (const { it, answer, says } of broken) {
    test(`that answers with ${it} fails the request`, async () => {
      hooks.handle('/broken', () => answer);
      await configure('Mutating', 'broken', aWebhook('/broken'));
      const refused = await call('POST', CONFIG_MAPS, aConfigMap({ a: 'b' }));
      assert.equal(refused.statusCode, 500);
      assert.equal(refused.at('reason'), 'InternalError');
      assert.match(String(refused.at('message')), /^Internal error occurred: /);
      assert.match(String(refused.at('message')), says);
    });
  }

  test('cannot change what is deleted', async () => {
    const wanted = aConfigMap();
    await call('POST', CONFIG_MAPS, wanted);
    hooks.handle('/adds', () => adds('a'));
    await configure('Mutating', 'adds', aWebhook('/adds', { rules: [aRule('configmaps', ['DELETE'])] }));
    const refused = await call('DELETE', `${CONFIG_MAPS}/${wanted.metadata.name}`);
    assert.match(refused.text, /attempted to modify the object, which is not supported for this operation/);
  });

  test('that breaks who owns what is put right, with a warning', async () => {
    hooks.handle('/owners', () =>
      patchOf({ op: 'replace', path: '/metadata/managedFields', value: [{ manager: 'x', operation: 'Steal' }] }),
    );
    await configure('Mutating', 'owners', aWebhook('/owners'));
    const created = await call('POST', `${CONFIG_MAPS}?fieldManager=me`, aConfigMap({ a: 'b' }));
    assert.equal(created.at('metadata.managedFields.0.manager'), 'me');
    assert.match(String(created.headers.warning), /managedFields was in an invalid state after admission/);
  });

  test('of a dry run is told so, and nothing is stored', async () => {
    hooks.handle('/adds', () => adds('a'));
    await configure('Mutating', 'adds', aWebhook('/adds'));
    const wanted = aConfigMap({ b: 'c' });
    const created = await call('POST', `${CONFIG_MAPS}?dryRun=All`, wanted);
    assert.equal(created.at('data.a'), 'yes');
    assert.equal(valueAt(hooks.of('/adds')[0], 'dryRun'), true);
    assert.deepEqual(valueAt(hooks.of('/adds')[0], 'options.dryRun'), ['All']);
    assert.equal((await call('GET', `${CONFIG_MAPS}/${wanted.metadata.name}`)).statusCode, 404);
  });

  test('that knows v1beta1 alone is asked in it', async () => {
    hooks.handle('/old', () => ({ allowed: true, uid: '', patch: adds('a').patch }));
    await configure('Mutating', 'old', aWebhook('/old', { admissionReviewVersions: ['v1beta1'] }));
    assert.equal((await call('POST', CONFIG_MAPS, aConfigMap({ b: 'c' }))).at('data.a'), 'yes');
  });
});

describe('a webhook that does not answer', () => {
  const timesOut =
    /^Internal error occurred: failed calling webhook "slow.example.com": failed to call webhook: Post "https:\/\/127.0.0.1:\d+\/slow\?timeout=1s": context deadline exceeded$/;

  test('in time fails the request, or is passed over, by its failure policy', async () => {
    hooks.handle('/slow', async () => {
      await systemClock.sleep(3_000, AbortSignal.timeout(4_000));
      return { allowed: true };
    });
    await configure('Validating', 'slow', aWebhook('/slow', { timeoutSeconds: 1 }));
    const refused = await call('POST', CONFIG_MAPS, aConfigMap());
    assert.equal(refused.statusCode, 500);
    assert.match(String(refused.at('message')), timesOut);
    await call('PATCH', `${CONFIGURATIONS.Validating}/slow`, [{ op: 'add', path: '/webhooks/0/failurePolicy', value: 'Ignore' }], {
      headers: { 'content-type': 'application/json-patch+json' },
    });
    await call('GET', CONFIGURATIONS.Validating);
    assert.equal((await call('POST', CONFIG_MAPS, aConfigMap())).statusCode, 201);
  });

  const unreachable: readonly { it: string; config: () => object; says: RegExp }[] = [
    {
      it: 'because its authority is another',
      config: () => ({ url: hooks.config('/a').url }),
      says: /failed to call webhook: Post "https:.*": tls: failed to verify certificate: x509: certificate signed by unknown authority/,
    },
    {
      it: 'because its authority is no certificate',
      config: () => ({ ...hooks.config('/a'), caBundle: 'eA==' }),
      says: /could not get REST client: unable to load root certificates: unable to parse bytes as PEM block/,
    },
    {
      it: 'because nobody listens there',
      config: () => ({ ...hooks.config('/a'), url: 'https://127.0.0.1:1/a' }),
      says: /dial tcp 127.0.0.1:1: connect: connection refused/,
    },
    {
      it: 'because its Service is not there',
      config: () => ({ caBundle: hooks.config('/a').caBundle, service: { name: 'none', namespace: 'default', path: '/a' } }),
      says: /Post "https:\/\/none.default.svc:443\/a\?timeout=10s": service "none" not found/,
    },
  ];
  for (const { it, config, says } of unreachable) {
    test(`${it} says so`, async () => {
      await configure('Validating', 'a', aWebhook('/a', { clientConfig: config() }));
      const refused = await call('POST', CONFIG_MAPS, aConfigMap());
      assert.equal(refused.statusCode, 500);
      assert.match(String(refused.at('message')), says);
    });
  }

  test('as no success has its own code kept within those of refusals', async () => {
    hooks.handle('/deny', () => denies({ code: 200, reason: 'odd' }));
    await configure('Validating', 'a', aWebhook('/deny'));
    const refused = await call('POST', CONFIG_MAPS, aConfigMap());
    assert.equal(refused.statusCode, 400);
    assert.equal(refused.at('message'), 'admission webhook "deny.example.com" denied the request: odd');
    hooks.handle('/deny', () => ({ allowed: false }));
    assert.equal(
      (await call('POST', CONFIG_MAPS, aConfigMap())).at('message'),
      'admission webhook "deny.example.com" denied the request without explanation',
    );
  });
});

describe('webhook configurations', () => {
  test('of a Service are called by its name, over connections that are kept', async () => {
    hooks.handle('/ok', () => adds('a'));
    const service = { metadata: { name: 'hook' }, spec: { type: 'ExternalName', externalName: 'localhost' } };
    assert.equal((await call('POST', '/api/v1/namespaces/default/services', service)).statusCode, 201);
    await call('GET', '/api/v1/namespaces/default/services');
    const { caBundle } = hooks.config('/ok');
    const clientConfig = { caBundle, service: { name: 'hook', namespace: 'default', path: '/ok', port: hooks.port } };
    await configure('Mutating', 'by-service', aWebhook('/ok', { clientConfig }));
    const before = hooks.connections();
    for (let attempt = 0; attempt < 3; attempt++) {
      const created = await call('POST', CONFIG_MAPS, aConfigMap({ b: 'c' }));
      assert.equal(created.at('data.a'), 'yes', created.text);
    }
    assert.equal(hooks.connections() - before, 1);
  });

  test('are listed by label, deleted together, and then ask nobody', async () => {
    hooks.handle('/adds', () => adds('a'));
    for (const name of ['a', 'b', 'c']) await configure('Mutating', name, aWebhook('/adds'));
    const listed = await call('GET', `${CONFIGURATIONS.Mutating}?labelSelector=test%3Dyes`);
    assert.equal(valueAt(listed.at('items'), 'length'), 3);
    assert.equal((await call('POST', CONFIG_MAPS, aConfigMap({ b: 'c' }))).at('data.a'), 'yes');
    await call('DELETE', `${CONFIGURATIONS.Mutating}?labelSelector=test%3Dyes`);
    await call('GET', CONFIGURATIONS.Mutating);
    assert.equal((await call('POST', CONFIG_MAPS, aConfigMap({ b: 'c' }))).at('data.a'), undefined);
  });

  test('do not keep a server from starting, whoever does not answer', async () => {
    const rules = [aRule('*/*', ['*'])];
    await configure('Validating', 'everything', aWebhook('/a', { rules, clientConfig: { url: 'https://127.0.0.1:1' } }));
    await configure('Mutating', 'everything', aWebhook('/a', { rules, clientConfig: { url: 'https://127.0.0.1:1' } }));
    const storage = createMemoryStorage();
    const { items } = await server.storage.list(GROUP.replace('/apis', '/registry').replace('/v1', '/'), { limit: 10 });
    for (const { key, bytes } of items) await storage.create(key, withoutVersion(bytes));
    await using started = await createTestApiServer({ storage });
    assert.equal((await send(started, `${CONFIGURATIONS.Mutating}/everything`)).statusCode, 200);
    assert.equal((await send(started, CONFIG_MAPS, { method: 'POST', body: aConfigMap() })).statusCode, 500);
  });

  test('are updated and patched, count their generations and are obeyed as they are', async () => {
    hooks.handle('/deny', () => denies());
    await configure('Validating', 'deny', aWebhook('/deny'));
    const path = `${CONFIGURATIONS.Validating}/deny`;
    const stored = await call('GET', path);
    assert.equal(stored.at('metadata.generation'), 1);
    const webhook = aWebhook('/deny', { rules: [aRule('configmaps', ['UPDATE'])] });
    const updated = await call('PUT', path, { metadata: stored.at('metadata'), webhooks: [webhook] });
    assert.equal(updated.at('metadata.generation'), 2, updated.text);
    await call('GET', path);
    assert.equal((await call('POST', CONFIG_MAPS, aConfigMap())).statusCode, 201);
    const patch = [{ op: 'replace', path: '/webhooks/0/rules/0/operations', value: ['CREATE'] }];
    await call('PATCH', path, patch, { headers: { 'content-type': 'application/json-patch+json' } });
    await call('GET', path);
    assert.equal((await call('POST', CONFIG_MAPS, aConfigMap())).statusCode, 403);
  });

  test('keep their conditions, and are refused with ones that do not compile', async () => {
    const matchConditions = [{ name: 'a', expression: 'object.metadata.namespace == "x"' }];
    await configure('Validating', 'conditions', aWebhook('/a', { matchConditions }));
    assert.deepEqual((await call('GET', `${CONFIGURATIONS.Validating}/conditions`)).at('webhooks.0.matchConditions'), matchConditions);
    const wrong = aWebhook('/a', { matchConditions: [{ name: 'a', expression: '... [] bad expression' }] });
    for (const path of Object.values(CONFIGURATIONS)) {
      const refused = await call('POST', path, { metadata: { name: 'wrong' }, webhooks: [wrong] });
      assert.equal(refused.statusCode, 422);
      assert.match(refused.text, /webhooks\[0\].matchConditions\[0\].expression: Invalid value: .*: compilation failed: /);
    }
  });

  test('travel as protobuf, with the authority as bytes', async () => {
    const protobuf = 'application/vnd.kubernetes.protobuf';
    await configure('Mutating', 'bytes', aWebhook('/a'));
    const path = `${CONFIGURATIONS.Mutating}/bytes`;
    const stored = await call('GET', path);
    const { bytes } = await call('GET', path, undefined, { headers: { accept: protobuf } });
    assert.ok(bytes.includes('BEGIN CERTIFICATE'));
    const written = await call('PUT', path, bytes, { headers: { 'content-type': protobuf } });
    assert.deepEqual(written.at('webhooks'), stored.at('webhooks'));
  });

  test('are in discovery, and are shown with their number of webhooks', async () => {
    assert.match((await call('GET', '/apis')).text, /"admissionregistration.k8s.io"/);
    assert.match((await call('GET', GROUP)).text, /"mutatingwebhookconfigurations".*"validatingwebhookconfigurations"/);
    await configure('Validating', 'shown', aWebhook('/a'));
    const table = await call('GET', `${CONFIGURATIONS.Validating}/shown`, undefined, {
      headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' },
    });
    assert.deepEqual(valueAt(table.at('rows.0.cells'), '1'), 1);
  });
});
