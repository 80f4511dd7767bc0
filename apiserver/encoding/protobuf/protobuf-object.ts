/**
 * Objects in protobuf: four bytes that say so, then an envelope with the kind, the version and the object's message. The frames of a watch are the other way round:
 * a bare WatchEvent with a length before it and such an object inside. Called by `parse-body.ts`, `encode-answer.ts` and `watch-frames.ts`.
 * Source: apimachinery's `serializer/protobuf/protobuf.go`.
 */
import { allResourceTypes } from '#api/generated/resources.ts';
import { isJsonObject, type JsonObject } from '#api/meta/json.ts';
import { apiVersionOf } from '#api/meta/resource-type.ts';
import type { MessageType } from './message-type.ts';
import { createModelMessage, findMessageType } from './model-types.ts';
import { BYTES, createWriter, finish, ProtobufError, splitMessage, type Writer, writeTag } from './wire.ts';

const MAGIC = Buffer.from([0x6b, 0x38, 0x73, 0x00]);
const NOTHING = Buffer.alloc(0);

/** Numbers of the envelope's fields (`runtime.Unknown`), and of its first one's (`runtime.TypeMeta`). */
const TYPE_META = 1;
const RAW = 2;
const CONTENT_ENCODING = 3;
const CONTENT_TYPE = 4;
const API_VERSION = 1;
const KIND = 2;

/** Numbers in lists and in the events of a watch. */
const ITEMS = 2;
const EVENT_TYPE = 1;
const EVENT_OBJECT = 2;
const EVENT_OBJECT_RAW = 1;

/** Kinds of answers that are no resources of their own; the model of each. */
const otherKinds: readonly (readonly [string, string])[] = [
  ['v1/Status', 'Status'],
  ['autoscaling/v1/Scale', 'Scale'],
  ['policy/v1/Eviction', 'Eviction'],
  ['authentication.k8s.io/v1/TokenRequest', 'AuthenticationTokenRequest'],
];

const models: ReadonlyMap<string, string> = new Map([
  ...allResourceTypes.map((type) => [`${apiVersionOf(type)}/${type.kind}`, type.schema] as const),
  ...otherKinds,
]);

const partialMetadata = createModelMessage('metadata=1', { metadata: 'ObjectMeta' });
const listHead = createModelMessage('metadata=1', { metadata: 'ListMeta' });

export interface Envelope {
  readonly apiVersion: string;
  readonly kind: string;
  readonly raw: Buffer;
}

/** Whether objects of this model can be read and written; custom resources cannot, as upstream. */
export function hasProtobuf(model: string): boolean {
  return findMessageType(model) !== undefined;
}

/** Whether `encodeProtobufObject` can write this object. */
export function isProtobufObject(object: object): boolean {
  const { apiVersion, kind } = typeOf(object);
  return findKindType(apiVersion, kind) !== undefined;
}

/** Opens the envelope. Throws `ProtobufError`. */
export function readEnvelope(body: Buffer): Envelope {
  if (body.length === 0) throw new ProtobufError('empty data');
  if (!body.subarray(0, MAGIC.length).equals(MAGIC)) {
    throw new ProtobufError(`provided data does not appear to be a protobuf message, expected prefix [${[...MAGIC].join(' ')}]`);
  }
  if (body.length === MAGIC.length) throw new ProtobufError('empty body');
  const parts = splitMessage(body.subarray(MAGIC.length));
  const typeMeta = splitMessage(parts.get(TYPE_META) ?? NOTHING);
  return {
    apiVersion: typeMeta.get(API_VERSION)?.toString('utf8') ?? '',
    kind: typeMeta.get(KIND)?.toString('utf8') ?? '',
    raw: parts.get(RAW) ?? NOTHING,
  };
}

/** The object's fields from the message in an envelope; `model` is one that `hasProtobuf` knows. Throws `ProtobufError`. */
export function readProtobufMembers(model: string, raw: Buffer): JsonObject {
  const type = findMessageType(model);
  if (type === undefined) throw new Error(`${model} has no protobuf message`);
  return type.readMembers(raw);
}

/** An object of a kind that `isProtobufObject` knows. */
export function encodeProtobufObject(object: object): Buffer {
  const { apiVersion, kind } = typeOf(object);
  const type = getMessageType(apiVersion, kind);
  const writer = beginEnvelope(apiVersion, kind);
  type.write(writeTag(writer, RAW, BYTES), membersOf(object));
  return endEnvelope(writer);
}

export interface ProtobufList {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: object;
  /** Made by `encodeProtobufItem`. */
  readonly items: readonly Buffer[];
}

/** One item of a list, as it stands in the list's message. */
export function encodeProtobufItem(object: object): Buffer {
  const { apiVersion, kind } = typeOf(object);
  const writer = createWriter();
  getMessageType(apiVersion, kind).write(writeTag(writer, ITEMS, BYTES), membersOf(object));
  return finish(writer);
}

/** Pieces that one after the other are the list: the items are not copied. */
export function protobufListPieces({ apiVersion, kind, metadata, items }: ProtobufList): readonly Buffer[] {
  const head = createWriter();
  listHead.writeMembers(head, membersOf({ metadata }));
  const listMeta = finish(head);
  const rawBytes = items.reduce((sum, item) => sum + item.length, listMeta.length);
  const start = writeTag(beginEnvelope(apiVersion, kind), RAW, BYTES).uint32(rawBytes);
  return [finish(start), listMeta, ...items, endEnvelope(createWriter())];
}

/** One event of a watch: its length in four bytes, then the event. */
export function encodeProtobufFrame(type: string, object: object): Buffer {
  const writer = createWriter();
  writeTag(writer, EVENT_TYPE, BYTES).string(type);
  writeTag(writer, EVENT_OBJECT, BYTES).fork();
  writeTag(writer, EVENT_OBJECT_RAW, BYTES).bytes(encodeProtobufObject(object));
  const event = finish(writer.ldelim());
  const frame = Buffer.allocUnsafe(4 + event.length);
  frame.writeUInt32BE(event.length, 0);
  event.copy(frame, 4);
  return frame;
}

function beginEnvelope(apiVersion: string, kind: string): Writer {
  const writer = createWriter();
  // Numbers this small are written as the byte they are.
  for (const byte of MAGIC) writer.uint32(byte);
  writeTag(writer, TYPE_META, BYTES).fork();
  writeTag(writer, API_VERSION, BYTES).string(apiVersion);
  writeTag(writer, KIND, BYTES).string(kind);
  return writer.ldelim();
}

function endEnvelope(writer: Writer): Buffer {
  writeTag(writer, CONTENT_ENCODING, BYTES).string('');
  writeTag(writer, CONTENT_TYPE, BYTES).string('');
  return finish(writer);
}

function findKindType(apiVersion: string, kind: string): MessageType | undefined {
  if (kind === 'PartialObjectMetadata' && apiVersion.startsWith('meta.k8s.io/')) return partialMetadata;
  const model = models.get(`${apiVersion}/${kind}`);
  return model === undefined ? undefined : findMessageType(model);
}

function getMessageType(apiVersion: string, kind: string): MessageType {
  const type = findKindType(apiVersion, kind);
  if (type === undefined) throw new Error(`${kind} in version ${apiVersion} has no protobuf message`);
  return type;
}

function typeOf(object: object): { readonly apiVersion: string; readonly kind: string } {
  const { apiVersion = '', kind = '' } = membersOf(object);
  return { apiVersion: String(apiVersion), kind: String(kind) };
}

/** What the server answers with is JSON; this tells the compiler. */
function membersOf(object: object): JsonObject {
  const value: unknown = object;
  return isJsonObject(value) ? value : {};
}
