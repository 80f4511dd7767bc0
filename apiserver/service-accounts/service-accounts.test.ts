/** Service accounts as pods and their programs see them: a whole server, real certificates, real tokens. What single files decide is tested beside them. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { systemClock } from '#component/clock.ts';
import { createTestKeys } from '../testing/certificates.ts';
import { send, type TestResponse } from '../testing/http-client.ts';
import { createTestApiServer, TEST_ISSUER, type TestApiServer } from '../testing/test-api-server.ts';
import { createTokenKeys } from './token-keys.ts';

const PODS = '/api/v1/namespaces/default/pods';
const ACCOUNTS = '/api/v1/namespaces/default/serviceaccounts';
const REVIEWS = '/apis/authentication.k8s.io/v1/tokenreviews';
const WHO_AM_I = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
const WHO = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' };
const MOUNT_PATH = '/var/run/secrets/kubernetes.io/serviceaccount';

/** The server's clock: the system's, with a hand on it. */
let aheadMs = 0;
const clock = { ...systemClock, now: () => systemClock.now() + aheadMs };

let server: TestApiServer;
before(async () => {
  server = await createTestApiServer({ clock });
});
after(() => server.stop());

const call = (method: string, path: string, body?: unknown): Promise<TestResponse> =>
  send(server, path, { method, ...(body === undefined ? {} : { body }) });

/** As a program in a pod asks: no certificate, a token. */
const callWith = (token: string, method: string, path: string, body?: unknown): Promise<TestResponse> =>
  send(server, path, { method, as: null, headers: { authorization: `Bearer ${token}` }, ...(body === undefined ? {} : { body }) });

const aPod = (name: string, spec: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name },
  spec: { containers: [{ name: 'main', image: 'nginx' }], ...spec },
});

const anAccount = (name: string, more: object = {}) => ({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name }, ...more });

async function created(path: string, body: unknown): Promise<TestResponse> {
  const answer = await call('POST', path, body);
  assert.equal(answer.statusCode, 201, answer.text);
  return answer;
}

function requestToken(account: string, spec: object = {}, metadata: object = {}): Promise<TestResponse> {
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', metadata, spec };
  return call('POST', `${ACCOUNTS}/${account}/token`, body);
}

async function tokenFor(account: string, spec: object = {}): Promise<string> {
  const answer = await requestToken(account, spec);
  assert.equal(answer.statusCode, 201, answer.text);
  return String(answer.at('status.token'));
}

function claimsIn(token: string): unknown {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
}

async function review(token: string, audiences?: readonly string[]): Promise<TestResponse> {
  return call('POST', REVIEWS, {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenReview',
    spec: { token, ...(audiences === undefined ? {} : { audiences }) },
  });
}

describe('a pod', () => {
  test('runs as the default account, with its token, authority and namespace mounted', async () => {
    const pod = await created(PODS, aPod('plain', { initContainers: [{ name: 'first', image: 'nginx' }] }));
    assert.deepEqual([pod.at('spec.serviceAccountName'), pod.at('spec.serviceAccount')], ['default', 'default']);
    const name = String(pod.at('spec.volumes.0.name'));
    assert.match(name, /^kube-api-access-[a-z0-9]{5}$/);
    const mount = { name, readOnly: true, mountPath: MOUNT_PATH };
    assert.deepEqual(pod.at('spec.containers.0.volumeMounts'), [mount]);
    assert.deepEqual(pod.at('spec.initContainers.0.volumeMounts'), [mount]);
    assert.deepEqual(pod.at('spec.volumes.0.projected'), {
      defaultMode: 0o644,
      sources: [
        { serviceAccountToken: { expirationSeconds: 3607, path: 'token' } },
        { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
        { downwardAPI: { items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }] } },
      ],
    });
  });

  test('has no token where pod or account refuse it, the pod having the last word', async () => {
    await created(ACCOUNTS, anAccount('shy', { automountServiceAccountToken: false }));
    const cases = [
      { name: 'refused-by-pod', spec: { automountServiceAccountToken: false }, volumes: 0 },
      { name: 'refused-by-account', spec: { serviceAccountName: 'shy' }, volumes: 0 },
      { name: 'wanted-by-pod', spec: { serviceAccountName: 'shy', automountServiceAccountToken: true }, volumes: 1 },
    ];
    for (const { name, spec, volumes } of cases) {
      const pod = await created(PODS, aPod(name, spec));
      const found: unknown = pod.at('spec.volumes') ?? [];
      assert.equal(Array.isArray(found) ? found.length : undefined, volumes, name);
    }
  });

  test('keeps what it mounts there itself', async () => {
    const own = { name: 'main', image: 'nginx', volumeMounts: [{ name: 'own', mountPath: MOUNT_PATH }] };
    const pod = await created(PODS, aPod('own-mount', { containers: [own], volumes: [{ name: 'own', emptyDir: {} }] }));
    assert.deepEqual(pod.at('spec.volumes'), [{ name: 'own', emptyDir: {} }]);
  });

  test('gets the pull secrets of its account, unless it names its own', async () => {
    await created(ACCOUNTS, anAccount('puller', { imagePullSecrets: [{ name: 'registry' }] }));
    const pod = await created(PODS, aPod('pulls', { serviceAccountName: 'puller' }));
    assert.deepEqual(pod.at('spec.imagePullSecrets'), [{ name: 'registry' }]);
    const own = await created(PODS, aPod('pulls-own', { serviceAccountName: 'puller', imagePullSecrets: [{ name: 'mine' }] }));
    assert.deepEqual(own.at('spec.imagePullSecrets'), [{ name: 'mine' }]);
  });

  test('of an account that says so may use only the Secrets that it names', async () => {
    const enforced = { name: 'strict', annotations: { 'kubernetes.io/enforce-mountable-secrets': 'true' } };
    await created(ACCOUNTS, { ...anAccount('strict'), metadata: enforced, secrets: [{ name: 'mine' }] });
    const secret = (secretName: string) => ({ serviceAccountName: 'strict', volumes: [{ name: 'v', secret: { secretName } }] });
    await created(PODS, aPod('allowed', secret('mine')));
    const variable = { name: 'PASSWORD', valueFrom: { secretKeyRef: { name: 'theirs', key: 'p' } } };
    const cases = [
      {
        spec: secret('theirs'),
        why: 'volume with secret.secretName="theirs" is not allowed because service account strict does not reference that secret',
      },
      {
        spec: { serviceAccountName: 'strict', containers: [{ name: 'main', image: 'nginx', env: [variable] }] },
        why:
          'container main with envVar PASSWORD referencing secret.secretName="theirs" is not allowed because service account strict does not reference ' +
          'that secret',
      },
      {
        spec: { serviceAccountName: 'strict', imagePullSecrets: [{ name: 'theirs' }] },
        why: 'imagePullSecrets[0].name="theirs" is not allowed because service account strict does not reference that imagePullSecret',
      },
    ];
    for (const { spec, why } of cases) {
      const refused = await call('POST', PODS, aPod('refused', spec));
      assert.equal(refused.at('message'), `pods "refused" is forbidden: ${why}`);
    }
  });

  test('of an account that is not there is refused', async () => {
    const refused = await call('POST', PODS, aPod('lost', { serviceAccountName: 'nobody' }));
    assert.equal(refused.statusCode, 403);
    const message = 'pods "lost" is forbidden: error looking up service account default/nobody: serviceaccount "nobody" not found';
    assert.equal(refused.at('message'), message);
  });

  test('waits for the default account of a namespace made a moment ago', async () => {
    await created('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'fresh' } });
    const pod = call('POST', '/api/v1/namespaces/fresh/pods', aPod('early'));
    await created('/api/v1/namespaces/fresh/serviceaccounts', anAccount('default'));
    assert.equal((await pod).statusCode, 201);
  });

  test('in a namespace that is not there is not found', async () => {
    assert.equal((await call('POST', '/api/v1/namespaces/nowhere/pods', aPod('lost'))).at('message'), 'namespaces "nowhere" not found');
  });
});

describe('a token', () => {
  test('authenticates as its account, and says by which pod and node', async () => {
    await created('/api/v1/nodes', { apiVersion: 'v1', kind: 'Node', metadata: { name: 'worker-9' } });
    const pod = await created(PODS, aPod('bearer', { nodeName: 'worker-9' }));
    const account = await call('GET', `${ACCOUNTS}/default`);
    const token = await tokenFor('default', {
      boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: 'bearer', uid: pod.at('metadata.uid') },
    });
    const self = await callWith(token, 'POST', WHO_AM_I, WHO);
    assert.equal(self.at('status.userInfo.username'), 'system:serviceaccount:default:default');
    assert.equal(self.at('status.userInfo.uid'), account.at('metadata.uid'));
    const groups = ['system:serviceaccounts', 'system:serviceaccounts:default', 'system:authenticated'];
    assert.deepEqual(self.at('status.userInfo.groups'), groups);
    const extra: unknown = self.at('status.userInfo.extra');
    assert.ok(typeof extra === 'object' && extra !== null);
    assert.deepEqual(Reflect.get(extra, 'authentication.kubernetes.io/pod-name'), ['bearer']);
    assert.deepEqual(Reflect.get(extra, 'authentication.kubernetes.io/pod-uid'), [pod.at('metadata.uid')]);
    assert.deepEqual(Reflect.get(extra, 'authentication.kubernetes.io/node-name'), ['worker-9']);
  });

  test('may do what RBAC grants its account, and nothing else', async () => {
    const rbac = '/apis/rbac.authorization.k8s.io/v1/namespaces/default';
    const token = await tokenFor('default');
    const message =
      'pods is forbidden: User "system:serviceaccount:default:default" cannot list resource "pods" in API group "" in the namespace "default"';
    assert.equal((await callWith(token, 'GET', PODS)).at('message'), message);
    await created(`${rbac}/roles`, {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'Role',
      metadata: { name: 'reader' },
      rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['list'] }],
    });
    await created(`${rbac}/rolebindings`, {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: { name: 'reader' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'reader' },
      subjects: [{ kind: 'ServiceAccount', name: 'default', namespace: 'default' }],
    });
    await eventually(async () => (await callWith(token, 'GET', PODS)).statusCode === 200);
    assert.equal((await callWith(token, 'GET', ACCOUNTS)).statusCode, 403);
  });

  test('is a JWT with upstream’s claims, extended for pods whose programs never read it again', async () => {
    const answer = await requestToken('default', { expirationSeconds: 3607 });
    assert.equal(claimAt(answer, 'exp') - claimAt(answer, 'iat'), 3607);
    const pod = await call('GET', `${PODS}/bearer`);
    const reference = { apiVersion: 'v1', kind: 'Pod', name: 'bearer', uid: pod.at('metadata.uid') };
    const bound = await requestToken('default', { expirationSeconds: 3607, boundObjectRef: reference });
    assert.equal(claimAt(bound, 'exp') - claimAt(bound, 'iat'), 365 * 24 * 3600);
    const untilMs = Date.parse(String(bound.at('status.expirationTimestamp'))) - clock.now();
    assert.ok(untilMs > 3_600_000 && untilMs <= 3_607_000, 'the bearer is told the time it asked for');
    const claims: unknown = claimsIn(String(bound.at('status.token')));
    assert.ok(typeof claims === 'object' && claims !== null);
    assert.equal(Reflect.get(claims, 'iss'), TEST_ISSUER);
    assert.deepEqual(Reflect.get(claims, 'aud'), [TEST_ISSUER]);
    assert.equal(Reflect.get(claims, 'sub'), 'system:serviceaccount:default:default');
  });

  const refusals: readonly { it: string; account?: string; spec?: object; metadata?: object; code: number; message: RegExp }[] = [
    { it: 'of an account that is not there', account: 'nobody', code: 404, message: /^serviceaccounts "nobody" not found$/ },
    {
      it: 'for less than ten minutes',
      spec: { expirationSeconds: 599 },
      code: 422,
      message: /spec\.expirationSeconds: Invalid value: 599: may not specify a duration less than 10 minutes$/,
    },
    {
      it: 'for more than a hundred years',
      spec: { expirationSeconds: 2 ** 32 + 1 },
      code: 422,
      message: /may not specify a duration larger than 2\^32 seconds$/,
    },
    { it: 'under another name', metadata: { name: 'other' }, code: 422, message: /must match the service account name if specified$/ },
    {
      it: 'bound to a pod that is not there',
      spec: { boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: 'gone' } },
      code: 404,
      message: /^pods "gone" not found$/,
    },
    {
      it: 'bound to a pod that was another one',
      spec: { boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: 'plain', uid: 'other' } },
      code: 409,
      message: /the UID in the bound object reference \(other\) does not match the UID in record/,
    },
    {
      it: 'bound to a pod of another account',
      spec: { boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: 'pulls' } },
      code: 400,
      message: /cannot bind token for serviceaccount "default" to pod running with different serviceaccount name/,
    },
    {
      it: 'bound to a Deployment',
      spec: { boundObjectRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'x' } },
      code: 400,
      message: /^cannot bind token for object of type apps\/v1, Kind=Deployment$/,
    },
  ];
  for (const { it, account = 'default', spec, metadata, code, message } of refusals) {
    test(`${it} is not given`, async () => {
      const refused = await requestToken(account, spec, metadata);
      assert.equal(refused.statusCode, code, refused.text);
      assert.match(String(refused.at('message')), message);
    });
  }

  test('that is not one, or was tampered with, or signed by another, is Unauthorized', async () => {
    const token = await tokenFor('default');
    const [head = '', , signature = ''] = token.split('.');
    const forged = Buffer.from(JSON.stringify({ ...Object(claimsIn(token)), sub: 'system:serviceaccount:kube-system:default' }));
    const strangers = createTokenKeys(await createTestKeys());
    const none = Buffer.from('{"alg":"none"}').toString('base64url');
    const wrong = {
      'no token': 'made-up',
      'three words': 'a.b.c',
      tampered: `${head}.${forged.toString('base64url')}.${signature}`,
      'without its signature': `${none}.${token.split('.')[1]}.`,
      'signed by another': await strangers.sign(Object(claimsIn(token))),
      'of another issuer': await createTokenKeys(server.tokenKeys).sign({ ...Object(claimsIn(token)), iss: 'https://elsewhere' }),
      'much too long': `${token}${'A'.repeat(9_000)}`,
    };
    for (const [it, given] of Object.entries(wrong)) {
      const refused = await callWith(given, 'GET', '/version');
      assert.deepEqual([refused.statusCode, refused.at('message'), refused.at('reason')], [401, 'Unauthorized', 'Unauthorized'], it);
      assert.match(String((await review(given)).at('status.error')), /^invalid bearer token$/, it);
    }
  });

  test('for others is none for this server', async () => {
    const token = await tokenFor('default', { audiences: ['vault'] });
    assert.equal((await callWith(token, 'GET', '/version')).statusCode, 401);
    const refused = await review(token);
    assert.equal(
      refused.at('status.error'),
      `[invalid bearer token, token audiences ["vault"] is invalid for the target audiences ["${TEST_ISSUER}"]]`,
    );
    const reviewed = await review(token, ['vault', 'consul']);
    assert.deepEqual([reviewed.at('status.authenticated'), reviewed.at('status.audiences')], [true, ['vault']]);
  });

  test('ends with its time', async () => {
    const token = await tokenFor('default', { expirationSeconds: 600 });
    try {
      aheadMs = 650_000;
      assert.equal((await callWith(token, 'GET', '/version')).statusCode, 200);
      aheadMs = 662_000;
      assert.equal((await callWith(token, 'GET', '/version')).statusCode, 401);
      assert.equal((await review(token)).at('status.error'), '[invalid bearer token, service account token has expired]');
    } finally {
      aheadMs = 0;
    }
  });

  test('ends with its pod, also when another of that name follows', async () => {
    await created(PODS, aPod('brief'));
    const token = await tokenFor('default', { boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: 'brief' } });
    assert.equal((await callWith(token, 'GET', '/version')).statusCode, 200);
    await call('DELETE', `${PODS}/brief`);
    await eventually(async () => (await callWith(token, 'GET', '/version')).statusCode === 401);
    assert.equal((await review(token)).at('status.error'), '[invalid bearer token, service account token has been invalidated]');
    await created(PODS, aPod('brief'));
    assert.equal((await callWith(token, 'GET', '/version')).statusCode, 401);
  });

  test('ends with its secret and with its node', async () => {
    const secrets = '/api/v1/namespaces/default/secrets';
    await created(secrets, { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'tie' } });
    const bySecret = await tokenFor('default', { boundObjectRef: { apiVersion: 'v1', kind: 'Secret', name: 'tie' } });
    const byNode = await tokenFor('default', { boundObjectRef: { apiVersion: 'v1', kind: 'Node', name: 'worker-9' } });
    for (const [token, path] of [
      [bySecret, `${secrets}/tie`],
      [byNode, '/api/v1/nodes/worker-9'],
    ] as const) {
      assert.equal((await callWith(token, 'GET', '/version')).statusCode, 200);
      await call('DELETE', path);
      await eventually(async () => (await callWith(token, 'GET', '/version')).statusCode === 401);
    }
  });

  test('ends with its account, also when another of that name follows', async () => {
    await created(ACCOUNTS, anAccount('leaving'));
    const token = await tokenFor('leaving');
    assert.equal((await callWith(token, 'GET', '/version')).statusCode, 200);
    await call('DELETE', `${ACCOUNTS}/leaving`);
    await eventually(async () => (await callWith(token, 'GET', '/version')).statusCode === 401);
    assert.equal((await review(token)).at('status.error'), '[invalid bearer token, serviceaccounts "leaving" not found]');
    await created(ACCOUNTS, anAccount('leaving'));
    assert.equal((await callWith(token, 'GET', '/version')).statusCode, 401);
    assert.equal((await callWith(await tokenFor('leaving'), 'GET', '/version')).statusCode, 200);
  });
});

describe('credentials', () => {
  test('a certificate goes before a token, and another way to authorize is nobody’s', async () => {
    const headers = { authorization: `Bearer ${await tokenFor('default')}` };
    const self = await send(server, WHO_AM_I, { method: 'POST', body: WHO, headers });
    assert.equal(self.at('status.userInfo.username'), 'kubernetes-admin');
    const basic = await send(server, PODS, { as: null, headers: { authorization: 'Basic YTpi' } });
    assert.match(String(basic.at('message')), /User "system:anonymous"/);
  });

  test('a certificate of another authority does not matter beside a valid token', async () => {
    await using stranger = await createTestApiServer();
    const token = await tokenFor('default');
    const path = '/version';
    assert.equal((await send(server, path, { as: stranger.admin })).statusCode, 401);
    assert.equal((await send(server, path, { as: stranger.admin, headers: { authorization: `Bearer ${token}` } })).statusCode, 200);
  });

  test('a review needs a token', async () => {
    assert.equal((await review('')).at('message'), 'token is required for TokenReview in authentication');
  });

  test('whoever may impersonate is judged as the other', async () => {
    const headers = { 'impersonate-user': 'system:serviceaccount:default:other' };
    const self = await send(server, WHO_AM_I, { method: 'POST', body: WHO, headers });
    assert.equal(self.at('status.userInfo.username'), 'system:serviceaccount:default:other');
    const refused = await send(server, '/api/v1/nodes', { headers });
    assert.match(String(refused.at('message')), /User "system:serviceaccount:default:other" cannot list resource "nodes"/);
    const jane = await server.client('jane');
    const forbidden = await send(server, '/version', { as: jane, headers });
    const message =
      'serviceaccounts "other" is forbidden: User "jane" cannot impersonate resource "serviceaccounts" in API group "" in the namespace "default"';
    assert.equal(forbidden.at('message'), message);
  });
});

describe('the issuer', () => {
  test('tells service accounts how its tokens are checked, and nobody else', async () => {
    const token = await tokenFor('default');
    const configuration = await callWith(token, 'GET', '/.well-known/openid-configuration');
    assert.deepEqual(configuration.body, {
      issuer: TEST_ISSUER,
      jwks_uri: 'https://192.0.2.1:6443/openid/v1/jwks',
      response_types_supported: ['id_token'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['ES256'],
    });
    const keys = await callWith(token, 'GET', '/openid/v1/jwks');
    assert.match(String(keys.headers['content-type']), /^application\/jwk-set\+json/);
    const head: unknown = JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString());
    assert.deepEqual(head, { alg: 'ES256', kid: keys.at('keys.0.kid') });
    assert.equal((await send(server, '/openid/v1/jwks', { as: null })).statusCode, 403);
  });
});

function claimAt(answer: TestResponse, claim: string): number {
  const claims: unknown = claimsIn(String(answer.at('status.token')));
  return Number(Reflect.get(Object(claims), claim));
}

/** Policy and caches are a moment behind what was written. */
async function eventually(isTrue: () => Promise<boolean>): Promise<void> {
  const deadline = systemClock.monotonic() + 5_000;
  while (!(await isTrue())) {
    if (systemClock.monotonic() > deadline) throw new Error('it did not come true');
    await systemClock.sleep(5, AbortSignal.timeout(5_000));
  }
}
