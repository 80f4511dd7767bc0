import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isReason } from '#api/meta/status.ts';
import { formatContinueToken, INCONSISTENT, parseContinueToken } from './continue-token.ts';

const PREFIX = '/registry/core/pods/';

test('a token leads back to where the page ended', () => {
  const token = { revision: 42n, after: `${PREFIX}default/web` };
  assert.deepEqual(parseContinueToken(formatContinueToken(token, PREFIX), PREFIX), token);
});

test('a token may go on in the newest state, where its own is gone', () => {
  const token = { revision: INCONSISTENT, after: `${PREFIX}default/web` };
  assert.deepEqual(parseContinueToken(formatContinueToken(token, PREFIX), PREFIX), token);
});

const forged = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
const cases = [
  { it: 'noise', text: '!!!' },
  { it: 'another version', text: forged({ v: 'v2', rv: 1, start: 'a' }) },
  { it: 'no revision', text: forged({ v: 'meta.k8s.io/v1', start: 'a' }) },
  { it: 'a revision that cannot be', text: forged({ v: 'meta.k8s.io/v1', rv: -2, start: 'a' }) },
  { it: 'no key', text: forged({ v: 'meta.k8s.io/v1', rv: 1, start: '' }) },
  { it: 'a key that leads out', text: forged({ v: 'meta.k8s.io/v1', rv: 1, start: 'a/../../secrets/x' }) },
  { it: 'a key from the root', text: forged({ v: 'meta.k8s.io/v1', rv: 1, start: '/registry/core/secrets/x' }) },
];
for (const { it, text } of cases) {
  test(`a token with ${it} is refused`, () => {
    assert.throws(
      () => parseContinueToken(text, PREFIX),
      (error) => isReason(error, 'BadRequest'),
    );
  });
}
