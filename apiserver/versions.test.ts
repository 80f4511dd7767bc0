/** One object through two versions, over the whole server: what clients of either version see, write and watch. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { parseStored } from './encoding/json-value.ts';
import { createTestCertificateRequest } from './testing/certificates.ts';
import { send, type TestRequest, type TestResponse, valueAt, watchFrames } from './testing/http-client.ts';
import { createTestApiServer, type TestApiServer } from './testing/test-api-server.ts';

let server: TestApiServer;
before(async () => {
  server = await createTestApiServer();
});
after(() => server.stop());

const V1 = '/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers';
const V2 = '/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers';
const CORE_EVENTS = '/api/v1/namespaces/default/events';
const EVENTS = '/apis/events.k8s.io/v1/namespaces/default/events';
const REQUESTS = '/apis/certificates.k8s.io/v1/certificatesigningrequests';
const MERGE = { headers: { 'content-type': 'application/merge-patch+json' } };

const call = (method: string, path: string, body?: unknown, options: TestRequest = {}): Promise<TestResponse> =>
  send(server, path, { method, ...(body === undefined ? {} : { body }), ...options });

const scaleTargetRef = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' };
const memory = { type: 'Resource', resource: { name: 'memory', target: { type: 'AverageValue', averageValue: '100Mi' } } };
const aV2 = (name: string, spec: object = {}) => ({ metadata: { name }, spec: { scaleTargetRef, maxReplicas: 5, ...spec } });

describe('autoscaling', () => {
  test('what is written as v1 is read as v2, with its defaults', async () => {
    const created = await call('POST', V1, aV2('one', { targetCPUUtilizationPercentage: 50 }));
    assert.equal(created.statusCode, 201, created.text);
    assert.equal(created.at('apiVersion'), 'autoscaling/v1');
    assert.equal(created.at('spec.targetCPUUtilizationPercentage'), 50);
    const read = await call('GET', `${V2}/one`);
    assert.equal(read.at('apiVersion'), 'autoscaling/v2');
    assert.equal(read.at('spec.metrics.0.resource.target.averageUtilization'), 50);
    assert.equal(read.at('metadata.resourceVersion'), created.at('metadata.resourceVersion'));
    const stored = await server.storage.get('/registry/autoscaling/horizontalpodautoscalers/default/one');
    assert.ok(stored);
    assert.equal(parseStored(stored.bytes).apiVersion, 'autoscaling/v2');
  });

  test('a client of v1 changes what it knows and keeps the rest', async () => {
    await call('POST', V2, aV2('two', { metrics: [memory], behavior: { scaleDown: { stabilizationWindowSeconds: 60 } } }));
    const seen = await call('GET', `${V1}/two`);
    assert.match(String(seen.at('metadata.annotations')), /object/);
    const { body } = seen;
    const changed = await call('PUT', `${V1}/two`, { ...Object(body), spec: { scaleTargetRef, maxReplicas: 9 } });
    assert.equal(changed.statusCode, 200, changed.text);
    const now = await call('GET', `${V2}/two`);
    assert.equal(now.at('spec.maxReplicas'), 9);
    assert.deepEqual(now.at('spec.metrics'), [memory]);
    assert.equal(now.at('spec.behavior.scaleDown.stabilizationWindowSeconds'), 60);
    assert.equal(now.at('metadata.annotations'), undefined);
    const patched = await call('PATCH', `${V1}/two`, { spec: { maxReplicas: 9 } }, MERGE);
    assert.equal(patched.at('metadata.resourceVersion'), now.at('metadata.resourceVersion'), 'nothing changed, nothing is written');
  });

  test('the rules are those of the stored version', async () => {
    const refused = await call('POST', V1, aV2('three', { maxReplicas: 0 }));
    assert.equal(refused.statusCode, 422);
    assert.match(
      String(refused.at('message')),
      /HorizontalPodAutoscaler.autoscaling "three" is invalid: \[spec.maxReplicas: Invalid value: 0/,
    );
    const garbled = {
      metadata: { name: 'four', annotations: { 'autoscaling.alpha.kubernetes.io/metrics': '{' } },
      spec: { scaleTargetRef, maxReplicas: 1 },
    };
    assert.equal((await call('POST', V1, garbled)).statusCode, 400);
  });

  test('lists, tables and watches come in the version asked for', async () => {
    const list = await call('GET', V1);
    assert.equal(list.at('kind'), 'HorizontalPodAutoscalerList');
    assert.equal(list.at('items.0.apiVersion'), 'autoscaling/v1');
    const table = await call('GET', V1, undefined, { headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' } });
    assert.deepEqual(table.at('rows.0.cells')?.toString().split(',').slice(0, 3), ['one', 'Deployment/web', 'cpu: <unknown>/50%']);
    const stop = new AbortController();
    for await (const frame of watchFrames(server, `${V1}?watch=1`, { signal: stop.signal })) {
      assert.equal(valueAt(frame, 'object.apiVersion'), 'autoscaling/v1');
      break;
    }
    stop.abort();
    const deleted = await call('DELETE', `${V1}/one`);
    assert.equal(deleted.statusCode, 200);
    assert.equal((await call('GET', `${V2}/one`)).statusCode, 404);
  });

  test('a dry run answers in the version asked for, and stores nothing', async () => {
    const dry = await call('POST', `${V1}?dryRun=All`, aV2('dry'));
    assert.deepEqual([dry.statusCode, dry.at('apiVersion')], [201, 'autoscaling/v1']);
    assert.equal((await call('GET', `${V2}/dry`)).statusCode, 404);
  });
});

const anEvent = (name: string, fields: object = {}) => ({
  metadata: { name },
  eventTime: '2026-01-01T00:00:00.000000Z',
  reportingController: 'example.com/controller',
  reportingInstance: 'a',
  action: 'Waiting',
  reason: 'NoRoom',
  type: 'Normal',
  note: 'no room',
  regarding: { kind: 'Pod', name: 'web', namespace: 'default' },
  ...fields,
});

describe('events', () => {
  test('of the newer group are those of the core group', async () => {
    const created = await call('POST', EVENTS, anEvent('one'));
    assert.equal(created.statusCode, 201, created.text);
    assert.equal(created.at('note'), 'no room');
    const core = await call('GET', `${CORE_EVENTS}/one`);
    assert.deepEqual(
      [core.at('message'), core.at('involvedObject.name'), core.at('reportingComponent')],
      ['no room', 'web', 'example.com/controller'],
    );
    await call('PATCH', `${EVENTS}/one`, { series: { count: 2, lastObservedTime: '2026-01-01T00:01:00.000000Z' } }, MERGE);
    assert.equal((await call('GET', `${CORE_EVENTS}/one`)).at('series.count'), 2);
  });

  test('are selected by the names of their group', async () => {
    const found = await call('GET', `${EVENTS}?fieldSelector=regarding.name%3Dweb`);
    assert.equal(found.at('items.0.metadata.name'), 'one');
    assert.equal((await call('GET', `${EVENTS}?fieldSelector=regarding.name%3Dapi`)).at('items.0'), undefined);
    const refused = await call('GET', `${EVENTS}?fieldSelector=involvedObject.name%3Dweb`);
    assert.equal(refused.at('message'), 'field label not supported: involvedObject.name');
  });

  test('of the newer group say who, when and what, and stay so', async () => {
    const refused = await call('POST', EVENTS, anEvent('two', { action: '', type: 'Odd', deprecatedCount: 3 }));
    assert.deepEqual(valueAt(refused.body, 'details.causes.0.field'), 'action');
    assert.match(
      String(refused.at('message')),
      /type: Invalid value: "": has invalid value: Odd, count: Invalid value: "": needs to be unset/,
    );
    const changed = await call('PATCH', `${EVENTS}/one`, { reason: 'Other' }, MERGE);
    assert.match(String(changed.at('message')), /reason: Invalid value: "Other": field is immutable/);
  });
});

describe('certificate signing requests', () => {
  const aRequest = (name: string, pem: string, fields: object = {}) => ({
    metadata: { name },
    spec: { request: Buffer.from(pem).toString('base64'), signerName: 'example.com/signer', usages: ['client auth'], ...fields },
  });
  const approved = { type: 'Approved', status: 'True', reason: 'Looked' };

  test('carry who made them, and are approved by who may', async () => {
    const pem = await createTestCertificateRequest('jane', []);
    const created = await call('POST', REQUESTS, aRequest('one', pem, { username: 'somebody-else' }));
    assert.equal(created.statusCode, 201, created.text);
    assert.equal(created.at('spec.username'), 'kubernetes-admin');
    const forged = await call('PATCH', `${REQUESTS}/one/status`, { status: { conditions: [approved] } }, MERGE);
    assert.match(String(forged.at('message')), /updates may not add a condition of type "Approved"/);
    const done = await call('PATCH', `${REQUESTS}/one/approval`, { status: { conditions: [approved] } }, MERGE);
    assert.equal(done.statusCode, 200, done.text);
    assert.match(String(done.at('status.conditions.0.lastTransitionTime')), /Z$/);
    const taken = await call('PATCH', `${REQUESTS}/one/approval`, { status: { conditions: [] } }, MERGE);
    assert.match(String(taken.at('message')), /updates may not remove a condition of type "Approved"/);
  });

  test('are not approved by who may only write them', async () => {
    const name = 'approvals-writer';
    const rules = [
      {
        apiGroups: ['certificates.k8s.io'],
        resources: ['certificatesigningrequests', 'certificatesigningrequests/approval'],
        verbs: ['*'],
      },
    ];
    await call('POST', '/apis/rbac.authorization.k8s.io/v1/clusterroles', { metadata: { name }, rules });
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name };
    const subjects = [{ kind: 'User', name: 'jane', apiGroup: 'rbac.authorization.k8s.io' }];
    await call('POST', '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', { metadata: { name }, roleRef, subjects });
    const as = await server.client('jane');
    await call('POST', REQUESTS, aRequest('two', await createTestCertificateRequest('jane', [])));
    const options = { ...MERGE, as };
    let refused = await call('PATCH', `${REQUESTS}/two/approval`, { status: { conditions: [approved] } }, options);
    // The policy is read behind the writes above.
    for (let attempt = 0; attempt < 50 && !String(refused.at('message')).includes('signerName'); attempt++) {
      refused = await call('PATCH', `${REQUESTS}/two/approval`, { status: { conditions: [approved] } }, options);
    }
    assert.equal(refused.statusCode, 403);
    assert.match(String(refused.at('message')), /user not permitted to approve requests with signerName "example.com\/signer"/);
  });

  test('are requests, and never for the masters', async () => {
    const garbled = await call('POST', REQUESTS, aRequest('three', 'nothing'));
    assert.match(String(garbled.at('message')), /spec.request: .*PEM block type must be CERTIFICATE REQUEST/);
    const shell = `-----BEGIN CERTIFICATE REQUEST-----\n${Buffer.from([0x30, 1, 0]).toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`;
    assert.equal((await call('POST', REQUESTS, aRequest('four', shell))).statusCode, 422);
    const masters = await createTestCertificateRequest('jane', ['system:masters']);
    const refused = await call('POST', REQUESTS, aRequest('five', masters, { signerName: 'kubernetes.io/kube-apiserver-client' }));
    assert.equal(refused.statusCode, 403, refused.text);
  });
});

describe('addresses of Services', () => {
  test('are objects, and come from a range that is one', async () => {
    const address = await call('GET', '/apis/networking.k8s.io/v1/ipaddresses/10.96.0.1');
    assert.equal(address.at('spec.parentRef.name'), 'kubernetes');
    const range = await call('GET', '/apis/networking.k8s.io/v1/servicecidrs/kubernetes');
    assert.deepEqual([range.at('spec.cidrs.0'), range.at('status.conditions.0.type')], ['10.96.0.0/16', 'Ready']);
  });
});
