import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pods } from '#api/generated/resources.ts';
import { decodeList, decodeStatus, retryAfterMs } from './object-decoder.ts';

const cases = [
  {
    it: 'takes the reason of the Status',
    code: 409,
    body: { kind: 'Status', reason: 'AlreadyExists', message: 'm' },
    reason: 'AlreadyExists',
  },
  { it: 'falls back to the code for a reason it does not know', code: 404, body: { kind: 'Status', reason: 'Odd' }, reason: 'NotFound' },
  { it: 'reads 410 as Expired', code: 410, body: 'gone', reason: 'Expired' },
  { it: 'reads 409 without a reason as Conflict', code: 409, body: '', reason: 'Conflict' },
  { it: 'reads an unknown 5xx as InternalError', code: 502, body: '<html>', reason: 'InternalError' },
  { it: 'reads an unknown 4xx as BadRequest', code: 418, body: undefined, reason: 'BadRequest' },
];
for (const { it, code, body, reason } of cases) {
  test(`a failed answer ${it}`, () => {
    const error = decodeStatus(code, body);
    assert.deepEqual([error.reason, error.code], [reason, code]);
  });
}

test('the wait that the server asks for comes from the header or the Status', () => {
  assert.equal(retryAfterMs(decodeStatus(429, '', 3)), 3_000);
  assert.equal(retryAfterMs(decodeStatus(429, { kind: 'Status', details: { retryAfterSeconds: 5 } }, 3)), 5_000);
  assert.equal(retryAfterMs(decodeStatus(500, '')), undefined);
});

test('list items get back the kind that the list already said', () => {
  const list = decodeList(pods, { metadata: { resourceVersion: '7' }, items: [{ metadata: { name: 'web' } }] });
  assert.deepEqual(
    list.items.map(({ apiVersion, kind }) => [apiVersion, kind]),
    [['v1', 'Pod']],
  );
});
