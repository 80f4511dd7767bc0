/**
 * DNS messages: reads a query, writes a response. Pure; `resolver.ts` calls both ends. dns-packet does the records; the message is put together
 * here because it neither shortens repeated names nor cuts a response to size, and a client without EDNS accepts 512 bytes.
 */
import { type Answer, decode, encode, type OptAnswer, type Question } from 'dns-packet';
import type { Lookup } from './records.ts';

export type Transport = 'udp' | 'tcp';

export const responseCodes = {
  noError: 0,
  formatError: 1,
  serverFailure: 2,
  noName: 3,
  notImplemented: 4,
  refused: 5,
  badVersion: 16,
} as const;
/** One of the above, or whatever an upstream said. */
export type ResponseCode = number;

export const HEADER_BYTES = 12;
/** What every client takes by UDP (RFC 1035). */
const UDP_BYTES_DEFAULT = 512;
/** The most we send by UDP whatever the client takes: bigger ones are fragmented on the way and often lost (DNS flag day 2020). */
const UDP_BYTES_MAX = 1_232;
const TCP_BYTES_MAX = 65_535;
const EDNS_BYTES = 11;
const LABEL_BYTES_MAX = 63;
/** Type and class. */
const QUESTION_TAIL_BYTES = 4;

const FLAG_RESPONSE = 0x8000;
const OPCODE_MASK = 0x7800;
const FLAG_AUTHORITATIVE = 0x0400;
const FLAG_TRUNCATED = 0x0200;
const FLAG_RECURSION_DESIRED = 0x0100;
const FLAG_RECURSION_AVAILABLE = 0x0080;
/** A pointer to offset 12, where the question's name is. */
const POINTER_TO_QUESTION = Buffer.from([0xc0, HEADER_BYTES]);

export interface Query {
  readonly bytes: Buffer;
  readonly question: Question;
  /** The client's EDNS record, if it sent one. */
  readonly edns: OptAnswer | undefined;
}

export type DecodedQuery =
  | { readonly kind: 'query'; readonly query: Query }
  /** Answer with this code alone. */
  | { readonly kind: 'refused'; readonly code: ResponseCode }
  /** Not even a header, or a response: answering might start a loop. */
  | { readonly kind: 'ignored' };

export function decodeQuery(bytes: Buffer): DecodedQuery {
  if (bytes.length < HEADER_BYTES || (flagsOf(bytes) & FLAG_RESPONSE) !== 0) return { kind: 'ignored' };
  if ((flagsOf(bytes) & OPCODE_MASK) !== 0) return { kind: 'refused', code: responseCodes.notImplemented };
  const decoded = tryDecode(bytes);
  const question = decoded?.questions?.[0];
  const isWhole = (endOfName(bytes, HEADER_BYTES) ?? bytes.length) + QUESTION_TAIL_BYTES <= bytes.length;
  if (question === undefined || decoded?.questions?.length !== 1 || !isWhole) return { kind: 'refused', code: responseCodes.formatError };
  return { kind: 'query', query: { bytes, question, edns: decoded.additionals?.find((record) => record.type === 'OPT') } };
}

function tryDecode(bytes: Buffer) {
  try {
    return decode(bytes);
  } catch {
    return undefined; // dns-packet throws on anything it cannot read; there is nothing more to say than FORMERR
  }
}

export interface ResponseContent {
  readonly code: ResponseCode;
  readonly isAuthoritative: boolean;
  readonly answers: readonly Answer[];
  readonly authorities: readonly Answer[];
  readonly additionals: readonly Answer[];
}

const empty = { isAuthoritative: false, answers: [], authorities: [], additionals: [] } as const;

export function contentOf(lookup: Exclude<Lookup, { outcome: 'elsewhere' }>): ResponseContent {
  switch (lookup.outcome) {
    case 'found':
      return { ...empty, code: responseCodes.noError, isAuthoritative: true, answers: lookup.answers, additionals: lookup.additionals };
    case 'alias':
      return { ...empty, code: responseCodes.noError, isAuthoritative: true, answers: lookup.answers };
    case 'no-data':
      return { ...empty, code: responseCodes.noError, isAuthoritative: true, authorities: [lookup.authority] };
    case 'no-name':
      return { ...empty, code: responseCodes.noName, isAuthoritative: true, authorities: [lookup.authority] };
  }
}

export function failure(code: ResponseCode): ResponseContent {
  return { ...empty, code };
}

/** The response's bytes, no longer than the client takes: what does not fit is left out, and TC set if that was an answer. */
export function encodeResponse(query: Query, content: ResponseContent, transport: Transport): Buffer {
  const { edns } = query;
  const isVersionUnknown = edns !== undefined && edns.ednsVersion !== 0;
  const { answers, authorities, additionals, code, isAuthoritative } = isVersionUnknown ? failure(responseCodes.badVersion) : content;
  const questionBytes = questionOf(query.bytes);
  let left = responseBytesMax(edns, transport) - HEADER_BYTES - questionBytes.length - (edns === undefined ? 0 : EDNS_BYTES);
  let isFull = false;
  const take = (records: readonly Answer[]): readonly Buffer[] => {
    const taken: Buffer[] = [];
    for (const bytes of records.map((record) => encodeRecord(record, query.question.name))) {
      isFull ||= bytes.length > left;
      if (isFull) break;
      left -= bytes.length;
      taken.push(bytes);
    }
    return taken;
  };
  const sections = { answers: take(answers), authorities: take(authorities), additionals: take(additionals) };
  const isTruncated = sections.answers.length < answers.length;
  const flags =
    FLAG_RESPONSE |
    (isAuthoritative ? FLAG_AUTHORITATIVE : 0) |
    (isTruncated ? FLAG_TRUNCATED : 0) |
    (flagsOf(query.bytes) & FLAG_RECURSION_DESIRED) |
    FLAG_RECURSION_AVAILABLE |
    (code & 0x0f);
  const optional = edns === undefined ? [] : [encodeRecord(ednsRecord(code), '')];
  const header = encodeHeader(query.bytes, flags, [
    1,
    sections.answers.length,
    sections.authorities.length,
    sections.additionals.length + optional.length,
  ]);
  return Buffer.concat([header, questionBytes, ...sections.answers, ...sections.authorities, ...sections.additionals, ...optional]);
}

/** The header alone, for a query whose content could not be read. */
export function encodeRefusal(bytes: Buffer, code: ResponseCode): Buffer {
  const copied = flagsOf(bytes) & (OPCODE_MASK | FLAG_RECURSION_DESIRED);
  return encodeHeader(bytes, FLAG_RESPONSE | copied | FLAG_RECURSION_AVAILABLE | code, [0, 0, 0, 0]);
}

/** Whether an upstream's response was cut to fit a UDP packet. */
export function isTruncated(bytes: Buffer): boolean {
  return (flagsOf(bytes) & FLAG_TRUNCATED) !== 0;
}

export function isResponse(bytes: Buffer): boolean {
  return bytes.length >= HEADER_BYTES && (flagsOf(bytes) & FLAG_RESPONSE) !== 0;
}

/** A query of our own for one name. */
export function encodeQuestion(question: Question): Buffer {
  return encode({ type: 'query', id: 0, flags: FLAG_RECURSION_DESIRED, questions: [question] });
}

function flagsOf(bytes: Buffer): number {
  return bytes.readUInt16BE(2);
}

function responseBytesMax(edns: OptAnswer | undefined, transport: Transport): number {
  if (transport === 'tcp') return TCP_BYTES_MAX;
  return Math.min(Math.max(edns?.udpPayloadSize ?? 0, UDP_BYTES_DEFAULT), UDP_BYTES_MAX);
}

function encodeHeader(query: Buffer, flags: number, counts: readonly number[]): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  query.copy(header, 0, 0, 2);
  header.writeUInt16BE(flags, 2);
  for (const [index, count] of counts.entries()) header.writeUInt16BE(count, 4 + 2 * index);
  return header;
}

function encodeRecord(record: Answer, questionName: string): Buffer {
  const bytes = encode({ type: 'response', answers: [record] }).subarray(HEADER_BYTES);
  return record.name === questionName ? Buffer.concat([POINTER_TO_QUESTION, bytes.subarray(endOfName(bytes, 0))]) : bytes;
}

/** A response code above 15 has its upper bits here. */
function ednsRecord(code: ResponseCode): Answer {
  return {
    type: 'OPT',
    name: '.',
    udpPayloadSize: UDP_BYTES_MAX,
    extendedRcode: code >> 4,
    ednsVersion: 0,
    flags: 0,
    flag_do: false,
    options: [],
  };
}

/** The question section as it was asked: in the client's own mix of capitals, which it may compare. */
export function questionOf(bytes: Buffer): Buffer {
  return bytes.subarray(HEADER_BYTES, (endOfName(bytes, HEADER_BYTES) ?? bytes.length) + QUESTION_TAIL_BYTES);
}

/** The offset behind a name; undefined if it is cut off or compressed, which the first name of a message cannot rightly be. */
function endOfName(bytes: Buffer, start: number): number | undefined {
  let offset = start;
  for (;;) {
    const length = bytes[offset];
    if (length === undefined || length > LABEL_BYTES_MAX) return undefined;
    if (length === 0) return offset + 1;
    offset += length + 1;
  }
}
