/** ServiceAccounts: what their pods find mounted, whom their tokens are taken for, and their lives as objects. */
import assert from 'node:assert/strict';
import type { Json } from '../../cluster.ts';
import type { ConformanceTest, TestScope } from '../framework/conformance-test.ts';
import { aPod, untilRunning } from '../framework/pods.ts';
import { createProgram } from '../framework/program.ts';

const ACCOUNTS = 'v1/serviceaccounts';
const CONFIG_MAPS = 'v1/configmaps';
const MOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';
const ROOT_CA = 'kube-root-ca.crt';

const anAccount = (name: string, rest: Json = {}): Json => ({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name }, ...rest });

/** Runs a pod to its end; gives what it printed. */
async function outputOf(t: TestScope, pod: Json): Promise<string> {
  const { name } = pod.metadata;
  await t.resource('v1/pods').create({ ...pod, spec: { ...pod.spec, restartPolicy: 'Never' } });
  const phase = await t.resource('v1/pods').until(name, `${name} has ended`, (found) => {
    return ['Succeeded', 'Failed'].includes(found?.status.phase) && found?.status.phase;
  });
  const output = await t.kubectl(['logs', name]);
  assert.equal(phase, 'Succeeded', output);
  return output.trim();
}

/** Who the API server takes the bearer of the token for, if it takes it at all. */
async function reviewToken(t: TestScope, token: string, audiences?: readonly string[]): Promise<Json> {
  const spec = audiences === undefined ? { token } : { token, audiences };
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', metadata: {}, spec };
  const { status } = await t.cluster.request({ method: 'POST', path: '/apis/authentication.k8s.io/v1/tokenreviews', body });
  return status;
}

const userOf = (t: TestScope, account: string): string => `system:serviceaccount:${t.namespace}:${account}`;

async function optsOut(t: TestScope): Promise<void> {
  const accounts = { default: undefined, mount: true, nomount: false } as const;
  const choices = { '': undefined, '-mountspec': true, '-nomountspec': false } as const;
  for (const [name, automountServiceAccountToken] of Object.entries(accounts))
    if (name !== 'default') await t.resource(ACCOUNTS).create(anAccount(name, { automountServiceAccountToken }));
  const script = `test -e ${MOUNT}/token && echo mounted || echo absent`;
  const cases = Object.entries(accounts).flatMap(([account, ofAccount]) =>
    Object.entries(choices).map(([suffix, ofPod]) => ({ account, suffix, ofPod, isMounted: ofPod ?? ofAccount ?? true })),
  );
  const seen = await Promise.all(
    cases.map(async ({ account, suffix, ofPod }) => {
      const choice = ofPod === undefined ? {} : { automountServiceAccountToken: ofPod };
      const name = `pod-service-account-${account}${suffix}`;
      const pod = aPod(name, { spec: { serviceAccountName: account, ...choice }, container: { command: ['sh', '-c', script] } });
      const output = await outputOf(t, pod);
      const { spec } = await t.resource('v1/pods').get(name);
      const isInSpec = (spec.containers[0].volumeMounts ?? []).some(({ mountPath }: Json) => mountPath === MOUNT);
      return `${name}: ${output} ${isInSpec}`;
    }),
  );
  assert.deepEqual(
    seen,
    cases.map(
      ({ account, suffix, isMounted }) => `pod-service-account-${account}${suffix}: ${isMounted ? 'mounted' : 'absent'} ${isMounted}`,
    ),
  );
}

/** Three containers of one pod: each finds the token, the authority and the namespace. */
async function mountsApiToken(t: TestScope): Promise<void> {
  await t.resource(ACCOUNTS).create(anAccount('mount-test'));
  const { metadata, spec } = aPod('pod-service-account', { spec: { serviceAccountName: 'mount-test' } });
  const [container] = spec.containers;
  const containers = ['token', 'ca.crt', 'namespace'].map((file) => ({ ...container, name: `test-${file.replace('.', '-')}` }));
  await t.resource('v1/pods').create({ apiVersion: 'v1', kind: 'Pod', metadata, spec: { ...spec, containers } });
  await untilRunning(t.resource('v1/pods'), 'pod-service-account');
  const read = (name: string, file: string) => t.kubectl(['exec', 'pod-service-account', '-c', name, '--', 'cat', `${MOUNT}/${file}`]);
  const status = await reviewToken(t, await read('test-token', 'token'));
  assert.deepEqual([status.authenticated, status.user.username], [true, userOf(t, 'mount-test')]);
  assert.equal(await read('test-ca-crt', 'ca.crt'), (await t.resource(CONFIG_MAPS).get(ROOT_CA)).data['ca.crt']);
  assert.equal(await read('test-namespace', 'namespace'), t.namespace);
}

/** A volume of a token for this audience, mounted at /projected. */
const projected = (audience?: string): Json => ({
  name: 'token',
  projected: {
    sources: [{ serviceAccountToken: { path: 'token', expirationSeconds: 7_200, ...(audience === undefined ? {} : { audience }) } }],
  },
});

async function mountsProjectedToken(t: TestScope): Promise<void> {
  const volumeMounts = [{ name: 'token', mountPath: '/projected' }];
  const pod = aPod('test-pod', { spec: { volumes: [projected()] }, container: { command: ['cat', '/projected/token'], volumeMounts } });
  const token = await outputOf(t, pod);
  const status = await reviewToken(t, token);
  assert.deepEqual([status.authenticated, status.user.username], [true, userOf(t, 'default')]);
  const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
  assert.equal(claims.exp - claims.iat, 7_200);
  assert.equal(claims['kubernetes.io'].pod.name, 'test-pod');
}

async function discoversIssuer(t: TestScope): Promise<void> {
  const specOf = await createProgram(t, 'verify-token');
  const env = [{ name: 'NODE_EXTRA_CA_CERTS', value: `${MOUNT}/ca.crt` }];
  const volumeMounts = [{ name: 'token', mountPath: '/projected' }];
  const spec = specOf(['/projected/token', 'oidc-discovery-test'], { env, volumeMounts });
  spec.volumes.push(projected('oidc-discovery-test'));
  const output = await outputOf(t, { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'oidc-discovery-validator' }, spec });
  assert.equal(output, `verified ${userOf(t, 'default')}`);
}

async function reviewsToken(t: TestScope): Promise<void> {
  const accounts = t.resource(ACCOUNTS);
  await accounts.create(anAccount('e2e-sa'));
  const request = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', metadata: {}, spec: {} };
  const { status } = await t.cluster.request({ method: 'POST', path: `${accounts.path}/e2e-sa/token`, body: request });
  assert.notEqual(status.token ?? '', '');
  const review = await reviewToken(t, status.token);
  assert.deepEqual([review.authenticated, review.error, review.user.username], [true, undefined, userOf(t, 'e2e-sa')]);
}

async function guaranteesRootCa(t: TestScope): Promise<void> {
  const configMaps = t.resource(CONFIG_MAPS);
  const first = await configMaps.until(ROOT_CA, 'it is published', (found) => found);
  await configMaps.delete(ROOT_CA);
  const again = await configMaps.until(
    ROOT_CA,
    'it is published again',
    (found) => found !== undefined && found.metadata.uid !== first.metadata.uid && found,
  );
  assert.deepEqual(again.data, first.data);
  await configMaps.update({ ...again, data: { 'ca.crt': '' } });
  await configMaps.until(ROOT_CA, 'it is put right', (found) => found?.data?.['ca.crt'] === first.data['ca.crt']);
}

async function lives(t: TestScope): Promise<void> {
  const accounts = t.resource(ACCOUNTS);
  const labelSelector = `test-serviceaccount-static=${t.suffix}`;
  const watch = await accounts.watch({ labelSelector });
  const metadata = { name: 'testserviceaccount', labels: { 'test-serviceaccount-static': t.suffix } };
  await accounts.create({ apiVersion: 'v1', kind: 'ServiceAccount', metadata });
  const added = await watch.expect('ADDED', 'the account is created');
  assert.equal(added.metadata.labels['test-serviceaccount-static'], t.suffix);
  const patched = await accounts.patch('testserviceaccount', { automountServiceAccountToken: false }, { type: 'strategic' });
  assert.equal(patched.automountServiceAccountToken, false);
  await watch.until('the patch is told', ({ type, object }) => type === 'MODIFIED' && object.automountServiceAccountToken === false);
  const { items } = await t.resource(ACCOUNTS, '').list({ labelSelector });
  assert.deepEqual(
    items.map((account: Json) => [account.metadata.namespace, account.metadata.name, account.automountServiceAccountToken]),
    [[t.namespace, 'testserviceaccount', false]],
  );
  await accounts.deleteCollection({ labelSelector });
  await watch.until('the deletion is told', ({ type }) => type === 'DELETED');
}

async function updates(t: TestScope): Promise<void> {
  const accounts = t.resource(ACCOUNTS);
  await accounts.create(anAccount('e2e-sa', { automountServiceAccountToken: false }));
  const updated = await accounts.change('e2e-sa', (account) => {
    account.automountServiceAccountToken = true;
  });
  assert.equal(updated.automountServiceAccountToken, true);
  assert.equal((await accounts.get('e2e-sa')).automountServiceAccountToken, true);
}

const PREFIX = '[sig-auth] ServiceAccounts';

export const serviceAccountTests: readonly ConformanceTest[] = [
  {
    name: `${PREFIX} ServiceAccountIssuerDiscovery should support OIDC discovery of service account issuer [Conformance]`,
    run: discoversIssuer,
  },
  { name: `${PREFIX} should allow opting out of API token automount [Conformance]`, run: optsOut },
  { name: `${PREFIX} should create a serviceAccountToken and ensure a successful TokenReview [Conformance]`, run: reviewsToken },
  { name: `${PREFIX} should guarantee kube-root-ca.crt exist in any namespace [Conformance]`, run: guaranteesRootCa },
  { name: `${PREFIX} should mount an API token into pods [Conformance]`, run: mountsApiToken },
  { name: `${PREFIX} should mount projected service account token [Conformance]`, run: mountsProjectedToken },
  { name: `${PREFIX} should run through the lifecycle of a ServiceAccount [Conformance]`, run: lives },
  { name: `${PREFIX} should update a ServiceAccount [Conformance]`, run: updates },
];
