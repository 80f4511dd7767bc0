/** Messages of the channel protocol: what each version makes of the same bytes, and that nothing is lost on the way. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { channelProtocols, channels, chooseProtocol, decodeMessage, encodeMessage, wordsOf } from './channel-protocol.ts';

const protocolOf = (name: string) => {
  const found = chooseProtocol(channelProtocols, name === '' ? [] : [name]);
  assert.ok(found);
  return found;
};

test('a binary message is the channel and the bytes, a text message the digit and base64', () => {
  const message = { channel: channels.stdout, bytes: Buffer.from('hi') };
  assert.deepEqual(encodeMessage(protocolOf('v5.channel.k8s.io'), message), Buffer.from([1, 104, 105]));
  assert.equal(encodeMessage(protocolOf('v4.base64.channel.k8s.io'), message), '1aGk=');
});

test('an empty message means nothing', () => {
  assert.equal(decodeMessage(protocolOf('v5.channel.k8s.io'), Buffer.alloc(0)), undefined);
});

test('what is encoded is decoded to the same, in every version', () => {
  const messages = fc.tuple(fc.nat(9), fc.uint8Array()).map(([channel, bytes]) => ({ channel, bytes: Buffer.from(bytes) }));
  fc.assert(
    fc.property(fc.constantFrom(...channelProtocols), messages, (protocol, message) => {
      assert.deepEqual(decodeMessage(protocol, Buffer.from(encodeMessage(protocol, message))), message);
    }),
  );
});

test('no bytes make the decoder throw', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...channelProtocols),
      fc.uint8Array(),
      (protocol, bytes) => void decodeMessage(protocol, Buffer.from(bytes)),
    ),
  );
});

const choices: readonly { it: string; wishes: readonly string[]; chosen: string | undefined }[] = [
  {
    it: 'takes the first wish that is served',
    wishes: ['v6.channel.k8s.io', 'v4.channel.k8s.io', 'v5.channel.k8s.io'],
    chosen: 'v4.channel.k8s.io',
  },
  { it: 'takes the oldest for no wish', wishes: [], chosen: '' },
  { it: 'finds nothing among strangers', wishes: ['mqtt'], chosen: undefined },
];
for (const { it, wishes, chosen } of choices) {
  test(`choosing a protocol ${it}`, () => assert.equal(chooseProtocol(channelProtocols, wishes)?.name, chosen));
}

test('a header may hold several words and come several times', () => {
  assert.deepEqual(wordsOf('a, b,,c '), ['a', 'b', 'c']);
  assert.deepEqual(wordsOf(['a', 'b,c']), ['a', 'b', 'c']);
  assert.deepEqual(wordsOf(undefined), []);
});
