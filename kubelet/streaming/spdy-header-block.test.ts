/** Header blocks: written so that zlib reads them, read as zlib and Go's library write them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { constants, deflateSync, inflateSync } from 'node:zlib';
import fc from 'fast-check';
import { createHeaderReader, createHeaderWriter, decodeHeaders, encodeHeaders, headerDictionary } from './spdy-header-block.ts';

test('the dictionary is the protocol’s, by the checksum that every SPDY/3 connection begins with', () => {
  assert.equal(deflateSync('', { dictionary: headerDictionary }).toString('hex', 2, 6), 'e3c6a7c2');
});

test('blocks of a connection of kubectl’s are read one after the other', async () => {
  const reader = createHeaderReader();
  const blocks = ['78f9e3c6a7c262606060 04a7b392a2d4c45c6851c29a0a0a6800000000ffff', 'c22e555c92929907000000ffff'];
  const read = [];
  for (const block of blocks) read.push([...(await reader.read(Buffer.from(block.replaceAll(' ', ''), 'hex')))]);
  assert.deepEqual(read, [[['streamtype', 'error']], [['streamtype', 'stdin']]]);
  reader.close();
});

const headers = fc
  .dictionary(fc.stringMatching(/^[a-z-]{1,20}$/), fc.string({ maxLength: 40 }), { maxKeys: 6 })
  .map((object) => new Map(Object.entries(object)));

test('what is encoded is decoded to the same', () => {
  fc.assert(fc.property(headers, (written) => assert.deepEqual(decodeHeaders(encodeHeaders(written)), written)));
});

test('what our writer writes our reader reads, block after block', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(headers, { maxLength: 5 }), async (written) => {
      const writer = createHeaderWriter();
      const reader = createHeaderReader();
      for (const one of written) assert.deepEqual(await reader.read(writer.write(one)), one);
      reader.close();
    }),
  );
});

test('what our writer writes is a zlib stream', () => {
  const one = new Map([['port', '80']]);
  const block = createHeaderWriter().write(one);
  assert.deepEqual(inflateSync(block, { finishFlush: constants.Z_SYNC_FLUSH }), encodeHeaders(one));
});

test('a block that unpacks to more than any headers is refused', async () => {
  const reader = createHeaderReader();
  const block = deflateSync(Buffer.alloc(1_000_000), { dictionary: headerDictionary });
  await assert.rejects(reader.read(block), /too long/);
  await assert.rejects(reader.read(block));
});

test('bytes that are no zlib stream are refused', async () => {
  await assert.rejects(createHeaderReader().read(Buffer.from('not compressed at all')));
});
