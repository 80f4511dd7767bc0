/** A user as headers and back. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { userFromHeaders, userHeadersOf } from './user-headers.ts';

/** As they arrive: names in lower case, each with a list. */
function received(headers: ReturnType<typeof userHeadersOf>): Record<string, string[]> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.toLowerCase(), (Array.isArray(value) ? value : [value]).map(String)]),
  );
}

test('a user arrives as it left, whatever its keys are made of', () => {
  const text = fc.string({ minLength: 1, maxLength: 8 });
  const key = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 }).map((name) => name.toLowerCase());
  const user = fc.record(
    {
      name: text,
      uid: text,
      groups: fc.array(text).map((groups) => [...groups, 'system:authenticated']),
      extra: fc.dictionary(key, fc.array(text, { minLength: 1 }), { minKeys: 1, noNullPrototype: true }),
    },
    { noNullPrototype: true },
  );
  fc.assert(fc.property(user, (one) => assert.deepEqual(userFromHeaders(received(userHeadersOf(one))), one)));
});

test('keys are escaped as upstream escapes them', () => {
  assert.deepEqual(Object.keys(userHeadersOf({ name: 'x', groups: [], extra: { 'example.com/a b%': ['1'] } })), [
    'X-Remote-User',
    'X-Remote-Extra-example.com%2Fa%20b%25',
  ]);
});

test('headers without a user name nobody', () => assert.equal(userFromHeaders({ 'x-remote-group': ['system:masters'] }), undefined));

test('nobody in particular is not authenticated', () => {
  const user = userFromHeaders({ 'x-remote-user': ['system:anonymous'], 'x-remote-group': ['system:unauthenticated'] });
  assert.deepEqual(user, { name: 'system:anonymous', groups: ['system:unauthenticated'] });
});
