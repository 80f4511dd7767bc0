/** What follows from a token's claims alone: its time, its audiences, its bearer; and that claims survive the way through a token. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { commonAudiences, parseClaims, type TokenClaims, timeProblem, toPayload, userOf } from './token-claims.ts';

const NOW_SECONDS = 1_800_000_000;

function aToken(more: Partial<TokenClaims> = {}): TokenClaims {
  return {
    id: 'j1',
    issuer: 'https://issuer',
    audiences: ['https://issuer'],
    issuedAtSeconds: NOW_SECONDS,
    notBeforeSeconds: NOW_SECONDS,
    expirySeconds: NOW_SECONDS + 600,
    namespace: 'shop',
    serviceAccount: { name: 'web', uid: 'a1' },
    ...more,
  };
}

const times: readonly { it: string; atSeconds: number; problem: string | undefined }[] = [
  { it: 'is valid from its making', atSeconds: 0, problem: undefined },
  { it: 'is valid for a server whose clock is a minute behind', atSeconds: -60, problem: undefined },
  { it: 'is not valid before that', atSeconds: -61, problem: 'service account token is not valid yet' },
  { it: 'is valid a minute past its end', atSeconds: 660, problem: undefined },
  { it: 'has expired after that', atSeconds: 661, problem: 'service account token has expired' },
];
for (const { it, atSeconds, problem } of times) {
  test(`a token ${it}`, () => assert.equal(timeProblem(aToken(), (NOW_SECONDS + atSeconds) * 1_000), problem));
}

const payload = toPayload(aToken({ pod: { name: 'web-1', uid: 'p1' } }));
const damaged: readonly { it: string; payload: Readonly<Record<string, unknown>> }[] = [
  { it: 'without an issuer', payload: { ...payload, iss: undefined } },
  { it: 'without an end', payload: { ...payload, exp: undefined } },
  { it: 'whose end is a text', payload: { ...payload, exp: '1' } },
  { it: 'without an account', payload: { ...payload, 'kubernetes.io': { namespace: 'shop' } } },
  { it: 'of nothing of ours', payload: { ...payload, 'kubernetes.io': 'shop' } },
  { it: 'whose subject is another account', payload: { ...payload, sub: 'system:serviceaccount:shop:other' } },
];
for (const { it, payload: given } of damaged) {
  test(`a payload ${it} is no token of ours`, () => assert.equal(parseClaims(given), undefined));
}

test('an audience may stand alone', () => {
  assert.deepEqual(parseClaims({ ...payload, aud: 'vault' })?.audiences, ['vault']);
});

test('audiences in common are the ones asked for', () => {
  const token = aToken({ audiences: ['a', 'b', 'c'] });
  assert.deepEqual(commonAudiences(token, ['c', 'a', 'x']), ['a', 'c']);
  assert.deepEqual(commonAudiences(token, ['x']), []);
});

test('the bearer is the account, and says by which pod and node', () => {
  const token = aToken({ pod: { name: 'web-1', uid: 'p1' }, node: { name: 'worker-1', uid: 'n1' } });
  assert.deepEqual(userOf(token), {
    name: 'system:serviceaccount:shop:web',
    uid: 'a1',
    groups: ['system:serviceaccounts', 'system:serviceaccounts:shop', 'system:authenticated'],
    extra: {
      'authentication.kubernetes.io/credential-id': ['JTI=j1'],
      'authentication.kubernetes.io/node-name': ['worker-1'],
      'authentication.kubernetes.io/node-uid': ['n1'],
      'authentication.kubernetes.io/pod-name': ['web-1'],
      'authentication.kubernetes.io/pod-uid': ['p1'],
    },
  });
});

test('what is read from a payload is what was put into it', () => {
  const reference = fc.record({ name: fc.string({ minLength: 1 }), uid: fc.uuid() });
  const seconds = fc.nat({ max: 2 ** 31 });
  const claims = fc.record(
    {
      id: fc.uuid(),
      issuer: fc.string(),
      audiences: fc.array(fc.string()),
      issuedAtSeconds: seconds,
      notBeforeSeconds: seconds,
      expirySeconds: seconds,
      namespace: fc.string(),
      serviceAccount: reference,
      pod: reference,
      secret: reference,
      node: reference,
      warnAfterSeconds: seconds,
    },
    {
      requiredKeys: ['id', 'issuer', 'audiences', 'issuedAtSeconds', 'notBeforeSeconds', 'expirySeconds', 'namespace', 'serviceAccount'],
    },
  );
  fc.assert(
    fc.property(claims, (given) => {
      const wire: unknown = JSON.parse(JSON.stringify(toPayload(given)));
      assert.ok(typeof wire === 'object' && wire !== null);
      assert.deepEqual(parseClaims({ ...wire }), JSON.parse(JSON.stringify(given)));
    }),
  );
});
