/** The last word of a command, and sizes of windows out of a stream of JSON. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type CommandOutcome, encodeOutcome, statusOfOutcome, takeSizes } from './command-streams.ts';

const succeeded: CommandOutcome = { type: 'exited', exitCode: 0 };
const exited: CommandOutcome = { type: 'exited', exitCode: 3 };
const failed: CommandOutcome = { type: 'failed', error: new Error('no such thing') };

test('a command that succeeded is a Success', () => assert.deepEqual(statusOfOutcome(succeeded), { metadata: {}, status: 'Success' }));

test('an exit code is where clients look for it', () => {
  assert.partialDeepStrictEqual(statusOfOutcome(exited), {
    status: 'Failure',
    reason: 'NonZeroExitCode',
    message: 'command terminated with non-zero exit code: exit status 3',
    details: { causes: [{ reason: 'ExitCode', message: '3' }] },
  });
});

test('a command that could not be run is an internal error', () => {
  assert.partialDeepStrictEqual(statusOfOutcome(failed), {
    status: 'Failure',
    reason: 'InternalError',
    message: 'Internal error occurred: error executing command in container: no such thing',
  });
});

test('old clients hear of failures alone, as text', () => {
  const old = { hasJsonStatus: false };
  assert.equal(encodeOutcome(succeeded, old).toString(), '');
  assert.equal(encodeOutcome(exited, old).toString(), 'command terminated with non-zero exit code: exit status 3');
  assert.deepEqual(JSON.parse(encodeOutcome(succeeded, { hasJsonStatus: true }).toString()), statusOfOutcome(succeeded));
});

const texts: readonly { it: string; text: string; sizes: readonly object[]; rest: string }[] = [
  { it: 'reads one size', text: '{"Width":80,"Height":24}\n', sizes: [{ columns: 80, rows: 24 }], rest: '\n' },
  { it: 'keeps what is not whole', text: '{"Width":80,"Height":24}{"Wid', sizes: [{ columns: 80, rows: 24 }], rest: '{"Wid' },
  { it: 'passes over what is no size', text: '{"Width":-1,"Height":24}{"Width":1}{x}', sizes: [], rest: '' },
];
for (const { it, text, sizes, rest } of texts) {
  test(`taking sizes ${it}`, () => assert.deepEqual(takeSizes(text), { sizes, rest }));
}

test('sizes come out the same wherever the text is cut', () => {
  const sizes = fc.array(fc.record({ Width: fc.nat(65_535), Height: fc.nat(65_535) }));
  fc.assert(
    fc.property(sizes, fc.integer({ min: 1, max: 40 }), (written, cut) => {
      const text = written.map((size) => JSON.stringify(size)).join('\n');
      let rest = '';
      const read = [];
      for (let at = 0; at < text.length; at += cut) {
        const taken = takeSizes(rest + text.slice(at, at + cut));
        rest = taken.rest;
        read.push(...taken.sizes);
      }
      assert.deepEqual(
        read,
        written.map(({ Width, Height }) => ({ columns: Width, rows: Height })),
      );
    }),
  );
});
