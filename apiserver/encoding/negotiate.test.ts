import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isReason } from '#api/meta/status.ts';
import { negotiateBody, negotiateResponse, PROTOBUF } from './negotiate.ts';

const kubectl = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json';
const cases = [
  { accept: undefined, mediaType: 'application/json', representation: 'object' },
  { accept: '*/*', mediaType: 'application/json', representation: 'object' },
  { accept: 'application/yaml', mediaType: 'application/yaml', representation: 'object' },
  { accept: kubectl, mediaType: 'application/json', representation: 'Table' },
  { accept: 'application/vnd.kubernetes.protobuf,application/json', mediaType: 'application/json', representation: 'object' },
  { accept: 'application/vnd.kubernetes.protobuf, */*', mediaType: 'application/json', representation: 'object' },
  {
    accept: 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1',
    mediaType: 'application/json',
    representation: 'PartialObjectMetadata',
  },
  { accept: 'application/json;as=Nonsense;g=meta.k8s.io;v=v1,application/json', mediaType: 'application/json', representation: 'object' },
];

for (const { accept, mediaType, representation } of cases) {
  test(`${accept ?? 'no Accept header'} gets ${representation} in ${mediaType}`, () => {
    assert.partialDeepStrictEqual(negotiateResponse(accept), { mediaType, representation });
  });
}

test('a client that accepts protobuf alone is told what there is', () => {
  assert.throws(
    () => negotiateResponse('application/vnd.kubernetes.protobuf'),
    (error) => isReason(error, 'NotAcceptable'),
  );
});

test('a kind that has a protobuf form is given in it to whoever names it first, but never as a table', () => {
  const all = { hasProtobuf: true };
  assert.equal(negotiateResponse(`${PROTOBUF},application/json`, all).mediaType, PROTOBUF);
  assert.equal(negotiateResponse(`application/json,${PROTOBUF}`, all).mediaType, 'application/json');
  assert.equal(negotiateResponse('*/*', all).mediaType, 'application/json');
  const table = `${PROTOBUF};as=Table;v=v1;g=meta.k8s.io,application/json`;
  assert.deepEqual(negotiateResponse(table, all), negotiateResponse('application/json'));
  assert.equal(negotiateBody(`${PROTOBUF};charset=x`, all), PROTOBUF);
});

test('a body in protobuf is refused where the kind has no such form', () => {
  assert.throws(
    () => negotiateBody(PROTOBUF),
    (error) => isReason(error, 'UnsupportedMediaType'),
  );
});

test('bodies are JSON or YAML, with or without parameters', () => {
  assert.equal(negotiateBody('application/json; charset=utf-8'), 'application/json');
  assert.equal(negotiateBody('application/yaml'), 'application/yaml');
  assert.equal(negotiateBody(undefined), 'application/json');
});

test('a review has no Table: the next form that the client takes is its answer, or none', () => {
  const review = { hasProtobuf: true, hasTable: false };
  assert.equal(negotiateResponse(kubectl, { hasProtobuf: true }).representation, 'Table');
  assert.equal(negotiateResponse(kubectl, review).representation, 'object');
  assert.throws(
    () => negotiateResponse('application/json;as=Table;v=v1;g=meta.k8s.io', review),
    (error) => isReason(error, 'NotAcceptable'),
  );
});
