/** Frames are parsed right wherever the chunks are cut. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { joinLogFrames, parseLogFrames, readTail } from './log-frames.ts';

function frame(stream: number, text: string): Buffer {
  const header = Buffer.from([stream, 0, 0, 0, 0, 0, 0, 0]);
  header.writeUInt32BE(Buffer.byteLength(text), 4);
  return Buffer.concat([header, Buffer.from(text)]);
}

async function* inChunks(bytes: Buffer, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

test('any cut of the stream gives the same bytes', async () => {
  const bytes = Buffer.concat([frame(1, 'hello\n'), frame(2, ''), frame(2, 'oh no\n'), frame(1, 'x')]);
  for (let size = 1; size <= bytes.length; size++) {
    assert.equal(await readTail(joinLogFrames(inChunks(bytes, size)), 100), 'hello\noh no\nx', `chunks of ${size}`);
  }
});

test('the two streams are told apart', async () => {
  const seen: string[] = [];
  for await (const { stream, bytes } of parseLogFrames(inChunks(Buffer.concat([frame(1, 'a'), frame(2, 'b')]), 64))) {
    seen.push(`${stream}:${Buffer.from(bytes).toString()}`);
  }
  assert.deepEqual(seen, ['stdout:a', 'stderr:b']);
});

test('bytes that are no frame are refused', async () => {
  await assert.rejects(readTail(joinLogFrames(inChunks(Buffer.from('no frames at all'), 64)), 100), /not a frame/);
});

test('a tail keeps the last bytes', async () => {
  assert.equal(await readTail(joinLogFrames(inChunks(frame(1, '0123456789'), 3)), 4), '6789');
});
