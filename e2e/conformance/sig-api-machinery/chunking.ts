/** Lists in pages: of one version as long as etcd has it, inconsistent afterwards, with the number of items that are left. */
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import type { Json } from '../../cluster.ts';
import type { ConformanceTest, TestScope } from '../framework/conformance-test.ts';
import type { Resource } from '../framework/resource.ts';

const TEMPLATES = 400;
const WRITERS = 20;
/** Lengths of pages, one after the other, so that pages end in different places each time. */
const LIMITS = [17, 40, 1, 23] as const;
/** Twice the interval at which upstream has etcd compacted. */
const EXPIRED_MS_MAX = 10 * 60_000;
const LOOK_MS = 5_000;

const nameOf = (index: number) => `template-${String(index).padStart(4, '0')}`;

async function createTemplates(t: TestScope): Promise<Resource> {
  const templates = t.resource('v1/podtemplates');
  const create = async (first: number) => {
    for (let index = first; index < TEMPLATES; index += WRITERS)
      await templates.create({
        apiVersion: 'v1',
        kind: 'PodTemplate',
        metadata: { name: nameOf(index) },
        template: { spec: { containers: [{ name: 'test', image: 'test2' }] } },
      });
  };
  await Promise.all(Array.from({ length: WRITERS }, (_, first) => create(first)));
  return templates;
}

/** Asserts what every page has to be, `found` items having come before it; gives how many have come by now. */
function checkPage(page: Json, limit: number, found: number): number {
  assert.ok(page.items.length <= limit, `${page.items.length} items, asked for ${limit}`);
  page.items.forEach((item: Json, index: number) => {
    assert.equal(item.metadata.name, nameOf(found + index));
  });
  const soFar = found + page.items.length;
  const remaining = page.metadata.continue ? TEMPLATES - soFar : undefined;
  assert.equal(page.metadata.remainingItemCount, remaining);
  return soFar;
}

async function returnsChunks(t: TestScope): Promise<void> {
  const templates = await createTemplates(t);
  for (const first of [0, 1, 2]) {
    let found = 0;
    let page: Json;
    let version: string | undefined;
    for (let pages = first; page === undefined || page.metadata.continue; pages++) {
      const limit = LIMITS[pages % LIMITS.length] ?? 1;
      page = await templates.list({ limit, continue: page?.metadata.continue });
      found = checkPage(page, limit, found);
      version ??= page.metadata.resourceVersion;
      assert.equal(page.metadata.resourceVersion, version);
    }
    assert.equal(found, TEMPLATES);
  }
  const whole = await templates.list({ limit: TEMPLATES + 1 });
  assert.equal(whole.items.length, TEMPLATES);
}

/** Nothing tells when etcd has been compacted: the page is asked for until its version is gone. Gives the token of the refusal. */
async function untilExpired(templates: Resource, query: { limit: number; continue: string }, t: TestScope): Promise<string> {
  for (const deadline = Date.now() + EXPIRED_MS_MAX; Date.now() < deadline; await delay(LOOK_MS)) {
    const path = `${templates.path}?limit=${query.limit}&continue=${encodeURIComponent(query.continue)}`;
    const { statusCode, text } = await t.cluster.send({ path });
    if (statusCode === 200) continue;
    const status: Json = JSON.parse(text);
    assert.equal(statusCode, 410, text);
    assert.equal(status.reason, 'Expired');
    assert.ok(status.metadata.continue, 'the refusal has a token to go on with');
    return status.metadata.continue;
  }
  throw new Error(`the token did not expire within ${EXPIRED_MS_MAX / 1_000} s`);
}

async function continuesAfterCompaction(t: TestScope): Promise<void> {
  const templates = await createTemplates(t);
  const limit = TEMPLATES / 10;
  const first = await templates.list({ limit });
  let found = checkPage(first, limit, 0);
  const token = await untilExpired(templates, { limit, continue: first.metadata.continue }, t);
  let page = await templates.list({ limit, continue: token });
  assert.notEqual(page.metadata.resourceVersion, first.metadata.resourceVersion);
  assert.equal(page.items.length, limit);
  found = checkPage(page, limit, found);
  const version = page.metadata.resourceVersion;
  while (page.metadata.continue) {
    page = await templates.list({ limit, continue: page.metadata.continue });
    assert.equal(page.metadata.resourceVersion, version);
    found = checkPage(page, limit, found);
  }
  assert.equal(found, TEMPLATES);
}

export const chunkingTests: readonly ConformanceTest[] = [
  {
    name: '[sig-api-machinery] Servers with support for API chunking should return chunks of results for list calls [Conformance]',
    run: returnsChunks,
  },
  {
    name: '[sig-api-machinery] Servers with support for API chunking should support continue listing from the last key if the original version has been compacted away, though the list is inconsistent [Conformance] [Slow]',
    run: continuesAfterCompaction,
    isSlow: true,
  },
];
