/** The watch's own protocol, against a cache made up for the purpose: what cannot be brought about from outside within a test's time. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '#api/meta/status.ts';
import { silentLogger } from '#component/logger.ts';
import { seededRandom } from '#component/random.ts';
import { createFakeClock } from '#component/testing/fake-clock.ts';
import { createResourceRegistry } from '../resource-registry.ts';
import { configmaps } from '../resources/configmaps.ts';
import { createMemoryStorage } from '../storage/memory-storage.ts';
import type { CacheWatch, WatchCache } from '../storage/watch-cache.ts';
import type { ByteSink } from './answer.ts';
import type { ApiRequest, PipelineDeps } from './request.ts';
import { watchObjects } from './watch.ts';

const fail = () => {
  throw new Error('not part of a watch');
};

function aCache(openWatch: () => CacheWatch): WatchCache {
  return {
    run: async () => {},
    isReady: () => true,
    revision: () => 9n,
    find: () => undefined,
    list: () => [],
    waitFor: async () => {},
    waitUntilCurrent: async () => {},
    watch: openWatch,
  };
}

async function watched(query: string, openWatch: () => CacheWatch, clock = createFakeClock()): Promise<readonly string[]> {
  const deps: PipelineDeps = {
    storage: createMemoryStorage(),
    cache: aCache(openWatch),
    resources: createResourceRegistry([configmaps]),
    admission: { mutate: fail, validate: fail },
    serviceAddresses: { session: fail, releaseAll: fail, repair: fail },
    kubelets: { stream: fail, upgrade: fail, tls: { ca: '', certificate: '', key: '' }, close: fail },
    webhooks: { call: fail, close: fail },
    objects: { find: fail, read: fail },
    tokens: { apiAudiences: [], issue: fail, authenticate: fail },
    authorizer: { authorize: fail, isReady: fail, policy: fail },
    clock,
    random: seededRandom(1),
    log: silentLogger,
    stopping: new AbortController().signal,
  };
  const request: ApiRequest = {
    info: {
      isResource: true,
      verb: 'watch',
      path: '',
      group: '',
      version: 'v1',
      namespace: 'default',
      resource: 'configmaps',
      subresource: '',
      name: '',
      rest: [],
    },
    definition: configmaps,
    query: new URLSearchParams(query),
    user: { name: 'test', groups: [] },
    body: Buffer.alloc(0),
    contentType: undefined,
    form: { mediaType: 'application/json', representation: 'object', metaVersion: 'v1' },
    signal: new AbortController().signal,
    warn: fail,
  };
  const chunks: string[] = [];
  const sink: ByteSink = { isOfMessages: false, write: (chunk) => chunks.push(chunk.toString('utf8')) > 0, drained: async () => {} };
  const answer = await watchObjects(request, deps);
  assert.ok(answer.type === 'stream');
  const running = answer.run(sink, new AbortController().signal);
  await clock.advance(120_000);
  await running;
  return chunks.join('').trim().split('\n');
}

const expired = new ApiError('Expired', 'too old resource version: 1 (9)');

test('a version that is too old is told as an event, and the watch is over', async () => {
  const [frame = ''] = await watched('resourceVersion=1', () => {
    throw expired;
  });
  assert.match(frame, /^\{"type":"ERROR","object":\{"kind":"Status".*"reason":"Expired","code":410\}\}$/);
});

test('a watcher that fell behind the window is told so', async () => {
  const [frame = ''] = await watched('resourceVersion=5', () => ({ next: async () => Promise.reject(expired), close: () => {} }));
  assert.match(frame, /"code":410/);
});

test('a quiet watch that allows bookmarks hears about once a minute how far the world has come', async () => {
  const clock = createFakeClock();
  let revision = 9n;
  const next: CacheWatch['next'] = async (signal) => {
    await clock.sleep(30_000, signal);
    revision += 1n;
    return { events: [], revision };
  };
  const frames = await watched('resourceVersion=9&allowWatchBookmarks=true&timeoutSeconds=110', () => ({ next, close: () => {} }), clock);
  assert.deepEqual(frames, [
    '{"type":"BOOKMARK","object":{"kind":"ConfigMap","apiVersion":"v1","metadata":{"resourceVersion":"11","creationTimestamp":null}}}',
  ]);
});
