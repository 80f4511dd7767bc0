import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Answer, decode, encode, type Packet, RECURSION_DESIRED } from 'dns-packet';
import { decodeQuery, encodeRefusal, encodeResponse, failure, type ResponseContent, responseCodes } from './answer.ts';

const name = 'Web.default.svc.cluster.local';
const question = { name, type: 'A' } as const;
const content: ResponseContent = { code: 0, isAuthoritative: true, answers: [], authorities: [], additionals: [] };

function queryBytes(fields: Packet = {}): Buffer {
  return encode({ type: 'query', id: 0x1234, flags: RECURSION_DESIRED, questions: [question], ...fields });
}

function edns(udpPayloadSize: number, ednsVersion = 0): Answer {
  return { type: 'OPT', name: '.', udpPayloadSize, extendedRcode: 0, ednsVersion, flags: 0, flag_do: false, options: [] };
}

function respond(bytes: Buffer, answer: Partial<ResponseContent>, transport: 'udp' | 'tcp' = 'udp') {
  const decoded = decodeQuery(bytes);
  assert.ok(decoded.kind === 'query');
  const response = encodeResponse(decoded.query, { ...content, ...answer }, transport);
  return { response, message: decode(response) };
}

const addresses = (count: number): readonly Answer[] =>
  Array.from({ length: count }, (_, index) => ({ type: 'A', name, ttl: 5, data: `10.244.1.${index}` }));

describe('a response', () => {
  test('repeats id and question, is authoritative, offers recursion', () => {
    const { message } = respond(queryBytes(), { answers: addresses(1) });
    assert.equal(message.id, 0x1234);
    assert.equal(message.questions?.[0]?.name, name);
    assert.deepEqual(
      [message.flag_qr, message.flag_aa, message.flag_rd, message.flag_ra, message.flag_tc],
      [true, true, true, true, false],
    );
    assert.deepEqual(
      message.answers?.map((answer) => [answer.name, 'data' in answer && answer.data]),
      [[name, '10.244.1.0']],
    );
  });

  test('tells a missing name by its code', () => {
    assert.equal(respond(queryBytes(), { code: responseCodes.noName }).response.readUInt16BE(2) & 0x0f, 3);
  });

  test('spends 16 bytes on an address, since its name is the question’s', () => {
    const size = (count: number) => respond(queryBytes(), { answers: addresses(count) }).response.length;
    assert.equal(size(3) - size(2), 16);
  });

  const sizes = [
    { it: 'fits 512 bytes for a client without EDNS', query: queryBytes(), transport: 'udp', bytesMax: 512, isCut: true },
    { it: 'fits what the client takes', query: queryBytes({ additionals: [edns(800)] }), transport: 'udp', bytesMax: 800, isCut: true },
    {
      it: 'fits 1232 bytes whatever the client takes',
      query: queryBytes({ additionals: [edns(65_000)] }),
      transport: 'udp',
      bytesMax: 1_232,
      isCut: true,
    },
    { it: 'takes less than 512 for 512', query: queryBytes({ additionals: [edns(10)] }), transport: 'udp', bytesMax: 512, isCut: true },
    { it: 'is whole by TCP', query: queryBytes(), transport: 'tcp', bytesMax: 65_535, isCut: false },
  ] as const;
  for (const { it, query, transport, bytesMax, isCut } of sizes) {
    test(it, () => {
      const { response, message } = respond(query, { answers: addresses(200) }, transport);
      assert.ok(response.length <= bytesMax && response.length > Math.min(bytesMax - 40, 3_000), `${response.length} bytes`);
      assert.equal(message.flag_tc, isCut);
    });
  }

  test('leaves out additional records that do not fit, without calling that cut', () => {
    const { message } = respond(queryBytes(), { answers: addresses(25), additionals: addresses(25) });
    assert.equal(message.answers?.length, 25);
    assert.equal(message.flag_tc, false);
  });

  test('answers EDNS with EDNS, and not otherwise', () => {
    assert.equal(respond(queryBytes({ additionals: [edns(4_096)] }), {}).message.additionals?.[0]?.type, 'OPT');
    assert.deepEqual(respond(queryBytes(), {}).message.additionals, []);
  });

  test('refuses an EDNS version it does not know', () => {
    const { message } = respond(queryBytes({ additionals: [edns(4_096, 1)] }), { answers: addresses(1) });
    const [option] = message.additionals ?? [];
    assert.ok(option?.type === 'OPT');
    assert.equal(option.extendedRcode, 1);
    assert.deepEqual(message.answers, []);
  });

  test('can be a mere failure', () => {
    assert.equal(respond(queryBytes(), failure(responseCodes.serverFailure)).response.readUInt16BE(2) & 0x0f, 2);
  });
});

describe('a message that is no proper query', () => {
  const twoQuestions = queryBytes({ questions: [question, question] });
  const status = queryBytes({ flags: 2 << 11 });
  const pointer = Buffer.concat([queryBytes().subarray(0, 12), Buffer.from([0xc0, 0x0c, 0, 1, 0, 1])]);
  const cases = [
    { it: 'is ignored when it has no header', bytes: Buffer.from('hello'), expected: { kind: 'ignored' } },
    {
      it: 'is ignored when it is a response',
      bytes: encode({ type: 'response', id: 1, questions: [question] }),
      expected: { kind: 'ignored' },
    },
    { it: 'is refused when it asks twice', bytes: twoQuestions, expected: { kind: 'refused', code: 1 } },
    { it: 'is refused when it asks nothing', bytes: queryBytes({ questions: [] }), expected: { kind: 'refused', code: 1 } },
    { it: 'is refused when it is cut off', bytes: queryBytes().subarray(0, 20), expected: { kind: 'refused', code: 1 } },
    { it: 'is refused when its name points at itself', bytes: pointer, expected: { kind: 'refused', code: 1 } },
    { it: 'is refused when it is another operation', bytes: status, expected: { kind: 'refused', code: 4 } },
  ];
  for (const { it, bytes, expected } of cases) test(it, () => assert.deepEqual(decodeQuery(bytes), expected));

  test('is told so by a header with its id', () => {
    const refusal = encodeRefusal(status, responseCodes.notImplemented);
    assert.deepEqual([refusal.length, refusal.readUInt16BE(0), refusal.readUInt16BE(2) & 0x0f], [12, 0x1234, 4]);
  });
});
