/** Names of images. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseImageReference, withDefaultTag } from './image-reference.ts';

const digest = `sha256:${'a'.repeat(64)}`;
const cases = [
  { text: 'web', registry: 'docker.io', repository: 'library/web' },
  { text: 'shop/web:v2', registry: 'docker.io', repository: 'shop/web', tag: 'v2' },
  { text: 'docker.io/web', registry: 'docker.io', repository: 'library/web' },
  { text: 'localhost/web', registry: 'localhost', repository: 'web' },
  { text: 'registry.example.com:5000/a/b/web:v1', registry: 'registry.example.com:5000', repository: 'a/b/web', tag: 'v1' },
  { text: `web@${digest}`, registry: 'docker.io', repository: 'library/web', digest },
  { text: `web:v1@${digest}`, registry: 'docker.io', repository: 'library/web', tag: 'v1', digest },
];
for (const { text, ...parts } of cases) {
  test(`${text} is an image`, () => assert.deepEqual(parseImageReference(text), { tag: undefined, digest: undefined, ...parts }));
}

const wrong = [
  { text: 'Web', message: 'invalid reference format: repository name (library/Web) must be lowercase' },
  { text: 'web:', message: 'invalid reference format' },
  { text: 'web:-x', message: 'invalid reference format' },
  { text: 'a//b', message: 'invalid reference format' },
  { text: '', message: 'invalid reference format' },
  { text: 'web@sha256:12', message: 'invalid reference format' },
  { text: 'we b', message: 'invalid reference format' },
  { text: 'b'.repeat(64), message: `invalid repository name (${'b'.repeat(64)}), cannot specify 64-byte hexadecimal strings` },
  { text: 'a'.repeat(256), message: 'repository name must not be more than 255 characters' },
];
for (const { text, message } of wrong) {
  test(`"${text.slice(0, 20)}" is none`, () => assert.throws(() => parseImageReference(text), { message }));
}

test('a name without a tag means the latest', () => {
  assert.deepEqual(['web', 'web:v1', `web@${digest}`].map(withDefaultTag), ['web:latest', 'web:v1', `web@${digest}`]);
});
