/**
 * From an answer to bytes in the form the client asked for. Plain JSON, which nearly everything is, is the stored bytes; a list is a head, the items and a
 * tail, handed over as pieces so that a large one is neither copied nor built at once. Everything else is parsed for it, here and only here; a list in
 * protobuf item by item, with a turn for other requests in between.
 */
import { stringify } from 'yaml';
import type { ApiObject } from '#api/meta/resource-type.ts';
import { apiVersionOf } from '#api/meta/resource-type.ts';
import type { Answer, ListPage } from '../pipeline/answer.ts';
import type { ResourceDefinition } from '../resources/resource-definition.ts';
import { encodeTable, parseIncludeObject } from './encode-table.ts';
import { parseStored } from './json-value.ts';
import { PROTOBUF, type ResponseForm } from './negotiate.ts';
import { toPartialMetadata } from './partial-object-metadata.ts';
import { encodeProtobufItem, encodeProtobufObject, isProtobufObject, protobufListPieces } from './protobuf/protobuf-object.ts';

export interface EncodedAnswer {
  readonly statusCode: number;
  readonly contentType: string;
  /** One after the other they are the body. */
  readonly pieces: readonly Buffer[];
}

export interface EncodeOptions {
  readonly form: ResponseForm;
  readonly query: URLSearchParams;
  readonly nowMs: number;
}

const COMMA = Buffer.from(',');
const LIST_END = Buffer.from(']}');

/** Items in JSON that are turned into protobuf before others get their turn: a few milliseconds' worth. */
const TURN_BYTES_MAX = 256 * 1024;

export async function encodeAnswer(
  answer: Exclude<Answer, { type: 'stream' | 'connection' | 'forward' }>,
  options: EncodeOptions,
): Promise<EncodedAnswer> {
  const { form } = options;
  switch (answer.type) {
    case 'value':
      return encodeValue(answer.value, answer.statusCode, form);
    case 'object':
      if (isPlain(form)) return encodePieces([answer.bytes], answer.statusCode);
      return encodeValue(objectIn(answer.definition, answer.bytes, options), answer.statusCode, form);
    case 'list':
      if (isPlain(form)) return encodePieces(listPieces(answer.definition, answer.page), 200);
      if (form.mediaType === PROTOBUF) return await encodeProtobufList(answer.definition, answer.page, options);
      return encodeValue(listIn(answer.definition, answer.page, options), 200, form);
  }
}

/** Something that exists as a value only: a Status, a Scale, a discovery document. JSON for what has no protobuf form; clients look at the type they get. */
export function encodeValue(value: object, statusCode: number, { mediaType }: Pick<ResponseForm, 'mediaType'>): EncodedAnswer {
  if (mediaType === PROTOBUF && isProtobufObject(value)) {
    return { statusCode, contentType: PROTOBUF, pieces: [encodeProtobufObject(value)] };
  }
  if (mediaType === 'application/yaml') {
    return { statusCode, contentType: mediaType, pieces: [Buffer.from(stringify(value, { aliasDuplicateObjects: false, lineWidth: 0 }))] };
  }
  return encodePieces([Buffer.from(JSON.stringify(value))], statusCode);
}

function encodePieces(pieces: readonly Buffer[], statusCode: number): EncodedAnswer {
  return { statusCode, contentType: 'application/json', pieces };
}

function isPlain({ mediaType, representation }: ResponseForm): boolean {
  return mediaType === 'application/json' && representation === 'object';
}

function listMetadata(page: ListPage): object {
  return {
    resourceVersion: String(page.revision),
    ...(page.continueToken === undefined ? {} : { continue: page.continueToken }),
    ...(page.remainingItemCount === undefined ? {} : { remainingItemCount: page.remainingItemCount }),
  };
}

function listPieces({ type, custom }: ResourceDefinition<ApiObject>, page: ListPage): readonly Buffer[] {
  const kind = JSON.stringify(custom?.listKind ?? `${type.kind}List`);
  const head = `{"kind":${kind},"apiVersion":${JSON.stringify(apiVersionOf(type))},"metadata":${JSON.stringify(listMetadata(page))},"items":[`;
  const items = page.items.flatMap(({ bytes }, index) => (index === 0 ? [bytes] : [COMMA, bytes]));
  return [Buffer.from(head), ...items, LIST_END];
}

async function encodeProtobufList(
  { type }: ResourceDefinition<ApiObject>,
  page: ListPage,
  { form: { representation, metaVersion } }: EncodeOptions,
): Promise<EncodedAnswer> {
  const isPartial = representation === 'PartialObjectMetadata';
  const items: Buffer[] = [];
  let turnBytes = 0;
  for (const { bytes } of page.items) {
    const object = parseStored(bytes);
    items.push(encodeProtobufItem(isPartial ? toPartialMetadata(object, metaVersion) : object));
    turnBytes += bytes.length;
    if (turnBytes < TURN_BYTES_MAX) continue;
    turnBytes = 0;
    await new Promise((resolve) => setImmediate(resolve));
  }
  const apiVersion = isPartial ? `meta.k8s.io/${metaVersion}` : apiVersionOf(type);
  const kind = isPartial ? 'PartialObjectMetadataList' : `${type.kind}List`;
  return { statusCode: 200, contentType: PROTOBUF, pieces: protobufListPieces({ apiVersion, kind, metadata: listMetadata(page), items }) };
}

function objectIn(definition: ResourceDefinition<ApiObject>, bytes: Buffer, options: EncodeOptions): object {
  const object = parseStored(bytes);
  const { representation, metaVersion } = options.form;
  switch (representation) {
    case 'object':
      return object;
    case 'PartialObjectMetadata':
      return toPartialMetadata(object, metaVersion);
    case 'Table':
      return { ...tableOf(definition, [object], options), metadata: { resourceVersion: object.metadata.resourceVersion } };
  }
}

function listIn(definition: ResourceDefinition<ApiObject>, page: ListPage, options: EncodeOptions): object {
  const objects = page.items.map(({ bytes }) => parseStored(bytes));
  const metadata = listMetadata(page);
  const { representation, metaVersion } = options.form;
  const { type, custom } = definition;
  switch (representation) {
    case 'object':
      return { kind: custom?.listKind ?? `${type.kind}List`, apiVersion: apiVersionOf(type), metadata, items: objects };
    case 'PartialObjectMetadata': {
      const items = objects.map((object) => toPartialMetadata(object, metaVersion));
      return { kind: 'PartialObjectMetadataList', apiVersion: `meta.k8s.io/${metaVersion}`, metadata, items };
    }
    case 'Table':
      return { ...tableOf(definition, objects, options), metadata };
  }
}

function tableOf(definition: ResourceDefinition<ApiObject>, objects: readonly ApiObject[], { form, query, nowMs }: EncodeOptions) {
  return encodeTable(definition, objects, {
    metaVersion: form.metaVersion,
    nowMs,
    includeObject: parseIncludeObject(query),
    hasColumns: true,
  });
}
