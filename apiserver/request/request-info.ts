/**
 * What a request asks for, read from its method, path and query alone: the verb and the resource it concerns, in the words that authorization,
 * logs and metrics use. Called once per request, before anything else; must hold for paths that do not exist as well.
 * Source: k8s.io/apiserver, pkg/endpoints/request/requestinfo.go.
 */
import { ApiError } from '#api/meta/status.ts';

export interface ResourceRequestInfo {
  readonly isResource: true;
  readonly verb: string;
  readonly path: string;
  readonly group: string;
  readonly version: string;
  /** Empty for cluster-wide resources and for requests across all namespaces. */
  readonly namespace: string;
  readonly resource: string;
  readonly subresource: string;
  /** Empty for collections, unless a field selector names one object. */
  readonly name: string;
  /** What the path says behind the subresource: `nodes/x/proxy/metrics` → `['metrics']`. */
  readonly rest: readonly string[];
}

export interface PathRequestInfo {
  readonly isResource: false;
  readonly verb: string;
  readonly path: string;
}

export type RequestInfo = ResourceRequestInfo | PathRequestInfo;

const COLLECTION_VERBS: Readonly<Record<string, string>> = { GET: 'list', HEAD: 'list', POST: 'create', DELETE: 'deletecollection' };
const OBJECT_VERBS: Readonly<Record<string, string>> = {
  GET: 'get',
  HEAD: 'get',
  POST: 'create',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
};

/** Behind `namespaces/<name>/` these are parts of the namespace itself, not resources in it. */
const NAMESPACE_SUBRESOURCES: ReadonlySet<string> = new Set(['status', 'finalize']);

/** Takes the method, the raw path (still percent-encoded) and the query. Throws BadRequest when the path is not valid percent-encoding. */
export function parseRequestInfo(method: string, rawPath: string, query: URLSearchParams): RequestInfo {
  const segments = rawPath
    .split('/')
    .filter((segment) => segment !== '')
    .map(decodeSegment);
  const parts = apiPartsOf(segments);
  if (parts === undefined) return { isResource: false, verb: method.toLowerCase(), path: decodeSegment(rawPath) };
  const { group, version } = parts;
  const isLegacyWatch = parts.rest[0] === 'watch' && parts.rest.length > 1;
  const target = targetOf(isLegacyWatch ? parts.rest.slice(1) : parts.rest);
  // `watch/namespaces/x/pods/y` watches one object.
  const isWatchOfOne = isLegacyWatch && method === 'GET' && target.name !== '' && target.subresource === '';
  const verb = isWatchOfOne ? 'watch' : verbOf(method, target.name, isLegacyWatch || isTrue(query.get('watch')));
  const isSelective = target.name === '' && (verb === 'list' || verb === 'watch' || verb === 'deletecollection');
  const name = isSelective ? nameFromSelector(query.get('fieldSelector') ?? '') : target.name;
  return { isResource: true, verb, path: decodeSegment(rawPath), group, version, ...target, name };
}

/** Go's `strconv.ParseBool`, as far as queries use it. */
export function isTrue(value: string | null | undefined): boolean {
  return value === 'true' || value === '1' || value === 'True' || value === 'TRUE' || value === 't' || value === 'T';
}

function apiPartsOf(segments: readonly string[]): { group: string; version: string; rest: readonly string[] } | undefined {
  const [root, second, third] = segments;
  if (root === 'api' && second !== undefined && segments.length > 2) return { group: '', version: second, rest: segments.slice(2) };
  if (root === 'apis' && second !== undefined && third !== undefined && segments.length > 3) {
    return { group: second, version: third, rest: segments.slice(3) };
  }
  return undefined;
}

type Target = Pick<ResourceRequestInfo, 'namespace' | 'resource' | 'name' | 'subresource' | 'rest'>;

function targetOf(parts: readonly string[]): Target {
  const [first = '', second = '', third = ''] = parts;
  if (first === 'namespaces' && parts.length > 2 && !NAMESPACE_SUBRESOURCES.has(third)) {
    return { ...resourceTarget(parts.slice(2)), namespace: second };
  }
  // A namespace is its own namespace to authorization, as upstream has it: a Role may allow `get` of the namespace it is in.
  return first === 'namespaces' ? { ...resourceTarget(parts), namespace: second } : resourceTarget(parts);
}

function resourceTarget(parts: readonly string[]): Target {
  const [resource = '', name = '', subresource = '', ...rest] = parts;
  return { namespace: '', resource, name, subresource, rest };
}

function verbOf(method: string, name: string, isWatch: boolean): string {
  if (name !== '') return OBJECT_VERBS[method] ?? method.toLowerCase();
  const verb = COLLECTION_VERBS[method] ?? OBJECT_VERBS[method] ?? method.toLowerCase();
  return verb === 'list' && isWatch ? 'watch' : verb;
}

function nameFromSelector(fieldSelector: string): string {
  const match = /(?:^|,)metadata\.name==?([^,=!]+)(?:,|$)/.exec(fieldSelector);
  return match?.[1] ?? '';
}

function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch (cause) {
    throw new ApiError('BadRequest', `the path ${JSON.stringify(segment)} is not valid percent-encoding`, { cause });
  }
}
