import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deployments, pods } from '#api/generated/resources.ts';
import type { Namespace } from '#api/generated/types.ts';
import { type NamespaceSnapshot, reconcileNamespace } from './namespace.ts';
import { aDeployment, aPod, describeActions, metadataOf, NOW_MS, secondsAgo } from './testing/builders.ts';

const namespace: Namespace = {
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: metadataOf('team', { namespace: '', deletionTimestamp: secondsAgo(1) }),
  spec: { finalizers: ['kubernetes', 'example.org/quota'] },
  status: { phase: 'Terminating' },
};

function snapshotOf(more: Partial<NamespaceSnapshot>): NamespaceSnapshot {
  return { namespace, content: [], failedGroups: [], failure: undefined, nowMs: NOW_MS, ...more };
}

const going = aPod('one', { metadata: { deletionTimestamp: secondsAgo(1), finalizers: ['example.org/wait'] } });

const cases: readonly { it: string; given: NamespaceSnapshot; actions: readonly string[] }[] = [
  { it: 'lets an empty namespace go', given: snapshotOf({}), actions: ['update namespaces team'] },
  {
    it: 'deletes what is there and looks again soon',
    given: snapshotOf({ content: [{ type: deployments, objects: [aDeployment()] }] }),
    actions: ['delete deployments web', 'requeue 100'],
  },
  {
    it: 'says what it waits for, and waits',
    given: snapshotOf({ content: [{ type: pods, objects: [going] }] }),
    actions: ['updateStatus namespaces team', 'requeue 5000'],
  },
  {
    it: 'keeps a namespace when a group cannot be asked',
    given: snapshotOf({ failedGroups: ['metrics.k8s.io'] }),
    actions: ['updateStatus namespaces team', 'requeue 5000'],
  },
];
for (const { it, given, actions } of cases) {
  test(`the namespace controller ${it}`, () => assert.deepEqual(describeActions(reconcileNamespace(given)), actions));
}

test('only our finalizer is removed, through the finalize subresource', () => {
  const [action] = reconcileNamespace(snapshotOf({}));
  assert.equal(action?.verb === 'update' && action.subresource, 'finalize');
  assert.match(JSON.stringify(action), /"finalizers":\["example.org\/quota"\]/);
});

test('the conditions name what remains and which finalizers hold it', () => {
  const text = JSON.stringify(reconcileNamespace(snapshotOf({ content: [{ type: pods, objects: [going] }] })));
  assert.match(text, /"reason":"SomeResourcesRemain","message":"Some resources are remaining: pods. has 1 resource instances"/);
  assert.match(text, /Some content in the namespace has finalizers remaining: example.org\/wait in 1 resource instances/);
  assert.match(text, /"reason":"ResourcesDiscovered"/);
});
