/** Server-side apply and the owners of fields through the whole server: what kubectl and controllers see. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { systemClock } from '#component/clock.ts';
import { send, type TestRequest, type TestResponse, valueAt } from '../testing/http-client.ts';
import { createTestApiServer, type TestApiServer } from '../testing/test-api-server.ts';

let server: TestApiServer;
/** Seconds by which the server's clock is ahead. */
let aheadSeconds = 0;
before(async () => {
  const clock = { ...systemClock, now: () => systemClock.now() + aheadSeconds * 1000 };
  server = await createTestApiServer({ clock });
});
after(() => server.stop());

const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps';
const DEPLOYMENTS = '/apis/apps/v1/namespaces/default/deployments';
const PODS = '/api/v1/namespaces/default/pods';

const call = (method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<TestResponse> =>
  send(server, path, { method, ...(body === undefined ? {} : { body }), headers: { 'user-agent': 'tester/v1.0 (linux)', ...headers } });
const apply = (path: string, body: unknown, manager = 'me', more = '', options: TestRequest = {}): Promise<TestResponse> =>
  send(server, `${path}?fieldManager=${manager}${more}`, {
    method: 'PATCH',
    body,
    headers: { 'content-type': 'application/apply-patch+yaml' },
    ...options,
  });
const patch = (path: string, body: unknown, type = 'merge-patch', headers: Record<string, string> = {}): Promise<TestResponse> =>
  call('PATCH', path, body, { 'content-type': `application/${type}+json`, ...headers });

const aConfigMap = (name: string, data: object = { a: 'b' }) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data });
const aDeployment = (name: string, spec: object = {}) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name },
  spec: {
    replicas: 2,
    selector: { matchLabels: { app: name } },
    template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: 'main', image: 'nginx' }] } },
    ...spec,
  },
});

interface Entry {
  readonly manager: string;
  readonly operation: string;
  readonly subresource?: string;
  readonly time: string;
  readonly fieldsV1: object;
}

function entriesOf(answer: TestResponse): readonly Entry[] {
  const entries = answer.at('metadata.managedFields');
  return Array.isArray(entries) ? entries : [];
}

const whoWrote = (answer: TestResponse): readonly string[] =>
  entriesOf(answer).map(({ manager, operation, subresource }) => [manager, operation, subresource ?? ''].join(' ').trim());
const fieldsBy = (answer: TestResponse, manager: string): object | undefined =>
  entriesOf(answer).find((entry) => entry.manager === manager)?.fieldsV1;

describe('managedFields', () => {
  test('say who created an object, and leave out what the server and its admission add', async () => {
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { generateName: 'p-', labels: { a: 'b' } },
      spec: { containers: [{ name: 'c', image: 'i' }] },
    };
    const created = await call('POST', PODS, pod);
    const { time, ...entry } = entriesOf(created)[0] ?? { time: '' };
    assert.equal(time, created.at('metadata.creationTimestamp'));
    assert.deepEqual(entry, {
      manager: 'tester',
      operation: 'Update',
      apiVersion: 'v1',
      fieldsType: 'FieldsV1',
      fieldsV1: {
        'f:metadata': { 'f:generateName': {}, 'f:labels': { '.': {}, 'f:a': {} } },
        'f:spec': {
          'f:containers': {
            'k:{"name":"c"}': {
              '.': {},
              'f:image': {},
              'f:imagePullPolicy': {},
              'f:name': {},
              'f:resources': {},
              'f:terminationMessagePath': {},
              'f:terminationMessagePolicy': {},
            },
          },
          'f:dnsPolicy': {},
          'f:enableServiceLinks': {},
          'f:restartPolicy': {},
          'f:schedulerName': {},
          'f:securityContext': {},
          'f:terminationGracePeriodSeconds': {},
        },
      },
    });
  });

  test('follow updates, patches, the status and the scale, each by its road', async () => {
    const path = `${DEPLOYMENTS}/tracked`;
    await call('POST', `${DEPLOYMENTS}?fieldManager=creator`, aDeployment('tracked'));
    await patch(path, { metadata: { labels: { x: 'y' } } });
    await patch(`${path}/status`, { status: { replicas: 1 }, spec: { replicas: 9 } }, 'merge-patch', { 'user-agent': 'controller/1' });
    await patch(`${path}/scale`, { spec: { replicas: 7 } }, 'merge-patch', { 'user-agent': 'scaler' });
    const read = await call('GET', path);
    assert.deepEqual([...whoWrote(read)].sort(), ['controller Update status', 'creator Update', 'scaler Update scale', 'tester Update']);
    assert.deepEqual(fieldsBy(read, 'controller'), { 'f:status': { 'f:replicas': {} } });
    assert.deepEqual(fieldsBy(read, 'scaler'), { 'f:spec': { 'f:replicas': {} } });
    assert.deepEqual(fieldsBy(read, 'tester'), { 'f:metadata': { 'f:labels': { '.': {}, 'f:x': {} } } });
    assert.equal(valueAt(fieldsBy(read, 'creator'), 'f:spec.f:replicas'), undefined);
  });

  test('alone cause no write, however late it is', async () => {
    const path = `${DEPLOYMENTS}/idle`;
    await call('POST', DEPLOYMENTS, aDeployment('idle'));
    const first = await patch(`${path}/status`, { status: { replicas: 1 } });
    aheadSeconds += 60;
    const again = await patch(`${path}/status`, { status: { replicas: 1 } }, 'merge-patch', { 'user-agent': 'somebody-else' });
    const put = await call('PUT', path, { ...aDeployment('idle'), status: { replicas: 5 } });
    assert.deepEqual([again.text, put.text], [first.text, first.text]);
  });

  test('are the client’s to rewrite, and to give up', async () => {
    const path = `${CONFIG_MAPS}/rewritten`;
    const created = await call('POST', CONFIG_MAPS, aConfigMap('rewritten'));
    const [entry] = entriesOf(created);
    const moved = await patch(
      path,
      [{ op: 'replace', path: '/metadata/managedFields', value: [{ ...entry, manager: 'heir' }] }],
      'json-patch',
    );
    assert.deepEqual(whoWrote(moved), ['heir Update']);
    const nonsense = await patch(path, { metadata: { managedFields: [{ ...entry, operation: 'Steal' }] } });
    assert.deepEqual(whoWrote(nonsense), ['heir Update']);
    const dropped = await patch(path, { metadata: { managedFields: null } });
    assert.deepEqual(whoWrote(dropped), ['heir Update']);
    const reset = await patch(path, { metadata: { managedFields: [{}] } });
    assert.equal(reset.at('metadata.managedFields'), undefined);
    const untracked = await patch(path, { data: { a: 'c' } });
    assert.equal(untracked.at('metadata.managedFields'), undefined);
    const tracked = await apply(path, aConfigMap('rewritten', { z: '1' }));
    assert.deepEqual(whoWrote(tracked), ['me Apply', 'before-first-apply Update']);
  });
});

describe('an apply', () => {
  test('creates what is not there, with the defaults that belong to nobody', async () => {
    const path = `${DEPLOYMENTS}/fresh`;
    const created = await apply(path, aDeployment('fresh'));
    assert.equal(created.statusCode, 201);
    assert.equal(created.at('spec.revisionHistoryLimit'), 10);
    assert.equal(created.at('metadata.generation'), 1);
    assert.deepEqual(whoWrote(created), ['me Apply']);
    assert.equal(valueAt(fieldsBy(created, 'me'), 'f:spec.f:revisionHistoryLimit'), undefined);
    assert.deepEqual((await call('GET', path)).body, created.body);
  });

  test('of the same again writes nothing', async () => {
    const path = `${DEPLOYMENTS}/same`;
    const created = await apply(path, aDeployment('same'));
    aheadSeconds += 60;
    const again = await apply(path, aDeployment('same'));
    assert.equal(again.statusCode, 200);
    assert.equal(again.text, created.text);
  });

  test('says whom it is in conflict with, and may be forced', async () => {
    const path = `${DEPLOYMENTS}/contested`;
    await apply(path, aDeployment('contested'));
    await patch(path, { spec: { replicas: 5 } }, 'merge-patch', { 'user-agent': 'kubectl/v1.32' });
    const refused = await apply(path, aDeployment('contested'));
    assert.equal(refused.statusCode, 409);
    assert.equal(refused.at('message'), 'Apply failed with 1 conflict: conflict with "kubectl" using apps/v1: .spec.replicas');
    assert.deepEqual(refused.at('details'), {
      causes: [{ reason: 'FieldManagerConflict', message: 'conflict with "kubectl" using apps/v1', field: '.spec.replicas' }],
    });
    const forced = await apply(path, aDeployment('contested'), 'me', '&force=true');
    assert.deepEqual([forced.at('spec.replicas'), whoWrote(forced)], [2, ['me Apply']]);
  });

  test('takes out what its manager no longer mentions, and gives defaults back', async () => {
    const path = `${DEPLOYMENTS}/shrinking`;
    const side = { name: 'side', image: 'busybox' };
    const both = { metadata: { labels: { app: 'shrinking' } }, spec: { containers: [{ name: 'main', image: 'nginx' }, side] } };
    await apply(path, { ...aDeployment('shrinking', { template: both }), metadata: { name: 'shrinking', labels: { a: '1', b: '2' } } });
    await patch(path, { metadata: { labels: { c: '3' } } });
    const { replicas: _, ...spec } = aDeployment('shrinking').spec;
    const shrunk = await apply(path, { ...aDeployment('shrinking'), metadata: { name: 'shrinking', labels: { a: '1' } }, spec });
    assert.deepEqual(shrunk.at('metadata.labels'), { a: '1', c: '3' });
    assert.equal(shrunk.at('spec.replicas'), 1);
    assert.equal(shrunk.at('spec.template.spec.containers.1'), undefined);
  });

  test('to the status changes the status alone, and needs the object', async () => {
    const path = `${DEPLOYMENTS}/with-status`;
    const status = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'with-status', labels: { no: 'no' } },
      spec: { replicas: 9 },
      status: { replicas: 4 },
    };
    assert.equal((await apply(`${path}/status`, status)).statusCode, 404);
    await apply(path, { ...aDeployment('with-status'), status: { replicas: 8 } });
    const changed = await apply(`${path}/status`, status, 'reporter');
    assert.deepEqual([changed.at('status.replicas'), changed.at('spec.replicas'), changed.at('metadata.labels')], [4, 2, undefined]);
    assert.deepEqual(fieldsBy(changed, 'reporter'), { 'f:status': { 'f:replicas': {} } });
    const withdrawn = await apply(`${path}/status`, { ...status, status: {} }, 'reporter');
    assert.deepEqual([withdrawn.at('status.replicas'), whoWrote(withdrawn)], [undefined, ['me Apply', 'reporter Apply status']]);
  });

  test('to the status carries annotations along, without a new generation', async () => {
    const path = `${DEPLOYMENTS}/annotated`;
    await apply(path, aDeployment('annotated'));
    const metadata = { name: 'annotated', annotations: { seen: 'yes' } };
    const status = { apiVersion: 'apps/v1', kind: 'Deployment', metadata, status: { replicas: 4 } };
    const applied = await apply(`${path}/status`, status, 'reporter');
    assert.deepEqual([applied.at('metadata.annotations'), applied.at('metadata.generation')], [{ seen: 'yes' }, 1]);
    const owned = { 'f:metadata': { 'f:annotations': { 'f:seen': {} } }, 'f:status': { 'f:replicas': {} } };
    assert.deepEqual(fieldsBy(applied, 'reporter'), owned);
    const patched = await patch(`${path}/status`, { metadata: { annotations: { seen: null } } });
    assert.deepEqual([patched.at('metadata.annotations'), patched.at('metadata.generation')], [undefined, 1]);
  });

  test('to the scale owns the number of replicas', async () => {
    const path = `${DEPLOYMENTS}/scaled-by-apply`;
    await apply(path, aDeployment('scaled-by-apply'));
    const scale = { apiVersion: 'autoscaling/v1', kind: 'Scale', metadata: { name: 'scaled-by-apply' }, spec: { replicas: 6 } };
    const refused = await apply(`${path}/scale`, scale, 'scaler');
    assert.equal(refused.at('message'), 'Apply failed with 1 conflict: conflict with "me": .spec.replicas');
    const forced = await apply(`${path}/scale`, scale, 'scaler', '&force=true');
    assert.deepEqual([forced.at('kind'), forced.at('spec.replicas')], ['Scale', 6]);
    const read = await call('GET', path);
    assert.deepEqual(whoWrote(read), ['me Apply', 'scaler Apply scale']);
    assert.deepEqual(fieldsBy(read, 'scaler'), { 'f:spec': { 'f:replicas': {} } });
    const again = await apply(`${path}/scale`, scale, 'scaler');
    assert.equal(again.at('metadata.resourceVersion'), read.at('metadata.resourceVersion'));
  });

  test('that only tries writes nothing', async () => {
    const path = `${CONFIG_MAPS}/tried`;
    assert.equal((await apply(path, aConfigMap('tried'), 'me', '&dryRun=All')).statusCode, 201);
    assert.equal((await call('GET', path)).statusCode, 404);
    await apply(path, aConfigMap('tried'));
    const tried = await apply(path, aConfigMap('tried', { a: 'c' }), 'me', '&dryRun=All');
    assert.equal(tried.at('data.a'), 'c');
    assert.equal((await call('GET', path)).at('data.a'), 'b');
  });

  test('reads YAML, and quantities in whatever form they come', async () => {
    const yaml = 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: from-yaml\ndata:\n  a: b\n';
    assert.equal((await apply(`${CONFIG_MAPS}/from-yaml`, yaml)).at('data.a'), 'b');
    const resources = { requests: { cpu: '1000m', memory: '1024Mi' } };
    const template = { metadata: { labels: { app: 'q' } }, spec: { containers: [{ name: 'main', image: 'nginx', resources }] } };
    const first = await apply(`${DEPLOYMENTS}/q`, aDeployment('q', { template }));
    const again = await apply(`${DEPLOYMENTS}/q`, aDeployment('q', { template }));
    assert.equal(first.at('spec.template.spec.containers.0.resources.requests.cpu'), '1');
    assert.equal(again.text, first.text);
  });

  test('by kubectl takes over what it applied from the client, and keeps its annotation as it was written', async () => {
    const path = `${CONFIG_MAPS}/taken-over`;
    const annotation = 'kubectl.kubernetes.io/last-applied-configuration';
    const clientSide = aConfigMap('taken-over');
    const annotated = { ...clientSide, metadata: { name: 'taken-over', annotations: { [annotation]: JSON.stringify(clientSide) } } };
    await call('POST', `${CONFIG_MAPS}?fieldManager=kubectl-client-side-apply`, annotated);
    const next = aConfigMap('taken-over', { a: 'c' });
    assert.equal((await apply(path, next, 'somebody')).statusCode, 409);
    const taken = await apply(path, next, 'kubectl');
    assert.deepEqual(taken.at('data'), { a: 'c' });
    const written = '{"apiVersion":"v1","data":{"a":"c"},"kind":"ConfigMap","metadata":{"name":"taken-over"}}\n';
    assert.deepEqual(taken.at('metadata.annotations'), { [annotation]: written });
  });

  test('by twenty managers at once loses none of them', async () => {
    const path = `${CONFIG_MAPS}/crowded`;
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) => apply(path, aConfigMap('crowded', { [`key-${index}`]: 'x' }), `manager-${index}`)),
    );
    assert.deepEqual([...new Set(answers.map(({ statusCode }) => statusCode))].sort(), [200, 201]);
    const read = await call('GET', path);
    assert.deepEqual([Object.keys(Object(read.at('data'))).length, entriesOf(read).length], [20, 20]);
  });

  test('needs the right to create where it creates', async () => {
    const role = {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
      metadata: { name: 'patcher' },
      rules: [{ apiGroups: [''], resources: ['configmaps'], verbs: ['patch'] }],
    };
    const subjects = [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'patcher' }];
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'patcher' };
    await apply('/apis/rbac.authorization.k8s.io/v1/clusterroles/patcher', role);
    const binding = { apiVersion: role.apiVersion, kind: 'ClusterRoleBinding', metadata: { name: 'patcher' }, subjects, roleRef };
    await apply('/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/patcher', binding);
    await apply(`${CONFIG_MAPS}/there`, aConfigMap('there'));
    const as = await server.client('patcher');
    for (;;) {
      const allowed = await apply(`${CONFIG_MAPS}/there`, aConfigMap('there', { c: 'd' }), 'patcher', '', { as });
      if (allowed.statusCode === 200) break;
    }
    const refused = await apply(`${CONFIG_MAPS}/not-there`, aConfigMap('not-there'), 'patcher', '', { as });
    assert.deepEqual([refused.statusCode, String(refused.at('message')).includes('cannot create resource "configmaps"')], [403, true]);
  });
});

const refusals: readonly { it: string; name?: string; body: unknown; query?: string; code: number; message: string | RegExp }[] = [
  {
    it: 'without a field manager',
    body: aConfigMap('refused'),
    query: '',
    code: 422,
    message: 'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
  },
  {
    it: 'with a manager whose name is too long',
    body: aConfigMap('refused'),
    query: `fieldManager=${'m'.repeat(129)}`,
    code: 422,
    message: 'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Too long: may not be more than 128 bytes',
  },
  {
    it: 'with a manager that cannot be printed',
    body: aConfigMap('refused'),
    query: 'fieldManager=a%0Ab',
    code: 422,
    message: 'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Invalid value: "a\\nb": invalid character U+000A (at position 1)',
  },
  {
    it: 'of another kind',
    body: { ...aConfigMap('refused'), kind: 'Secret' },
    code: 400,
    message: 'invalid object type: /v1, Kind=Secret',
  },
  { it: 'of nothing', body: '', code: 400, message: 'invalid object type: /, Kind=' },
  { it: 'of text', body: 'just text', code: 400, message: 'invalid object type: /, Kind=' },
  { it: 'of broken YAML', body: 'a: [', code: 400, message: /^error decoding YAML: / },
  {
    it: 'with managed fields in it',
    body: { ...aConfigMap('refused'), metadata: { name: 'refused', managedFields: [] } },
    code: 400,
    message: 'metadata.managedFields must be nil',
  },
  {
    it: 'with a field that the kind does not have',
    body: { ...aConfigMap('refused'), spec: { foo: 1 } },
    code: 400,
    message: 'failed to create typed patch object (default/refused; /v1, Kind=ConfigMap): .spec: field not declared in schema',
  },
  {
    it: 'under another name',
    body: aConfigMap('other'),
    code: 400,
    message: 'the name of the object (other) does not match the name on the URL (refused)',
  },
  {
    it: 'with the same key twice',
    body: '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"refused"},"data":{"a":"1","a":"2"}}',
    query: 'fieldManager=me&fieldValidation=Strict',
    code: 400,
    message: /^error strict decoding YAML: .*key "data.a" already set in map$/s,
  },
  {
    it: 'of an object that is no more',
    body: { ...aConfigMap('refused'), metadata: { name: 'refused', uid: 'gone' } },
    code: 409,
    message:
      'Operation cannot be fulfilled on configmaps "refused": uid mismatch: the provided object specified uid gone, and no existing object was found',
  },
  {
    it: 'of another object of that name',
    name: 'kept',
    body: { ...aConfigMap('kept'), metadata: { name: 'kept', uid: 'another' } },
    code: 409,
    message: /^Operation cannot be fulfilled on configmaps "kept": Precondition failed: UID in precondition: another/,
  },
  {
    it: 'of an older version',
    name: 'kept',
    body: { ...aConfigMap('kept'), metadata: { name: 'kept', resourceVersion: '1' } },
    code: 409,
    message: /the object has been modified; please apply your changes to the latest version and try again$/,
  },
];
for (const { it, name = 'refused', body, query = 'fieldManager=me', code, message } of refusals) {
  test(`an apply ${it} is refused`, async () => {
    if (name === 'kept') await apply(`${CONFIG_MAPS}/kept`, aConfigMap('kept'));
    const headers = { 'content-type': 'application/apply-patch+yaml' };
    const refused = await send(server, `${CONFIG_MAPS}/${name}?${query}`, { method: 'PATCH', body, headers });
    const text = String(refused.at('message'));
    assert.equal(refused.statusCode, code, text);
    if (typeof message === 'string') assert.equal(text, message);
    else assert.match(text, message);
  });
}

test('force is for applies only, and CBOR is not spoken', async () => {
  const headers = { 'content-type': 'application/merge-patch+json' };
  const forced = await send(server, `${CONFIG_MAPS}/kube-root?force=true`, { method: 'PATCH', body: {}, headers });
  assert.equal(forced.at('message'), 'PatchOptions.meta.k8s.io "" is invalid: force: Forbidden: may not be specified for non-apply patch');
  const cbor = await call('PATCH', `${CONFIG_MAPS}/x`, {}, { 'content-type': 'application/apply-patch+cbor' });
  assert.equal(cbor.statusCode, 415);
  assert.match(String(cbor.at('message')), /accepted media types include: .*application\/apply-patch\+yaml$/);
});
