import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mergeTypeOfResource } from './merge-type.ts';
import { parseSchema } from './schema.ts';

const resource = mergeTypeOfResource(
  parseSchema({
    type: 'object',
    properties: {
      spec: {
        type: 'object',
        properties: {
          replicas: { type: 'integer' },
          tags: { type: 'array', 'x-kubernetes-list-type': 'set', items: { type: 'string' } },
          words: { type: 'array', items: { type: 'string' } },
          ports: {
            type: 'array',
            'x-kubernetes-list-type': 'map',
            'x-kubernetes-list-map-keys': ['port', 'protocol'],
            items: { type: 'object', properties: { port: { type: 'integer' }, protocol: { type: 'string', default: 'TCP' } } },
          },
          labels: { type: 'object', additionalProperties: { type: 'string' } },
          whole: { type: 'object', 'x-kubernetes-map-type': 'atomic', properties: { a: { type: 'string' } } },
          free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
        },
      },
    },
  }),
);

function kindAt(...path: readonly string[]): string | undefined {
  let type: ReturnType<typeof mergeTypeOfResource> | undefined = resource;
  for (const name of path) type = type?.kind === 'struct' ? type.field(name) : undefined;
  return type?.kind;
}

const cases = [
  { field: 'replicas', it: 'a number is owned as a whole', kind: 'leaf' },
  { field: 'words', it: 'a list is owned as a whole unless the schema says otherwise', kind: 'leaf' },
  { field: 'tags', it: 'a set is owned item by item', kind: 'list' },
  { field: 'ports', it: 'a list map is owned by its keys', kind: 'list' },
  { field: 'labels', it: 'a map is owned key by key', kind: 'map' },
  { field: 'whole', it: 'an atomic map is owned as a whole', kind: 'leaf' },
  { field: 'free', it: 'what the schema leaves open is deduced', kind: 'deduced' },
];
for (const { field, it, kind } of cases) test(it, () => assert.equal(kindAt('spec', field), kind));

test('metadata is owned as everywhere, and an unknown field is nobody’s', () => {
  assert.equal(kindAt('metadata'), 'struct');
  assert.equal(kindAt('spec', 'unknown'), undefined);
});

test('the keys of a list map are sorted, with the defaults of those that may be left out', () => {
  const spec = resource.kind === 'struct' ? resource.field('spec') : undefined;
  const ports = spec?.kind === 'struct' ? spec.field('ports') : undefined;
  assert.ok(ports?.kind === 'list');
  assert.deepEqual(ports.keys, ['port', 'protocol']);
  assert.deepEqual(ports.keyDefaults, { protocol: 'TCP' });
});
