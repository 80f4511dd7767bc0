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
import { encodeTable, parseIncludeObject, type TableOptions, tableHead, tableRow } from './encode-table.ts';
import { parseStored } from './json-value.ts';
import { PROTOBUF, type ResponseForm } from './negotiate.ts';
import { toPartialMetadata } from './partial-object-metadata.ts';
import { encodeProtobufItem, encodeProtobufObject, isProtobufObject, protobufListPieces } from './protobuf/protobuf-object.ts';
import { mapInTurns } from './turns.ts';

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

/** YAML is written many times more slowly than JSON. */
const YAML_TURN_BYTES_MAX = 8 * 1024;

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
      return await encodeList(answer.definition, answer.page, options);
  }
}

/** Something that exists as a value only: a Status, a Scale, a discovery document. JSON for what has no protobuf form; clients look at the type they get. */
export function encodeValue(value: object, statusCode: number, { mediaType }: Pick<ResponseForm, 'mediaType'>): EncodedAnswer {
  if (mediaType === PROTOBUF && isProtobufObject(value)) {
    return { statusCode, contentType: PROTOBUF, pieces: [encodeProtobufObject(value)] };
  }
  if (mediaType === 'application/yaml') {
    return { statusCode, contentType: mediaType, pieces: [yamlOf(value)] };
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
  return [Buffer.from(head), ...separated(page.items.map(({ bytes }) => bytes)), LIST_END];
}

async function encodeProtobufList(
  { type }: ResourceDefinition<ApiObject>,
  page: ListPage,
  { form: { representation, metaVersion } }: EncodeOptions,
): Promise<EncodedAnswer> {
  const isPartial = representation === 'PartialObjectMetadata';
  const items = await mapInTurns(page.items, ({ bytes }) => {
    const object = parseStored(bytes);
    return encodeProtobufItem(isPartial ? toPartialMetadata(object, metaVersion) : object);
  });
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
      return {
        ...encodeTable(definition, [object], tableOptions(options)),
        metadata: { resourceVersion: object.metadata.resourceVersion },
      };
  }
}

/** A list of something else than stored bytes: made object by object, in pieces. */
async function encodeList(definition: ResourceDefinition<ApiObject>, page: ListPage, options: EncodeOptions): Promise<EncodedAnswer> {
  const { head, member, make } = listIn(definition, page, options);
  if (options.form.mediaType !== 'application/yaml') {
    const items = await mapInTurns(page.items, ({ bytes }) => Buffer.from(JSON.stringify(make(parseStored(bytes)))));
    const opening = Buffer.from(`${JSON.stringify(head).slice(0, -1)},${JSON.stringify(member)}:[`);
    return encodePieces([opening, ...separated(items), LIST_END], 200);
  }
  const items = await mapInTurns(page.items, ({ bytes }) => yamlOf([make(parseStored(bytes))]), YAML_TURN_BYTES_MAX);
  const opening = Buffer.from(items.length === 0 ? `${member}: []\n` : `${member}:\n`);
  return { statusCode: 200, contentType: 'application/yaml', pieces: [yamlOf(head), opening, ...items] };
}

interface ListForm {
  readonly head: object;
  readonly member: 'items' | 'rows';
  make(object: ApiObject): object;
}

function listIn(definition: ResourceDefinition<ApiObject>, page: ListPage, options: EncodeOptions): ListForm {
  const metadata = listMetadata(page);
  const { representation, metaVersion } = options.form;
  const { type, custom } = definition;
  switch (representation) {
    case 'object': {
      const head = { kind: custom?.listKind ?? `${type.kind}List`, apiVersion: apiVersionOf(type), metadata };
      return { head, member: 'items', make: (object) => object };
    }
    case 'PartialObjectMetadata': {
      const head = { kind: 'PartialObjectMetadataList', apiVersion: `meta.k8s.io/${metaVersion}`, metadata };
      return { head, member: 'items', make: (object) => toPartialMetadata(object, metaVersion) };
    }
    case 'Table': {
      const table = tableOptions(options);
      return { head: { ...tableHead(definition, table), metadata }, member: 'rows', make: (object) => tableRow(definition, object, table) };
    }
  }
}

function yamlOf(value: unknown): Buffer {
  return Buffer.from(stringify(value, { aliasDuplicateObjects: false, lineWidth: 0 }));
}

function separated(items: readonly Buffer[]): readonly Buffer[] {
  return items.flatMap((bytes, index) => (index === 0 ? [bytes] : [COMMA, bytes]));
}

function tableOptions({ form, query, nowMs }: EncodeOptions): TableOptions {
  return { metaVersion: form.metaVersion, nowMs, includeObject: parseIncludeObject(query), hasColumns: true };
}
