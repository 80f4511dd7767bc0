/**
 * What there is to be asked for: groups, versions, resources, their verbs and short names. Plain (one document per group version) and aggregated (all in one,
 * which current clients prefer). Made from the resources there are and what aggregated servers say of theirs, and anew when either has changed.
 * Source: k8s.io/apiserver, pkg/endpoints/discovery, and k8s.io/kube-aggregator, pkg/apiserver/handler_{apis,discovery}.go.
 */
import { inOrder, type Prioritized, priorityOf } from '#api/apiregistration/v1/priorities.ts';
import type { ApiObject } from '#api/meta/resource-type.ts';
import { apiVersionOf } from '#api/meta/resource-type.ts';
import type { KnownServer } from '../aggregation/server-checks.ts';
import { aggregatedResources } from '../aggregation/server-documents.ts';
import { isServed, verbsOfSubresource } from '../pipeline/dispatch.ts';
import type { ResourceRegistry } from '../resource-registry.ts';
import type { ResourceDefinition } from '../resources/resource-definition.ts';
import { CONFIGURATION_PATH, KEYS_PATH } from '../service-accounts/issuer-discovery.ts';

export interface DiscoveryDocuments {
  /** Undefined when there is no such group or version. */
  find(path: string, accept: string | undefined): { readonly contentType: string; readonly body: string } | undefined;
  /** What `/` lists. */
  paths(): readonly string[];
}

interface GroupVersion extends Prioritized {
  readonly freshness: 'Current' | 'Stale';
  /** As an APIResourceList has them; undefined for a version that another server is asked for. */
  plainResources?(): readonly object[];
  aggregatedResources(): readonly object[];
}

/** How aggregated documents are asked for and named. */
const AGGREGATED = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';

const FIXED_PATHS = [CONFIGURATION_PATH, KEYS_PATH, '/healthz', '/livez', '/metrics', '/openapi/v2', '/openapi/v3', '/readyz', '/version'];

interface Documents {
  readonly definitions: readonly ResourceDefinition<ApiObject>[];
  readonly known: readonly KnownServer[];
  readonly plain: ReadonlyMap<string, string>;
  readonly aggregated: ReadonlyMap<string, string>;
}

export interface DiscoverySources {
  readonly resources: Pick<ResourceRegistry, 'all'>;
  /** Aggregated servers; another array whenever anything has changed. */
  known(): readonly KnownServer[];
  /** Where clients in the cluster's own network find this server. */
  readonly serverAddress: string;
}

export function createDiscovery({ resources, known, serverAddress }: DiscoverySources): DiscoveryDocuments {
  let documents = documentsOf(resources.all(), known(), serverAddress);
  const current = () => {
    const isCurrent = documents.definitions === resources.all() && documents.known === known();
    if (!isCurrent) documents = documentsOf(resources.all(), known(), serverAddress);
    return documents;
  };
  return {
    find: (path, accept) => {
      const { plain, aggregated } = current();
      const trimmed = path.replace(/\/+$/, '');
      const whole = aggregated.get(trimmed);
      if (whole !== undefined && wantsAggregated(accept)) return { contentType: AGGREGATED, body: whole };
      const body = plain.get(trimmed);
      return body === undefined ? undefined : { contentType: 'application/json', body };
    },
    paths: () => [...current().plain.keys(), ...current().known.map((server) => `/apis/${remoteName(server)}`), ...FIXED_PATHS].sort(),
  };
}

function documentsOf(
  definitions: readonly ResourceDefinition<ApiObject>[],
  known: readonly KnownServer[],
  serverAddress: string,
): Documents {
  const groupVersions = groupVersionsOf(definitions, known);
  const groups = [...new Set(groupVersions.map(({ group }) => group))];
  const plain = new Map<string, string>();
  const put = (path: string, document: object) => plain.set(path, JSON.stringify(document));
  put('/api', { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress }] });
  const named = groups.filter((group) => group !== '');
  put('/apis', { kind: 'APIGroupList', apiVersion: 'v1', groups: named.map((group) => apiGroup(group, groupVersions)) });
  for (const group of named) put(`/apis/${group}`, { kind: 'APIGroup', apiVersion: 'v1', ...apiGroup(group, groupVersions) });
  for (const groupVersion of groupVersions) {
    const list = resourceList(groupVersion);
    if (list !== undefined) put(pathOf(groupVersion), list);
  }
  const aggregated = new Map([
    ['/api', JSON.stringify(aggregatedList([''], groupVersions))],
    ['/apis', JSON.stringify(aggregatedList(named, groupVersions))],
  ]);
  return { definitions, known, plain, aggregated };
}

function wantsAggregated(accept = ''): boolean {
  const clauses = accept.split(',').map((clause) => clause.replace(/\s/g, ''));
  const isAggregated = (clause: string) =>
    clause.includes('as=APIGroupDiscoveryList') && /;v=v2(;|$)/.test(clause) && clause.startsWith('application/json');
  const plain = clauses.findIndex((clause) => clause === 'application/json' || clause === '*/*');
  const wanted = clauses.findIndex(isAggregated);
  return wanted >= 0 && (plain < 0 || wanted < plain);
}

/** In the order in which clients are to prefer them. */
function groupVersionsOf(definitions: readonly ResourceDefinition<ApiObject>[], known: readonly KnownServer[]): readonly GroupVersion[] {
  const remote = new Map(known.map((server) => [remoteName(server), remoteVersion(server)]));
  const byVersion = Map.groupBy(definitions, ({ type }) => apiVersionOf(type));
  const local = [...byVersion].filter(([name]) => !remote.has(name)).flatMap(([, members]) => localVersion(members) ?? []);
  return inOrder([...local, ...remote.values()]);
}

function localVersion(members: readonly ResourceDefinition<ApiObject>[]): GroupVersion | undefined {
  const [first] = members;
  if (first === undefined) return undefined;
  const { group, version } = first.type;
  return {
    group,
    version,
    priority: priorityOf(group, version, { isCustom: members.every(({ custom }) => custom !== undefined) }),
    freshness: 'Current',
    plainResources: () => members.flatMap(apiResources),
    aggregatedResources: () => members.map((definition) => aggregatedResource(definition, { group, version })),
  };
}

function remoteName({ server }: KnownServer): string {
  const { group = '', version = '' } = server.apiService.spec;
  return `${group}/${version}`;
}

function remoteVersion({ server, documents, isCurrent }: KnownServer): GroupVersion {
  const { group = '', version = '', groupPriorityMinimum, versionPriority } = server.apiService.spec;
  return {
    group,
    version,
    priority: { group: groupPriorityMinimum, version: versionPriority },
    freshness: isCurrent ? 'Current' : 'Stale',
    aggregatedResources: () => aggregatedResources(documents?.resources ?? [], { group, version }),
  };
}

function pathOf({ group, version }: { readonly group: string; readonly version: string }): string {
  return group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
}

/** The preferred version first. */
function versionsOf(group: string, all: readonly GroupVersion[]): readonly GroupVersion[] {
  return all.filter((one) => one.group === group);
}

function apiGroup(group: string, all: readonly GroupVersion[]): object {
  const versions = versionsOf(group, all).map(({ version }) => ({ groupVersion: `${group}/${version}`, version }));
  return { name: group, versions, preferredVersion: versions[0] };
}

function resourceList({ group, version, plainResources }: GroupVersion): object | undefined {
  const groupVersion = group === '' ? version : `${group}/${version}`;
  return plainResources && { kind: 'APIResourceList', apiVersion: 'v1', groupVersion, resources: plainResources() };
}

/** Of a kind whose definition is being deleted nothing is announced that would keep it; finalizers can still be taken away. */
const REMAINING_VERBS = ['delete', 'deletecollection', 'get', 'list', 'watch'];

function announcedVerbs({ type, custom }: ResourceDefinition<ApiObject>): readonly string[] {
  return custom?.isTerminating === true ? REMAINING_VERBS : type.verbs;
}

/** A resource and those of its subresources that are served. */
function apiResources(definition: ResourceDefinition<ApiObject>): readonly object[] {
  const { type, singular, shortNames, categories } = definition;
  const main = {
    name: type.plural,
    singularName: singular,
    namespaced: type.isNamespaced,
    kind: type.kind,
    verbs: announcedVerbs(definition),
    ...(shortNames.length === 0 ? {} : { shortNames }),
    ...(categories.length === 0 ? {} : { categories }),
  };
  const parts = type.subresources
    .filter(({ name }) => isServed(name))
    .map((subresource) => ({
      name: `${type.plural}/${subresource.name}`,
      singularName: '',
      namespaced: type.isNamespaced,
      ...foreignGroup(subresource.kind),
      kind: subresource.kind,
      verbs: verbsOfSubresource(subresource),
    }));
  return [main, ...parts];
}

const FOREIGN_GROUPS: Readonly<Record<string, string>> = { Scale: 'autoscaling', TokenRequest: 'authentication.k8s.io' };

/** Kinds of subresources that belong to another group than their resource. */
function foreignGroup(kind: string): object {
  return Object.hasOwn(FOREIGN_GROUPS, kind) ? { group: FOREIGN_GROUPS[kind], version: 'v1' } : {};
}

function aggregatedList(groups: readonly string[], all: readonly GroupVersion[]): object {
  const items = groups.map((group) => ({
    metadata: { name: group, creationTimestamp: null },
    versions: versionsOf(group, all).map((one) => ({
      version: one.version,
      resources: one.aggregatedResources(),
      freshness: one.freshness,
    })),
  }));
  return { kind: 'APIGroupDiscoveryList', apiVersion: 'apidiscovery.k8s.io/v2', metadata: {}, items };
}

function aggregatedResource(definition: ResourceDefinition<ApiObject>, own: { group: string; version: string }): object {
  const { type, singular, shortNames, categories } = definition;
  const subresources = type.subresources
    .filter(({ name }) => isServed(name))
    .map((subresource) => ({
      subresource: subresource.name,
      responseKind: { ...own, ...foreignGroup(subresource.kind), kind: subresource.kind },
      verbs: verbsOfSubresource(subresource),
    }));
  return {
    resource: type.plural,
    responseKind: { ...own, kind: type.kind },
    scope: type.isNamespaced ? 'Namespaced' : 'Cluster',
    singularResource: singular,
    verbs: announcedVerbs(definition),
    ...(shortNames.length === 0 ? {} : { shortNames }),
    ...(categories.length === 0 ? {} : { categories }),
    ...(subresources.length === 0 ? {} : { subresources }),
  };
}
