import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { send, type TestRequest, type TestResponse } from '../../testing/http-client.ts';
import { createTestApiServer, type TestApiServer } from '../../testing/test-api-server.ts';

let server: TestApiServer;
before(async () => {
  server = await createTestApiServer();
  for (const [name, labels] of Object.entries({ marked: { policies: 'on', env: 'test' }, plain: {} })) {
    await call('POST', '/api/v1/namespaces', { metadata: { name, labels } }, 201);
  }
});
after(() => server.stop());

const REGISTRATION = '/apis/admissionregistration.k8s.io/v1';
const MERGE = { headers: { 'content-type': 'application/merge-patch+json' } };

async function call(method: string, path: string, body?: unknown, code?: number, options: TestRequest = {}): Promise<TestResponse> {
  const response = await send(server, path, { method, ...(body === undefined ? {} : { body }), ...options });
  if (code !== undefined) assert.equal(response.statusCode, code, response.text);
  return response;
}

const rule = (apiGroup: string, resource: string, operations: readonly string[] = ['CREATE', 'UPDATE'], more: object = {}) => ({
  apiGroups: [apiGroup],
  apiVersions: ['v1'],
  resources: [resource],
  operations,
  ...more,
});
const marked = { namespaceSelector: { matchLabels: { policies: 'on' } } };
const onConfigMaps = { resourceRules: [rule('', 'configmaps')], ...marked };

const made: string[] = [];
async function make(plural: string, name: string, spec: object): Promise<void> {
  await call('POST', `${REGISTRATION}/${plural}`, { metadata: { name }, spec }, 201);
  made.push(`${REGISTRATION}/${plural}/${name}`);
}

/** Answers once the cache has seen all writes before, and whoever follows it too. */
const settle = () => call('GET', `${REGISTRATION}/validatingadmissionpolicybindings`, undefined, 200);

async function bindValidating(spec: object, binding: object = {}): Promise<void> {
  await make('validatingadmissionpolicies', 'guard', { matchConstraints: onConfigMaps, ...spec });
  await make('validatingadmissionpolicybindings', 'guard-here', { policyName: 'guard', validationActions: ['Deny'], ...binding });
  await settle();
}

async function bindMutating(name: string, spec: object, binding: object = {}): Promise<void> {
  await make('mutatingadmissionpolicies', name, { matchConstraints: onConfigMaps, reinvocationPolicy: 'Never', ...spec });
  await make('mutatingadmissionpolicybindings', `${name}-here`, { policyName: name, ...binding });
  await settle();
}

afterEach(async () => {
  for (const path of made.splice(0).reverse()) await call('DELETE', path, undefined, 200);
  await settle();
});

let count = 0;
const aConfigMap = (data?: Readonly<Record<string, string>>, metadata: object = {}) => ({
  metadata: { name: `c${++count}`, ...metadata },
  data,
});
const createIn = (namespace: string, body: unknown, options: TestRequest = {}) =>
  call('POST', `/api/v1/namespaces/${namespace}/configmaps`, body, undefined, options);

const deployment = (replicas: number) => ({
  metadata: { name: `d${++count}` },
  spec: {
    replicas,
    selector: { matchLabels: { app: 'a' } },
    template: { metadata: { labels: { app: 'a' } }, spec: { containers: [{ name: 'a', image: 'a:1' }] } },
  },
});
const DEPLOYMENTS = '/apis/apps/v1/namespaces/marked/deployments';

describe('a validating policy', () => {
  test('refuses a Deployment that breaks its rule, and lets others pass', async () => {
    await bindValidating({
      matchConstraints: { resourceRules: [rule('apps', 'deployments')], ...marked },
      validations: [
        { expression: 'object.spec.replicas > 1', messageExpression: "'a text and ' + object.spec.replicas" },
        { expression: 'object.spec.replicas <= 3', message: 'too many' },
      ],
    });
    const refused = await call('POST', DEPLOYMENTS, { ...deployment(1), metadata: { name: 'small' } }, 422);
    const why = "ValidatingAdmissionPolicy 'guard' with binding 'guard-here' denied request: failed expression: object.spec.replicas > 1";
    assert.equal(refused.at('message'), `deployments.apps "small" is forbidden: ${why}`);
    assert.equal(refused.at('reason'), 'Invalid');
    assert.equal(refused.at('details.causes.0.message'), why);
    await call('POST', DEPLOYMENTS, { ...deployment(2), metadata: { name: 'right' } }, 201);
    assert.match((await call('PATCH', `${DEPLOYMENTS}/right`, { spec: { replicas: 4 } }, 422, MERGE)).text, /denied request: too many/);
    await call('PATCH', `${DEPLOYMENTS}/right`, { spec: { replicas: 3 } }, 200, MERGE);
    await call('POST', '/apis/apps/v1/namespaces/plain/deployments', deployment(1), 201);
  });

  test('refers to variables, which are worked out when they are asked for', async () => {
    await bindValidating({
      matchConstraints: { resourceRules: [rule('apps', 'deployments')], ...marked },
      variables: [
        { name: 'replicas', expression: 'object.spec.replicas' },
        { name: 'oddReplicas', expression: 'variables.replicas % 2 == 1' },
        { name: 'never', expression: '1 / 0 == 1' },
      ],
      validations: [
        { expression: 'variables.replicas > 1' },
        { expression: 'variables.oddReplicas', messageExpression: '"%d is even".format([variables.replicas])', reason: 'Forbidden' },
      ],
    });
    await call('POST', DEPLOYMENTS, deployment(3), 201);
    const refused = await call('POST', DEPLOYMENTS, deployment(4), 403);
    assert.match(String(refused.at('message')), /denied request: 4 is even$/);
    assert.equal(refused.at('reason'), 'Forbidden');
  });

  test('sees the request, the namespace, who asks and what they may do', async () => {
    await bindValidating({
      validations: [
        {
          expression: `request.operation == 'CREATE' && request.resource.resource == 'configmaps' && request.namespace == 'marked' && request.kind.kind == 'ConfigMap'
            && request.userInfo.username == 'kubernetes-admin' && 'system:masters' in request.userInfo.groups && !request.dryRun && request.name == object.metadata.name`,
        },
        { expression: "namespaceObject.metadata.labels.env == 'test' && namespaceObject.status.phase == 'Active' && oldObject == null" },
        {
          expression:
            "authorizer.group('').resource('pods').namespace('marked').check('create').allowed() && authorizer.requestResource.check('x').allowed()",
        },
        { expression: "!authorizer.serviceAccount('marked', 'nobody').group('').resource('pods').check('create').allowed()" },
      ],
    });
    assert.equal((await createIn('marked', aConfigMap())).statusCode, 201);
  });

  test('is about deletions too, of which it sees the old object alone', async () => {
    await call('POST', '/api/v1/namespaces/marked/configmaps', aConfigMap({ keep: 'yes' }, { name: 'kept' }), 201);
    await bindValidating({
      matchConstraints: { resourceRules: [rule('', 'configmaps', ['DELETE'])], ...marked },
      validations: [{ expression: "object == null && (!has(oldObject.data) || !('keep' in oldObject.data))", message: 'is kept' }],
    });
    assert.match((await call('DELETE', '/api/v1/namespaces/marked/configmaps/kept', undefined, 422)).text, /is kept/);
  });

  test('takes its parameters from an object by name, in the namespace of the request', async () => {
    await bindValidating(
      {
        paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
        validations: [{ expression: '!has(object.data) || object.data.all(k, k in params.data)' }],
      },
      { paramRef: { name: 'allowed', parameterNotFoundAction: 'Deny' } },
    );
    const missing = await createIn('marked', aConfigMap({ a: '1' }));
    assert.match(missing.text, /failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction/);
    await call('POST', '/api/v1/namespaces/plain/configmaps', aConfigMap({ a: '' }, { name: 'allowed' }), 201);
    await call('DELETE', `${REGISTRATION}/validatingadmissionpolicybindings/guard-here`, undefined, 200);
    await call(
      'POST',
      `${REGISTRATION}/validatingadmissionpolicybindings`,
      {
        metadata: { name: 'guard-here' },
        spec: {
          policyName: 'guard',
          validationActions: ['Deny'],
          paramRef: { name: 'allowed', namespace: 'plain', parameterNotFoundAction: 'Deny' },
        },
      },
      201,
    );
    await settle();
    assert.equal((await createIn('marked', aConfigMap({ a: '1' }))).statusCode, 201);
    assert.match((await createIn('marked', aConfigMap({ b: '1' }))).text, /failed expression/);
  });

  test('is evaluated for each of its parameters that a selector finds', async () => {
    for (const [name, least] of [
      ['one', '1'],
      ['two', '2'],
    ] as const) {
      await call('POST', '/api/v1/namespaces/plain/configmaps', aConfigMap({ least }, { name, labels: { limits: 'yes' } }), 201);
    }
    await bindValidating(
      {
        paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
        validations: [
          { expression: 'int(object.data.size) >= int(params.data.least)', messageExpression: '"less than " + params.data.least' },
        ],
      },
      { paramRef: { selector: { matchLabels: { limits: 'yes' } }, namespace: 'plain', parameterNotFoundAction: 'Allow' } },
    );
    assert.match((await createIn('marked', aConfigMap({ size: '1' }))).text, /less than 2/);
    assert.equal((await createIn('marked', aConfigMap({ size: '2' }))).statusCode, 201);
  });

  test('warns instead of refusing if its binding says so', async () => {
    await bindValidating({ validations: [{ expression: 'false', message: 'not nice' }] }, { validationActions: ['Warn', 'Audit'] });
    const { statusCode, headers } = await createIn('marked', aConfigMap());
    assert.equal(statusCode, 201);
    assert.equal(headers.warning, `299 - "Validation failed for ValidatingAdmissionPolicy 'guard' with binding 'guard-here': not nice"`);
  });

  test('that cannot be evaluated refuses, or is ignored', async () => {
    const validations = [{ expression: 'object.data.a == "1"' }];
    await bindValidating({ validations });
    assert.match(
      (await createIn('marked', aConfigMap())).text,
      /denied request: expression 'object.data.a == \\"1\\"' resulted in error: no such key: data/,
    );
    await call('PATCH', `${REGISTRATION}/validatingadmissionpolicies/guard`, { spec: { failurePolicy: 'Ignore' } }, 200, MERGE);
    await settle();
    assert.equal((await createIn('marked', aConfigMap())).statusCode, 201);
  });

  test('is not asked when a condition does not hold', async () => {
    await bindValidating({
      matchConditions: [
        { name: 'fails', expression: '1 / 0 == 1' },
        { name: 'not-mine', expression: "!object.metadata.name.startsWith('mine')" },
      ],
      validations: [{ expression: 'false' }],
    });
    assert.equal((await createIn('marked', aConfigMap({}, { name: 'mine-1' }))).statusCode, 201);
    assert.match(
      (await createIn('marked', aConfigMap({}, { name: 'yours' }))).text,
      /expression '1 \/ 0 == 1' resulted in error: division by zero/,
    );
  });

  test('is about what its rules, selectors and its binding name, and nothing else', async () => {
    await bindValidating(
      {
        matchConstraints: {
          resourceRules: [rule('*', '*', ['*'])],
          excludeResourceRules: [rule('', 'configmaps', ['CREATE'], { resourceNames: ['excluded'] })],
          objectSelector: { matchExpressions: [{ key: 'free', operator: 'DoesNotExist' }] },
        },
        validations: [{ expression: 'false' }],
      },
      { matchResources: onConfigMaps },
    );
    assert.equal((await createIn('marked', aConfigMap())).statusCode, 422);
    assert.equal((await createIn('marked', aConfigMap({}, { name: 'excluded' }))).statusCode, 201);
    assert.equal((await createIn('marked', aConfigMap({}, { labels: { free: 'yes' } }))).statusCode, 201);
    assert.equal((await createIn('plain', aConfigMap())).statusCode, 201);
    await call('POST', '/api/v1/namespaces/marked/secrets', { metadata: { name: 's' } }, 201);
  });

  test('never stands in the way of changing policies', async () => {
    await bindValidating({
      matchConstraints: { resourceRules: [{ ...rule('*', '*', ['*']), apiVersions: ['*'] }] },
      validations: [{ expression: 'false' }],
    });
    await call('PATCH', `${REGISTRATION}/validatingadmissionpolicies/guard`, { metadata: { labels: { a: 'b' } } }, 200, MERGE);
    await call('POST', '/api/v1/namespaces', { metadata: { name: 'never' } }, 422);
  });

  test('sees a namespace by its own labels', async () => {
    await bindValidating({
      matchConstraints: { resourceRules: [rule('', 'namespaces')], ...marked },
      validations: [{ expression: 'namespaceObject == null && false' }],
    });
    await call('POST', '/api/v1/namespaces', { metadata: { name: 'other', labels: { policies: 'off' } } }, 201);
    await call('POST', '/api/v1/namespaces', { metadata: { name: 'refused', labels: { policies: 'on' } } }, 422);
  });

  test('written for one version of a kind sees the object in that version', async () => {
    await bindValidating({
      matchConstraints: { resourceRules: [{ ...rule('autoscaling', 'horizontalpodautoscalers'), apiVersions: ['v1'] }], ...marked },
      validations: [
        {
          expression:
            "object.apiVersion == 'autoscaling/v1' && object.spec.targetCPUUtilizationPercentage < 80 && request.kind.version == 'v1' && request.requestKind.version == 'v2'",
        },
      ],
    });
    const autoscaler = (averageUtilization: number) => ({
      metadata: { name: `h${averageUtilization}` },
      spec: {
        maxReplicas: 2,
        scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'a' },
        metrics: [{ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization } } }],
      },
    });
    const path = '/apis/autoscaling/v2/namespaces/marked/horizontalpodautoscalers';
    await call('POST', path, autoscaler(50), 201);
    await call('POST', path, autoscaler(90), 422);
  });

  test('that looks through too much is stopped', async () => {
    await bindValidating({ validations: [{ expression: 'object.data.all(a, object.data.all(b, object.data.exists(c, c == a)))' }] });
    const data = Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`k${index}`, '']));
    assert.match((await createIn('marked', aConfigMap(data))).text, /running out of cost budget/);
  });

  test('looks for something in a long list once', async () => {
    await bindValidating({
      matchConstraints: { resourceRules: [rule('', 'namespaces')], ...marked },
      validations: [{ expression: "!('last' in object.metadata.finalizers) && size(object.metadata.finalizers + ['a']) == 2001" }],
    });
    const finalizers = Array.from({ length: 2_000 }, (_, index) => `example.com/f${index}`);
    const long = { metadata: { name: 'long', labels: { policies: 'on' }, finalizers } };
    await call('POST', '/api/v1/namespaces?dryRun=All', long, 201);
  });

  test('works its audit annotations out, and fails with them', async () => {
    await bindValidating({ auditAnnotations: [{ key: 'size', valueExpression: "'has %d'.format([size(object.data)])" }] });
    assert.equal((await createIn('marked', aConfigMap({ a: '' }))).statusCode, 201);
    assert.match((await createIn('marked', aConfigMap())).text, /no such key: data/);
  });
});

describe('a mutating policy', () => {
  const annotate = (name: string, value = 'yes') => ({
    patchType: 'ApplyConfiguration',
    applyConfiguration: { expression: `Object{metadata: Object.metadata{annotations: {"${name}": "${value}"}}}` },
  });

  test('adds annotations to a Deployment, beside those it has', async () => {
    await bindMutating('annotate', {
      matchConstraints: { resourceRules: [rule('apps', 'deployments')], ...marked },
      mutations: [annotate('mutated-by', 'admission-policy')],
    });
    const created = await call('POST', DEPLOYMENTS, { ...deployment(1), metadata: { name: 'noted', annotations: { mine: 'kept' } } }, 201);
    assert.deepEqual(created.at('metadata.annotations'), { mine: 'kept', 'mutated-by': 'admission-policy' });
    const owners = JSON.stringify(created.at('metadata.managedFields'));
    assert.ok(!owners.includes('mutated-by'));
  });

  test('merges items by their keys and sets members, with defaults after it', async () => {
    await bindMutating('side', {
      matchConstraints: { resourceRules: [rule('apps', 'deployments')], ...marked },
      variables: [{ name: 'image', expression: "object.spec.template.spec.containers[0].image + '-side'" }],
      mutations: [
        {
          patchType: 'ApplyConfiguration',
          applyConfiguration: {
            expression: `Object{spec: Object.spec{replicas: object.spec.replicas + 1, template: Object.spec.template{spec: Object.spec.template.spec{
              containers: [Object.spec.template.spec.containers{name: "side", image: variables.image}]}}}}`,
          },
        },
      ],
    });
    const created = await call('POST', DEPLOYMENTS, deployment(1), 201);
    assert.equal(created.at('spec.replicas'), 2);
    assert.equal(created.at('spec.template.spec.containers.0.name'), 'a');
    assert.equal(created.at('spec.template.spec.containers.1.image'), 'a:1-side');
    assert.equal(created.at('spec.template.spec.containers.1.imagePullPolicy'), 'IfNotPresent');
    assert.equal(created.at('spec.template.spec.containers.1.name'), 'side');
  });

  test('changes by a JSON patch, unless a test in it says no', async () => {
    await bindMutating('patch', {
      mutations: [
        {
          patchType: 'JSONPatch',
          jsonPatch: {
            expression: `(has(object.metadata.labels) ? [] : [JSONPatch{op: "add", path: "/metadata/labels", value: {}}])
              + [JSONPatch{op: "add", path: "/metadata/labels/" + jsonpatch.escapeKey("example.com/env"), value: namespaceObject.metadata.labels.env}]`,
          },
        },
        {
          patchType: 'JSONPatch',
          jsonPatch: {
            expression: `[JSONPatch{op: "test", path: "/data/a", value: "1"}, JSONPatch{op: "replace", path: "/data/a", value: "2"}]`,
          },
        },
      ],
    });
    const created = await createIn('marked', aConfigMap({ a: '1' }));
    assert.deepEqual(created.at('metadata.labels'), { 'example.com/env': 'test' });
    assert.deepEqual(created.at('data'), { a: '2' });
    assert.deepEqual((await createIn('marked', aConfigMap({ a: '3' }, { labels: { b: 'c' } }))).at('data'), { a: '3' });
  });

  test('is asked again after a later one has changed the object, if it wants that', async () => {
    const count = (key: string) => ({
      patchType: 'JSONPatch',
      jsonPatch: {
        expression: `[JSONPatch{op: "add", path: "/data/${key}", value: string("${key}" in object.data ? int(object.data.${key}) + 1 : 1)}]`,
      },
    });
    await bindMutating('a-again', { mutations: [count('a')], reinvocationPolicy: 'IfNeeded' });
    await bindMutating('b-once', { mutations: [count('b')] });
    assert.deepEqual((await createIn('marked', aConfigMap({ x: '' }))).at('data'), { x: '', a: '2', b: '1' });
  });

  const failing: readonly { it: string; expression: string; message: RegExp }[] = [
    {
      it: 'replaces a whole list',
      expression: 'Object{spec: Object.spec{finalizers: ["a"]}}',
      message: /may not mutate atomic arrays, maps or structs: \.spec\.finalizers/,
    },
    {
      it: 'sets a field that is not there',
      expression: 'Object{spec: Object.spec{foo: 1}}',
      message: /\.spec\.foo: field not declared in schema/,
    },
    { it: 'mixes its types up', expression: 'Object{spec: Object.status{}}', message: /type mismatch: unexpected type name/ },
    {
      it: 'cannot be evaluated',
      expression: 'Object{metadata: Object.metadata{annotations: {"a": string(1 / 0)}}}',
      message: /resulted in error: division by zero/,
    },
  ];
  for (const { it, expression, message } of failing) {
    test(`that ${it} refuses the request`, async () => {
      await bindMutating('wrong', {
        matchConstraints: { resourceRules: [rule('', 'namespaces')], ...marked },
        mutations: [{ patchType: 'ApplyConfiguration', applyConfiguration: { expression } }],
      });
      const refused = await call('POST', '/api/v1/namespaces', { metadata: { name: 'x', labels: { policies: 'on' } } }, 403);
      assert.match(String(refused.at('message')), /^policy 'wrong' with binding 'wrong-here' denied request: /);
      assert.match(String(refused.at('message')), message);
      assert.equal(refused.at('reason'), 'Invalid');
    });
  }

  test('goes before validating policies, and is checked like a client', async () => {
    await bindMutating('annotate', { mutations: [annotate('seen')] });
    await bindValidating({ validations: [{ expression: "object.metadata.annotations.seen == 'yes'" }] });
    assert.equal((await createIn('marked', aConfigMap())).statusCode, 201);
  });

  test('changes custom resources by their schema', async () => {
    const properties = {
      spec: { type: 'object', properties: { size: { type: 'integer' }, names: { type: 'array', items: { type: 'string' } } } },
    };
    await call(
      'POST',
      '/apis/apiextensions.k8s.io/v1/customresourcedefinitions',
      {
        metadata: { name: 'things.example.com' },
        spec: {
          group: 'example.com',
          scope: 'Namespaced',
          names: { plural: 'things', kind: 'Thing' },
          versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object', properties } } }],
        },
      },
      201,
    );
    await bindMutating('size', {
      matchConstraints: { resourceRules: [rule('example.com', 'things')], ...marked },
      mutations: [
        { patchType: 'ApplyConfiguration', applyConfiguration: { expression: 'Object{spec: Object.spec{size: size(object.spec.names)}}' } },
      ],
    });
    const path = '/apis/example.com/v1/namespaces/marked/things';
    const thing = { apiVersion: 'example.com/v1', kind: 'Thing', metadata: { name: 't' }, spec: { names: ['a', 'b'] } };
    let created = await call('POST', path, thing);
    // The kind is served a moment after its definition is stored.
    while (created.statusCode === 404) created = await call('POST', path, thing);
    assert.deepEqual(created.at('spec'), { names: ['a', 'b'], size: 2 });
  });
});

describe('the kinds of admission policies', () => {
  const mutations = [{ patchType: 'ApplyConfiguration', applyConfiguration: { expression: 'Object{}' } }];
  const kinds: readonly { plural: string; spec: object; change: object; columns: readonly string[] }[] = [
    {
      plural: 'validatingadmissionpolicies',
      spec: { matchConstraints: onConfigMaps, validations: [{ expression: 'true' }] },
      change: { failurePolicy: 'Ignore' },
      columns: ['Name', 'Validations', 'ParamKind', 'Age'],
    },
    {
      plural: 'validatingadmissionpolicybindings',
      spec: { policyName: 'nobody', validationActions: ['Deny'] },
      change: { validationActions: ['Warn'] },
      columns: ['Name', 'PolicyName', 'ParamRef', 'Age'],
    },
    {
      plural: 'mutatingadmissionpolicies',
      spec: { matchConstraints: onConfigMaps, reinvocationPolicy: 'Never', mutations },
      change: { failurePolicy: 'Ignore' },
      columns: ['Name', 'Mutations', 'ParamKind', 'Age'],
    },
    {
      plural: 'mutatingadmissionpolicybindings',
      spec: { policyName: 'nobody' },
      change: { policyName: 'somebody' },
      columns: ['Name', 'PolicyName', 'ParamRef', 'Age'],
    },
  ];
  for (const { plural, spec, change, columns } of kinds) {
    test(`${plural} are created, read, listed, changed and deleted`, async () => {
      const path = `${REGISTRATION}/${plural}`;
      const labels = { crud: plural };
      const created = await Promise.all([1, 2, 3].map(() => call('POST', path, { metadata: { generateName: 'e2e-', labels }, spec }, 201)));
      const own = `${path}/${created[0]?.at('metadata.name')}`;
      assert.equal(created[0]?.at('metadata.generation'), 1);
      assert.equal((await call('GET', own, undefined, 200)).at('metadata.uid'), created[0]?.at('metadata.uid'));
      assert.equal((await call('PATCH', own, { metadata: { annotations: { patched: 'true' } } }, 200, MERGE)).at('metadata.generation'), 1);
      assert.equal((await call('PATCH', own, { spec: change }, 200, MERGE)).at('metadata.generation'), 2);
      const table = await call('GET', `${path}?labelSelector=crud`, undefined, 200, {
        headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' },
      });
      assert.deepEqual(
        [0, 1, 2, 3].map((index) => table.at(`columnDefinitions.${index}.name`)),
        columns,
      );
      await call('DELETE', own, undefined, 200);
      await call('GET', own, undefined, 404);
      await call('DELETE', `${path}?labelSelector=crud`, undefined, 200);
      assert.deepEqual((await call('GET', `${path}?labelSelector=crud`, undefined, 200)).at('items'), []);
    });
  }

  test('the status of a validating policy is changed on its own', async () => {
    await make('validatingadmissionpolicies', 'stated', { matchConstraints: onConfigMaps, validations: [{ expression: 'true' }] });
    const path = `${REGISTRATION}/validatingadmissionpolicies/stated`;
    const condition = { type: 'Ok', status: 'True', reason: 'R', message: '', lastTransitionTime: '2026-01-01T00:00:00Z' };
    const patched = await call(
      'PATCH',
      `${path}/status`,
      { status: { conditions: [condition] }, spec: { failurePolicy: 'Ignore' } },
      200,
      MERGE,
    );
    assert.equal(patched.at('status.conditions.0.type'), 'Ok');
    assert.equal(patched.at('spec.failurePolicy'), 'Fail');
  });

  test('who may not read parameters may not let a policy read them', async () => {
    const writer = await server.client('writer');
    await call(
      'POST',
      '/apis/rbac.authorization.k8s.io/v1/clusterroles',
      {
        metadata: { name: 'policy-writer' },
        rules: [
          { apiGroups: ['admissionregistration.k8s.io'], resources: ['*'], verbs: ['*'] },
          { apiGroups: [''], resources: ['configmaps'], verbs: ['get'] },
        ],
      },
      201,
    );
    await call(
      'POST',
      '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings',
      {
        metadata: { name: 'policy-writer' },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'policy-writer' },
        subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'writer' }],
      },
      201,
    );
    await call('GET', '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', undefined, 200);
    const policy = (kind: string) => ({
      metadata: { name: 'reader' },
      spec: { paramKind: { apiVersion: 'v1', kind }, matchConstraints: onConfigMaps, validations: [{ expression: 'true' }] },
    });
    const path = `${REGISTRATION}/validatingadmissionpolicies`;
    const refused = await call('POST', path, policy('Secret'), 422, { as: writer });
    assert.equal(refused.at('details.causes.0.field'), 'spec.paramKind');
    assert.match(
      String(refused.at('message')),
      /user writer must have "get" permission on all objects of the referenced paramKind \(kind=Secret, apiVersion=v1\)/,
    );
    await call('POST', path, policy('ConfigMap'), 201, { as: writer });
    made.push(`${path}/reader`);
    const binding = (paramRef: object) => ({
      metadata: { name: 'reads' },
      spec: { policyName: 'reader', validationActions: ['Deny'], paramRef: { parameterNotFoundAction: 'Deny', ...paramRef } },
    });
    assert.match(
      (await call('POST', `${REGISTRATION}/validatingadmissionpolicybindings`, binding({ selector: {} }), 422, { as: writer })).text,
      /does not have \\"list\\" permission/,
    );
    await call('POST', `${REGISTRATION}/validatingadmissionpolicybindings`, binding({ name: 'a' }), 201, { as: writer });
    made.push(`${REGISTRATION}/validatingadmissionpolicybindings/reads`);
  });
});
