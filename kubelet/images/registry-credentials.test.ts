/** Which credentials are good for which image. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Secret } from '#api/generated/types.ts';
import { findCredentials, keyringOf, parseDockerConfig } from './registry-credentials.ts';

const keyringFor = (...places: readonly string[]) =>
  parseDockerConfig(JSON.stringify({ auths: Object.fromEntries(places.map((place) => [place, { username: place, password: 'p' }])) }));
const usersOf = (image: string, ...places: readonly string[]) =>
  findCredentials(image, keyringFor(...places)).map(({ username }) => username);

const cases = [
  { image: 'registry.example.com/web', places: ['registry.example.com'], users: ['registry.example.com'] },
  { image: 'registry.example.com/web', places: ['https://registry.example.com/v2/'], users: ['https://registry.example.com/v2/'] },
  { image: 'registry.example.com:5000/web', places: ['registry.example.com'], users: [] },
  { image: 'a.example.com/web', places: ['*.example.com'], users: ['*.example.com'] },
  { image: 'a.b.example.com/web', places: ['*.example.com'], users: [] },
  { image: 'prod-1.example.com/web', places: ['prod-*.example.com'], users: ['prod-*.example.com'] },
  { image: 'web', places: ['https://index.docker.io/v1/'], users: ['https://index.docker.io/v1/'] },
  { image: 'registry.example.com/web', places: ['https://index.docker.io/v1/'], users: [] },
  { image: 'r.io/team/web', places: ['r.io', 'r.io/team', 'r.io/other'], users: ['r.io/team', 'r.io'] },
];
for (const { image, places, users } of cases) {
  test(`${image} of ${places.join(', ')} is asked for as ${users.join(', then ') || 'nobody'}`, () =>
    assert.deepEqual(usersOf(image, ...places), users));
}

function aSecret(type: string, key: string, value: object): Secret {
  const metadata = { name: 's', namespace: 'default', uid: 'u', resourceVersion: '1', creationTimestamp: '' };
  return { apiVersion: 'v1', kind: 'Secret', metadata, type, data: { [key]: Buffer.from(JSON.stringify(value)).toString('base64') } };
}

test('secrets of both types are read, with a name and password in one field or in two', () => {
  const auth = Buffer.from('me:pass:word').toString('base64');
  const [json] = keyringOf(aSecret('kubernetes.io/dockerconfigjson', '.dockerconfigjson', { auths: { 'r.io': { auth } } }));
  assert.deepEqual(json?.credential, { username: 'me', password: 'pass:word', serverAddress: 'r.io' });
  const [cfg] = keyringOf(aSecret('kubernetes.io/dockercfg', '.dockercfg', { 'r.io': { username: 'me', password: 'p' } }));
  assert.equal(cfg?.credential.password, 'p');
  assert.deepEqual(keyringOf(aSecret('Opaque', '.dockerconfigjson', { auths: { 'r.io': { auth } } })), []);
});

test('what cannot be read holds nothing', () => {
  assert.deepEqual(parseDockerConfig(''), []);
  assert.deepEqual(parseDockerConfig('{"auths": {"r.io": {}}}'), []);
});

test('the same credentials are tried once', () => {
  const keyring = [...keyringFor('r.io'), ...keyringFor('r.io')];
  assert.equal(findCredentials('r.io/web', keyring).length, 1);
});
