import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeObject, decodePart } from './decode.ts';
import { deployments, pods } from './generated/resources.ts';
import { ApiError } from './meta/status.ts';

const aPod = (spec: object) => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web' }, spec });

test('known fields stay, unknown ones are left out and named', () => {
  const body = aPod({ containers: [{ name: 'a', imag: 'x', ports: [{ containerPort: 80, portt: 1 }] }], colour: 'red' });
  const { object, unknownFields } = decodeObject(pods, body);
  assert.deepEqual(object, aPod({ containers: [{ name: 'a', ports: [{ containerPort: 80 }] }] }));
  assert.deepEqual(unknownFields, [
    'unknown field "spec.containers[0].imag"',
    'unknown field "spec.containers[0].ports[0].portt"',
    'unknown field "spec.colour"',
  ]);
});

test('null is absent in an object and empty in a list or map', () => {
  const body = { metadata: { name: 'web', creationTimestamp: null, labels: { a: null } }, spec: { containers: [null] } };
  assert.deepEqual(decodeObject(pods, body).object, { metadata: { name: 'web', labels: { a: '' } }, spec: { containers: [{ name: '' }] } });
});

test('an empty list or map is absent, unless the field is required or only a part is read', () => {
  const body = { metadata: { name: 'web', labels: {}, finalizers: [] }, spec: { containers: [], securityContext: {}, nodeSelector: {} } };
  assert.deepEqual(decodeObject(pods, body).object, { metadata: { name: 'web' }, spec: { containers: [], securityContext: {} } });
  assert.deepEqual(decodePart(pods, { metadata: { labels: {} } }).object, { metadata: { labels: {} } });
});

test('required fields that were left out are there, empty', () => {
  assert.deepEqual(decodeObject(pods, {}).object, { metadata: {}, spec: { containers: [] } });
  const { spec } = decodeObject(deployments, { spec: { selector: { matchExpressions: [{}] } } }).object;
  assert.deepEqual(spec, { selector: { matchExpressions: [{ key: '', operator: '' }] }, template: {} });
});

test('quantities become canonical text, also when they were numbers', () => {
  const resources = { limits: { cpu: 0.5, memory: '1024Mi' }, requests: { cpu: 2 } };
  const { object } = decodeObject(pods, aPod({ containers: [{ name: 'a', resources }] }));
  assert.deepEqual(object.spec.containers[0]?.resources, { limits: { cpu: '500m', memory: '1Gi' }, requests: { cpu: '2' } });
});

test('times become UTC', () => {
  const { object } = decodeObject(pods, { metadata: { name: 'a', creationTimestamp: '2026-01-01T01:00:00+01:00' } });
  assert.equal(object.metadata.creationTimestamp, '2026-01-01T00:00:00Z');
});

test('a key called __proto__ in a map is data and changes no prototype', () => {
  const body: unknown = JSON.parse('{"metadata":{"name":"a","annotations":{"__proto__":"x"}},"__proto__":{"polluted":true}}');
  const { object, unknownFields } = decodeObject(pods, body);
  assert.equal(Object.hasOwn(object.metadata.annotations ?? {}, '__proto__'), true);
  assert.equal('polluted' in object, false);
  assert.deepEqual(unknownFields, ['unknown field "__proto__"']);
});

const wrong = [
  {
    it: 'text for a number',
    body: { kind: 'Deployment', apiVersion: 'apps/v1', spec: { replicas: 'two' } },
    message:
      'Deployment in version "v1" cannot be handled as a Deployment: json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32',
  },
  {
    it: 'a fraction for an integer',
    body: { kind: 'Deployment', spec: { replicas: 1.5 } },
    message: /cannot unmarshal number 1.5 into Go struct field DeploymentSpec.spec.replicas of type int32$/,
  },
  { it: 'an integer out of range', body: { spec: { replicas: 2 ** 31 } }, message: /number 2147483648 into Go struct field/ },
  {
    it: 'an object for a list',
    body: { spec: { template: { spec: { containers: {} } } } },
    message: /cannot unmarshal object into Go struct field PodSpec.spec.template.spec.containers of type \[\]v1.Container$/,
  },
  {
    it: 'a number for a label',
    body: { metadata: { labels: { a: 1 } } },
    message: /number into Go struct field ObjectMeta.metadata.labels of type string/,
  },
  {
    it: 'a bad quantity',
    body: { spec: { template: { spec: { overhead: { cpu: 'much' } } } } },
    message: /quantities must match the regular expression/,
  },
  { it: 'a bad time', body: { metadata: { creationTimestamp: 'today' } }, message: /parsing time "today" as "2006-01-02T15:04:05Z07:00"/ },
  { it: 'no object', body: [1], message: /json: cannot unmarshal array into Go value of type v1.Deployment$/ },
] as const;
for (const { it, body, message } of wrong) {
  test(`${it} is refused as a bad request`, () => {
    const check = (error: unknown) => {
      assert.ok(error instanceof ApiError);
      assert.equal(error.code, 400);
      if (typeof message === 'string') assert.equal(error.message, message);
      else assert.match(error.message, message);
      return true;
    };
    assert.throws(() => decodeObject(deployments, body), check);
  });
}

test('bytes must be base64', () => {
  assert.deepEqual(decodeObject('Secret', { data: { a: 'aGk=\n' } }).object, { metadata: {}, data: { a: 'aGk=' } });
  assert.throws(() => decodeObject('Secret', { data: { a: 'a*b=' } }), /illegal base64 data at input byte 1/);
});

test('absurdly deep bodies are refused, not walked', () => {
  const body: unknown = JSON.parse(`{"raw":${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}}`);
  assert.throws(() => decodeObject('ControllerRevision', { data: body }), /exceeded max depth/);
});
