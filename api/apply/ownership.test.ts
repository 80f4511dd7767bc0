import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { JsonObject } from '../meta/json.ts';
import { ApiError } from '../meta/status.ts';
import { mergeTypeOf } from './built-in-types.ts';
import { applyConflict } from './conflict.ts';
import { fieldSetOf, pathsOf } from './field-set.ts';
import { applyOverClientSide, LAST_APPLIED, withLastApplied } from './last-applied.ts';
import { listProblems } from './list-problems.ts';
import { capManagers, decodeManagers, encodeManagers, isReset, type Manager, type ManagerId, parseManagers } from './managers.ts';
import { mergeApplied } from './merge.ts';
import { deducedType, type MergeType } from './merge-type.ts';
import { type Applied, applyConfiguration, managersAfterUpdate } from './ownership.ts';
import { formatPath } from './path-element.ts';

const deployment = mergeTypeOf('Deployment');
const pod = mergeTypeOf('Pod');

const updater = (manager: string, subresource = ''): ManagerId => ({ manager, operation: 'Update', apiVersion: 'apps/v1', subresource });
const applier = (manager: string): ManagerId => ({ manager, operation: 'Apply', apiVersion: 'apps/v1', subresource: '' });
const at = (second: number): string => `2026-11-20T08:00:${String(second).padStart(2, '0')}Z`;
const named = (rest: JsonObject): JsonObject => ({ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web' }, ...rest });

interface World {
  readonly object: JsonObject;
  readonly managers: readonly Manager[];
}

const nothing: World = { object: {}, managers: [] };

/** The world after somebody's update, at a second of the test's. */
function updated(world: World, manager: string, next: JsonObject, second = 0, type: MergeType = deployment): World {
  const change = { type, live: world.object, next, managers: world.managers, by: updater(manager), time: at(second) };
  return { object: next, managers: managersAfterUpdate(change) };
}

function tryApply(
  world: World,
  manager: string,
  applied: JsonObject,
  options: { isForced?: boolean; second?: number; type?: MergeType } = {},
): Applied {
  const { isForced = false, second = 0, type = deployment } = options;
  return applyConfiguration({
    type,
    live: world.object,
    applied,
    managers: world.managers,
    by: applier(manager),
    isForced,
    time: at(second),
  });
}

function applied(world: World, manager: string, configuration: JsonObject, options: Parameters<typeof tryApply>[3] = {}): World {
  const result = tryApply(world, manager, configuration, options);
  if (result.outcome === 'conflicts') throw applyConflict(result.conflicts);
  return result;
}

const owned = ({ managers }: World, name: string): readonly string[] =>
  managers.filter(({ manager }) => manager === name).flatMap(({ fields }) => pathsOf(fields).map(formatPath));

const containers = (...items: readonly JsonObject[]): JsonObject => ({ template: { spec: { containers: items } } });

test('an update makes its manager the owner of what it set, and not of what every object has', () => {
  const spec = {
    replicas: 1,
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1 } },
    selector: { matchLabels: { app: 'web' } },
  };
  const world = updated(nothing, 'kubectl', named({ spec }));
  assert.deepEqual(owned(world, 'kubectl'), [
    '.spec.replicas',
    '.spec.selector',
    '.spec.strategy.rollingUpdate',
    '.spec.strategy.rollingUpdate.maxSurge',
    '.spec.strategy.type',
  ]);
});

test('items of a list are owned by their keys, whose defaults count', () => {
  const world = updated(nothing, 'kubectl', named({ spec: containers({ name: 'nginx', ports: [{ containerPort: 80 }] }) }));
  assert.deepEqual(owned(world, 'kubectl'), [
    '.spec.template.spec.containers[name="nginx"]',
    '.spec.template.spec.containers[name="nginx"].name',
    '.spec.template.spec.containers[name="nginx"].ports',
    '.spec.template.spec.containers[name="nginx"].ports[containerPort=80,protocol="TCP"]',
    '.spec.template.spec.containers[name="nginx"].ports[containerPort=80,protocol="TCP"].containerPort',
  ]);
});

test('an update takes fields from those who had them, and removes what it removes from everybody', () => {
  const first = updated(nothing, 'one', named({ spec: { replicas: 1, paused: true, minReadySeconds: 5 } }), 1);
  const second = updated(first, 'two', named({ spec: { replicas: 2, minReadySeconds: 5 } }), 2);
  assert.deepEqual(owned(second, 'one'), ['.spec.minReadySeconds']);
  assert.deepEqual(owned(second, 'two'), ['.spec.replicas']);
  assert.deepEqual(
    second.managers.map(({ time }) => time),
    [at(1), at(2)],
    'only who wrote something gets a new time',
  );
});

test('an update that changes nothing leaves the owners as they are', () => {
  const world = updated(nothing, 'one', named({ spec: { replicas: 1 } }));
  assert.equal(updated(world, 'two', structuredClone(world.object), 9).managers, world.managers);
});

test('the order of a list belongs to nobody', () => {
  const [a, b] = [{ name: 'a' }, { name: 'b' }];
  const world = updated(nothing, 'one', named({ spec: containers(a, b) }));
  assert.equal(updated(world, 'two', named({ spec: containers(b, a) })).managers, world.managers);
});

const configuration = named({ spec: { replicas: 3, ...containers({ name: 'nginx', image: 'nginx:1' }) } });

test('an apply owns what it says, and lays it over what is there', () => {
  const live = updated(
    nothing,
    'defaults',
    named({ spec: { paused: false, ...containers({ name: 'nginx', tty: true }, { name: 'side' }) } }),
  );
  const world = applied(live, 'me', configuration);
  assert.deepEqual(world.object.spec, {
    paused: false,
    replicas: 3,
    template: { spec: { containers: [{ name: 'nginx', tty: true, image: 'nginx:1' }, { name: 'side' }] } },
  });
  assert.deepEqual(owned(world, 'me'), [
    '.spec.replicas',
    '.spec.template.spec.containers[name="nginx"]',
    '.spec.template.spec.containers[name="nginx"].image',
    '.spec.template.spec.containers[name="nginx"].name',
  ]);
});

test('an apply of the same again is no change at all', () => {
  const once = applied(nothing, 'me', configuration, { second: 1 });
  const twice = applied(once, 'me', structuredClone(configuration), { second: 2 });
  assert.equal(twice.object, once.object);
  assert.equal(twice.managers, once.managers);
});

test('two appliers who say the same own it together, and it goes with the last of them', () => {
  const both = applied(applied(nothing, 'one', configuration), 'two', configuration);
  assert.deepEqual(owned(both, 'one'), owned(both, 'two'));
  const one = applied(both, 'one', named({}));
  assert.deepEqual(one.object, both.object);
  const none = applied(one, 'two', named({}));
  assert.deepEqual(none.object, named({}));
});

test('a field that others own cannot be changed, and the refusal says whose it is', () => {
  const world = updated(nothing, 'kubectl', named({ spec: { replicas: 5 } }));
  const result = tryApply(world, 'me', configuration);
  assert.equal(result.outcome, 'conflicts');
  const error = result.outcome === 'conflicts' ? applyConflict(result.conflicts) : undefined;
  assert.ok(error instanceof ApiError);
  assert.equal(error.message, 'Apply failed with 1 conflict: conflict with "kubectl" using apps/v1: .spec.replicas');
  assert.equal(error.code, 409);
  const cause = { reason: 'FieldManagerConflict', message: 'conflict with "kubectl" using apps/v1', field: '.spec.replicas' };
  assert.deepEqual(error.details?.causes, [cause]);
});

test('several conflicts are told by manager', () => {
  const one = updated(nothing, 'b', named({ spec: { replicas: 5 } }));
  const two = applied(one, 'a', named({ spec: { paused: true, minReadySeconds: 1 } }));
  const result = tryApply(two, 'me', named({ spec: { replicas: 1, paused: false, minReadySeconds: 2 } }));
  const message = result.outcome === 'conflicts' ? applyConflict(result.conflicts).message : '';
  const lines = [
    'conflicts with "a":',
    '- .spec.minReadySeconds',
    '- .spec.paused',
    'conflicts with "b" using apps/v1:',
    '- .spec.replicas',
  ];
  assert.equal(message, `Apply failed with 3 conflicts: ${lines.join('\n')}`);
});

test('a forced apply takes what it wants', () => {
  const world = updated(nothing, 'kubectl', named({ spec: { replicas: 5, paused: true } }));
  const forced = applied(world, 'me', configuration, { isForced: true });
  assert.deepEqual(owned(forced, 'kubectl'), ['.spec.paused']);
  assert.ok(owned(forced, 'me').includes('.spec.replicas'));
});

const removals: readonly { it: string; before: JsonObject; others?: JsonObject; after: JsonObject; expected: JsonObject }[] = [
  { it: 'a field that nobody else owns', before: { replicas: 3, paused: true }, after: { replicas: 3 }, expected: { replicas: 3 } },
  {
    it: 'an item, with what came along in it',
    before: containers({ name: 'a' }, { name: 'b', image: 'b:1' }),
    after: containers({ name: 'a' }),
    expected: containers({ name: 'a' }),
  },
  {
    it: 'a struct of which it said everything that was said, with its defaults',
    before: { strategy: { rollingUpdate: { maxSurge: 1 } } },
    after: {},
    expected: {},
  },
  {
    it: 'but not what an update put beside it',
    before: { strategy: { rollingUpdate: { maxSurge: 1 } } },
    others: { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1 } } },
    after: {},
    expected: { strategy: { type: 'RollingUpdate' } },
  },
  {
    it: 'its labels and no others',
    before: { template: { metadata: { labels: { a: '1', b: '2' } } } },
    others: { template: { metadata: { labels: { a: '1', b: '2', c: '3' } } } },
    after: { template: { metadata: { labels: { a: '1' } } } },
    expected: { template: { metadata: { labels: { a: '1', c: '3' } } } },
  },
];
for (const { it, before, others, after, expected } of removals) {
  test(`an apply that no longer says so removes ${it}`, () => {
    const first = applied(nothing, 'me', named({ spec: before }));
    const second = others === undefined ? first : updated(first, 'other', named({ spec: others }));
    const { object } = applied(second, 'me', named({ spec: after }));
    assert.deepEqual(object.spec ?? {}, expected);
  });
}

test('a struct goes with the defaults in it when its only owner leaves it', () => {
  const world = applied(nothing, 'me', named({ spec: { strategy: { type: 'Recreate' } } }));
  const withDefaults = {
    ...world,
    object: named({ spec: { strategy: { type: 'Recreate', rollingUpdate: { maxSurge: 1 } }, paused: false } }),
  };
  assert.deepEqual(applied(withDefaults, 'me', named({})).object, named({}));
});

test('sets are merged value by value, and atomic structs go over whole', () => {
  const metadata = (finalizers: readonly string[], ownerReferences: readonly JsonObject[] = []): JsonObject => ({
    metadata: { name: 'web', finalizers, ownerReferences },
  });
  const live = metadata(['a/x', 'b/y'], [{ uid: '1', name: 'one' }]);
  assert.deepEqual(mergeApplied(deployment, live, metadata(['c/z'], [{ uid: '1', kind: 'K' }, { uid: '2' }])), {
    metadata: { name: 'web', finalizers: ['a/x', 'b/y', 'c/z'], ownerReferences: [{ uid: '1', kind: 'K' }, { uid: '2' }] },
  });
});

const orders: readonly { it: string; live: string; applied: string; merged: string }[] = [
  { it: 'what is new goes behind', live: 'ab', applied: 'c', merged: 'abc' },
  { it: 'the applied order wins', live: 'abc', applied: 'cb', merged: 'acb' },
  { it: 'what is new stands where it was applied', live: 'abc', applied: 'xb', merged: 'axbc' },
  { it: 'others keep their places between', live: 'aXbYc', applied: 'abc', merged: 'aXbYc' },
];
for (const { it, live, applied: wanted, merged } of orders) {
  test(`in a merged list ${it}`, () => {
    const list = (names: string): JsonObject => ({ spec: { containers: [...names].map((name) => ({ name })) } });
    assert.deepEqual(mergeApplied(pod, list(live), list(wanted)), list(merged));
  });
}

test('environment variables that a pod has twice stay as they are unless they are applied', () => {
  const env = (...values: readonly JsonObject[]): JsonObject => ({ spec: { containers: [{ name: 'a', env: values }] } });
  const live = env({ name: 'X', value: '1' }, { name: 'X', value: '2' });
  assert.deepEqual(
    mergeApplied(pod, live, env({ name: 'Y', value: '3' })),
    env({ name: 'X', value: '1' }, { name: 'X', value: '2' }, { name: 'Y', value: '3' }),
  );
  assert.deepEqual(mergeApplied(pod, live, env({ name: 'X', value: '3' })), env({ name: 'X', value: '3' }));
});

test('without a schema objects are merged by key and everything else as a whole', () => {
  const first = applied(nothing, 'me', { spec: { list: [1, 2], map: { a: 1, b: { c: 2 } } } }, { type: deducedType });
  const world = applied(first, 'other', { spec: { map: { d: 3 } } }, { type: deducedType });
  assert.deepEqual(world.object, { spec: { list: [1, 2], map: { a: 1, b: { c: 2 }, d: 3 } } });
  assert.equal(tryApply(world, 'other', { spec: { list: [3] } }, { type: deducedType }).outcome, 'conflicts');
  const plain = updated(world, 'third', { spec: { map: 'gone' } }, 0, deducedType);
  assert.deepEqual(owned(plain, 'other'), ['.spec']);
});

test('a configuration whose items cannot be told apart is refused', () => {
  const spec = containers({ name: 'a' }, { name: 'a' }, { image: 'x' });
  const path = '.spec.template.spec.containers';
  assert.deepEqual(listProblems(deployment, named({ spec })), [
    `${path}: duplicate entries for key [name="a"]`,
    `${path}: element 2: associative list with keys has an element that omits all key fields ["name"] (and doesn't have default values for any key fields)`,
  ]);
});

test('kubectl takes over what it applied from the client, and only what is still so', () => {
  const lastApplied = JSON.stringify(named({ spec: { replicas: 1, paused: true } }));
  const annotated = (spec: JsonObject): JsonObject => ({
    ...named({ spec }),
    metadata: { name: 'web', annotations: { [LAST_APPLIED]: lastApplied } },
  });
  const world = updated(nothing, 'kubectl-client-side-apply', annotated({ replicas: 1, paused: true }));
  const change = { type: deployment, managers: world.managers, isForced: false, time: at(1), by: applier('kubectl') };
  const next = named({ spec: { replicas: 2, paused: true } });
  const result = applyOverClientSide({ ...change, live: world.object, applied: next });
  assert.equal(result.outcome, 'merged');
  const stranger = applyOverClientSide({ ...change, live: world.object, applied: next, by: applier('me') });
  assert.equal(stranger.outcome, 'conflicts');
  const scaled = updated(world, 'autoscaler', annotated({ replicas: 7, paused: true }));
  const late = applyOverClientSide({ ...change, managers: scaled.managers, live: scaled.object, applied: next });
  assert.equal(late.outcome === 'conflicts' ? applyConflict(late.conflicts).message.includes('"autoscaler"') : undefined, true);
});

test('the annotation of client-side apply follows what kubectl applies, where there is one', () => {
  const annotated = { metadata: { annotations: { [LAST_APPLIED]: 'old', other: 'x' } } };
  const next = { kind: 'ConfigMap', data: { b: '2', a: '1' } };
  assert.deepEqual(withLastApplied(annotated, next, 'kubectl'), {
    metadata: { annotations: { [LAST_APPLIED]: '{"data":{"a":"1","b":"2"},"kind":"ConfigMap"}\n', other: 'x' } },
  });
  assert.equal(withLastApplied(annotated, next, 'me'), annotated);
  assert.deepEqual(withLastApplied({ metadata: {} }, next, 'kubectl'), { metadata: {} });
  const huge = withLastApplied(annotated, { data: { a: 'x'.repeat(300_000) } }, 'kubectl');
  assert.deepEqual(huge, { metadata: { annotations: { other: 'x' } } });
});

const entry = (manager: string, second: number): Manager => ({
  ...updater(manager),
  fields: fieldSetOf([`f:${manager}`]),
  time: at(second),
});

test('beyond ten updaters the oldest become one', () => {
  const many = Array.from({ length: 12 }, (_, index) => entry(`m${String(index).padStart(2, '0')}`, index));
  const capped = encodeManagers(capManagers(many));
  assert.equal(capped.length, 10);
  assert.deepEqual(capped[0], {
    manager: 'ancient-changes',
    operation: 'Update',
    apiVersion: 'apps/v1',
    time: at(2),
    fieldsType: 'FieldsV1',
    fieldsV1: { 'f:m00': {}, 'f:m01': {}, 'f:m02': {} },
  });
  const again = encodeManagers(capManagers([...decodeManagers(capped), entry('new', 30)]));
  assert.deepEqual([again.length, again[0]?.manager, again[0]?.time], [10, 'ancient-changes', at(3)]);
  const appliers = many.map((manager) => ({ ...manager, operation: 'Apply' as const }));
  assert.equal(capManagers(appliers), appliers);
});

test('entries are stored appliers first, then by time and name', () => {
  const managers = [
    entry('b', 2),
    entry('c', 1),
    entry('a', 2),
    { ...entry('z', 9), operation: 'Apply' as const },
    { ...entry('gone', 0), fields: {} },
  ];
  assert.deepEqual(
    encodeManagers(managers).map(({ manager }) => manager),
    ['z', 'c', 'a', 'b'],
  );
});

test('entries of a client are read if they make sense', () => {
  const good = { manager: 'me', operation: 'Apply', apiVersion: 'v1', fieldsType: 'FieldsV1', fieldsV1: { 'f:a': {} } };
  assert.equal(parseManagers([good])?.length, 1);
  assert.equal(parseManagers([good, { ...good, apiVersion: 'v2' }])?.length, 1, 'an applier is one whatever its version');
  for (const wrong of [{ operation: 'Steal' }, { apiVersion: '' }, { fieldsType: 'FieldsV2' }, { fieldsV1: { a: {} } }]) {
    assert.equal(parseManagers([{ ...good, ...wrong }]), undefined);
  }
  assert.deepEqual([isReset([]), isReset([{}]), isReset([good]), isReset(undefined)], [true, true, false, false]);
});

const aValue = fc.constantFrom('1', '2', '3');
const aConfiguration = fc
  .record(
    {
      replicas: fc.integer({ min: 0, max: 3 }),
      paused: fc.boolean(),
      strategy: fc.record({ type: aValue, rollingUpdate: fc.record({ maxSurge: aValue }) }, { requiredKeys: [] }),
      template: fc.record({
        metadata: fc.record(
          { labels: fc.dictionary(fc.constantFrom('a', 'b', 'c'), aValue), finalizers: fc.subarray(['x', 'y', 'z']) },
          { requiredKeys: [] },
        ),
        spec: fc.record({
          nodeSelector: fc.dictionary(fc.constantFrom('a', 'b'), aValue),
          containers: fc.uniqueArray(fc.record({ name: fc.constantFrom('a', 'b', 'c'), image: aValue }), { selector: ({ name }) => name }),
        }),
      }),
    },
    { requiredKeys: [] },
  )
  .map((spec): JsonObject => named({ spec: JSON.parse(JSON.stringify(spec)) }));

test('applying twice is applying once, whatever came before', () => {
  fc.assert(
    fc.property(aConfiguration, aConfiguration, aConfiguration, (live, other, mine) => {
      const before = applied(updated(nothing, 'updater', live), 'other', other, { isForced: true });
      const once = applied(before, 'me', mine, { isForced: true, second: 1 });
      const twice = applied(once, 'me', mine, { second: 2 });
      assert.deepEqual(twice, { ...once, outcome: 'merged' });
    }),
  );
});

test('who withdraws its configuration owns nothing, and takes nothing with it that others own', () => {
  fc.assert(
    fc.property(aConfiguration, aConfiguration, (other, mine) => {
      const before = applied(nothing, 'other', other);
      const during = applied(before, 'me', mine, { isForced: true });
      const after = applied(during, 'me', named({}));
      assert.deepEqual(owned(after, 'me'), []);
      assert.deepEqual(owned(after, 'other'), owned(during, 'other'));
    }),
  );
});

test('an empty part that somebody applies is there', () => {
  const world = applied(applied(nothing, 'other', named({ spec: {} })), 'me', named({ spec: { strategy: {} } }));
  assert.deepEqual(world.object.spec, { strategy: {} });
});

test('a field has the value of whoever applied it last', () => {
  fc.assert(
    fc.property(aConfiguration, aConfiguration, (other, mine) => {
      const world = applied(applied(nothing, 'other', other), 'me', mine, { isForced: true });
      assert.deepEqual(mergeApplied(deployment, world.object, mine), world.object);
    }),
  );
});
