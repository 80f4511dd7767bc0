/** The whole server over real TLS, with the storage in memory: what clients see. What single files decide is tested beside them. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { send, type TestRequest, type TestResponse, valueAt, watchFrames } from './testing/http-client.ts';
import { createTestApiServer, type TestApiServer } from './testing/test-api-server.ts';

let server: TestApiServer;
before(async () => {
  server = await createTestApiServer();
});
after(() => server.stop());

const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps';
const PODS = '/api/v1/namespaces/default/pods';
const DEPLOYMENTS = '/apis/apps/v1/namespaces/default/deployments';
const SERVICES = '/api/v1/namespaces/default/services';

const call = (method: string, path: string, body?: unknown, options: TestRequest = {}): Promise<TestResponse> =>
  send(server, path, { method, ...(body === undefined ? {} : { body }), ...options });

const aConfigMap = (name: string, data: object = { a: 'b' }) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data });
const aPod = (name: string, spec: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, labels: { app: name } },
  spec: { containers: [{ name: 'main', image: 'nginx' }], ...spec },
});
const aDeployment = (name: string) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name },
  spec: {
    replicas: 2,
    selector: { matchLabels: { app: name } },
    template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: 'main', image: 'nginx' }] } },
  },
});
const aService = (name: string, spec: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name },
  spec: { selector: { app: name }, ports: [{ port: 80 }], ...spec },
});

describe('a new cluster', () => {
  test('has the system namespaces and the kubernetes Service', async () => {
    for (const name of ['default', 'kube-system', 'kube-public', 'kube-node-lease']) {
      assert.equal((await call('GET', `/api/v1/namespaces/${name}`)).statusCode, 200);
    }
    const service = await call('GET', `${SERVICES}/kubernetes`);
    assert.equal(service.at('spec.clusterIP'), '10.96.0.1');
    const slice = await call('GET', '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes');
    assert.deepEqual(slice.at('endpoints.0.addresses'), ['192.0.2.1']);
  });

  test('says that it is ready, and why', async () => {
    assert.equal((await call('GET', '/readyz')).text, 'ok');
    assert.match((await call('GET', '/readyz?verbose')).text, /\[\+\]poststarthook\/rbac\/bootstrap-roles ok/);
    assert.equal((await call('GET', '/livez/ping')).text, 'ok');
  });
});

describe('who may come in', () => {
  test('says of its version all that upstream’s schema requires', async () => {
    const version = await call('GET', '/version');
    const required = ['major', 'minor', 'gitVersion', 'gitCommit', 'gitTreeState', 'buildDate', 'goVersion', 'compiler', 'platform'];
    assert.deepEqual(
      required.filter((name) => typeof version.at(name) !== 'string'),
      [],
    );
  });

  test('finds what generated clients ask for with a slash at the end', async () => {
    for (const path of ['/version/', '/api/v1/', '/apis/', '/apis/apps/', '/apis/apps/v1/', '/openid/v1/jwks/'])
      assert.equal((await call('GET', path)).statusCode, 200, path);
    assert.equal((await call('GET', '/apis/nothing/v1/')).statusCode, 404);
  });

  test('nobody sees the health endpoints and the version, and nothing else', async () => {
    for (const path of ['/livez', '/readyz', '/healthz', '/version'])
      assert.equal((await call('GET', path, undefined, { as: null })).statusCode, 200);
    const refused = await call('GET', PODS, undefined, { as: null });
    assert.equal(refused.statusCode, 403);
    const expected = 'pods is forbidden: User "system:anonymous" cannot list resource "pods" in API group "" in the namespace "default"';
    assert.equal(refused.at('message'), expected);
    assert.equal(
      (await call('GET', '/metrics', undefined, { as: null })).at('message'),
      'forbidden: User "system:anonymous" cannot get path "/metrics"',
    );
  });

  test('a user of the cluster without roles may discover and ask what they may', async () => {
    const jane = await server.client('jane', ['dev']);
    assert.equal((await call('GET', '/api/v1', undefined, { as: jane })).statusCode, 200);
    const review = {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SelfSubjectAccessReview',
      spec: { resourceAttributes: { verb: 'get', resource: 'pods' } },
    };
    const answer = await call('POST', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', review, { as: jane });
    assert.equal(answer.at('status.allowed'), false);
    const who = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' };
    const self = await call('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', who, { as: jane });
    assert.deepEqual([self.at('status.userInfo.username'), self.at('status.userInfo.groups')], ['jane', ['dev', 'system:authenticated']]);
    const extra = self.at('status.userInfo.extra');
    assert.match(JSON.stringify(extra), /^\{"authentication.kubernetes.io\/credential-id":\["X509SHA256=[0-9a-f]{64}"\]\}$/);
  });

  test('a certificate of another authority and a token that nobody issued are refused as such', async () => {
    await using stranger = await createTestApiServer();
    assert.equal((await call('GET', '/version', undefined, { as: stranger.admin })).statusCode, 401);
    const withToken = await call('GET', '/version', undefined, { as: null, headers: { authorization: 'Bearer made-up' } });
    assert.equal(withToken.at('reason'), 'Unauthorized');
  });

  test('nobody grants what they do not hold', async () => {
    const admin = {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name: 'role-writer' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'role-writer' },
      subjects: [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'writer' }],
    };
    const role = {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
      metadata: { name: 'role-writer' },
      rules: [{ apiGroups: ['rbac.authorization.k8s.io'], resources: ['clusterroles'], verbs: ['create'] }],
    };
    await call('POST', '/apis/rbac.authorization.k8s.io/v1/clusterroles', role);
    await call('POST', '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', admin);
    const greedy = { ...role, metadata: { name: 'greedy' }, rules: [{ apiGroups: [''], resources: ['secrets'], verbs: ['get'] }] };
    const refused = await eventually(async () => {
      const answer = await call('POST', '/apis/rbac.authorization.k8s.io/v1/clusterroles', greedy, { as: await server.client('writer') });
      return String(answer.at('message')).includes('cannot create') ? undefined : answer;
    });
    assert.equal(refused.statusCode, 403);
    assert.match(String(refused.at('message')), /attempting to grant RBAC permissions not currently held/);
  });
});

/** The policy follows the database, a moment later. */
async function eventually<T>(look: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
  }
}

describe('objects', () => {
  test('are created with everything that the server adds', async () => {
    const created = await call('POST', PODS, aPod('created'));
    assert.equal(created.statusCode, 201);
    assert.match(String(created.at('metadata.uid')), /^[0-9a-f-]{36}$/);
    assert.match(String(created.at('metadata.creationTimestamp')), /^\d{4}-.*Z$/);
    assert.equal(created.at('metadata.namespace'), 'default');
    assert.equal(created.at('spec.restartPolicy'), 'Always');
    assert.equal(created.at('spec.tolerations.0.tolerationSeconds'), 300);
    assert.equal(created.at('status.phase'), 'Pending');
    const read = await call('GET', `${PODS}/created`);
    assert.deepEqual(read.body, created.body);
  });

  test('get a name that nobody has when they ask for one', async () => {
    const created = await call('POST', CONFIG_MAPS, { ...aConfigMap(''), metadata: { generateName: 'made-' } });
    assert.match(String(created.at('metadata.name')), /^made-[a-z0-9]{5}$/);
  });

  test('are replaced by those who have seen the latest version only', async () => {
    const created = await call('POST', CONFIG_MAPS, aConfigMap('replaced'));
    const version = String(created.at('metadata.resourceVersion'));
    const next = { ...aConfigMap('replaced', { a: 'c' }), metadata: { name: 'replaced', resourceVersion: version } };
    const updated = await call('PUT', `${CONFIG_MAPS}/replaced`, next);
    assert.equal(updated.statusCode, 200);
    assert.equal(updated.at('metadata.uid'), created.at('metadata.uid'));
    const stale = await call('PUT', `${CONFIG_MAPS}/replaced`, { ...next, data: { a: 'd' } });
    assert.equal(stale.statusCode, 409);
    const expected =
      'Operation cannot be fulfilled on configmaps "replaced": the object has been modified; please apply your changes to the latest version and try again';
    assert.equal(stale.at('message'), expected);
    const same = await call('PUT', `${CONFIG_MAPS}/replaced`, aConfigMap('replaced', { a: 'c' }));
    assert.equal(
      same.at('metadata.resourceVersion'),
      updated.at('metadata.resourceVersion'),
      'a change that changes nothing writes nothing',
    );
  });

  test('can be patched in three languages', async () => {
    await call('POST', DEPLOYMENTS, aDeployment('patched'));
    const path = `${DEPLOYMENTS}/patched`;
    const patch = (type: string, body: unknown) => call('PATCH', path, body, { headers: { 'content-type': type } });
    const merged = await patch('application/merge-patch+json', { spec: { replicas: 3 } });
    assert.equal(merged.at('spec.replicas'), 3);
    assert.equal(merged.at('metadata.generation'), 2);
    const containers = [{ name: 'side', image: 'busybox' }];
    const strategic = await patch('application/strategic-merge-patch+json', { spec: { template: { spec: { containers } } } });
    assert.equal(Object(strategic.at('spec.template.spec.containers')).length, 2);
    const json = await patch('application/json-patch+json', [{ op: 'replace', path: '/spec/replicas', value: 5 }]);
    assert.equal(json.at('spec.replicas'), 5);
    assert.equal((await patch('application/apply-patch+cbor', {})).statusCode, 415);
  });

  test('many writers at once all get through', async () => {
    await call('POST', CONFIG_MAPS, aConfigMap('busy', {}));
    const writers = Array.from({ length: 20 }, (_, index) => ({ data: { [`key-${index}`]: 'x' } }));
    const headers = { 'content-type': 'application/merge-patch+json' };
    const answers = await Promise.all(writers.map((body) => call('PATCH', `${CONFIG_MAPS}/busy`, body, { headers })));
    assert.deepEqual([...new Set(answers.map(({ statusCode }) => statusCode))], [200]);
    const read = await call('GET', `${CONFIG_MAPS}/busy`);
    assert.equal(Object.keys(Object(read.at('data'))).length, 20);
  });

  test('a dry run says what would be and does nothing', async () => {
    assert.equal((await call('POST', `${CONFIG_MAPS}?dryRun=All`, aConfigMap('dry'))).statusCode, 201);
    assert.equal((await call('GET', `${CONFIG_MAPS}/dry`)).statusCode, 404);
  });

  test('unknown fields are refused, warned of or ignored, as asked', async () => {
    const body = { ...aConfigMap('strict'), spec: { foo: 1 } };
    const strict = await call('POST', `${CONFIG_MAPS}?fieldValidation=Strict&dryRun=All`, body);
    assert.equal(strict.statusCode, 400);
    assert.equal(
      strict.at('message'),
      'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: unknown field "spec"',
    );
    const text = '{"kind":"ConfigMap","apiVersion":"v1","odd":1,"data":{"a":"1","a":"2"},"metadata":{"name":"strict"}}';
    const both = await call('POST', `${CONFIG_MAPS}?fieldValidation=Strict&dryRun=All`, text, {
      headers: { 'content-type': 'application/json' },
    });
    assert.match(String(both.at('message')), /: unknown field "odd", duplicate field "data\.a"$/);
    const yaml = 'metadata: { name: strict }\ndata:\n  a: "1"\n  a: "2"\n';
    const inYaml = await call('POST', `${CONFIG_MAPS}?fieldValidation=Strict&dryRun=All`, yaml, {
      headers: { 'content-type': 'application/yaml' },
    });
    assert.match(String(inYaml.at('message')), /strict decoding error: yaml: unmarshal errors:\n {2}line 4: key "a" already set in map$/);
    const warned = await call('POST', `${CONFIG_MAPS}?fieldValidation=Warn&dryRun=All`, body);
    assert.equal(warned.headers.warning, '299 - "unknown field \\"spec\\""');
    const ignored = await call('POST', `${CONFIG_MAPS}?fieldValidation=Ignore&dryRun=All`, body);
    assert.equal(ignored.headers.warning, undefined);
    const twice = await call(
      'POST',
      `${CONFIG_MAPS}?fieldValidation=Strict`,
      '{"kind":"ConfigMap","metadata":{"name":"twice"},"data":{"a":"1","a":"2"}}',
    );
    assert.match(String(twice.at('message')), /duplicate field "data\.a"/);
  });

  test('come and go as YAML too', async () => {
    const yaml = 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: yaml\ndata:\n  a: b\n';
    const headers = { 'content-type': 'application/yaml', accept: 'application/yaml' };
    const created = await call('POST', CONFIG_MAPS, yaml, { headers });
    assert.equal(created.statusCode, 201);
    assert.match(created.text, /^apiVersion: v1\nkind: ConfigMap\n/);
  });
});

describe('deletion', () => {
  test('answers with a Status, or with the object for the kinds whose clients expect that', async () => {
    await call('POST', CONFIG_MAPS, aConfigMap('gone'));
    const status = await call('DELETE', `${CONFIG_MAPS}/gone`);
    assert.equal(status.at('status'), 'Success');
    assert.equal(status.at('details.kind'), 'configmaps');
    await call('POST', PODS, aPod('gone'));
    assert.equal((await call('DELETE', `${PODS}/gone`)).at('kind'), 'Pod');
    assert.equal((await call('GET', `${PODS}/gone`)).statusCode, 404);
  });

  test('of a running pod waits for the kubelet, which ends it with grace 0', async () => {
    await call('POST', PODS, aPod('graceful'));
    await bind('graceful', 'node-1');
    const marked = await call('DELETE', `${PODS}/graceful`);
    assert.equal(marked.at('metadata.deletionGracePeriodSeconds'), 30);
    assert.equal((await call('GET', `${PODS}/graceful`)).statusCode, 200);
    await call('DELETE', `${PODS}/graceful`, { kind: 'DeleteOptions', apiVersion: 'v1', gracePeriodSeconds: 0 });
    assert.equal((await call('GET', `${PODS}/graceful`)).statusCode, 404);
  });

  test('waits for finalizers, and is done when the last has gone', async () => {
    await call('POST', CONFIG_MAPS, { ...aConfigMap('held'), metadata: { name: 'held', finalizers: ['example.com/hold'] } });
    assert.ok((await call('DELETE', `${CONFIG_MAPS}/held`)).at('metadata.deletionTimestamp'));
    const headers = { 'content-type': 'application/merge-patch+json' };
    await call('PATCH', `${CONFIG_MAPS}/held`, { metadata: { finalizers: null } }, { headers });
    assert.equal((await call('GET', `${CONFIG_MAPS}/held`)).statusCode, 404);
  });

  test('of the wrong object is refused', async () => {
    await call('POST', CONFIG_MAPS, aConfigMap('kept'));
    const options = { kind: 'DeleteOptions', apiVersion: 'v1', preconditions: { uid: 'another' } };
    const refused = await call('DELETE', `${CONFIG_MAPS}/kept`, options);
    assert.equal(refused.statusCode, 409);
    assert.match(String(refused.at('message')), /Precondition failed: UID in precondition: another, UID in object meta: /);
  });

  test('of a namespace takes its finalizer to end, and nothing is created meanwhile', async () => {
    await call('POST', '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'leaving' } });
    assert.equal((await call('DELETE', '/api/v1/namespaces/leaving')).at('status.phase'), 'Terminating');
    const refused = await call('POST', '/api/v1/namespaces/leaving/configmaps', aConfigMap('late'));
    const expected = 'configmaps "late" is forbidden: unable to create new content in namespace leaving because it is being terminated';
    assert.equal(refused.at('message'), expected);
    const current = await call('GET', '/api/v1/namespaces/leaving');
    assert.equal(
      (await call('PUT', '/api/v1/namespaces/leaving/finalize', { ...Object(current.body), spec: { finalizers: [] } })).statusCode,
      200,
    );
    assert.equal((await call('GET', '/api/v1/namespaces/leaving')).statusCode, 404);
  });

  test('of a collection takes what the selector matches', async () => {
    for (const name of ['one', 'two']) await call('POST', CONFIG_MAPS, { ...aConfigMap(name), metadata: { name, labels: { set: 'a' } } });
    const answer = await call('DELETE', `${CONFIG_MAPS}?labelSelector=set%3Da`);
    assert.equal(answer.at('kind'), 'ConfigMapList');
    const left = await call('GET', `${CONFIG_MAPS}?labelSelector=set%3Da`);
    assert.deepEqual(left.at('items'), []);
  });
});

const bind = (pod: string, node: string) =>
  call('POST', `${PODS}/${pod}/binding`, {
    apiVersion: 'v1',
    kind: 'Binding',
    metadata: { name: pod },
    target: { kind: 'Node', name: node },
  });

describe('subresources', () => {
  test('a pod is bound once', async () => {
    await call('POST', PODS, aPod('bound'));
    assert.equal((await bind('bound', 'node-1')).statusCode, 201);
    const pod = await call('GET', `${PODS}/bound`);
    assert.equal(pod.at('spec.nodeName'), 'node-1');
    assert.equal(pod.at('status.conditions.0.type'), 'PodScheduled');
    const again = await bind('bound', 'node-2');
    assert.equal(again.statusCode, 409);
    assert.equal(
      again.at('message'),
      'Operation cannot be fulfilled on pods/binding "bound": pod bound is already assigned to node "node-1"',
    );
  });

  test('status and spec are written by different roads', async () => {
    await call('POST', DEPLOYMENTS, aDeployment('parted'));
    const headers = { 'content-type': 'application/merge-patch+json' };
    const body = { spec: { replicas: 9 }, status: { replicas: 4 } };
    const status = await call('PATCH', `${DEPLOYMENTS}/parted/status`, body, { headers });
    assert.deepEqual([status.at('spec.replicas'), status.at('status.replicas'), status.at('metadata.generation')], [2, 4, 1]);
    const spec = await call('PATCH', `${DEPLOYMENTS}/parted`, { spec: { replicas: 9 }, status: { replicas: 5 } }, { headers });
    assert.deepEqual([spec.at('spec.replicas'), spec.at('status.replicas'), spec.at('metadata.generation')], [9, 4, 2]);
  });

  test('scale reads and changes the number of replicas', async () => {
    await call('POST', DEPLOYMENTS, aDeployment('scaled'));
    const scale = await call('GET', `${DEPLOYMENTS}/scaled/scale`);
    assert.deepEqual([scale.at('kind'), scale.at('spec.replicas'), scale.at('status.selector')], ['Scale', 2, 'app=scaled']);
    await call('PUT', `${DEPLOYMENTS}/scaled/scale`, { ...Object(scale.body), spec: { replicas: 7 } });
    const headers = { 'content-type': 'application/merge-patch+json' };
    assert.equal((await call('GET', `${DEPLOYMENTS}/scaled`)).at('spec.replicas'), 7);
    assert.equal((await call('PATCH', `${DEPLOYMENTS}/scaled/scale`, { spec: { replicas: 1 } }, { headers })).at('spec.replicas'), 1);
    const other = await call('PATCH', `${DEPLOYMENTS}/scaled/scale`, { kind: 'Deployment' }, { headers });
    assert.deepEqual([other.statusCode, other.at('reason')], [400, 'BadRequest']);
  });
});

describe('services', () => {
  test('get addresses and ports of their own, however many come at once', async () => {
    const names = Array.from({ length: 20 }, (_, index) => `web-${index}`);
    const created = await Promise.all(names.map((name) => call('POST', SERVICES, aService(name, { type: 'NodePort' }))));
    assert.deepEqual([...new Set(created.map(({ statusCode }) => statusCode))], [201]);
    assert.equal(new Set(created.map((service) => service.at('spec.clusterIP'))).size, 20);
    assert.equal(new Set(created.map((service) => service.at('spec.ports.0.nodePort'))).size, 20);
  });

  test('an address is somebody else’s until its Service is deleted', async () => {
    assert.equal((await call('POST', SERVICES, aService('first', { clusterIP: '10.96.0.77' }))).statusCode, 201);
    const second = await call('POST', SERVICES, aService('second', { clusterIP: '10.96.0.77' }));
    assert.equal(second.statusCode, 422);
    assert.match(String(second.at('message')), /failed to allocate IP 10\.96\.0\.77: provided IP is already allocated/);
    await call('DELETE', `${SERVICES}/first`);
    assert.equal((await call('POST', SERVICES, aService('second', { clusterIP: '10.96.0.77' }))).statusCode, 201);
  });

  test('keep what they have through a replacement that names none of it, and drop it with their type', async () => {
    const created = await call('POST', SERVICES, aService('steady', { type: 'NodePort' }));
    const replaced = await call('PUT', `${SERVICES}/steady`, aService('steady', { type: 'NodePort' }));
    assert.deepEqual(replaced.at('spec'), created.at('spec'));
    const headers = { 'content-type': 'application/merge-patch+json' };
    const changed = await call('PATCH', `${SERVICES}/steady`, { spec: { type: 'ClusterIP' } }, { headers });
    assert.equal(changed.at('spec.ports.0.nodePort'), undefined);
    assert.equal(changed.at('spec.clusterIP'), created.at('spec.clusterIP'));
    const port = created.at('spec.ports.0.nodePort');
    const heir = await call('POST', SERVICES, aService('heir', { type: 'NodePort', ports: [{ port: 80, nodePort: port }] }));
    assert.equal(heir.statusCode, 201);
  });
});

describe('lists', () => {
  test('come in pages that all show the same moment', async () => {
    const path = '/api/v1/namespaces/kube-public/configmaps';
    for (const name of ['a', 'b', 'c']) await call('POST', path, aConfigMap(name));
    const first = await call('GET', `${path}?limit=2`);
    assert.equal(first.at('metadata.remainingItemCount'), 1);
    await call('POST', path, aConfigMap('d'));
    const second = await call('GET', `${path}?limit=2&continue=${String(first.at('metadata.continue'))}`);
    assert.deepEqual(Object(second.at('items')).length, 1);
    assert.equal(second.at('items.0.metadata.name'), 'c');
    assert.equal(second.at('metadata.resourceVersion'), first.at('metadata.resourceVersion'));
  });

  test('show Tables with the columns of their kind', async () => {
    await call('POST', PODS, aPod('tabled'));
    const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json';
    const table = await call('GET', `${PODS}?labelSelector=app%3Dtabled`, undefined, { headers: { accept } });
    assert.equal(table.at('kind'), 'Table');
    assert.equal(table.at('columnDefinitions.1.name'), 'Ready');
    assert.equal(table.at('rows.0.cells.0'), 'tabled');
    assert.equal(table.at('rows.0.object.kind'), 'PartialObjectMetadata');
  });
});

describe('watches', () => {
  test('tell every change after a version, in order, as the selector sees it', async () => {
    const list = await call('GET', CONFIG_MAPS);
    const stop = new AbortController();
    const query = `watch=true&labelSelector=w%3D1&resourceVersion=${String(list.at('metadata.resourceVersion'))}`;
    const frames = watchFrames(server, `${CONFIG_MAPS}?${query}`, { signal: stop.signal });
    await call('POST', CONFIG_MAPS, { ...aConfigMap('watched'), metadata: { name: 'watched', labels: { w: '1' } } });
    const headers = { 'content-type': 'application/merge-patch+json' };
    await call('PATCH', `${CONFIG_MAPS}/watched`, { data: { a: 'changed' } }, { headers });
    const left = await call('PATCH', `${CONFIG_MAPS}/watched`, { metadata: { labels: { w: '2' } } }, { headers });
    const seen: unknown[] = [];
    for await (const frame of frames) {
      seen.push(frame);
      if (seen.length === 3) break;
    }
    assert.deepEqual(
      seen.map((frame) => valueAt(frame, 'type')),
      ['ADDED', 'MODIFIED', 'DELETED'],
    );
    assert.equal(valueAt(seen[2], 'object.metadata.resourceVersion'), left.at('metadata.resourceVersion'));
    assert.equal(valueAt(seen[2], 'object.metadata.labels.w'), '1', 'the object as this client knew it');
  });

  test('begin with what is there, and say when that is over', async () => {
    const path = '/api/v1/namespaces?watch=true&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan';
    const types: unknown[] = [];
    for await (const frame of watchFrames(server, path)) {
      types.push(valueAt(frame, 'type'));
      if (valueAt(frame, 'type') !== 'BOOKMARK') continue;
      assert.deepEqual(valueAt(frame, 'object.metadata.annotations'), { 'k8s.io/initial-events-end': 'true' });
      break;
    }
    assert.ok(types.length > 4);
  });

  test('end by themselves when their time is over', async () => {
    const path = '/api/v1/namespaces?watch=true&timeoutSeconds=1&fieldSelector=metadata.name%3Ddefault';
    const frames: unknown[] = [];
    for await (const frame of watchFrames(server, path)) frames.push(frame);
    assert.deepEqual(
      frames.map((frame) => valueAt(frame, 'object.metadata.name')),
      ['default'],
    );
  });

  test('that are not read hold up nobody, and go on from where they were', async () => {
    const path = '/api/v1/namespaces/kube-node-lease/configmaps';
    const stalled = watchFrames(server, `${path}?watch=true`);
    const first = stalled.next();
    await call('POST', path, aConfigMap('big-0', { a: 'x'.repeat(500_000) }));
    assert.equal(valueAt((await first).value, 'object.metadata.name'), 'big-0');
    // Far more than the sockets' buffers hold, while the stalled client reads nothing.
    for (let index = 1; index <= 20; index++) await call('POST', path, aConfigMap(`big-${index}`, { a: 'x'.repeat(500_000) }));
    assert.equal((await call('GET', '/readyz')).text, 'ok');
    const names: unknown[] = [];
    for await (const frame of stalled) {
      names.push(valueAt(frame, 'object.metadata.name'));
      if (names.length === 20) break;
    }
    assert.deepEqual(
      names,
      Array.from({ length: 20 }, (_, index) => `big-${index + 1}`),
    );
  });

  test('end when the server stops, which does not wait for them', async () => {
    const other = await createTestApiServer();
    const frames = watchFrames(other, '/api/v1/namespaces?watch=true');
    await frames.next();
    await other.stop();
    for await (const frame of frames) assert.ok(frame);
  });
});

describe('bad input is answered, never a failure of the server', () => {
  const json = { 'content-type': 'application/json' };
  const cases: readonly {
    it: string;
    method: string;
    path: string;
    body?: unknown;
    headers?: Record<string, string>;
    code: number;
    says: RegExp;
  }[] = [
    { it: 'half a JSON object', method: 'POST', path: CONFIG_MAPS, body: '{', code: 400, says: /must be of type ConfigMap.*\(\{\)/ },
    { it: 'an empty body', method: 'POST', path: CONFIG_MAPS, body: '', headers: json, code: 400, says: /<empty>/ },
    { it: 'a JSON array', method: 'POST', path: CONFIG_MAPS, body: '[]', code: 400, says: /unrecognized/ },
    { it: 'null', method: 'POST', path: CONFIG_MAPS, body: 'null', code: 400, says: /unrecognized/ },
    { it: 'a number for a kind', method: 'POST', path: CONFIG_MAPS, body: { kind: 7 }, code: 400, says: /unrecognized/ },
    { it: 'another kind', method: 'POST', path: CONFIG_MAPS, body: aPod('x'), code: 400, says: /cannot be handled as a ConfigMap/ },
    {
      it: 'another version',
      method: 'POST',
      path: CONFIG_MAPS,
      body: { ...aConfigMap('x'), apiVersion: 'v2' },
      code: 400,
      says: /does not match the expected API version/,
    },
    {
      it: 'metadata that is a text',
      method: 'POST',
      path: CONFIG_MAPS,
      body: { ...aConfigMap('x'), metadata: 'x' },
      code: 400,
      says: /cannot unmarshal/,
    },
    {
      it: 'a field of the wrong type',
      method: 'POST',
      path: PODS,
      body: aPod('x', { containers: 'none' }),
      code: 400,
      says: /cannot unmarshal string/,
    },
    { it: 'no name', method: 'POST', path: CONFIG_MAPS, body: { ...aConfigMap('') }, code: 422, says: /name or generateName is required/ },
    { it: 'a name that cannot be', method: 'POST', path: CONFIG_MAPS, body: aConfigMap('Not_A_Name'), code: 422, says: /RFC 1123/ },
    { it: 'a name that leads elsewhere', method: 'POST', path: CONFIG_MAPS, body: aConfigMap('../secrets/x'), code: 422, says: /RFC 1123/ },
    {
      it: 'another namespace',
      method: 'POST',
      path: CONFIG_MAPS,
      body: { ...aConfigMap('x'), metadata: { name: 'x', namespace: 'other' } },
      code: 400,
      says: /does not match the namespace/,
    },
    {
      it: 'a namespace that is not there',
      method: 'POST',
      path: '/api/v1/namespaces/nope/configmaps',
      body: aConfigMap('x'),
      code: 404,
      says: /namespaces "nope" not found/,
    },
    {
      it: 'a resourceVersion on create',
      method: 'POST',
      path: CONFIG_MAPS,
      body: { ...aConfigMap('x'), metadata: { name: 'x', resourceVersion: '1' } },
      code: 400,
      says: /should not be set/,
    },
    {
      it: 'another name than the path’s',
      method: 'PUT',
      path: `${CONFIG_MAPS}/x`,
      body: aConfigMap('y'),
      code: 400,
      says: /the name of the object \(y\) does not match the name on the URL \(x\)/,
    },
    {
      it: 'an update of nothing',
      method: 'PUT',
      path: `${CONFIG_MAPS}/nothing`,
      body: aConfigMap('nothing'),
      code: 404,
      says: /configmaps "nothing" not found/,
    },
    { it: 'a deletion of nothing', method: 'DELETE', path: `${CONFIG_MAPS}/nothing`, code: 404, says: /not found/ },
    {
      it: 'what is protobuf by name only',
      method: 'POST',
      path: CONFIG_MAPS,
      body: 'k8s',
      headers: { 'content-type': 'application/vnd.kubernetes.protobuf' },
      code: 400,
      says: /does not appear to be a protobuf message/,
    },
    {
      it: 'a content type that is none',
      method: 'POST',
      path: CONFIG_MAPS,
      body: '{}',
      headers: { 'content-type': 'nonsense' },
      code: 415,
      says: /unknown format/,
    },
    { it: 'a patch of no known language', method: 'PATCH', path: `${CONFIG_MAPS}/x`, body: '{}', code: 415, says: /strategic-merge-patch/ },
    {
      it: 'a patch that is none',
      method: 'PATCH',
      path: `${SERVICES}/kubernetes`,
      body: '"x"',
      headers: { 'content-type': 'application/merge-patch+json' },
      code: 400,
      says: /./,
    },
    {
      it: 'a JSON patch to nowhere',
      method: 'PATCH',
      path: `${SERVICES}/kubernetes`,
      body: [{ op: 'replace', path: '/nope/x', value: 1 }],
      headers: { 'content-type': 'application/json-patch+json' },
      code: 422,
      says: /./,
    },
    {
      it: 'a body of more than 3 MiB',
      method: 'POST',
      path: CONFIG_MAPS,
      body: aConfigMap('x', { a: 'x'.repeat(3_200_000) }),
      code: 413,
      says: /Request entity too large: limit is 3145728/,
    },
    {
      it: 'a thousand levels',
      method: 'POST',
      path: CONFIG_MAPS,
      body: `${'{"a":'.repeat(1000)}1${'}'.repeat(1000)}`,
      code: 400,
      says: /max depth/,
    },
    {
      it: 'a label selector that is none',
      method: 'GET',
      path: `${CONFIG_MAPS}?labelSelector=a%20b`,
      code: 400,
      says: /unable to parse|found/,
    },
    {
      it: 'a field that cannot be selected by',
      method: 'GET',
      path: `${CONFIG_MAPS}?fieldSelector=data.a%3Db`,
      code: 400,
      says: /is not a known field selector/,
    },
    { it: 'a resourceVersion that is none', method: 'GET', path: `${CONFIG_MAPS}?resourceVersion=abc`, code: 400, says: /invalid syntax/ },
    {
      it: 'a match without a version',
      method: 'GET',
      path: `${CONFIG_MAPS}?resourceVersionMatch=Exact`,
      code: 422,
      says: /forbidden unless resourceVersion is provided/,
    },
    {
      it: 'a continue token that is none',
      method: 'GET',
      path: `${CONFIG_MAPS}?limit=1&continue=xyz`,
      code: 400,
      says: /continue key is not valid/,
    },
    {
      it: 'a dry run of a kind we do not know',
      method: 'POST',
      path: `${CONFIG_MAPS}?dryRun=Some`,
      body: aConfigMap('x'),
      code: 422,
      says: /Unsupported value: "Some": supported values: "All"/,
    },
    {
      it: 'a resource that does not exist',
      method: 'GET',
      path: '/api/v1/namespaces/default/gadgets',
      code: 404,
      says: /the server could not find the requested resource/,
    },
    {
      it: 'a path that does not exist',
      method: 'GET',
      path: '/nowhere',
      code: 404,
      says: /the server could not find the requested resource/,
    },
    { it: 'a path that is no path', method: 'GET', path: '/api/v1/namespaces/%zz/pods', code: 400, says: /./ },
    { it: 'a method that does not fit', method: 'PUT', path: CONFIG_MAPS, code: 405, says: /does not allow this method/ },
    {
      it: 'a creation in all namespaces',
      method: 'POST',
      path: '/api/v1/configmaps',
      body: aConfigMap('x'),
      code: 405,
      says: /does not allow this method/,
    },
    {
      it: 'a form that we do not have',
      method: 'GET',
      path: CONFIG_MAPS,
      headers: { accept: 'application/cbor' },
      code: 406,
      says: /only the following media types are accepted/,
    },
    {
      it: 'a deletion policy that is none',
      method: 'DELETE',
      path: `${CONFIG_MAPS}/x?propagationPolicy=Maybe`,
      code: 422,
      says: /Unsupported value: "Maybe"/,
    },
  ];
  for (const { it, method, path, body, headers = {}, code, says } of cases) {
    test(`${it}: ${code}`, async () => {
      const answer = await call(method, path, body, { headers });
      assert.equal(answer.statusCode, code, answer.text);
      assert.equal(answer.at('kind'), 'Status');
      assert.equal(answer.at('status'), 'Failure');
      assert.match(String(answer.at('message')), says);
    });
  }
});

describe('what there is', () => {
  test('is told group by group, and all at once to clients that ask for it', async () => {
    const plain = await call('GET', '/apis/apps/v1');
    const names = Object(plain.at('resources')).map((resource: unknown) => valueAt(resource, 'name'));
    assert.ok(names.includes('deployments/scale'));
    const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json';
    const all = await call('GET', '/apis', undefined, { headers: { accept } });
    assert.equal(all.at('kind'), 'APIGroupDiscoveryList');
    const core = (await call('GET', '/api/v1')).text;
    for (const subresource of ['pods/exec', 'pods/eviction', 'services/proxy']) assert.ok(core.includes(`"${subresource}"`), subresource);
  });

  test('is described for kubectl: kinds, merge keys, field validation', async () => {
    const core = await call('GET', '/openapi/v3/api/v1');
    const schemas: Record<string, unknown> = Object(core.at('components.schemas'));
    const containers = valueAt(schemas['io.k8s.api.core.v1.PodSpec'], 'properties.containers');
    assert.equal(valueAt(containers, 'x-kubernetes-patch-merge-key'), 'name');
    assert.deepEqual(valueAt(schemas['io.k8s.api.core.v1.Pod'], 'x-kubernetes-group-version-kind'), [
      { group: '', version: 'v1', kind: 'Pod' },
    ]);
    const paths: Record<string, unknown> = Object(core.at('paths'));
    const parameters: unknown = valueAt(paths['/api/v1/namespaces/{namespace}/pods/{name}'], 'patch.parameters');
    assert.ok(Object(parameters).some((parameter: unknown) => valueAt(parameter, 'name') === 'fieldValidation'));
  });
});
