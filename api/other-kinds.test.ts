import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { validateRequest } from './certificates/v1/certificate-signing-request.ts';
import { decodePem } from './certificates/v1/pem.ts';
import { decodeObject } from './decode.ts';
import { eventFromCore, eventToCore } from './events/v1/event.ts';
import { certificatesigningrequests, events, poddisruptionbudgets, runtimeclasses } from './generated/resources.ts';
import { applyRuntimeClassDefaults, validateRuntimeClass, validateRuntimeClassUpdate } from './node/v1/runtime-class.ts';
import { validatePodDisruptionBudget } from './policy/v1/pod-disruption-budget.ts';
import { testRules, testUpdates } from './testing/kind-cases.ts';

testRules({ type: poddisruptionbudgets, base: { spec: { minAvailable: 1, selector: {} } }, validate: validatePodDisruptionBudget }, [
  { it: 'may be a share', change: { spec: { minAvailable: '50%' } }, problems: [] },
  {
    it: 'is one bound',
    change: { spec: { maxUnavailable: 1 } },
    problems: [
      'spec: Invalid value: {"minAvailable":1,"selector":{},"maxUnavailable":1}: minAvailable and maxUnavailable cannot be both set',
    ],
  },
  {
    it: 'is at most everything',
    change: { spec: { minAvailable: '150%', unhealthyPodEvictionPolicy: 'Never' } },
    problems: [
      'spec.minAvailable: Invalid value: "150%": must not be greater than 100%',
      'spec.unhealthyPodEvictionPolicy: Unsupported value: "Never": supported values: "AlwaysAllow", "IfHealthyBudget"',
    ],
  },
]);

const runtimeClass = {
  type: runtimeclasses,
  base: { handler: 'runc', overhead: { podFixed: { cpu: '100m' } } },
  applyDefaults: applyRuntimeClassDefaults,
  validate: validateRuntimeClass,
  validateUpdate: validateRuntimeClassUpdate,
};
const toleration = { key: 'a', operator: 'Exists' };
testRules(runtimeClass, [
  {
    it: 'tolerates each taint once',
    change: { scheduling: { tolerations: [toleration, toleration] } },
    problems: ['scheduling.tolerations[1]: Duplicate value: {"key":"a","operator":"Exists"}'],
  },
]);
testUpdates(runtimeClass, [
  { it: 'keeps its handler', change: { handler: 'gvisor' }, problems: ['handler: Invalid value: "gvisor": field is immutable'] },
]);

const pem = (label: string, der: readonly number[]) =>
  Buffer.from(`-----BEGIN ${label}-----\n${Buffer.from(der).toString('base64')}\n-----END ${label}-----\n`).toString('base64');
const request = {
  type: certificatesigningrequests,
  base: { spec: { request: pem('CERTIFICATE REQUEST', [0x30, 0]), signerName: 'example.com/signer', usages: ['client auth'] } },
  validate: validateRequest,
};
testRules(request, []);
test('a CertificateSigningRequest says for what, and whom it asks', () => {
  const { object } = decodeObject(certificatesigningrequests, {
    metadata: { name: 'a' },
    spec: { ...request.base.spec, usages: ['flying', 'any', 'any'], signerName: 'signer', expirationSeconds: 60 },
  });
  const fields = validateRequest(object).map(({ type, field }) => `${type} ${field}`);
  assert.deepEqual(fields, [
    'FieldValueNotSupported spec.usages[0]',
    'FieldValueDuplicate spec.usages[2]',
    'FieldValueInvalid spec.signerName',
    'FieldValueInvalid spec.expirationSeconds',
  ]);
});

test('a PEM block holds one sequence', () => {
  assert.ok(Buffer.isBuffer(decodePem(pem('CERTIFICATE', [0x30, 2, 1, 1]), 'CERTIFICATE')));
  assert.equal(decodePem(pem('CERTIFICATE', [0x30, 5, 1, 1]), 'CERTIFICATE'), "asn1: structure error: tags don't match");
  assert.equal(decodePem('AAAA', 'CERTIFICATE REQUEST'), 'PEM block type must be CERTIFICATE REQUEST');
});

test('any text at all is taken for PEM without a crash', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => void decodePem(pem('CERTIFICATE', [...bytes]), 'CERTIFICATE')));
});

const anEvent = fc.record(
  {
    message: fc.string(),
    reason: fc.string(),
    count: fc.nat(),
    reportingComponent: fc.string(),
    source: fc.record({ component: fc.string(), host: fc.string() }),
    firstTimestamp: fc.constant('2026-01-01T00:00:00Z'),
    lastTimestamp: fc.constant('2026-01-01T00:00:01Z'),
    eventTime: fc.constant('2026-01-01T00:00:00.000001Z'),
    series: fc.record({ count: fc.nat(), lastObservedTime: fc.constant('2026-01-01T00:00:02.000000Z') }),
    related: fc.record({ kind: fc.string(), name: fc.string() }),
  },
  { requiredKeys: [] },
);
test('an event is the same after a journey through the other group', () => {
  fc.assert(
    fc.property(anEvent, (fields) => {
      const involvedObject = { kind: 'Pod', name: 'web' };
      const { object } = decodeObject(events, { apiVersion: 'v1', kind: 'Event', metadata: { name: 'a' }, involvedObject, ...fields });
      assert.deepEqual(eventToCore(eventFromCore(object)), object);
    }),
  );
});
