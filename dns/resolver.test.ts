import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Answer, decode, encode, type RecordType } from 'dns-packet';
import { silentLogger } from '#component/logger.ts';
import { createRegistry } from '#component/metrics.ts';
import type { Forwarder } from './forward.ts';
import { createResolver } from './resolver.ts';
import { aClusterView, aService } from './testing/builders.ts';

const cluster = aClusterView([
  aService('web', { clusterIP: '10.96.0.20' }),
  aService('out', { type: 'ExternalName', externalName: 'www.example.com' }),
  aService('inner', { type: 'ExternalName', externalName: 'web.default.svc.cluster.local' }),
  aService('circle', { type: 'ExternalName', externalName: 'circle.default.svc.cluster.local' }),
]);

/** The world knows one name, or nobody is there. */
const world: Forwarder = {
  forward: async (query) => {
    const { id, questions = [] } = decode(query);
    const name = questions[0]?.name ?? '';
    const isKnown = name === 'www.example.com';
    const answers: Answer[] = isKnown ? [{ type: 'A', name, ttl: 300, data: '203.0.113.5' }] : [];
    return encode({ type: 'response', id: id ?? 0, flags: isKnown ? 0 : 3, questions, answers });
  },
};
const silence: Forwarder = { forward: () => Promise.reject(new Error('nobody answered')) };

async function ask(name: string, options: { type?: RecordType; forwarder?: Forwarder; isReady?: boolean } = {}) {
  const { type = 'A', forwarder = world, isReady = true } = options;
  const resolver = createResolver({
    zone: { name: 'cluster.local', cluster },
    forwarder,
    isReady: () => isReady,
    registry: createRegistry(),
    log: silentLogger,
  });
  const response = await resolver.answer(encode({ type: 'query', id: 7, questions: [{ name, type }] }), 'udp');
  assert.ok(response);
  const { answers = [], id } = decode(response);
  assert.equal(id, 7);
  return {
    code: response.readUInt16BE(2) & 0x0f,
    answers: answers.map((answer) => ('data' in answer ? `${answer.type} ${String(answer.data)}` : '')),
  };
}

test('a name of the cluster is answered here', async () => {
  assert.deepEqual(await ask('web.default.svc.cluster.local', { forwarder: silence }), { code: 0, answers: ['A 10.96.0.20'] });
});

test('a missing name of the cluster is never asked for outside', async () => {
  assert.deepEqual(await ask('nope.default.svc.cluster.local', { forwarder: silence }), { code: 3, answers: [] });
});

test('a foreign name is forwarded', async () => {
  assert.deepEqual(await ask('www.example.com'), { code: 0, answers: ['A 203.0.113.5'] });
  assert.deepEqual(await ask('nope.example.com'), { code: 3, answers: [] });
});

test('a foreign name fails when nobody outside answers', async () => {
  assert.deepEqual(await ask('www.example.com', { forwarder: silence }), { code: 2, answers: [] });
});

test('before the cluster is known its names fail rather than be missing', async () => {
  assert.deepEqual(await ask('nope.default.svc.cluster.local', { isReady: false }), { code: 2, answers: [] });
});

test('an ExternalName is followed outside', async () => {
  assert.deepEqual(await ask('out.default.svc.cluster.local'), { code: 0, answers: ['CNAME www.example.com', 'A 203.0.113.5'] });
});

test('an ExternalName is followed inside', async () => {
  const answers = ['CNAME web.default.svc.cluster.local', 'A 10.96.0.20'];
  assert.deepEqual(await ask('inner.default.svc.cluster.local'), { code: 0, answers });
});

test('who asks for the alias gets just that', async () => {
  assert.deepEqual(await ask('out.default.svc.cluster.local', { type: 'CNAME', forwarder: silence }), {
    code: 0,
    answers: ['CNAME www.example.com'],
  });
});

test('an alias that cannot be followed is a failure, not an empty answer', async () => {
  assert.deepEqual(await ask('out.default.svc.cluster.local', { forwarder: silence }), { code: 2, answers: ['CNAME www.example.com'] });
});

test('a circle of aliases ends', async () => {
  assert.deepEqual(await ask('circle.default.svc.cluster.local'), { code: 2, answers: [] });
});
