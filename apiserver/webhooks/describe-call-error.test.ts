import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeAnswer, describeReachError } from './describe-call-error.ts';

const failing = (code: string, more: object = {}) => Object.assign(new Error('something else'), { code, ...more });

const unreached: readonly { it: string; error: unknown; says: string }[] = [
  {
    it: 'refused',
    error: failing('ECONNREFUSED', { address: '10.96.0.7', port: 443 }),
    says: 'dial tcp 10.96.0.7:443: connect: connection refused',
  },
  { it: 'refused at several addresses', error: failing('ECONNREFUSED'), says: 'dial tcp a.b.svc:443: connect: connection refused' },
  { it: 'nowhere', error: failing('ENOTFOUND'), says: 'dial tcp: lookup a.b.svc: no such host' },
  { it: 'too slow to connect', error: failing('UND_ERR_CONNECT_TIMEOUT'), says: 'dial tcp: i/o timeout' },
  { it: 'gone', error: failing('UND_ERR_SOCKET'), says: 'EOF' },
  {
    it: 'somebody else',
    error: failing('ERR_TLS_CERT_ALTNAME_INVALID'),
    says: 'tls: failed to verify certificate: x509: something else',
  },
  { it: 'told of by nobody', error: 'odd', says: 'odd' },
];
for (const { it, error, says } of unreached) {
  test(`a webhook that is ${it}`, () => assert.equal(describeReachError(error, 'a.b.svc:443'), says));
}

const answers: readonly { code: number; text: string; says: string }[] = [
  { code: 403, text: 'no ', says: 'forbidden: no' },
  { code: 404, text: 'x', says: 'the server could not find the requested resource' },
  { code: 500, text: '', says: 'an error on the server ("unknown") has prevented the request from succeeding' },
  { code: 503, text: 'x', says: 'the server is currently unable to handle the request' },
  { code: 302, text: 'x', says: 'the server responded with the status code 302 but did not return more information' },
];
for (const { code, text, says } of answers) {
  test(`a webhook that answers ${code}`, () => assert.equal(describeAnswer(code, text), says));
}

test('of a long answer the beginning is shown', () => {
  assert.ok(describeAnswer(500, 'x'.repeat(1_000_000)).length < 3_000);
});
