import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createModelMessage } from './encoding/protobuf/model-types.ts';
import { encodeProtobufObject, readEnvelope, readProtobufMembers } from './encoding/protobuf/protobuf-object.ts';
import { splitMessage } from './encoding/protobuf/wire.ts';
import { open, send, type TestRequest, valueAt } from './testing/http-client.ts';
import { createTestApiServer, type TestApiServer } from './testing/test-api-server.ts';

const PROTOBUF = 'application/vnd.kubernetes.protobuf';
const MAPS = '/api/v1/namespaces/default/configmaps';

let server: TestApiServer;
before(async () => {
  server = await createTestApiServer();
});
after(() => server.stop());

function sendProtobuf(path: string, { body, headers = {}, ...rest }: TestRequest & { readonly body?: Buffer } = {}) {
  const types = { accept: PROTOBUF, ...(body === undefined ? {} : { 'content-type': PROTOBUF }) };
  return send(server, path, { ...rest, ...(body === undefined ? {} : { body }), headers: { ...types, ...headers } });
}

function configMap(name: string): object {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, labels: { made: 'here' } }, data: { a: 'b' } };
}

/** The object in a body, with the kind its envelope says. */
function objectIn(body: Buffer): object {
  const { apiVersion, kind, raw } = readEnvelope(body);
  return { apiVersion, kind, ...readProtobufMembers(kind, raw) };
}

test('an object that is sent in protobuf is stored as if it had been sent in JSON, and answered in protobuf', async () => {
  const created = await sendProtobuf(MAPS, { method: 'POST', body: encodeProtobufObject(configMap('sent')) });
  assert.equal(created.statusCode, 201);
  assert.equal(created.headers['content-type'], PROTOBUF);
  const stored = await send(server, `${MAPS}/sent`);
  assert.partialDeepStrictEqual(stored.body, { ...configMap('sent') });
  assert.deepEqual(objectIn(created.bytes), stored.body);
  const read = await sendProtobuf(`${MAPS}/sent`);
  assert.deepEqual(objectIn(read.bytes), stored.body);
});

test('parameters of the content type change nothing', async () => {
  const headers = { 'content-type': `${PROTOBUF}; charset=x` };
  const created = await sendProtobuf(MAPS, { method: 'POST', body: encodeProtobufObject(configMap('parameters')), headers });
  assert.equal(created.statusCode, 201);
});

test('a list in protobuf holds what the list in JSON holds', async () => {
  await send(server, MAPS, { method: 'POST', body: configMap('listed') });
  const answer = await sendProtobuf(`${MAPS}?labelSelector=made=here`);
  const { kind, raw } = readEnvelope(answer.bytes);
  assert.equal(kind, 'ConfigMapList');
  const list = createModelMessage('metadata=1 items=2', { metadata: 'ListMeta', items: '[]ConfigMap' }).readMembers(raw);
  const json = await send(server, `${MAPS}?labelSelector=made=here`);
  const items = json.at('items');
  assert.ok(Array.isArray(items));
  const bare = items.map(({ kind: _kind, apiVersion: _version, ...rest }) => rest);
  assert.deepEqual(list, { metadata: json.at('metadata'), items: bare });
});

test('metadata alone comes in protobuf too, tables do not', async () => {
  const partial = await sendProtobuf(`${MAPS}/sent`, { headers: { accept: `${PROTOBUF};as=PartialObjectMetadata;g=meta.k8s.io;v=v1` } });
  const { apiVersion, kind, raw } = readEnvelope(partial.bytes);
  assert.deepEqual([apiVersion, kind], ['meta.k8s.io/v1', 'PartialObjectMetadata']);
  const members = createModelMessage('metadata=1', { metadata: 'ObjectMeta' }).readMembers(raw);
  assert.equal(valueAt(members, 'metadata.name'), 'sent');
  const list = await sendProtobuf(MAPS, { headers: { accept: `${PROTOBUF};as=PartialObjectMetadataList;g=meta.k8s.io;v=v1` } });
  assert.equal(readEnvelope(list.bytes).kind, 'PartialObjectMetadataList');
  const table = await sendProtobuf(MAPS, { headers: { accept: `${PROTOBUF};as=Table;g=meta.k8s.io;v=v1` } });
  assert.equal(table.statusCode, 406);
});

test('a watch in protobuf is frames with their length before them, bookmarks among them', async () => {
  const path = `${MAPS}?watch=true&fieldSelector=metadata.name=sent&timeoutSeconds=1`;
  const frames = await watchEvents(path);
  assert.deepEqual(
    frames.map(({ type }) => type),
    ['ADDED'],
  );
  assert.equal(valueAt(frames[0]?.object, 'data.a'), 'b');
  const bookmarks = await watchEvents(
    `${MAPS}?watch=true&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan&timeoutSeconds=1`,
  );
  assert.deepEqual(valueAt(bookmarks.at(-1)?.object, 'metadata.annotations'), { 'k8s.io/initial-events-end': 'true' });
});

test('errors are told in protobuf', async () => {
  const missing = await sendProtobuf(`${MAPS}/nobody`);
  assert.equal(missing.statusCode, 404);
  assert.equal(missing.headers['content-type'], PROTOBUF);
  const status = { apiVersion: 'v1', kind: 'Status', reason: 'NotFound', code: 404, message: 'configmaps "nobody" not found' };
  assert.partialDeepStrictEqual(objectIn(missing.bytes), status);
});

test('a deletion takes its options in protobuf', async () => {
  await send(server, MAPS, { method: 'POST', body: configMap('kept') });
  // By hand, because no answer is ever one: v1, DeleteOptions, preconditions: { uid: another }.
  const body = Buffer.from('6b3873000a130a02763112' + '0d44656c6574654f7074696f6e73' + '120b12090a07616e6f74686572', 'hex');
  const refused = await sendProtobuf(`${MAPS}/kept`, { method: 'DELETE', body });
  assert.equal(refused.statusCode, 409);
});

test('a token is asked for and given in protobuf', async () => {
  const path = '/api/v1/namespaces/default/serviceaccounts';
  await sendProtobuf(path, {
    method: 'POST',
    body: encodeProtobufObject({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'robot' } }),
  });
  const body = encodeProtobufObject({
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    metadata: {},
    spec: { audiences: [] },
  });
  const answer = await sendProtobuf(`${path}/robot/token`, { method: 'POST', body });
  assert.equal(answer.statusCode, 201, answer.text);
  const { kind, raw } = readEnvelope(answer.bytes);
  assert.equal(kind, 'TokenRequest');
  assert.match(String(valueAt(readProtobufMembers('AuthenticationTokenRequest', raw), 'status.token')), /^ey/);
});

test('documents about the server come in JSON, whatever else a client would rather have', async () => {
  const version = await send(server, '/version', { headers: { accept: `${PROTOBUF},application/json` } });
  assert.equal(version.headers['content-type'], 'application/json');
});

const bodies = [
  { it: 'is empty', body: Buffer.alloc(0), message: /unrecognized \(must be of type ConfigMap\)/ },
  { it: 'is not protobuf', body: Buffer.from('{}'), message: /expected prefix \[107 56 115 0\]/ },
  { it: 'ends behind the first four bytes', body: Buffer.from('6b387300', 'hex'), message: /empty body/ },
  { it: 'has a broken envelope', body: Buffer.from('6b3873000aff', 'hex'), message: /unexpected EOF/ },
  {
    it: 'has a broken message',
    body: Buffer.from('6b387300' + '12020aff', 'hex'),
    message: /cannot be handled as a ConfigMap: unexpected EOF/,
  },
  {
    it: 'is another kind',
    body: encodeProtobufObject({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'x' } }),
    message: /Secret in version "v1" cannot be handled as a ConfigMap/,
  },
];

for (const { it, body, message } of bodies) {
  test(`a body that ${it} is refused`, async () => {
    const answer = await sendProtobuf(MAPS, { method: 'POST', body, headers: { accept: 'application/json' } });
    assert.equal(answer.statusCode, 400);
    assert.match(String(answer.at('message')), message);
  });
}

interface WatchEvent {
  readonly type: string;
  readonly object: object;
}

async function watchEvents(path: string): Promise<readonly WatchEvent[]> {
  const response = await open(server, path, { headers: { accept: `${PROTOBUF};stream=watch` } });
  assert.equal(response.headers['content-type'], `${PROTOBUF};stream=watch`);
  const chunks: Buffer[] = [];
  for await (const chunk of response) if (Buffer.isBuffer(chunk)) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  const events: WatchEvent[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.readUInt32BE(at);
    events.push(eventIn(bytes.subarray(at + 4, at + 4 + length)));
    at += 4 + length;
  }
  return events;
}

function eventIn(frame: Buffer): WatchEvent {
  const event = splitMessage(frame);
  const raw = splitMessage(event.get(2) ?? Buffer.alloc(0)).get(1);
  assert.ok(raw);
  return { type: event.get(1)?.toString('utf8') ?? '', object: objectIn(raw) };
}
