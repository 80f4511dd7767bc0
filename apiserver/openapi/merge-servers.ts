/**
 * The one document of OpenAPI v2 with what aggregated servers say of theirs: of each the paths of its own group version, and the definitions that are not there already.
 * Pure. Two servers that describe a model of the same name otherwise would need one of them renamed; ours stays, since models that servers share are the machinery's.
 * Source: k8s.io/kube-aggregator, pkg/controllers/openapi/aggregator.
 */
import { discoveryPath } from '#api/apiregistration/v1/availability.ts';
import type { KnownServer } from '../aggregation/server-checks.ts';
import { isJsonObject, type JsonObject } from '../encoding/json-value.ts';

interface DocumentV2 {
  readonly paths: object;
  readonly definitions: object;
}

export function withServers<T extends DocumentV2>(own: T, known: readonly KnownServer[]): T {
  const described = known.flatMap(({ server, documents }) => {
    const document = documents?.openApiV2;
    return document === undefined ? [] : [{ document, path: discoveryPath(server.apiService) }];
  });
  if (described.length === 0) return own;
  return {
    ...own,
    paths: Object.assign({}, ...described.map(({ document, path }) => pathsBelow(document, path)), own.paths),
    definitions: Object.assign({}, ...described.map(({ document }) => membersOf(document, 'definitions')), own.definitions),
  };
}

function pathsBelow(document: JsonObject, path: string): JsonObject {
  return Object.fromEntries(Object.entries(membersOf(document, 'paths')).filter(([name]) => name === path || name.startsWith(`${path}/`)));
}

function membersOf(document: JsonObject, name: string): JsonObject {
  const members = document[name];
  return isJsonObject(members) ? members : {};
}
