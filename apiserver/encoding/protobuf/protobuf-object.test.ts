import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { allResourceTypes } from '#api/generated/resources.ts';
import { isJsonObject, type Json } from '#api/meta/json.ts';
import { findMessageType } from './model-types.ts';
import { encodeProtobufObject, hasProtobuf, protobufListPieces, readEnvelope, readProtobufMembers } from './protobuf-object.ts';
import { arbitraryModel, models, withoutEmpty } from './testing/arbitrary-object.ts';
import { createWriter, finish, ProtobufError, writeTag } from './wire.ts';

/** What kubectl 1.32 sent, and what it says. */
const captured = [
  {
    command: 'kubectl create secret generic s1 --from-literal=p=w',
    base64: 'azhzAAoMCgJ2MRIGU2VjcmV0EiIKFgoCczESABoEZGVtbyIAKgAyADgAQgASBgoBcBIBdxoAGgAiAA==',
    object: { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's1', namespace: 'demo' }, data: { p: 'dw==' } },
  },
  {
    command: 'kubectl auth can-i get pods',
    base64:
      'azhzAAoyChdhdXRob3JpemF0aW9uLms4cy5pby92MRIXU2VsZlN1YmplY3RBY2Nlc3NSZXZpZXcSOQoQCgASABoAIgAqADIAOABCABIbChkKBGRlbW8SA2dldBoAIgAqBHBvZHMyADoAGggIABIAGgAgABoAIgA=',
    object: {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SelfSubjectAccessReview',
      metadata: {},
      spec: { resourceAttributes: { namespace: 'demo', verb: 'get', resource: 'pods' } },
      status: { allowed: false },
    },
  },
  {
    command: 'kubectl create deployment zero --image=nginx:1 --replicas=0',
    base64:
      'azhzAAoVCgdhcHBzL3YxEgpEZXBsb3ltZW50ErUBCiUKBHplcm8SABoEZGVtbyIAKgAyADgAQgBaCwoDYXBwEgR6ZXJvEn4IABINCgsKA2FwcBIEemVybxpjCh0KABIAGgAiACoAMgA4AEIAWgsKA2FwcBIEemVybxJCEiQKBW5naW54EgduZ2lueDoxKgBCAGoAcgCAAQCIAQCQAQCiAQAaADIAQgBKAFIAWABgAGgAggEAigEAmgEAwgEAIgIKACgAOAAaDAgAEAAYACAAKAA4ABoAIgA=',
    object: {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'zero', namespace: 'demo', labels: { app: 'zero' } },
      spec: {
        replicas: 0,
        selector: { matchLabels: { app: 'zero' } },
        template: {
          metadata: { labels: { app: 'zero' } },
          spec: { containers: [{ name: 'nginx', image: 'nginx:1', resources: {} }] },
        },
        strategy: {},
      },
      status: {},
    },
  },
  {
    command: 'kubectl create service clusterip web --tcp=80:8080',
    base64:
      'azhzAAoNCgJ2MRIHU2VydmljZRJtCiMKA3dlYhIAGgRkZW1vIgAqADIAOABCAFoKCgNhcHASA3dlYhJCChsKBzgwLTgwODASA1RDUBhQIgcIABCQPxoAKAASCgoDYXBwEgN3ZWIaACIJQ2x1c3RlcklQOgBCAFIAWgBgAGgAGgIKABoAIgA=',
    object: {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web', namespace: 'demo', labels: { app: 'web' } },
      spec: {
        ports: [{ name: '80-8080', protocol: 'TCP', port: 80, targetPort: 8080 }],
        selector: { app: 'web' },
        type: 'ClusterIP',
      },
      status: { loadBalancer: {} },
    },
  },
];

for (const { command, base64, object } of captured) {
  test(`what ${command} sends is read, and written again to the byte`, () => {
    const body = Buffer.from(base64, 'base64');
    const { apiVersion, kind, raw } = readEnvelope(body);
    assert.deepEqual({ apiVersion, kind, ...readProtobufMembers(kind, raw) }, object);
    assert.equal(encodeProtobufObject(object).toString('base64'), base64);
  });
}

const presence = [
  { it: 'keeps zero where absent would mean a default', kind: 'Deployment', members: { spec: { replicas: 0 } }, kept: true },
  { it: 'drops zero where it is the same as absent', kind: 'Deployment', members: { spec: { minReadySeconds: 0 } }, kept: false },
  { it: 'keeps zero where JSON always has the field', kind: 'PriorityClass', members: { value: 0 }, kept: true },
  { it: 'keeps an optional empty text', kind: 'PersistentVolumeClaim', members: { spec: { storageClassName: '' } }, kept: true },
  { it: 'keeps an optional false', kind: 'Pod', members: { spec: { enableServiceLinks: false } }, kept: true },
  { it: 'drops a plain false', kind: 'Pod', members: { spec: { hostNetwork: false } }, kept: false },
];

for (const { it, kind, members, kept } of presence) {
  test(`reading ${it}`, () => {
    const [[field = '', value] = []] = Object.entries(members);
    const read = roundTrip(kind, members);
    const wanted = typeof value === 'object' ? value : members;
    const found = typeof value === 'object' ? read[field] : read;
    for (const [name, zero] of Object.entries(wanted)) assert.deepEqual(Reflect.get(Object(found), name), kept ? zero : undefined);
  });
}

test('values that are simpler in JSON than on the wire come back as they were', () => {
  const event = { eventTime: '2026-11-20T08:00:00.123456Z', firstTimestamp: '2026-11-20T08:00:00Z', metadata: {} };
  assert.partialDeepStrictEqual(roundTrip('Event', event), event);
  const service = { spec: { ports: [{ port: 80, targetPort: 'http' }] } };
  assert.partialDeepStrictEqual(roundTrip('Service', service), service);
  const schema = {
    items: [{ type: 'string' }],
    additionalProperties: false,
    dependencies: { a: ['b'] },
    default: { x: [1, null] },
    $ref: '#',
  };
  assert.partialDeepStrictEqual(roundTrip('JSONSchemaProps', schema), schema);
  const review = { spec: { user: 'u', extra: { scopes: ['a', 'b'] } } };
  assert.partialDeepStrictEqual(roundTrip('SubjectAccessReview', review), review);
  const fields = { metadata: { managedFields: [{ manager: 'm', fieldsV1: { 'f:data': {} } }], deletionGracePeriodSeconds: -3 } };
  assert.partialDeepStrictEqual(roundTrip('ConfigMap', fields), fields);
});

test('objects of every model come back as they were, and a second time as the first', () => {
  for (const model of models) {
    const property = fc.property(arbitraryModel(model), (object) => {
      const once = roundTrip(model, object);
      assert.deepEqual(withoutEmpty(once), withoutEmpty(object), model);
      assert.deepEqual(roundTrip(model, once), once, model);
    });
    fc.assert(property, { numRuns: 5 });
  }
});

test('every resource has a message', () => {
  assert.deepEqual(
    allResourceTypes.filter((type) => !hasProtobuf(type.schema)).map((type) => type.plural),
    [],
  );
});

test('a list is its items one after the other in one envelope', () => {
  const pieces = protobufListPieces({ apiVersion: 'v1', kind: 'ConfigMapList', metadata: { resourceVersion: '7' }, items: [] });
  const { kind, raw } = readEnvelope(Buffer.concat(pieces));
  assert.equal(kind, 'ConfigMapList');
  assert.equal(raw.toString('hex'), '0a070a001201371a00');
});

const message = (...bytes: readonly number[]) => Buffer.from(bytes);

/** A schema in a schema in a schema: field 28 is `not`. */
function nestedSchema(depth: number): Buffer {
  let inner: Buffer = Buffer.alloc(0);
  for (let level = 0; level < depth; level++) inner = finish(writeTag(createWriter(), 28, 2).bytes(inner));
  return inner;
}

const hostile = [
  { it: 'ends within a tag', raw: message(0x80) },
  { it: 'ends within a text', raw: message(0x0a, 0x05, 0x61) },
  { it: 'announces more bytes than there are', raw: message(0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f) },
  { it: 'has a number without an end', raw: message(0x10, ...Array.from({ length: 12 }, () => 0xff)) },
  { it: 'has a number where a message belongs', raw: message(0x08, 0x01) },
  { it: 'opens a group', raw: message(0x0b, 0x0b, 0x0b, 0x0b) },
  { it: 'has a field without a number', raw: message(0x02, 0x00) },
];

for (const { it, raw } of hostile) {
  test(`a message that ${it} is refused`, () => {
    assert.throws(() => readProtobufMembers('Pod', raw), ProtobufError);
  });
}

test('messages that nest without end are refused, whole or cut off', () => {
  assert.throws(() => readProtobufMembers('JSONSchemaProps', nestedSchema(5_000)), ProtobufError);
  assert.doesNotThrow(() => readProtobufMembers('JSONSchemaProps', nestedSchema(50)));
});

test('whatever bytes come, reading gives an object or refuses', () => {
  const golden = Buffer.from(captured[2]?.base64 ?? '', 'base64');
  const damaged = fc.array(fc.tuple(fc.nat(golden.length - 1), fc.nat(255)), { minLength: 1, maxLength: 5 }).map((changes) => {
    const bytes = Buffer.from(golden);
    for (const [at, byte] of changes) bytes[at] = byte;
    return bytes;
  });
  fc.assert(
    fc.property(damaged, (bytes) => {
      try {
        readProtobufMembers('Deployment', readEnvelope(bytes).raw);
      } catch (error) {
        assert.ok(error instanceof ProtobufError, String(error));
      }
    }),
    { numRuns: 300 },
  );
});

test('a key called __proto__ stays a key', () => {
  const data = JSON.parse('{"__proto__":"x"}');
  const read = roundTrip('ConfigMap', { metadata: {}, data });
  assert.equal(JSON.stringify(read.data), '{"__proto__":"x"}');
});

test('a number of 64 bits that JSON cannot hold stays the largest', () => {
  const read = roundTrip('Lease', { metadata: { generation: 2 ** 63 }, spec: { leaseTransitions: -1 } });
  assert.partialDeepStrictEqual(read, { metadata: { generation: 2 ** 63 }, spec: { leaseTransitions: -1 } });
});

function roundTrip(model: string, members: object): Readonly<Record<string, unknown>> {
  const type = findMessageType(model);
  assert.ok(type, model);
  const writer = createWriter();
  const value: Json = JSON.parse(JSON.stringify(members));
  assert.ok(isJsonObject(value));
  type.writeMembers(writer, value);
  return readProtobufMembers(model, finish(writer));
}
