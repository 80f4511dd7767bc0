/**
 * What an aggregated server says of itself: its resources, and its descriptions. `readDocuments` asks and keeps what has not changed; the readers of single answers are pure,
 * and take nothing for granted: another server wrote them. Called by `server-checks.ts` after the server has passed.
 */
import { discoveryPath } from '#api/apiregistration/v1/availability.ts';
import { isJsonObject, type JsonObject } from '../encoding/json-value.ts';
import type { AggregatedServer } from './aggregated-servers.ts';
import type { Question, ServerAnswer } from './ask-server.ts';

export interface ServerDocuments {
  /** As an APIResourceList has them. */
  readonly resources: readonly JsonObject[];
  /** Where its OpenAPI v3 document is, with a hash; undefined when it has none. */
  readonly openApiV3: string | undefined;
  readonly openApiV2: JsonObject | undefined;
  readonly etags: {
    readonly resources: string | undefined;
    readonly openApiV3: string | undefined;
    readonly openApiV2: string | undefined;
  };
}

type Ask = (question: Question) => Promise<ServerAnswer>;

const NOTHING: ServerDocuments = {
  resources: [],
  openApiV3: undefined,
  openApiV2: undefined,
  etags: { resources: undefined, openApiV3: undefined, openApiV2: undefined },
};

/** Takes what was known; gives the same value when nothing is new. Throws when the resources cannot be read; descriptions may be missing. */
export async function readDocuments(server: AggregatedServer, ask: Ask, before: ServerDocuments = NOTHING): Promise<ServerDocuments> {
  const path = discoveryPath(server.apiService);
  const list = await ask({ path, etag: before.etags.resources });
  if (list.statusCode !== 304 && list.statusCode !== 200) throw new Error(`bad status from ${path}: ${list.statusCode}`);
  const index = await ask({ path: '/openapi/v3', etag: before.etags.openApiV3 });
  const whole = await ask({ path: '/openapi/v2', etag: before.etags.openApiV2 });
  if ([list, index, whole].every(({ statusCode }) => statusCode === 304)) return before;
  return {
    resources: list.statusCode === 304 ? before.resources : resourcesIn(parse(list.body)),
    openApiV3: index.statusCode === 304 ? before.openApiV3 : documentUrlIn(index.statusCode === 200 ? parse(index.body) : undefined, path),
    openApiV2: whole.statusCode === 304 ? before.openApiV2 : objectOf(whole.statusCode === 200 ? parse(whole.body) : undefined),
    etags: { resources: list.etag, openApiV3: index.etag, openApiV2: whole.etag },
  };
}

/** Those that have at least a name and a kind. */
export function resourcesIn(list: unknown): readonly JsonObject[] {
  const resources: unknown = isJsonObject(list) ? list.resources : undefined;
  if (!Array.isArray(resources)) return [];
  return resources.filter(
    (one: unknown): one is JsonObject => isJsonObject(one) && typeof one.name === 'string' && typeof one.kind === 'string',
  );
}

/** Of the index, the place of one group version; a place on another server is none. */
export function documentUrlIn(index: unknown, path: string): string | undefined {
  const paths: unknown = isJsonObject(index) ? index.paths : undefined;
  const entry: unknown = isJsonObject(paths) ? paths[path.slice(1)] : undefined;
  const url: unknown = isJsonObject(entry) ? entry.serverRelativeURL : undefined;
  return typeof url === 'string' && url.startsWith(`/openapi/v3${path}`) ? url : undefined;
}

/** The same resources as aggregated discovery tells them: subresources below their resource. */
export function aggregatedResources(
  resources: readonly JsonObject[],
  own: { readonly group: string; readonly version: string },
): readonly object[] {
  const kindOf = ({ group, version, kind }: JsonObject) => ({
    group: textOr(group, own.group),
    version: textOr(version, own.version),
    kind,
  });
  const optional = (name: string, value: unknown) => (Array.isArray(value) && value.length > 0 ? { [name]: value } : {});
  return resources
    .filter(({ name }) => !String(name).includes('/'))
    .map((resource) => {
      const parts = resources.filter(({ name }) => String(name).startsWith(`${String(resource.name)}/`));
      const subresources = parts.map((part) => ({
        subresource: String(part.name).slice(String(resource.name).length + 1),
        responseKind: kindOf(part),
        verbs: part.verbs ?? [],
      }));
      return {
        resource: resource.name,
        responseKind: kindOf(resource),
        scope: resource.namespaced === true ? 'Namespaced' : 'Cluster',
        singularResource: textOr(resource.singularName, ''),
        verbs: resource.verbs ?? [],
        ...optional('shortNames', resource.shortNames),
        ...optional('categories', resource.categories),
        ...optional('subresources', subresources),
      };
    });
}

function textOr(value: unknown, fallback: string): string {
  return typeof value === 'string' && value !== '' ? value : fallback;
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}

function objectOf(value: unknown): JsonObject | undefined {
  return isJsonObject(value) ? value : undefined;
}
