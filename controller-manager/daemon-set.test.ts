import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ControllerRevision, DaemonSet, Node, Pod } from '#api/generated/types.ts';
import { createFakeClock } from '#component/testing/fake-clock.ts';
import { revisionName } from './controller-revisions.ts';
import { newDaemonPod, placementOn, targetNode } from './daemon-set/daemon-pods.ts';
import { createFailedPodBackOff } from './daemon-set/failed-pod-back-off.ts';
import { type DaemonSetSnapshot, reconcileDaemonSet } from './daemon-set.ts';
import { aDaemonSet, aNode, announcements, aPod, aRevision, aTemplate, describeActions, NOW_MS, secondsAgo } from './testing/builders.ts';

const [alpha, beta, gamma] = [aNode('alpha'), aNode('beta'), aNode('gamma')];
const first = aDaemonSet();
const second = aDaemonSet({ template: aTemplate('v2') });
const firstRevision = aRevision(first, 1);
const secondRevision = aRevision(second, 2);

const hashOf = ({ metadata }: ControllerRevision) => metadata.labels?.['controller-revision-hash'] ?? '';

interface DaemonOptions {
  readonly revision?: ControllerRevision;
  readonly phase?: string;
  readonly readySince?: string;
  readonly isGoing?: boolean;
  readonly born?: string;
}

/** An available pod of the first template on a node, unless told otherwise. */
function aDaemon(name: string, node: string, options: DaemonOptions & { readonly isUnready?: boolean } = {}): Pod {
  const { revision = firstRevision, phase = 'Running', isGoing = false, isUnready = false, born = secondsAgo(900) } = options;
  return aPod(name, {
    owner: first,
    node,
    phase,
    ...(isUnready ? {} : { readySince: options.readySince ?? secondsAgo(600) }),
    metadata: {
      labels: { app: 'web', 'controller-revision-hash': hashOf(revision) },
      creationTimestamp: born,
      ...(isGoing ? { deletionTimestamp: secondsAgo(1) } : {}),
    },
  });
}

function snapshotOf(
  daemonSet: DaemonSet,
  nodes: readonly Node[],
  candidates: readonly Pod[],
  more: Partial<DaemonSetSnapshot> = {},
): DaemonSetSnapshot {
  let count = 0;
  const revisions = more.revisions ?? (daemonSet === first ? [firstRevision] : [firstRevision, aRevision(daemonSet, 2)]);
  return {
    daemonSet,
    nodes,
    candidates,
    revisions,
    namesake: revisions.find(({ metadata }) => metadata.name === revisionName(daemonSet)),
    mayAdopt: true,
    mayCreate: true,
    nowMs: NOW_MS,
    suffix: () => `x${count++}`,
    failedPodWaitMs: () => 0,
    ...more,
  };
}

const strategy = (rollingUpdate: object) => ({ updateStrategy: { type: 'RollingUpdate', rollingUpdate } });
const surging = aDaemonSet({ template: aTemplate('v2'), ...strategy({ maxUnavailable: 0, maxSurge: 1 }) });
const surgingRevision = aRevision(surging, 2);
const onDelete = aDaemonSet({ template: aTemplate('v2'), updateStrategy: { type: 'OnDelete' } });
const cordoned = aNode('beta', { spec: { taints: [{ key: 'dedicated', value: 'db', effect: 'NoSchedule' }] } });
const drained = aNode('beta', { spec: { taints: [{ key: 'dedicated', value: 'db', effect: 'NoExecute' }] } });
const unready = aNode('beta', { spec: { taints: [{ key: 'node.kubernetes.io/not-ready', effect: 'NoExecute' }] } });
const unbound = aPod('lost', { owner: first, spec: newDaemonPod(first, 'gone', { hash: 'h', suffix: 'x' }).spec });

const cases: readonly { it: string; given: DaemonSetSnapshot; actions: readonly string[] }[] = [
  {
    it: 'writes down its template before it makes pods',
    given: snapshotOf(first, [alpha], [], { revisions: [] }),
    actions: ['create controllerrevisions'],
  },
  {
    it: 'asks for another name when somebody has its revision',
    given: snapshotOf(first, [alpha], [], { revisions: [], namesake: { ...firstRevision, data: {} } }),
    actions: ['updateStatus web collision 1'],
  },
  { it: 'makes a pod for each node', given: snapshotOf(first, [alpha, beta], []), actions: ['create on alpha', 'create on beta'] },
  { it: 'makes nothing where one is', given: snapshotOf(first, [alpha], [aDaemon('a', 'alpha')]), actions: [] },
  {
    it: 'waits for a terminating pod to be gone',
    given: snapshotOf(first, [alpha], [aDaemon('a', 'alpha', { isGoing: true })]),
    actions: [],
  },
  { it: 'keeps off a tainted node', given: snapshotOf(first, [alpha, cordoned], [aDaemon('a', 'alpha')]), actions: [] },
  {
    it: 'stays on a node that was tainted later',
    given: snapshotOf(first, [alpha, cordoned], [aDaemon('a', 'alpha'), aDaemon('b', 'beta')]),
    actions: [],
  },
  {
    it: 'leaves a node that drives it out',
    given: snapshotOf(first, [alpha, drained], [aDaemon('a', 'alpha'), aDaemon('b', 'beta')]),
    actions: ['delete b'],
  },
  { it: 'runs on a node that is not ready', given: snapshotOf(first, [unready], []), actions: ['create on beta'] },
  {
    it: 'keeps the oldest of several pods on a node',
    given: snapshotOf(first, [alpha], [aDaemon('young', 'alpha', { born: secondsAgo(10) }), aDaemon('old', 'alpha')]),
    actions: ['delete young'],
  },
  {
    it: 'replaces a failed pod and says so',
    given: snapshotOf(first, [alpha], [aDaemon('a', 'alpha', { phase: 'Failed', isUnready: true })]),
    actions: ['Found failed daemon pod default/a on node alpha, will try to kill it', 'delete a'],
  },
  {
    it: 'leaves a failed pod alone for a while when they keep failing',
    given: snapshotOf(first, [alpha], [aDaemon('a', 'alpha', { phase: 'Failed', isUnready: true })], { failedPodWaitMs: () => 4_000 }),
    actions: ['requeue 4000'],
  },
  {
    it: 'replaces a pod that came to an end',
    given: snapshotOf(first, [alpha], [aDaemon('a', 'alpha', { phase: 'Succeeded', isUnready: true })]),
    actions: ['Found succeeded daemon pod default/a on node alpha, will try to delete it', 'delete a'],
  },
  { it: 'removes pods meant for a node that is gone', given: snapshotOf(first, [], [unbound]), actions: ['delete lost'] },
  {
    it: 'makes no pods in a namespace that is being deleted',
    given: snapshotOf(first, [alpha], [], { mayCreate: false }),
    actions: [],
  },
  {
    it: 'adopts a pod before it acts on it',
    given: snapshotOf(first, [alpha], [aPod('orphan', { node: 'alpha' })]),
    actions: ['patch pods orphan'],
  },
  {
    it: 'updates one node at a time',
    given: snapshotOf(second, [alpha, beta], [aDaemon('a', 'alpha'), aDaemon('b', 'beta')]),
    actions: ['delete a'],
  },
  {
    it: 'waits until the updated pod is available',
    given: snapshotOf(second, [alpha, beta], [aDaemon('a', 'alpha', { revision: secondRevision, isUnready: true }), aDaemon('b', 'beta')]),
    actions: [],
  },
  {
    it: 'replaces old pods that are broken whatever the limit',
    given: snapshotOf(
      second,
      [alpha, beta, gamma],
      [aDaemon('a', 'alpha', { isUnready: true }), aDaemon('b', 'beta', { isUnready: true }), aDaemon('c', 'gamma')],
    ),
    actions: ['delete a', 'delete b'],
  },
  {
    it: 'updates nothing by itself when told to wait for deletions',
    given: snapshotOf(onDelete, [alpha], [aDaemon('a', 'alpha')]),
    actions: [],
  },
  {
    it: 'starts a new pod beside the old one when it may surge',
    given: snapshotOf(surging, [alpha, beta], [aDaemon('a', 'alpha'), aDaemon('b', 'beta')]),
    actions: ['create on alpha'],
  },
  {
    it: 'removes the old pod when the new one is available',
    given: snapshotOf(
      surging,
      [alpha, beta],
      [aDaemon('a', 'alpha'), aDaemon('a2', 'alpha', { revision: surgingRevision }), aDaemon('b', 'beta')],
    ),
    actions: ['delete a'],
  },
  {
    it: 'goes back to an earlier template under a new number',
    given: snapshotOf(first, [alpha], [aDaemon('a', 'alpha')], { revisions: [firstRevision, secondRevision] }),
    actions: ['update controllerrevisions 3'],
  },
  {
    it: 'forgets the oldest templates that no pod has',
    given: snapshotOf(aDaemonSet({ revisionHistoryLimit: 1, template: aTemplate('v3') }), [alpha], [aDaemon('a', 'alpha')], {
      revisions: [firstRevision, secondRevision, aRevision(aDaemonSet({ template: aTemplate('v3') }), 3)],
      daemonSet: aDaemonSet({ revisionHistoryLimit: 1, template: aTemplate('v3'), updateStrategy: { type: 'OnDelete' } }),
    }),
    actions: [`delete ${secondRevision.metadata.name}`],
  },
];
for (const { it, given, actions } of cases) {
  test(`a DaemonSet ${it}`, () => assert.deepEqual(describeDaemonActions(given), actions));
}

/** What is done, without the status, which has tests of its own. */
function describeDaemonActions(given: DaemonSetSnapshot): readonly string[] {
  return reconcileDaemonSet(given).flatMap((action) => {
    if (action.verb === 'create' && isPod(action.object)) return [`create on ${targetNode(action.object)}`];
    if (action.verb === 'delete') return [`delete ${action.key.name}`];
    if (action.verb === 'event') return [action.message];
    if (action.verb === 'update' && 'revision' in action.object) return [`update controllerrevisions ${action.object.revision}`];
    if (action.verb !== 'updateStatus') return describeActions([action]);
    const collisions = isDaemonSet(action.object) ? action.object.status?.collisionCount : undefined;
    return collisions === undefined ? [] : [`updateStatus web collision ${collisions}`];
  });
}

const isPod = (object: object): object is Pod => 'kind' in object && object.kind === 'Pod';
const isDaemonSet = (object: object): object is DaemonSet => 'kind' in object && object.kind === 'DaemonSet';

function statusOf(given: DaemonSetSnapshot) {
  const [object] = reconcileDaemonSet(given).flatMap((action) => (action.verb === 'updateStatus' ? [action.object] : []));
  return object !== undefined && isDaemonSet(object) ? object.status : undefined;
}

test('the status counts nodes, not pods, and is written when it changed', () => {
  const nodes = [alpha, cordoned, gamma];
  const pods = [
    aDaemon('a', 'alpha'),
    aDaemon('a2', 'alpha', { born: secondsAgo(5) }),
    aDaemon('b', 'beta'),
    aDaemon('c', 'gamma', { revision: secondRevision }),
  ];
  const status = statusOf(snapshotOf(second, nodes, pods));
  assert.deepEqual(status, {
    currentNumberScheduled: 2,
    desiredNumberScheduled: 2,
    numberMisscheduled: 1,
    numberReady: 2,
    numberAvailable: 2,
    updatedNumberScheduled: 1,
    observedGeneration: 1,
  });
  assert.equal(statusOf(snapshotOf({ ...second, ...(status === undefined ? {} : { status }) }, nodes, pods)), undefined);
});

test('a ready pod is available once it has been ready long enough, and that moment is waited for', () => {
  const patient = { ...first, spec: { ...first.spec, minReadySeconds: 30 } };
  const given = snapshotOf(patient, [alpha], [aDaemon('a', 'alpha', { readySince: secondsAgo(10) })], { revisions: [firstRevision] });
  assert.deepEqual([statusOf(given)?.numberReady, statusOf(given)?.numberUnavailable], [1, 1]);
  assert.ok(describeActions(reconcileDaemonSet(given)).includes('requeue 20000'));
});

test("a pod is tied to its node and tolerates the node's troubles", () => {
  const [action] = reconcileDaemonSet(snapshotOf(first, [alpha], []));
  assert.ok(action?.verb === 'create' && isPod(action.object));
  const { metadata, spec } = action.object;
  assert.deepEqual(
    [metadata.name, metadata.generateName, metadata.labels?.['controller-revision-hash']],
    ['web-x0', 'web-', hashOf(firstRevision)],
  );
  assert.equal(spec.nodeName, undefined);
  assert.deepEqual(
    spec.tolerations?.map(({ key, effect }) => `${key?.replace('node.kubernetes.io/', '')}:${effect}`),
    [
      'not-ready:NoExecute',
      'unreachable:NoExecute',
      'disk-pressure:NoSchedule',
      'memory-pressure:NoSchedule',
      'pid-pressure:NoSchedule',
      'unschedulable:NoSchedule',
    ],
  );
  assert.deepEqual(announcements([action]), ['Created pod: {name}']);
});

test('a pod runs only where the template lets it', () => {
  const choosy = aDaemonSet({ template: { ...aTemplate('v1'), spec: { containers: [], nodeSelector: { disk: 'ssd' } } } });
  const fast = { ...alpha, metadata: { ...alpha.metadata, labels: { disk: 'ssd' } } };
  assert.deepEqual(placementOn(choosy, fast), { shouldRun: true, mayStay: true });
  assert.deepEqual(placementOn(choosy, beta), { shouldRun: false, mayStay: false });
});

test('failed pods of a node are replaced with increasing patience', async () => {
  const clock = createFakeClock();
  const backOff = createFailedPodBackOff(clock);
  assert.equal(backOff.waitMs('web alpha', 'one'), 0);
  assert.equal(backOff.waitMs('web alpha', 'two'), 1_000);
  assert.equal(backOff.waitMs('web beta', 'other'), 0);
  await clock.advance(600);
  assert.equal(backOff.waitMs('web alpha', 'two'), 400);
  await clock.advance(400);
  assert.equal(backOff.waitMs('web alpha', 'two'), 0);
  assert.equal(backOff.waitMs('web alpha', 'three'), 2_000);
  await clock.advance(2_000_000);
  assert.equal(backOff.waitMs('web alpha', 'four'), 0);
});
