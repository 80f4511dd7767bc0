/**
 * The API's own description, as kubectl needs it: for `explain`, for validation on the client's side, for strategic merges in `apply` and `edit`. Generated from our
 * schemas and the list of resources: fields, types, which kind a model is, how lists merge. Models and the whole documents are made on first use.
 * Source: https://kubernetes.io/docs/concepts/overview/kubernetes-api/#openapi-interface-definition.
 */
import { createHash } from 'node:crypto';
import { discoveryPath } from '#api/apiregistration/v1/availability.ts';
import { isJsonObject, type Json, type JsonObject } from '#api/meta/json.ts';
import type { ApiObject } from '#api/meta/resource-type.ts';
import { apiVersionOf } from '#api/meta/resource-type.ts';
import { ApiError } from '#api/meta/status.ts';
import type { KnownServer } from '../aggregation/server-checks.ts';
import type { EncodedAnswer } from '../encoding/encode-answer.ts';
import type { ResourceRegistry } from '../resource-registry.ts';
import type { ResourceDefinition } from '../resources/resource-definition.ts';
import { versionInfo } from '../version.ts';
import { encodeOpenApiV2, OPENAPI_V2_PROTOBUF } from './encode-v2.ts';
import { withServers } from './merge-servers.ts';
import { createModels, type Models } from './models.ts';
import { pathsOf } from './paths.ts';

export interface OpenApiDocuments {
  /** In JSON, or in gnostic's protobuf for those who ask for it. Throws NotAcceptable for clients that accept neither. */
  v2(accept: string | undefined): EncodedAnswer;
  /** Where the documents of each group version are. */
  index(): object;
  /** Takes `/openapi/v3/apis/apps/v1`. */
  v3(path: string): object | undefined;
}

interface State {
  readonly known: readonly KnownServer[];
  readonly definitions: readonly ResourceDefinition<ApiObject>[];
  readonly byPath: ReadonlyMap<string, readonly ResourceDefinition<ApiObject>[]>;
  readonly documents: Map<string, object>;
  /** The v2 document, by content type. */
  readonly whole: Map<string, Buffer>;
}

/** `known` gives the aggregated servers, in another array whenever anything has changed. */
export function createOpenApi(resources: Pick<ResourceRegistry, 'all'>, known: () => readonly KnownServer[]): OpenApiDocuments {
  let state = stateOf(resources.all(), known(), undefined);
  const current = () => {
    if (state.definitions !== resources.all() || state.known !== known()) state = stateOf(resources.all(), known(), state);
    return state;
  };
  return {
    v2: (accept) => {
      const contentType = contentTypeOfV2(accept);
      const { definitions, known, whole } = current();
      const bytes = whole.get(contentType) ?? encodeV2(withServers(documentV2(definitions), known), contentType);
      whole.set(contentType, bytes);
      return { statusCode: 200, contentType, pieces: [bytes] };
    },
    index: () => ({
      paths: Object.fromEntries([
        ...[...current().byPath].map(
          ([path, members]) => [path, { serverRelativeURL: `/openapi/v3/${path}?hash=${hashOf(members)}` }] as const,
        ),
        ...current().known.flatMap(documentOfServer),
      ]),
    }),
    v3: (fullPath) => {
      const { byPath, documents } = current();
      const path = fullPath.replace('/openapi/v3/', '');
      const members = byPath.get(path);
      if (members === undefined) return undefined;
      const document = documents.get(path) ?? documentV3(members);
      documents.set(path, document);
      return document;
    },
  };
}

/** A document that the server itself is asked for. */
function documentOfServer({ server, documents }: KnownServer): readonly (readonly [string, object])[] {
  const url = documents?.openApiV3;
  return url === undefined ? [] : [[discoveryPath(server.apiService).slice(1), { serverRelativeURL: url }]];
}

/** Documents whose kinds are the same stay. */
function stateOf(definitions: readonly ResourceDefinition<ApiObject>[], known: readonly KnownServer[], before: State | undefined): State {
  const byPath = Map.groupBy(definitions, ({ type }) => (type.group === '' ? `api/${type.version}` : `apis/${type.group}/${type.version}`));
  const isSame = (path: string) => {
    const [now, then] = [byPath.get(path) ?? [], before?.byPath.get(path) ?? []];
    return now.length === then.length && now.every((definition, index) => definition === then[index]);
  };
  const kept = [...(before?.documents ?? [])].filter(([path]) => isSame(path));
  return { definitions, known, byPath, documents: new Map(kept), whole: new Map() };
}

const JSON_TYPE = 'application/json';
const PROTOBUF_NAMES = ['application/com.github.proto-openapi.spec.v2@v1.0+protobuf', OPENAPI_V2_PROTOBUF];

/** The first that we have of what the client accepts; weights do not occur. */
function contentTypeOfV2(accept = ''): string {
  const accepted = accept === '' ? ['*/*'] : accept.split(',').map((range) => (range.split(';')[0] ?? '').trim());
  for (const range of accepted) {
    if (PROTOBUF_NAMES.includes(range)) return OPENAPI_V2_PROTOBUF;
    if (range === '*/*' || range === 'application/*' || range === JSON_TYPE) return JSON_TYPE;
  }
  throw new ApiError('NotAcceptable', `only the following media types are accepted: ${[JSON_TYPE, PROTOBUF_NAMES[0]].join(', ')}`);
}

function encodeV2(document: object, contentType: string): Buffer {
  const text = JSON.stringify(document);
  if (contentType === JSON_TYPE) return Buffer.from(text);
  const parsed: Json = JSON.parse(text);
  return isJsonObject(parsed) ? encodeOpenApiV2(parsed) : Buffer.alloc(0);
}

function documentV2(definitions: readonly ResourceDefinition<ApiObject>[]) {
  const models = createModels(definitions, '#/definitions/', 'v2');
  return {
    swagger: '2.0',
    info: { title: 'Kubernetes', version: versionInfo.gitVersion },
    paths: pathsOf(definitions, models, 'v2'),
    definitions: models.all(),
  };
}

function documentV3(definitions: readonly ResourceDefinition<ApiObject>[]): object {
  const models: Models = createModels(definitions, '#/components/schemas/', 'v3');
  const paths = pathsOf(definitions, models, 'v3');
  return { openapi: '3.0.0', info: { title: 'Kubernetes', version: versionInfo.gitVersion }, paths, components: { schemas: models.all() } };
}

/** Changes when the document would: clients cache by it. */
function hashOf(definitions: readonly ResourceDefinition<ApiObject>[]): string {
  const names = definitions
    .map(({ type, custom }) => `${apiVersionOf(type)}/${type.plural}${custom ? textOf(custom.openApiSchema) : ''}`)
    .join();
  return createHash('sha256').update(`${versionInfo.gitVersion}/${names}`).digest('hex').toUpperCase();
}

const schemaTexts = new WeakMap<object, string>();

/** Schemas are large and asked about often. */
function textOf(schema: JsonObject): string {
  const text = schemaTexts.get(schema) ?? JSON.stringify(schema);
  schemaTexts.set(schema, text);
  return text;
}
