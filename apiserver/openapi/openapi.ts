/**
 * The API's own description, as kubectl needs it: for `explain`, for validation on the client's side, for strategic merges in `apply` and `edit`. Generated from our
 * schemas and the list of resources: fields, types, which kind a model is, how lists merge. Models and the whole documents are made on first use.
 * Source: https://kubernetes.io/docs/concepts/overview/kubernetes-api/#openapi-interface-definition.
 */
import { createHash } from 'node:crypto';
import type { JsonObject } from '#api/meta/json.ts';
import type { ApiObject } from '#api/meta/resource-type.ts';
import { apiVersionOf } from '#api/meta/resource-type.ts';
import { ApiError } from '#api/meta/status.ts';
import type { EncodedAnswer } from '../encoding/encode-answer.ts';
import type { ResourceRegistry } from '../resource-registry.ts';
import type { ResourceDefinition } from '../resources/resource-definition.ts';
import { versionInfo } from '../version.ts';
import { createModels, type Models } from './models.ts';
import { pathsOf } from './paths.ts';

export interface DocumentV3 {
  /** As the index has it. */
  readonly hash: string;
  /** JSON; made when it is first asked for. */
  bytes(): Buffer;
}

export interface OpenApiDocuments {
  /** Throws NotAcceptable for clients that accept protobuf and nothing else. */
  v2(accept: string | undefined): EncodedAnswer;
  /** Where the documents of each group version are. */
  index(): object;
  /** Takes `/openapi/v3/apis/apps/v1`. */
  v3(path: string): DocumentV3 | undefined;
}

interface State {
  readonly definitions: readonly ResourceDefinition<ApiObject>[];
  readonly byPath: ReadonlyMap<string, readonly ResourceDefinition<ApiObject>[]>;
  readonly documents: Map<string, Buffer>;
  whole: Buffer | undefined;
}

export function createOpenApi(resources: Pick<ResourceRegistry, 'all'>): OpenApiDocuments {
  let state = stateOf(resources.all(), undefined);
  const current = () => {
    if (state.definitions !== resources.all()) state = stateOf(resources.all(), state);
    return state;
  };
  return {
    v2: (accept) => {
      throwUnlessJson(accept);
      const now = current();
      now.whole ??= Buffer.from(JSON.stringify(documentV2(now.definitions)));
      return { statusCode: 200, contentType: 'application/json', pieces: [now.whole] };
    },
    index: () => ({
      paths: Object.fromEntries(
        [...current().byPath].map(([path, members]) => [path, { serverRelativeURL: `/openapi/v3/${path}?hash=${hashOf(members)}` }]),
      ),
    }),
    v3: (fullPath) => {
      const { byPath, documents } = current();
      const path = fullPath.replace('/openapi/v3/', '');
      const members = byPath.get(path);
      if (members === undefined) return undefined;
      const bytes = () => documents.getOrInsertComputed(path, () => Buffer.from(JSON.stringify(documentV3(members))));
      return { hash: hashOf(members), bytes };
    },
  };
}

/** Documents whose kinds are the same stay. */
function stateOf(definitions: readonly ResourceDefinition<ApiObject>[], before: State | undefined): State {
  const byPath = Map.groupBy(definitions, ({ type }) => (type.group === '' ? `api/${type.version}` : `apis/${type.group}/${type.version}`));
  const isSame = (path: string) => {
    const [now, then] = [byPath.get(path) ?? [], before?.byPath.get(path) ?? []];
    return now.length === then.length && now.every((definition, index) => definition === then[index]);
  };
  const kept = [...(before?.documents ?? [])].filter(([path]) => isSame(path));
  return { definitions, byPath, documents: new Map(kept), whole: undefined };
}

/** Older clients know this document as protobuf only, which we do not have; current ones read the v3 documents. */
function throwUnlessJson(accept = ''): void {
  if (accept === '' || accept.includes('*/*') || accept.includes('application/json')) return;
  throw new ApiError('NotAcceptable', 'only the following media types are accepted: application/json');
}

function documentV2(definitions: readonly ResourceDefinition<ApiObject>[]): object {
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
