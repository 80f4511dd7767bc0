/**
 * The messages of etcd's API that are sent for every request, in protobuf: reads, conditional writes, the watch. Only the fields that we use; what else comes is
 * passed over. Called by `etcd-client.ts`; the bytes of values are views of the message they came in.
 * Source: https://github.com/etcd-io/etcd, api/etcdserverpb/rpc.proto and api/mvccpb/kv.proto.
 */
import {
  BYTES,
  createWriter,
  finish,
  type Reader,
  readDelimited,
  readInteger,
  readTag,
  readWith,
  skipField,
  VARINT,
  type Writer,
  writeInteger,
  writeTag,
} from '../encoding/protobuf/wire.ts';

export interface RangeRequest {
  readonly key: string;
  /** Undefined for the one key. */
  readonly rangeEnd?: string;
  /** 0 for all. */
  readonly limit?: number;
  /** 0 for the newest. */
  readonly revision?: bigint;
  readonly keysOnly?: boolean;
}

export interface KeyValue {
  readonly key: string;
  readonly value: Buffer;
  readonly modRevision: bigint;
}

export interface RangeResponse {
  /** The newest there is, whatever was read. */
  readonly revision: bigint;
  readonly items: readonly KeyValue[];
  readonly hasMore: boolean;
  /** Of all keys of the range, whatever the limit. */
  readonly count: number;
}

/** A write that happens only if the key's revision is the expected one: 0 for a key that is absent. */
export interface ConditionalWrite {
  readonly key: string;
  readonly expected: bigint;
  /** Undefined deletes. */
  readonly value: Buffer | undefined;
}

export interface WriteResponse {
  readonly succeeded: boolean;
  readonly revision: bigint;
  /** What the first key holds instead, if it did not succeed. */
  readonly found: KeyValue | undefined;
}

export interface WatchEvent {
  readonly type: 'put' | 'delete';
  readonly current: KeyValue;
  readonly previous: KeyValue | undefined;
}

export interface WatchResponse {
  readonly revision: bigint;
  readonly isCreated: boolean;
  readonly isCanceled: boolean;
  /** 0 unless what was asked for is compacted. */
  readonly compactRevision: bigint;
  readonly cancelReason: string;
  readonly events: readonly WatchEvent[];
}

export interface WatchStart {
  readonly prefix: string;
  readonly rangeEnd: string;
  readonly fromRevision: bigint;
}

/** `ModRevision` of etcd's `Compare.CompareTarget`. */
const COMPARE_MOD = 2;
const NOTHING: Buffer = Buffer.alloc(0);

export function encodeRange(request: RangeRequest): Buffer {
  return encode((writer) => writeRange(writer, request));
}

export function decodeRange(message: Buffer): RangeResponse {
  return readWith(message, readRange);
}

/** A transaction: if every key's revision is the expected one, all the writes; else the first key as it is. */
export function encodeWrite(writes: readonly [ConditionalWrite, ...ConditionalWrite[]]): Buffer {
  return encode((writer) => {
    for (const { key, expected } of writes) {
      writeMessage(writer, 1, () => {
        writeNumber(writer, 2, COMPARE_MOD);
        writeText(writer, 3, key);
        writeRevision(writer, 6, expected);
      });
    }
    for (const { key, value } of writes) {
      writeMessage(writer, 2, () =>
        writeMessage(writer, value === undefined ? 3 : 2, () => {
          writeText(writer, 1, key);
          if (value !== undefined) writeTag(writer, 2, BYTES).bytes(value);
        }),
      );
    }
    writeMessage(writer, 3, () => writeMessage(writer, 1, () => writeRange(writer, { key: writes[0].key })));
  });
}

export function decodeWrite(message: Buffer): WriteResponse {
  return readWith(message, (reader) => {
    let revision = 0n;
    let succeeded = false;
    let found: KeyValue | undefined;
    readFields(reader, (field) => {
      if (field === 1) revision = readHeader(reader);
      else if (field === 2) succeeded = reader.bool();
      else if (field === 3) found = readFound(reader);
      else return false;
      return true;
    });
    return { succeeded, revision, found };
  });
}

export function encodeWatchStart({ prefix, rangeEnd, fromRevision }: WatchStart): Buffer {
  return encode((writer) =>
    writeMessage(writer, 1, () => {
      writeText(writer, 1, prefix);
      writeText(writer, 2, rangeEnd);
      writeRevision(writer, 3, fromRevision);
      writeNumber(writer, 4, 1);
      // A deletion carries the last state.
      writeNumber(writer, 6, 1);
    }),
  );
}

export function encodeProgressRequest(): Buffer {
  return encode((writer) => writeMessage(writer, 3, () => {}));
}

export function decodeWatch(message: Buffer): WatchResponse {
  return readWith(message, (reader) => {
    const response = { revision: 0n, isCreated: false, isCanceled: false, compactRevision: 0n, cancelReason: '' };
    const events: WatchEvent[] = [];
    readFields(reader, (field) => {
      if (field === 1) response.revision = readHeader(reader);
      else if (field === 3) response.isCreated = reader.bool();
      else if (field === 4) response.isCanceled = reader.bool();
      else if (field === 5) response.compactRevision = readRevision(reader);
      else if (field === 6) response.cancelReason = reader.string();
      else if (field === 11) events.push(readDelimited(reader, () => readEvent(reader)));
      else return false;
      return true;
    });
    return { ...response, events };
  });
}

function encode(write: (writer: Writer) => void): Buffer {
  const writer = createWriter();
  write(writer);
  return finish(writer);
}

function writeRange(writer: Writer, { key, rangeEnd, limit = 0, revision = 0n, keysOnly = false }: RangeRequest): void {
  writeText(writer, 1, key);
  if (rangeEnd !== undefined) writeText(writer, 2, rangeEnd);
  if (limit > 0) writeNumber(writer, 3, limit);
  if (revision > 0n) writeRevision(writer, 4, revision);
  if (keysOnly) writeNumber(writer, 8, 1);
}

function writeMessage(writer: Writer, field: number, write: () => void): void {
  writeTag(writer, field, BYTES).fork();
  write();
  writer.ldelim();
}

function writeText(writer: Writer, field: number, text: string): void {
  writeTag(writer, field, BYTES).string(text);
}

function writeNumber(writer: Writer, field: number, value: number): void {
  writeTag(writer, field, VARINT).uint32(value);
}

function writeRevision(writer: Writer, field: number, revision: bigint): void {
  writeTag(writer, field, VARINT);
  writeInteger(writer, Number(revision));
}

/** `read` gives whether it has read the field; what it has not is skipped. */
function readFields(reader: Reader, read: (field: number) => boolean): void {
  while (reader.pos < reader.len) {
    const { number, wireType } = readTag(reader);
    if (!read(number)) skipField(reader, wireType);
  }
}

function readRange(reader: Reader): RangeResponse {
  let revision = 0n;
  let hasMore = false;
  let count = 0;
  const items: KeyValue[] = [];
  readFields(reader, (field) => {
    if (field === 1) revision = readHeader(reader);
    else if (field === 2) items.push(readKeyValue(reader));
    else if (field === 3) hasMore = reader.bool();
    else if (field === 4) count = readInteger(reader);
    else return false;
    return true;
  });
  return { revision, items, hasMore, count };
}

/** What the read within a failed transaction has found. */
function readFound(reader: Reader): KeyValue | undefined {
  let found: KeyValue | undefined;
  readDelimited(reader, () =>
    readFields(reader, (field) => {
      if (field !== 1) return false;
      [found] = readDelimited(reader, () => readRange(reader)).items;
      return true;
    }),
  );
  return found;
}

function readHeader(reader: Reader): bigint {
  let revision = 0n;
  readDelimited(reader, () =>
    readFields(reader, (field) => {
      if (field !== 3) return false;
      revision = readRevision(reader);
      return true;
    }),
  );
  return revision;
}

function readKeyValue(reader: Reader): KeyValue {
  const item = { key: '', value: NOTHING, modRevision: 0n };
  readDelimited(reader, () =>
    readFields(reader, (field) => {
      if (field === 1) item.key = reader.string();
      else if (field === 3) item.modRevision = readRevision(reader);
      else if (field === 5) item.value = viewOf(reader.bytes());
      else return false;
      return true;
    }),
  );
  return item;
}

function readEvent(reader: Reader): WatchEvent {
  let type: WatchEvent['type'] = 'put';
  let current: KeyValue = { key: '', value: NOTHING, modRevision: 0n };
  let previous: KeyValue | undefined;
  readFields(reader, (field) => {
    if (field === 1) type = reader.uint32() === 0 ? 'put' : 'delete';
    else if (field === 2) current = readKeyValue(reader);
    else if (field === 3) previous = readKeyValue(reader);
    else return false;
    return true;
  });
  return { type, current, previous };
}

/** Revisions count writes: a number holds more of them than an etcd will ever see. */
function readRevision(reader: Reader): bigint {
  return BigInt(readInteger(reader));
}

function viewOf(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
