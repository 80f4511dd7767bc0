/** What is made anew and what stays, as tables. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Identity } from './identities.ts';
import { CERTIFICATE_LIFETIME_MS, type FoundCertificate, planAuthority, planCertificates } from './plan-certificates.ts';

const NOW_MS = Date.UTC(2026, 5, 1);
const DAY_MS = 24 * 60 * 60 * 1000;

const identity: Identity = {
  directory: 'apiserver',
  name: 'server',
  authority: 'ca',
  usage: 'server',
  commonName: 'kube-apiserver',
  serverNames: ['localhost', '127.0.0.1'],
};

function aCertificate(changes: Partial<FoundCertificate> = {}): FoundCertificate {
  return {
    commonName: 'kube-apiserver',
    organization: undefined,
    serverNames: ['127.0.0.1', 'localhost'],
    notBeforeMs: NOW_MS - DAY_MS,
    notAfterMs: NOW_MS - DAY_MS + CERTIFICATE_LIFETIME_MS,
    isKeyItsOwn: true,
    isSignedByAuthority: true,
    ...changes,
  };
}

const certificateCases: readonly { it: string; found: FoundCertificate | undefined; reason: string | undefined }[] = [
  { it: 'keeps a good one, in whatever order its names are', found: aCertificate(), reason: undefined },
  { it: 'makes a missing one', found: undefined, reason: 'it is missing' },
  { it: 'replaces one of another authority', found: aCertificate({ isSignedByAuthority: false }), reason: 'another authority signed it' },
  { it: 'replaces one cut off between key and certificate', found: aCertificate({ isKeyItsOwn: false }), reason: 'its key is another one' },
  { it: 'replaces one for another user', found: aCertificate({ commonName: 'somebody' }), reason: 'its subject has changed' },
  { it: 'replaces one for another group', found: aCertificate({ organization: 'system:masters' }), reason: 'its subject has changed' },
  { it: 'replaces one that lacks a name', found: aCertificate({ serverNames: ['localhost'] }), reason: 'its names have changed' },
  {
    it: 'replaces one after two thirds of its time',
    found: aCertificate({ notBeforeMs: NOW_MS - 250 * DAY_MS, notAfterMs: NOW_MS + 115 * DAY_MS }),
    reason: 'it nears its end',
  },
  {
    it: 'keeps one before two thirds of its time',
    found: aCertificate({ notBeforeMs: NOW_MS - 240 * DAY_MS, notAfterMs: NOW_MS + 125 * DAY_MS }),
    reason: undefined,
  },
  { it: 'replaces one whose time has not come', found: aCertificate({ notBeforeMs: NOW_MS + DAY_MS }), reason: 'it nears its end' },
];

for (const { it, found, reason } of certificateCases) {
  test(`a plan ${it}`, () => {
    const planned = planCertificates([identity], () => found, new Set(), NOW_MS);
    assert.deepEqual(planned, reason === undefined ? [] : [{ identity, reason }]);
  });
}

test('a new authority means new certificates, of its own alone', () => {
  const other: Identity = { ...identity, directory: 'etcd', authority: 'etcd-ca' };
  const planned = planCertificates([identity, other], () => aCertificate(), new Set(['etcd-ca'] as const), NOW_MS);
  assert.deepEqual(planned, [{ identity: other, reason: 'its authority is new' }]);
});

const authorityCases = [
  { it: 'is kept when it is good', found: { certificate: aCertificate(), hasKey: true }, plan: 'keep' },
  { it: 'is made when there is nothing', found: { certificate: undefined, hasKey: false }, plan: 'create' },
  { it: 'is made when its key is lost', found: { certificate: aCertificate(), hasKey: false }, plan: 'create' },
  { it: 'is made when a run was cut off after its key', found: { certificate: undefined, hasKey: true }, plan: 'create' },
  { it: 'is renewed with its key near its end', found: { certificate: aCertificate({ notAfterMs: NOW_MS }), hasKey: true }, plan: 'renew' },
] as const;

for (const { it, found, plan } of authorityCases) {
  test(`an authority ${it}`, () => assert.equal(planAuthority(found, NOW_MS), plan));
}
