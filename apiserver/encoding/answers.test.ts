/** How answers go over the wire: compressed, indented, not at all to those who have them, and what long or strange bodies cost. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { send, type TestRequest } from '../testing/http-client.ts';
import { createTestApiServer, type TestApiServer } from '../testing/test-api-server.ts';

let server: TestApiServer;
before(async () => {
  server = await createTestApiServer();
  const texts = Array.from({ length: 4 }, (_, index) => `${index}`.repeat(60_000));
  for (const [index, text] of texts.entries()) {
    const created = await send(server, MAPS, {
      method: 'POST',
      body: { kind: 'ConfigMap', apiVersion: 'v1', metadata: { name: `long-${index}` }, data: { text } },
    });
    assert.equal(created.statusCode, 201);
  }
});
after(() => server.stop());

const MAPS = '/api/v1/namespaces/default/configmaps';
const gzip = { headers: { 'accept-encoding': 'deflate, gzip' } };
const get = (path: string, headers: TestRequest['headers'] = {}) => send(server, path, { headers });

describe('compression', () => {
  test('a long list is compressed for those who ask for it, and is the same', async () => {
    const [plain, packed] = await Promise.all([send(server, MAPS), send(server, MAPS, gzip)]);
    assert.equal(packed.headers['content-encoding'], 'gzip');
    assert.equal(packed.headers.vary, 'Accept-Encoding');
    assert.equal(packed.headers['content-length'], undefined);
    assert.ok(packed.bytes.length < plain.bytes.length / 10);
    assert.deepEqual(JSON.parse(gunzipSync(packed.bytes).toString()).items, plain.at('items'));
  });
  test('what is short, or goes on, is not', async () => {
    for (const path of [`${MAPS}/long-0`, '/version', `${MAPS}?watch=1&timeoutSeconds=1`]) {
      assert.equal((await send(server, path, gzip)).headers['content-encoding'], undefined, path);
    }
    assert.equal((await get(MAPS, { 'accept-encoding': 'gzip;q=0' })).headers['content-encoding'], undefined);
  });
});

describe('documents that clients keep', () => {
  const aggregated = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
  for (const { path, accept } of [
    { path: '/apis', accept: aggregated },
    { path: '/api', accept: aggregated },
    { path: '/openapi/v2', accept: 'application/json' },
    { path: '/openapi/v3/apis/apps/v1', accept: 'application/json' },
  ]) {
    test(`${path} is sent once`, async () => {
      const first = await get(path, { accept });
      const { etag = '' } = first.headers;
      assert.match(etag, /^"[0-9A-F]{64,128}"$/);
      const again = await get(path, { accept, 'if-none-match': etag });
      assert.equal(again.statusCode, 304);
      assert.equal(again.bytes.length, 0);
      assert.equal(again.headers.etag, etag);
      assert.equal((await get(path, { accept, 'if-none-match': '"other"' })).statusCode, 200);
    });
  }
  test('the index of OpenAPI v3 leads to the document there is now', async () => {
    const index = await get('/openapi/v3');
    const paths = index.at('paths');
    assert.ok(typeof paths === 'object' && paths !== null);
    const url = String(Reflect.get(Reflect.get(paths, 'apis/apps/v1'), 'serverRelativeURL'));
    const document = await get(url);
    assert.equal(document.statusCode, 200);
    assert.ok(url.endsWith(`?hash=${String(document.headers.etag).slice(1, -1)}`));
    const moved = await get('/openapi/v3/apis/apps/v1?hash=OLD');
    assert.equal(moved.statusCode, 301);
    assert.equal(moved.headers.location, url);
  });
});

test('JSON is indented for people', async () => {
  const path = '/api/v1/namespaces/default';
  const plain = await get(path);
  for (const { url, agent } of [
    { url: `${path}?pretty=true`, agent: 'a' },
    { url: path, agent: 'curl/8.0' },
  ]) {
    const shown = await get(url, { 'user-agent': agent });
    assert.match(shown.text, /^\{\n {2}"/);
    assert.deepEqual(shown.body, plain.body);
  }
  assert.equal((await get(`${path}?pretty=false`, { 'user-agent': 'curl/8.0' })).text, plain.text);
});

describe('bodies that cost more than they look', () => {
  const pods = '/api/v1/namespaces/default/pods';
  const yaml = { 'content-type': 'application/yaml' };
  const rows: readonly { it: string; body: string; headers?: TestRequest['headers']; path?: string; code: number; message: RegExp }[] = [
    { it: 'boxes in boxes', body: '['.repeat(10_000) + ']'.repeat(10_000), code: 400, message: /exceeded max depth of 200/ },
    {
      it: 'three megabytes of empty boxes',
      body: `[${'{},'.repeat(1_000_000)}1]`,
      code: 400,
      message: /exceeded max of 100000 lists and maps/,
    },
    { it: 'a list that holds itself', body: '&a [*a, *a]', headers: yaml, code: 400, message: /exceeded max depth of 200/ },
    {
      it: 'the same again and again',
      body: `a: &a [${'x,'.repeat(100)}]\nb: &b [${'*a,'.repeat(90)}]\nc: &c [${'*b,'.repeat(90)}]`,
      headers: yaml,
      code: 400,
      message: /alias|exceeded/i,
    },
  ];
  for (const { it, body, headers = {}, path = pods, code, message } of rows) {
    test(`${it} are refused at once`, async () => {
      const answer = await send(server, path, { method: 'POST', body, headers });
      assert.equal(answer.statusCode, code);
      assert.match(String(answer.at('message')), message);
    });
  }
  test('a megabyte of YAML is read while others are served', async () => {
    const text = `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: yaml}\ndata:\n${Array.from({ length: 5_000 }, (_, index) => `  key-${index}: value of it\n`).join('')}`;
    const written = send(server, MAPS, { method: 'POST', body: text, headers: yaml });
    const meanwhile = await send(server, '/api/v1/namespaces/default');
    assert.equal(meanwhile.statusCode, 200);
    const answer = await written;
    assert.equal(answer.statusCode, 201, answer.text.slice(0, 300));
    assert.equal(answer.at('data.key-4999'), 'value of it');
  });
});
