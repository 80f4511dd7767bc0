import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configmaps } from '#api/generated/resources.ts';
import { isReason } from '#api/meta/status.ts';
import { decodeWatchStream, FRAME_BYTES_MAX, splitLines } from './watch-stream.ts';

const frames = [
  { type: 'ADDED', object: { kind: 'ConfigMap', apiVersion: 'v1', metadata: { name: 'ä', resourceVersion: '7' } } },
  { type: 'BOOKMARK', object: { kind: 'ConfigMap', apiVersion: 'v1', metadata: { resourceVersion: '9' } } },
];
const text = frames.map((frame) => `${JSON.stringify(frame)}\n`).join('');

async function* chunksOf(...chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
}

test('a stream cut at any byte gives the same events', async () => {
  const bytes = Buffer.from(text);
  for (let cut = 0; cut <= bytes.length; cut++) {
    const chunks = chunksOf(bytes.subarray(0, cut), bytes.subarray(cut));
    const events = await Array.fromAsync(decodeWatchStream(configmaps, chunks));
    assert.deepEqual(
      events.map((event) => (event.type === 'BOOKMARK' ? event.resourceVersion : event.object.metadata.name)),
      ['ä', '9'],
      `cut at byte ${cut}`,
    );
  }
});

test('an unfinished last line is dropped, since the connection broke in it', async () => {
  assert.deepEqual(await Array.fromAsync(splitLines(chunksOf(Buffer.from('{"a":1}\n{"b"')))), ['{"a":1}']);
});

test('an ERROR frame ends the stream as the error it carries', async () => {
  const status = { kind: 'Status', status: 'Failure', reason: 'Expired', message: 'too old resource version', code: 410 };
  const chunks = chunksOf(Buffer.from(`${JSON.stringify({ type: 'ERROR', object: status })}\n`));
  await assert.rejects(Array.fromAsync(decodeWatchStream(configmaps, chunks)), (error) => isReason(error, 'Expired'));
});

test('a line without end is refused before it fills the memory', async () => {
  const chunk = new Uint8Array(FRAME_BYTES_MAX / 4).fill(0x20);
  await assert.rejects(Array.fromAsync(splitLines(chunksOf(chunk, chunk, chunk, chunk, chunk))), /longer than/);
});
