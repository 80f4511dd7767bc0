/** A few seconds of `npm run fuzz` in every run of the unit tests: a fixed seed, so that what was right stays right, and a fresh one. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { send, type TestRequest } from '../../apiserver/testing/http-client.ts';
import { createTestApiServer } from '../../apiserver/testing/test-api-server.ts';
import { chanceOf } from './chance.ts';
import { requestBytes } from './connection.ts';
import { inputOf } from './inputs.ts';
import { runFuzz } from './run.ts';

const FIXED_SEED = 20_261_120;
const INPUTS = 1_500;

test('the same seed and number make the same input', () => {
  for (let index = 0; index < 200; index++) {
    assert.deepEqual(requestBytes(inputOf(chanceOf(7, index))), requestBytes(inputOf(chanceOf(7, index))));
  }
});

for (const seed of [FIXED_SEED, Math.floor(Math.random() * 2 ** 31)]) {
  test(`nothing that is sent makes the server fail (seed ${seed})`, async () => {
    const { failures, inputs } = await runFuzz({ seed, first: 0, inputs: INPUTS });
    assert.deepEqual(failures, []);
    assert.equal(inputs, INPUTS);
  });
}

describe('names that are dangerous elsewhere are data here', async () => {
  const data = Object.fromEntries(['__proto__', 'constructor', 'toString', 'hasOwnProperty'].map((key) => [key, `of ${key}`]));
  const path = '/api/v1/namespaces/default/configmaps';
  const aMap = (name: string, fields: object = { data }) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, ...fields });
  const merge = { 'content-type': 'application/merge-patch+json' };
  const rows: readonly { it: string; request: TestRequest; on?: string }[] = [
    { it: 'created', request: { method: 'POST', body: aMap('hostile') } },
    { it: 'replaced', on: 'hostile', request: { method: 'PUT', body: aMap('hostile') } },
    { it: 'merged', on: 'plain', request: { method: 'PATCH', headers: merge, body: { data } } },
    {
      it: 'merged strategically',
      on: 'plain',
      request: { method: 'PATCH', headers: { 'content-type': 'application/strategic-merge-patch+json' }, body: { data } },
    },
    {
      it: 'added one by one',
      on: 'plain',
      request: {
        method: 'PATCH',
        headers: { 'content-type': 'application/json-patch+json' },
        body: Object.entries(data).map(([key, value]) => ({ op: 'add', path: `/data/${key}`, value })),
      },
    },
    {
      it: 'applied',
      on: 'applied?fieldManager=me',
      request: { method: 'PATCH', headers: { 'content-type': 'application/apply-patch+yaml' }, body: aMap('applied') },
    },
  ];
  await test('in ConfigMaps, however they are written', async (t) => {
    await using server = await createTestApiServer();
    for (const { it, request, on } of rows) {
      await t.test(it, async () => {
        await send(server, `${path}/plain`, { method: 'DELETE' });
        await send(server, path, { method: 'POST', body: aMap('plain', { data: { a: 'b' } }) });
        const answer = await send(server, on === undefined ? path : `${path}/${on}`, request);
        assert.ok(answer.statusCode < 300, answer.text);
        const stored = await send(server, `${path}/${String(answer.at('metadata.name'))}`);
        for (const written of [answer, stored]) {
          const found = written.at('data');
          assert.ok(typeof found === 'object' && found !== null);
          for (const [key, value] of Object.entries(data)) {
            assert.ok(Object.hasOwn(found, key), `${it}: ${key} is missing in ${written.text}`);
            assert.equal(Object.getOwnPropertyDescriptor(found, key)?.value, value);
          }
        }
      });
    }
  });
});
