/** Manifests as people write them. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parseManifests, resourceTypeOf } from './manifest.ts';

test('a file may hold several objects, and empty documents', () => {
  const manifests = parseManifests(
    'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: a }\n---\n---\napiVersion: v1\nkind: Node\nmetadata: { name: b }\n',
  );
  assert.deepEqual(
    manifests.map(({ kind, metadata }) => [kind, metadata]),
    [
      ['ConfigMap', { name: 'a', namespace: 'default' }],
      ['Node', { name: 'b' }],
    ],
  );
});

const refused = [
  { it: 'what is no object', yaml: '- 1\n', message: /document 1 is not an object/ },
  { it: 'an object without kind', yaml: 'apiVersion: v1\nmetadata: { name: a }\n', message: /no apiVersion or kind/ },
  { it: 'an object without name', yaml: 'apiVersion: v1\nkind: Pod\nmetadata: {}\n', message: /no metadata.name/ },
  { it: 'a kind that does not exist', yaml: 'apiVersion: v1\nkind: Pond\nmetadata: { name: a }\n', message: /no kind Pond in v1/ },
  { it: 'broken YAML', yaml: 'a: [\n', message: /document 1/ },
];

for (const { it, yaml, message } of refused) {
  test(`reading manifests refuses ${it}`, () => assert.throws(() => parseManifests(yaml), message));
}

test('the hello example is made of kinds that exist', () => {
  const manifests = parseManifests(readFileSync(new URL('../examples/hello.yaml', import.meta.url), 'utf8'));
  assert.deepEqual(
    manifests.map((manifest) => resourceTypeOf(manifest).plural),
    ['deployments', 'services'],
  );
});
