import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ConfigMap } from '#api/generated/types.ts';
import { type RootCaSnapshot, reconcileRootCa } from './root-ca-publisher.ts';
import { aNamespace, describeActions, metadataOf, secondsAgo } from './testing/builders.ts';

const rootCa = 'PEM';

/** As the controller itself makes it. */
function published(): ConfigMap {
  const [action] = reconcileRootCa({ namespace: aNamespace('shop'), configMap: undefined, rootCa });
  assert.ok(action?.verb === 'create');
  const { annotations = {} } = action.object.metadata;
  const metadata = metadataOf('kube-root-ca.crt', { namespace: 'shop', annotations });
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { 'ca.crt': rootCa } };
}

function snapshotOf(configMap: ConfigMap | undefined, more: Partial<RootCaSnapshot> = {}): RootCaSnapshot {
  return { namespace: aNamespace('shop'), configMap, rootCa, ...more };
}

const cases: readonly { it: string; given: RootCaSnapshot; actions: readonly string[] }[] = [
  { it: 'publishes into a new namespace', given: snapshotOf(undefined), actions: ['create configmaps'] },
  { it: 'leaves what says the same', given: snapshotOf(published()), actions: [] },
  {
    it: 'puts right what somebody changed',
    given: snapshotOf({ ...published(), data: { 'ca.crt': 'other' } }),
    actions: ['update configmaps kube-root-ca.crt'],
  },
  {
    it: 'takes out what somebody added',
    given: snapshotOf({ ...published(), data: { 'ca.crt': rootCa, more: 'x' } }),
    actions: ['update configmaps kube-root-ca.crt'],
  },
  {
    it: 'publishes a new authority',
    given: snapshotOf(published(), { rootCa: 'NEW' }),
    actions: ['update configmaps kube-root-ca.crt'],
  },
  {
    it: 'publishes nothing into a namespace that is being emptied',
    given: snapshotOf(undefined, { namespace: aNamespace('shop', { deletionTimestamp: secondsAgo(1) }) }),
    actions: [],
  },
];
for (const { it, given, actions } of cases) {
  test(`the publisher of the authority ${it}`, () => assert.deepEqual(describeActions(reconcileRootCa(given)), actions));
}

test('annotations of others stay', () => {
  const own = published();
  const annotated = { ...own, metadata: { ...own.metadata, annotations: { theirs: 'x' } } };
  const [action] = reconcileRootCa(snapshotOf(annotated));
  assert.equal(action?.verb === 'update' && action.object.metadata.annotations?.theirs, 'x');
});
