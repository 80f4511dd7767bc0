/** Lists in pages through the whole server: what the pages behind the first say when the cluster has moved on meanwhile. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createMemoryStorage } from '../storage/memory-storage.ts';
import { send, type TestResponse } from '../testing/http-client.ts';
import { createTestApiServer, type TestApiServer } from '../testing/test-api-server.ts';

const PATH = '/api/v1/namespaces/kube-public/configmaps';
const storage = createMemoryStorage();
let server: TestApiServer;
before(async () => {
  server = await createTestApiServer({ storage });
  for (const name of ['a', 'b', 'c']) await create(name);
});
after(() => server.stop());

const create = (name: string): Promise<TestResponse> =>
  send(server, PATH, { method: 'POST', body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } } });
const page = (from?: TestResponse): Promise<TestResponse> =>
  send(server, `${PATH}?limit=1${from === undefined ? '' : `&continue=${String(from.at('metadata.continue'))}`}`, { method: 'GET' });

test('a page of a past state counts what was left of it then', async () => {
  const first = await page();
  await create('d');
  const second = await page(first);
  assert.equal(second.at('items.0.metadata.name'), 'b');
  assert.equal(second.at('metadata.remainingItemCount'), 1);
  assert.equal(second.at('metadata.resourceVersion'), first.at('metadata.resourceVersion'));
});

test('where the state of the pages before is gone, the refusal has a token that goes on in the newest', async () => {
  const first = await page();
  await create('e');
  storage.compact(await storage.currentRevision());
  const expired = await page(first);
  assert.deepEqual([expired.statusCode, expired.at('reason')], [410, 'Expired']);
  assert.match(String(expired.at('message')), /use the continue token in this response to retrieve the remainder/);
  const next = await page(expired);
  assert.equal(next.at('items.0.metadata.name'), 'b');
  assert.equal(next.at('metadata.remainingItemCount'), 3);
  assert.equal((await page(next)).at('metadata.resourceVersion'), next.at('metadata.resourceVersion'));
});
