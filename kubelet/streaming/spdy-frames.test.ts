/** Frames of SPDY/3.1 survive the way through any cut of their bytes; what is none is refused. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeFrame, parseFrames, type SpdyFrame } from './spdy-frames.ts';

async function* inChunks(bytes: Buffer, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** The pieces of a data frame put together again, as far as they follow one another. */
async function readAll(bytes: Buffer, size: number): Promise<readonly SpdyFrame[]> {
  const frames: SpdyFrame[] = [];
  for await (const frame of parseFrames(inChunks(bytes, size))) frames.push(frame);
  return frames;
}

/** Data per stream and everything else in order: what a session makes of frames. */
function meaning(frames: readonly SpdyFrame[]) {
  const data = new Map<number, string>();
  for (const frame of frames) {
    if (frame.type !== 'data') continue;
    data.set(frame.streamId, (data.get(frame.streamId) ?? '') + frame.bytes.toString('hex') + (frame.isLast ? '.' : ''));
  }
  return { data: [...data], rest: frames.filter(({ type }) => type !== 'data') };
}

test('bytes are those of the specification', () => {
  const cases: readonly { frame: SpdyFrame; hex: string }[] = [
    { frame: { type: 'ping', id: 7 }, hex: '80030006 00000004 00000007' },
    { frame: { type: 'rstStream', streamId: 5, statusCode: 3 }, hex: '80030003 00000008 00000005 00000003' },
    { frame: { type: 'goAway', lastStreamId: 9, statusCode: 0 }, hex: '80030007 00000008 00000009 00000000' },
    { frame: { type: 'data', streamId: 3, bytes: Buffer.from('hi'), isLast: true }, hex: '00000003 01000002 6869' },
    { frame: { type: 'synReply', streamId: 1, headerBlock: Buffer.of(0xaa), isLast: false }, hex: '80030002 00000005 00000001 aa' },
    {
      frame: { type: 'synStream', streamId: 1, headerBlock: Buffer.of(0xaa), isLast: true },
      hex: '80030001 0100000b 00000001 00000000 0000 aa',
    },
  ];
  for (const { frame, hex } of cases) assert.equal(encodeFrame(frame).toString('hex'), hex.replaceAll(' ', ''), frame.type);
});

const ids = fc.integer({ min: 1, max: 0x7fff_ffff });
const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));
const plain = { noNullPrototype: true } as const;
const frames: fc.Arbitrary<SpdyFrame> = fc.oneof(
  fc.record({ type: fc.constantFrom('synStream', 'synReply', 'headers'), streamId: ids, headerBlock: bytes, isLast: fc.boolean() }, plain),
  fc.record({ type: fc.constant('rstStream'), streamId: ids, statusCode: fc.nat() }, plain),
  fc.record({ type: fc.constant('ping'), id: fc.nat() }, plain),
  fc.record({ type: fc.constant('goAway'), lastStreamId: ids, statusCode: fc.nat() }, plain),
  fc.record({ type: fc.constant('data'), streamId: fc.integer({ min: 1, max: 3 }), bytes, isLast: fc.boolean() }, plain),
);

test('any cut of the bytes gives the same frames', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(frames, { maxLength: 8 }), fc.integer({ min: 1, max: 400 }), async (written, size) => {
      const read = await readAll(Buffer.concat(written.map(encodeFrame)), size);
      assert.deepEqual(meaning(read), meaning(written));
    }),
  );
});

test('settings and windows are passed over', async () => {
  const settings = Buffer.from('800300040000000400000000', 'hex');
  const window = Buffer.from('80030009000000080000000100000400', 'hex');
  const read = await readAll(Buffer.concat([settings, window, encodeFrame({ type: 'ping', id: 1 })]), 5);
  assert.deepEqual(read, [{ type: 'ping', id: 1 }]);
});

const broken: readonly { it: string; hex: string; why: RegExp }[] = [
  { it: 'HTTP', hex: Buffer.from('\x80\x50OST / HTTP/1.1', 'latin1').toString('hex'), why: /too long|not a frame/ },
  { it: 'another version', hex: '80020006 00000004 00000007', why: /not a frame of SPDY\/3\.1/ },
  { it: 'a control frame of 16 MiB', hex: '80030001 00ffffff', why: /too long/ },
  { it: 'a frame too short for its type', hex: '80030003 00000004 00000007', why: /too short/ },
  { it: 'an end within a frame', hex: '00000003 00000002 68', why: /ended within a frame/ },
];
for (const { it, hex, why } of broken) {
  test(`${it} is refused`, () => assert.rejects(readAll(Buffer.from(hex.replaceAll(' ', ''), 'hex'), 64), why));
}

test('no bytes make the parser do anything but refuse', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 100 }), async (noise) => void (await readAll(Buffer.from(noise), 7).catch(() => {}))),
  );
});
