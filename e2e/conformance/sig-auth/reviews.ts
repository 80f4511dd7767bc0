/** What a review says that somebody may do is what he may do. */
import assert from 'node:assert/strict';
import type { Json } from '../../cluster.ts';
import type { ConformanceTest, TestScope } from '../framework/conformance-test.ts';

const GROUP = '/apis/authorization.k8s.io/v1';

/** Whether the account may list the namespace's ConfigMaps, by trying as it. */
async function canList(t: TestScope, user: Json): Promise<boolean> {
  const as = [`--as=${user.user}`, `--as-uid=${user.uid}`, ...user.groups.map((group: string) => `--as-group=${group}`)];
  const { code, stderr } = await t.tryKubectl(['get', 'configmaps', ...as]);
  if (code !== 0) assert.match(stderr, /Error from server \(Forbidden\)/);
  return code === 0;
}

async function reviewsAccess(t: TestScope): Promise<void> {
  const account = await t.resource('v1/serviceaccounts').create({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'e2e' } });
  const groups = ['system:authenticated', 'system:serviceaccounts', `system:serviceaccounts:${t.namespace}`];
  const user = { user: `system:serviceaccount:${t.namespace}:e2e`, groups, uid: account.metadata.uid };
  const spec = { ...user, resourceAttributes: { verb: 'list', resource: 'configmaps', namespace: t.namespace, version: 'v1' } };
  const review = async (kind: string, path: string): Promise<boolean> => {
    const metadata = kind.startsWith('Local') ? { namespace: t.namespace } : {};
    const body = { apiVersion: 'authorization.k8s.io/v1', kind, metadata, spec };
    return (await t.cluster.request({ method: 'POST', path, body })).status.allowed;
  };
  const expectAgreement = async (isAllowed: boolean): Promise<void> => {
    assert.equal(await canList(t, user), isAllowed);
    assert.equal(await review('SubjectAccessReview', `${GROUP}/subjectaccessreviews`), isAllowed);
    assert.equal(await review('LocalSubjectAccessReview', `${GROUP}/namespaces/${t.namespace}/localsubjectaccessreviews`), isAllowed);
  };
  await expectAgreement(false);
  await t.kubectl(['create', 'rolebinding', 'e2e', '--clusterrole=view', `--serviceaccount=${t.namespace}:e2e`]);
  await t.kubectl(['auth', 'can-i', 'list', 'configmaps', `--as=${user.user}`]);
  await expectAgreement(true);
}

export const reviewTests: readonly ConformanceTest[] = [
  { name: '[sig-auth] SubjectReview should support SubjectReview API operations [Conformance]', run: reviewsAccess },
];
