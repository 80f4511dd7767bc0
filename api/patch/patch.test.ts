import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { schemas } from '../generated/schemas.ts';
import type { JsonObject } from '../meta/json.ts';
import { ApiError } from '../meta/status.ts';
import { applyJsonPatch } from './json-patch.ts';
import { applyMergePatch } from './merge-patch.ts';
import { applyStrategicMergePatch } from './strategic-merge-patch.ts';

test('a merge patch lays members over members, and null removes', () => {
  const original = { a: { b: 1, c: 2 }, list: [1, 2] };
  assert.deepEqual(applyMergePatch(original, { a: { b: null, d: 3 }, list: [3] }), { a: { c: 2, d: 3 }, list: [3] });
  assert.deepEqual(applyMergePatch({ a: 1 }, { a: { b: { c: null } } }), { a: { b: {} } });
  assert.throws(() => applyMergePatch({}, []), ApiError);
});

test('a merge patch with a key called __proto__ changes no prototype', () => {
  const patched = applyMergePatch({}, JSON.parse('{"__proto__": {"polluted": true}}'));
  assert.equal('polluted' in patched, false);
});

const anObject = fc.object({ maxDepth: 3, values: [fc.integer(), fc.string(), fc.boolean()] });
test('a merge patch is idempotent and leaves the original alone', () => {
  fc.assert(
    fc.property(anObject, anObject, (left, right) => {
      const original: JsonObject = JSON.parse(JSON.stringify(left));
      const patch: unknown = JSON.parse(JSON.stringify(right));
      const before = JSON.stringify(original);
      const once = applyMergePatch(original, patch);
      assert.deepEqual(applyMergePatch(once, patch), once);
      assert.equal(JSON.stringify(original), before);
    }),
  );
});

test('a JSON patch applies its operations in order', () => {
  const patched = applyJsonPatch({ a: [1, 2], b: { c: 'x' } }, [
    { op: 'test', path: '/b/c', value: 'x' },
    { op: 'add', path: '/a/-', value: 3 },
    { op: 'move', from: '/b/c', path: '/d' },
    { op: 'copy', from: '/a', path: '/e' },
    { op: 'remove', path: '/a/0' },
    { op: 'replace', path: '/d', value: 'y' },
  ]);
  assert.deepEqual(patched, { a: [2, 3], b: {}, d: 'y', e: [1, 2, 3] });
});

const refusedPatches = [
  { it: 'a test that fails', patch: [{ op: 'test', path: '/a', value: 2 }], code: 422 },
  { it: 'removing what is not there', patch: [{ op: 'remove', path: '/z' }], code: 422 },
  { it: 'an unknown operation', patch: [{ op: 'grow', path: '/a' }], code: 422 },
  { it: 'an operation without its value', patch: [{ op: 'add', path: '/a' }], code: 422 },
  { it: 'a path into what objects inherit', patch: [{ op: 'add', path: '/__proto__/x', value: 1 }], code: 422 },
  { it: 'replacing the object with something else', patch: [{ op: 'replace', path: '', value: 1 }], code: 422 },
  { it: 'no list', patch: { op: 'add' }, code: 400 },
  { it: 'too many operations', patch: Array.from({ length: 10_001 }, () => ({ op: 'test', path: '/a', value: 1 })), code: 413 },
  {
    it: 'copies of copies without end',
    patch: Array.from({ length: 40 }, (_, index) => ({ op: 'copy', from: '', path: `/x${index}` })),
    code: 422,
  },
] as const;
for (const { it, patch, code } of refusedPatches) {
  test(`a JSON patch with ${it} is answered ${code}`, () => {
    assert.throws(
      () => applyJsonPatch({ a: 1, text: 'x'.repeat(1000) }, patch),
      (error: unknown) => error instanceof ApiError && error.code === code,
    );
  });
}

const podWith = (spec: JsonObject): JsonObject => ({ metadata: { name: 'web', finalizers: ['a/x', 'b/y'] }, spec });
const containers = [
  { name: 'a', image: 'a:1', ports: [{ containerPort: 80 }, { containerPort: 81 }], env: [{ name: 'X', value: '1' }] },
  { name: 'b', image: 'b:1' },
];

const strategic: readonly { it: string; schema?: string; original: JsonObject; patch: JsonObject; expected: JsonObject }[] = [
  {
    it: 'merges containers by name and their ports by number',
    original: podWith({ containers }),
    patch: { spec: { containers: [{ name: 'a', image: 'a:2', ports: [{ containerPort: 81, name: 'x' }, { containerPort: 82 }] }] } },
    expected: podWith({
      containers: [
        {
          name: 'a',
          image: 'a:2',
          ports: [{ containerPort: 80 }, { containerPort: 81, name: 'x' }, { containerPort: 82 }],
          env: [{ name: 'X', value: '1' }],
        },
        { name: 'b', image: 'b:1' },
      ],
    }),
  },
  {
    it: 'keeps stored items that share a key',
    original: podWith({
      containers: [
        {
          name: 'dns',
          ports: [
            { containerPort: 53, protocol: 'UDP' },
            { containerPort: 53, protocol: 'TCP' },
          ],
        },
      ],
    }),
    patch: { spec: { containers: [{ name: 'dns', ports: [{ containerPort: 54 }] }] } },
    expected: podWith({
      containers: [
        { name: 'dns', ports: [{ containerPort: 54 }, { containerPort: 53, protocol: 'UDP' }, { containerPort: 53, protocol: 'TCP' }] },
      ],
    }),
  },
  {
    it: 'adds an item that is new before those that were stored',
    original: podWith({ containers }),
    patch: { spec: { containers: [{ name: 'c', image: 'c:1' }] } },
    expected: podWith({ containers: [{ name: 'c', image: 'c:1' }, ...containers] }),
  },
  {
    it: 'deletes an item by its key',
    original: podWith({ containers }),
    patch: { spec: { containers: [{ name: 'a', $patch: 'delete' }] } },
    expected: podWith({ containers: [{ name: 'b', image: 'b:1' }] }),
  },
  {
    it: 'replaces a whole list when an item says so',
    original: podWith({ containers }),
    patch: { spec: { containers: [{ name: 'z' }, { $patch: 'replace' }] } },
    expected: podWith({ containers: [{ name: 'z' }] }),
  },
  {
    it: 'replaces an object when it says so',
    original: podWith({ securityContext: { runAsUser: 1, fsGroup: 2 } }),
    patch: { spec: { securityContext: { $patch: 'replace', runAsUser: 3 } } },
    expected: podWith({ securityContext: { runAsUser: 3 } }),
  },
  {
    it: 'replaces lists that have no key',
    original: podWith({ tolerations: [{ key: 'a' }] }),
    patch: { spec: { tolerations: [{ key: 'b' }] } },
    expected: podWith({ tolerations: [{ key: 'b' }] }),
  },
  {
    it: 'treats finalizers as a set',
    original: podWith({}),
    patch: { metadata: { finalizers: ['b/y', 'c/z'] } },
    expected: { metadata: { name: 'web', finalizers: ['a/x', 'b/y', 'c/z'] }, spec: {} },
  },
  {
    it: 'takes items out of a set',
    original: podWith({}),
    patch: { metadata: { '$deleteFromPrimitiveList/finalizers': ['a/x'] } },
    expected: { metadata: { name: 'web', finalizers: ['b/y'] }, spec: {} },
  },
  {
    it: 'keeps only the members that are to be retained',
    schema: 'Deployment',
    original: { spec: { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1 } } } },
    patch: { spec: { strategy: { $retainKeys: ['type'], type: 'Recreate' } } },
    expected: { spec: { strategy: { type: 'Recreate' } } },
  },
  {
    it: 'removes what null says, also in an item',
    original: podWith({ containers, nodeName: 'n' }),
    patch: { spec: { nodeName: null, containers: [{ name: 'b', image: null }] } },
    expected: podWith({ containers: [containers[0] ?? {}, { name: 'b' }] }),
  },
  {
    it: 'orders items as their author sees them and keeps the others near their place',
    original: podWith({ containers: [{ name: 'a' }, { name: 'sidecar' }, { name: 'b' }, { name: 'c' }] }),
    patch: {
      spec: { '$setElementOrder/containers': [{ name: 'c' }, { name: 'a' }, { name: 'b' }, { name: 'd' }], containers: [{ name: 'd' }] },
    },
    expected: podWith({ containers: [{ name: 'sidecar' }, { name: 'c' }, { name: 'a' }, { name: 'b' }, { name: 'd' }] }),
  },
  {
    it: 'merges labels like any map',
    original: { metadata: { labels: { a: '1', b: '2' } } },
    patch: { metadata: { labels: { b: null, c: '3' } } },
    expected: { metadata: { labels: { a: '1', c: '3' } } },
  },
  {
    it: 'leaves no directive behind in what it creates',
    original: { spec: {} },
    patch: {
      spec: {
        containers: [{ name: 'a', $patch: 'merge', '$setElementOrder/ports': [{ containerPort: 1 }], ports: [{ containerPort: 1 }] }],
      },
    },
    expected: { spec: { containers: [{ name: 'a', ports: [{ containerPort: 1 }] }] } },
  },
];
for (const { it, schema = 'Pod', original, patch, expected } of strategic) {
  test(`a strategic merge patch ${it}`, () => assert.deepEqual(applyStrategicMergePatch(schema, original, patch), expected));
}

const badPatches: readonly { it: string; patch: unknown; message: RegExp }[] = [
  {
    it: 'an item without its key',
    patch: { spec: { containers: [{ image: 'x' }] } },
    message: /does not contain declared merge key: name/,
  },
  { it: 'an unknown directive', patch: { spec: { $patch: 'melt' } }, message: /unknown patch type: "melt" in map/ },
  { it: 'no object', patch: 'x', message: /must be a JSON object/ },
  {
    it: 'an order that leaves out what it patches',
    patch: { spec: { '$setElementOrder/containers': [{ name: 'a' }], containers: [{ name: 'b' }] } },
    message: /doesn't match/,
  },
];
for (const { it, patch, message } of badPatches) {
  test(`a strategic merge patch with ${it} is a bad request`, () =>
    assert.throws(() => applyStrategicMergePatch('Pod', podWith({ containers }), patch), { name: 'ApiError', code: 400, message }));
}

test('every merge key names a list that exists, and its key a field of the items', async () => {
  const { listStrategy } = await import('./merge-keys.ts');
  for (const [model, fields] of Object.entries(schemas)) {
    for (const [field, type] of Object.entries(fields)) {
      const strategy = listStrategy(model, field);
      if (strategy.kind === 'replace') continue;
      const item = type.replace(/^\[\]/, '').replace(/!$/, '');
      assert.ok(type.startsWith('[]'), `${model}.${field}`);
      if (strategy.kind === 'merge') assert.ok(Object.hasOwn(schemas[item] ?? {}, strategy.key), `${model}.${field}.${strategy.key}`);
    }
  }
});

test('a JSON patch takes the names that objects inherit for names like others', () => {
  const names = ['__proto__', 'constructor', 'prototype', '\ue000a'];
  const added = applyJsonPatch(
    { data: {} },
    names.map((name) => ({ op: 'add', path: `/data/${name}`, value: JSON.parse(JSON.stringify({ x: `of ${name}` }).replace('x', name)) })),
  );
  assert.deepEqual(Object.keys(Object(added.data)), names);
  const moved = applyJsonPatch(added, [
    { op: 'copy', from: '/data', path: '/copy' },
    { op: 'remove', path: '/copy/constructor' },
    { op: 'test', path: '/data/__proto__', value: JSON.parse('{"__proto__":"of __proto__"}') },
  ]);
  assert.deepEqual(Object.keys(Object(moved.copy)), ['__proto__', 'prototype', '\ue000a']);
  assert.equal('polluted' in {}, false);
});
