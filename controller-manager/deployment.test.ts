import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Deployment, ReplicaSet } from '#api/generated/types.ts';
import { findCondition } from '#api/meta/condition.ts';
import type { ApiObject } from '#api/meta/resource-type.ts';
import type { Action } from '#client/apply-actions.ts';
import { REVISION, REVISION_HISTORY, withAnnotations } from './deployment/deployment-annotations.ts';
import { replicaSetName } from './deployment/rollout.ts';
import { type DeploymentSnapshot, reconcileDeployment } from './deployment.ts';
import {
  aDeployment,
  announcements,
  aPod,
  aReplicaSet,
  aTemplate,
  describeActions,
  metadataOf,
  NOW_MS,
  secondsAgo,
} from './testing/builders.ts';

function snapshotOf(
  deployment: Deployment,
  replicaSets: readonly ReplicaSet[] = [],
  more: Partial<DeploymentSnapshot> = {},
): DeploymentSnapshot {
  const namesake = replicaSets.find(({ metadata }) => metadata.name === replicaSetName(deployment));
  return {
    deployment,
    candidates: replicaSets,
    namesake,
    pods: [],
    mayAdopt: true,
    mayCreate: true,
    nowMs: NOW_MS,
    createFailure: undefined,
    ...more,
  };
}

/**
 * A cluster of one Deployment that plays what the actions ask for: pods of a ReplicaSet appear and become available one round later. `check`
 * sees every state on the way.
 */
function createWorld(initial: Deployment) {
  let deployment = initial;
  let replicaSets: readonly ReplicaSet[] = [];
  const events: string[] = [];
  let minuteOfBirth = 0;

  const isDeployment = (object: ApiObject): object is Deployment => object.kind === 'Deployment';
  const isReplicaSet = (object: ApiObject): object is ReplicaSet => object.kind === 'ReplicaSet';
  const apply = (action: Action): void => {
    if (action.verb === 'create') {
      const born = secondsAgo(3_000 - 60 * minuteOfBirth++);
      const object = {
        ...action.object,
        metadata: metadataOf(action.object.metadata.name ?? '', { ...action.object.metadata, creationTimestamp: born, generation: 1 }),
      };
      if (isReplicaSet(object)) replicaSets = [...replicaSets, object];
    } else if (action.verb === 'update' || action.verb === 'updateStatus') {
      const { object } = action;
      if (isDeployment(object)) deployment = object;
      if (isReplicaSet(object)) replicaSets = replicaSets.map((other) => (other.metadata.uid === object.metadata.uid ? object : other));
    } else if (action.verb === 'delete') {
      replicaSets = replicaSets.filter(({ metadata }) => metadata.uid !== action.uid);
    }
  };
  const letPodsRun = (): void => {
    replicaSets = replicaSets.map((replicaSet) => {
      const { replicas = 0 } = replicaSet.spec;
      const status = { replicas, readyReplicas: replicas, availableReplicas: replicas, observedGeneration: 1 };
      return { ...replicaSet, status };
    });
  };
  return {
    deployment: () => deployment,
    replicaSets: () => replicaSets,
    events,
    edit: (spec: Partial<Deployment['spec']>) => {
      const generation = (deployment.metadata.generation ?? 0) + 1;
      deployment = { ...deployment, metadata: { ...deployment.metadata, generation }, spec: { ...deployment.spec, ...spec } };
    },
    converge: (check: (deployment: Deployment, replicaSets: readonly ReplicaSet[]) => void = () => {}): number => {
      for (let round = 1; round <= 50; round++) {
        const actions = reconcileDeployment(snapshotOf(deployment, replicaSets));
        const writes = actions.filter(({ verb }) => verb !== 'requeue');
        if (writes.length === 0) return round;
        events.push(...announcements(actions));
        for (const action of writes) apply(action);
        check(deployment, replicaSets);
        letPodsRun();
      }
      throw new Error('does not come to rest');
    },
    sizes: () => replicaSets.map(({ spec }) => spec.replicas),
  };
}

test('a new Deployment gets one ReplicaSet and comes to rest', () => {
  const world = createWorld(aDeployment());
  world.converge();
  assert.deepEqual(world.sizes(), [3]);
  const [replicaSet] = world.replicaSets();
  assert.match(replicaSet?.metadata.name ?? '', /^web-[bcdfghjklmnpqrstvwxz2456789]{1,10}$/);
  assert.deepEqual(world.events, [`Scaled up replica set ${replicaSet?.metadata.name} from 0 to 3`]);
  const { status, metadata } = world.deployment();
  assert.equal(metadata.annotations?.[REVISION], '1');
  assert.equal(status?.availableReplicas, 3);
  assert.equal(findCondition(status?.conditions, 'Available')?.reason, 'MinimumReplicasAvailable');
  const progressing = findCondition(status?.conditions, 'Progressing');
  assert.equal(progressing?.reason, 'NewReplicaSetAvailable');
  assert.equal(progressing?.message, `ReplicaSet "${replicaSet?.metadata.name}" has successfully progressed.`);
});

for (const [maxSurge, maxUnavailable] of [
  ['25%', '25%'],
  [1, 0],
  [0, 1],
  ['100%', 0],
  [0, 0],
] as const) {
  test(`a rolling update with surge ${maxSurge} and unavailable ${maxUnavailable} stays between its fence posts`, () => {
    const world = createWorld(
      aDeployment({ replicas: 8, strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge, maxUnavailable } } }),
    );
    world.converge();
    world.edit({ template: aTemplate('v2') });
    const [surge, unavailable] = maxSurge === '25%' ? [2, 2] : maxSurge === '100%' ? [8, 0] : maxSurge === 1 ? [1, 0] : [0, 1];
    world.converge((_, replicaSets) => {
      const total = replicaSets.reduce((sum, { spec }) => sum + (spec.replicas ?? 0), 0);
      const available = replicaSets.reduce(
        (sum, { spec, status }) => sum + Math.min(spec.replicas ?? 0, status?.availableReplicas ?? 0),
        0,
      );
      assert.ok(total <= 8 + surge, `${total} pods`);
      assert.ok(available >= 8 - unavailable, `${available} available`);
    });
    assert.deepEqual(world.sizes(), [0, 8]);
    assert.equal(world.deployment().metadata.annotations?.[REVISION], '2');
  });
}

test('an undo goes back to the old ReplicaSet under a new revision and remembers the old one', () => {
  const world = createWorld(aDeployment());
  world.converge();
  world.edit({ template: aTemplate('v2') });
  world.converge();
  world.edit({ template: aTemplate('v1') });
  world.converge();
  assert.deepEqual(world.sizes(), [3, 0]);
  const [first] = world.replicaSets();
  assert.equal(first?.metadata.annotations?.[REVISION], '3');
  assert.equal(first?.metadata.annotations?.[REVISION_HISTORY], '1');
  assert.equal(world.deployment().metadata.annotations?.[REVISION], '3');
});

test('a revision is one more than that of an adopted ReplicaSet, be it more than a number holds', () => {
  const adopted = createWorld(aDeployment());
  adopted.converge();
  const old = adopted.replicaSets().map((replicaSet) => withAnnotations(replicaSet, { [REVISION]: '3546343826724305832' }));
  const changed = aDeployment({ template: aTemplate('v2') });
  const [created] = reconcileDeployment(snapshotOf(changed, old)).filter(({ verb }) => verb === 'create');
  assert.ok(created?.verb === 'create');
  assert.equal(created.object.metadata.annotations?.[REVISION], '3546343826724305833');
});

test('scaling changes the size and says so', () => {
  const world = createWorld(aDeployment());
  world.converge();
  world.events.length = 0;
  world.edit({ replicas: 5 });
  world.converge();
  assert.deepEqual(world.sizes(), [5]);
  assert.deepEqual(world.events, [`Scaled up replica set ${world.replicaSets()[0]?.metadata.name} from 3 to 5`]);
  assert.equal(world.replicaSets()[0]?.metadata.annotations?.['deployment.kubernetes.io/desired-replicas'], '5');
});

test('the history keeps as many old ReplicaSets as it is allowed', () => {
  const world = createWorld(aDeployment({ revisionHistoryLimit: 2 }));
  for (const image of ['v1', 'v2', 'v3', 'v4', 'v5']) {
    world.edit({ template: aTemplate(image) });
    world.converge();
  }
  const revisions = world.replicaSets().map(({ metadata }) => metadata.annotations?.[REVISION]);
  assert.deepEqual(revisions, ['3', '4', '5']);
});

test('a paused Deployment scales but does not roll, and rolls once it is resumed', () => {
  const world = createWorld(aDeployment());
  world.converge();
  world.edit({ paused: true, replicas: 4, template: aTemplate('v2') });
  world.converge();
  assert.deepEqual(world.sizes(), [4]);
  assert.equal(findCondition(world.deployment().status?.conditions, 'Progressing')?.reason, 'DeploymentPaused');
  world.edit({ paused: false });
  world.converge();
  assert.deepEqual(world.sizes(), [0, 4]);
});

test('scaling in the middle of a rollout is spread in proportion', () => {
  const deployment = aDeployment({ replicas: 20, template: aTemplate('v2') });
  const annotations = { 'deployment.kubernetes.io/desired-replicas': '10', 'deployment.kubernetes.io/max-replicas': '13' };
  const old = aReplicaSet('old', { replicas: 8, owner: deployment });
  const current = aReplicaSet('new', { replicas: 5, owner: deployment, spec: { ...old.spec, replicas: 5, template: aTemplate('v2') } });
  const annotate = (replicaSet: ReplicaSet) => ({ ...replicaSet, metadata: { ...replicaSet.metadata, annotations } });
  const actions = reconcileDeployment(snapshotOf(deployment, [annotate(old), annotate(current)]));
  assert.deepEqual(announcements(actions), ['Scaled up replica set old from 8 to 15', 'Scaled up replica set new from 5 to 10']);
});

test('Recreate waits until no old pod runs before it makes new ones', () => {
  const deployment = aDeployment({ strategy: { type: 'Recreate' }, template: aTemplate('v2') });
  const old = { ...aReplicaSet('old', { replicas: 3, owner: deployment }), status: { replicas: 3 } };
  assert.deepEqual(announcements(reconcileDeployment(snapshotOf(deployment, [old]))), ['Scaled down replica set old from 3 to 0']);
  const drained = { ...old, spec: { ...old.spec, replicas: 0 }, status: { replicas: 0 } };
  const going = aPod('p', { owner: old, metadata: { deletionTimestamp: secondsAgo(1) } });
  const waiting = reconcileDeployment(snapshotOf(deployment, [drained], { pods: [going] }));
  assert.ok(!describeActions(waiting).includes('create replicasets'));
  assert.ok(describeActions(reconcileDeployment(snapshotOf(deployment, [drained]))).includes('create replicasets'));
});

test('a name that another ReplicaSet has raises the collision count, which gives another name', () => {
  const deployment = aDeployment();
  const stranger = aReplicaSet(replicaSetName(deployment), { spec: { selector: {}, replicas: 1, template: aTemplate('v9') } });
  const actions = reconcileDeployment(snapshotOf(deployment, [], { namesake: stranger }));
  assert.deepEqual(describeActions(actions), ['updateStatus deployments web']);
  assert.notEqual(replicaSetName({ ...deployment, status: { collisionCount: 1 } }), replicaSetName(deployment));
});

test('no progress within the deadline is reported, and looked at when it is due', () => {
  const deployment = aDeployment();
  const world = createWorld(deployment);
  world.converge(() => {});
  const [replicaSet] = world.replicaSets();
  assert.ok(replicaSet);
  const stuck = { ...replicaSet, status: { replicas: 3 } };
  const since = (seconds: number): Deployment => ({
    ...world.deployment(),
    status: {
      replicas: 3,
      updatedReplicas: 3,
      conditions: [
        {
          type: 'Progressing',
          status: 'True',
          reason: 'ReplicaSetUpdated',
          lastUpdateTime: secondsAgo(seconds),
          lastTransitionTime: secondsAgo(seconds),
        },
      ],
    },
  });
  const progressingAfter = (seconds: number) => {
    const actions = reconcileDeployment(snapshotOf(since(seconds), [stuck]));
    const written = actions.find((action) => action.verb === 'updateStatus');
    const status = written?.verb === 'updateStatus' ? JSON.stringify(written.object) : '';
    return {
      isLate: status.includes(`ReplicaSet \\"${stuck.metadata.name}\\" has timed out progressing.`),
      actions: describeActions(actions),
    };
  };
  assert.equal(progressingAfter(599).isLate, false);
  assert.ok(progressingAfter(599).actions.includes('requeue 2000'));
  assert.equal(progressingAfter(601).isLate, true);
});

test('a ReplicaSet without a controller is adopted, and one that no longer matches is released', () => {
  const deployment = aDeployment();
  const orphan = aReplicaSet('orphan');
  const strayed = aReplicaSet('strayed', { owner: deployment });
  const relabelled = { ...strayed, metadata: { ...strayed.metadata, labels: { app: 'other' } } };
  assert.deepEqual(describeActions(reconcileDeployment(snapshotOf(deployment, [orphan, relabelled]))), [
    'patch replicasets orphan',
    'patch replicasets strayed',
  ]);
  assert.ok(
    !describeActions(reconcileDeployment(snapshotOf(deployment, [orphan], { mayAdopt: false }))).includes('patch replicasets orphan'),
  );
});

test('a Deployment that is being deleted is left alone', () => {
  const deployment = aDeployment({ replicas: 9 }, { metadata: metadataOf('web', { deletionTimestamp: secondsAgo(1), generation: 1 }) });
  const actions = describeActions(reconcileDeployment(snapshotOf(deployment, [aReplicaSet('one', { owner: deployment })])));
  assert.deepEqual(actions, ['updateStatus deployments web']);
});

const fromRevision = (name: string, revision: number, image: string): ReplicaSet => {
  const made = aReplicaSet(name, { owner: aDeployment(), replicas: revision === 2 ? 3 : 0 });
  return {
    ...made,
    metadata: { ...made.metadata, annotations: { [REVISION]: String(revision), 'example.com/why': image } },
    spec: { ...made.spec, template: aTemplate(image) },
  };
};
const revisions = [fromRevision('web-1', 1, 'v0'), fromRevision('web-2', 2, 'v1')];
const askedToGoBack = (revision: string): Deployment => {
  const { metadata, ...deployment } = aDeployment();
  return { ...deployment, metadata: { ...metadata, annotations: { 'deprecated.deployment.rollback.to': revision, [REVISION]: '2' } } };
};

test('a Deployment that names a revision gets its template and annotations, and no longer names it', () => {
  for (const revision of ['1', '0']) {
    const actions = reconcileDeployment(snapshotOf(askedToGoBack(revision), revisions));
    assert.deepEqual(announcements(actions), ['Rolled back deployment "web" to revision 1']);
    const [action] = actions;
    assert.ok(action?.verb === 'update' && action.object.kind === 'Deployment');
    assert.match(JSON.stringify(action.object), /"image":"web:v0"/);
    assert.deepEqual(action.object.metadata.annotations, { [REVISION]: '2', 'example.com/why': 'v0' });
  }
});

const fruitless = [
  { revision: '7', reason: 'DeploymentRollbackRevisionNotFound', message: 'Unable to find the revision to rollback to.' },
  {
    revision: '2',
    reason: 'DeploymentRollbackTemplateUnchanged',
    message: 'The rollback revision contains the same template as current deployment "web"',
  },
];
for (const { revision, reason, message } of fruitless) {
  test(`a Deployment that cannot go back to revision ${revision} says why`, () => {
    const [event, update] = reconcileDeployment(snapshotOf(askedToGoBack(revision), revisions));
    assert.deepEqual(event?.verb === 'event' && [event.reason, event.message], [reason, message]);
    assert.deepEqual(update?.verb === 'update' && update.object.metadata.annotations, { [REVISION]: '2' });
  });
}
