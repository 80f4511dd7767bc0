/** The splice of the resourceVersion, by example and by law. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeObject, isUnchanged, withRevision } from './object-bytes.ts';

const aConfigMap = (metadata: object = { name: 'web' }) => ({ data: { a: '1' }, metadata, kind: 'ConfigMap', apiVersion: 'v1' });

test('object-bytes puts apiVersion, kind and metadata first and drops the resourceVersion', () => {
  const bytes = encodeObject(aConfigMap({ name: 'web', resourceVersion: '7' }));
  assert.equal(String(bytes), '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"web"},"data":{"a":"1"}}');
});

test('object-bytes splices the revision in as the first field of metadata', () => {
  const bytes = withRevision(encodeObject(aConfigMap()), 42n);
  assert.equal(String(bytes), '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"resourceVersion":"42","name":"web"},"data":{"a":"1"}}');
});

test('object-bytes leaves no stray comma in metadata that was empty', () => {
  const bytes = withRevision(encodeObject({ apiVersion: 'v1', kind: 'Thing', metadata: { resourceVersion: '1' } }), 2n);
  assert.deepEqual(JSON.parse(String(bytes)), { apiVersion: 'v1', kind: 'Thing', metadata: { resourceVersion: '2' } });
});

test('object-bytes is not misled by a field whose name is a number', () => {
  const object = { 1: { metadata: {} }, apiVersion: 'v1', kind: 'Thing', metadata: { name: 'x' } };
  const read: unknown = JSON.parse(String(withRevision(encodeObject(object), 3n)));
  assert.deepEqual(read, { ...object, metadata: { name: 'x', resourceVersion: '3' } });
});

test('object-bytes refuses what is not an object of the API', () => {
  assert.throws(() => encodeObject({ metadata: {} }), TypeError);
  assert.throws(() => encodeObject({ apiVersion: 'v1', kind: 'Pod' }), TypeError);
  assert.throws(() => withRevision(Buffer.from('{}'), 1n), TypeError);
});

test('object-bytes knows a write that would change nothing', () => {
  const item = { bytes: withRevision(encodeObject(aConfigMap()), 9n), revision: 9n };
  assert.equal(isUnchanged(item, aConfigMap({ name: 'web', resourceVersion: '9' })), true);
  assert.equal(isUnchanged(item, { ...aConfigMap(), data: { a: '2' } }), false);
});

/** Strings that look like the place of the splice are part of the law. */
const text = fc.oneof(fc.string({ unit: 'binary' }), fc.constant('"metadata":{'), fc.constant('metadata'));
const json = fc.dictionary(text, fc.oneof(text, fc.jsonValue(), fc.constant({ metadata: { name: 'inner' } })));

test('object-bytes law: what was written comes back with exactly the revision added', () => {
  fc.assert(
    fc.property(text, text, json, json, fc.bigInt({ min: 1n, max: 2n ** 62n }), (apiVersion, kind, metadata, rest, revision) => {
      const object = { ...rest, apiVersion, kind, metadata };
      const read: unknown = JSON.parse(String(withRevision(encodeObject(object), revision)));
      const expected: unknown = JSON.parse(JSON.stringify({ ...object, metadata: { ...metadata, resourceVersion: String(revision) } }));
      assert.deepEqual(read, expected);
    }),
  );
});
