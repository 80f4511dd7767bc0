/**
 * What the server serves, asked from the server: every resource that can be listed, watched and deleted, custom ones included, each in the
 * version the server prefers. The garbage collector and the namespace controller work on this list. A group that does not answer (an
 * aggregated server that is down) is named, so that nobody takes its silence for emptiness.
 */
import { allResourceTypes } from '#api/generated/resources.ts';
import { isJsonArray, isJsonObject, type Json } from '#api/meta/json.ts';
import { type ApiObject, type ResourceDescription, type ResourceType, resourceType } from '#api/meta/resource-type.ts';
import { ApiError } from '#api/meta/status.ts';
import type { Client } from '#client/client.ts';

export interface Discovery {
  readonly types: readonly ResourceType<ApiObject>[];
  readonly failedGroups: readonly string[];
}

const neededVerbs = ['delete', 'list', 'watch'];

/** Rejects when the server does not answer at all. */
export async function discoverResources(client: Client): Promise<Discovery> {
  const groups = groupVersionsIn(await getJson(client, '/apis'));
  const types = new Map<string, ResourceType<ApiObject>>();
  const failedGroups = new Set<string>();
  const add = (found: readonly ResourceType<ApiObject>[]) => {
    for (const type of found) types.set(resourceId(type), types.get(resourceId(type)) ?? type);
  };
  add(resourcesIn(await getJson(client, '/api/v1'), { group: '', version: 'v1' }));
  for (const { group, versions } of groups) {
    for (const version of versions) {
      try {
        add(resourcesIn(await getJson(client, `/apis/${group}/${version}`), { group, version }));
      } catch {
        failedGroups.add(group);
      }
    }
  }
  return { types: [...types.values()], failedGroups: [...failedGroups] };
}

/** `deployments.apps`; `pods.` in the core group, as upstream's messages have it. */
export function resourceId({ plural, group }: Pick<ResourceDescription, 'plural' | 'group'>): string {
  return `${plural}.${group}`;
}

async function getJson(client: Client, path: string): Promise<unknown> {
  const { statusCode, text } = await client.getText(path);
  if (statusCode !== 200) throw new ApiError('ServiceUnavailable', `GET ${path} answered ${statusCode}`);
  return JSON.parse(text);
}

interface GroupVersions {
  readonly group: string;
  /** The preferred one first. */
  readonly versions: readonly string[];
}

function groupVersionsIn(document: unknown): readonly GroupVersions[] {
  return listIn(document, 'groups').map((group) => {
    const versions = listIn(group, 'versions').map((version) => textIn(version, 'version'));
    const preferred = isJsonObject(group) ? textIn(group.preferredVersion, 'version') : '';
    return { group: textIn(group, 'name'), versions: [...new Set([preferred, ...versions])].filter((version) => version !== '') };
  });
}

function resourcesIn(
  document: unknown,
  { group, version }: Pick<ResourceDescription, 'group' | 'version'>,
): readonly ResourceType<ApiObject>[] {
  return listIn(document, 'resources').flatMap((resource) => {
    const plural = textIn(resource, 'name');
    const verbs = listIn(resource, 'verbs').filter((verb) => typeof verb === 'string');
    if (plural.includes('/') || !neededVerbs.every((verb) => verbs.includes(verb))) return [];
    const builtIn = allResourceTypes.find((type) => type.group === group && type.version === version && type.plural === plural);
    const isNamespaced = isJsonObject(resource) && resource.namespaced === true;
    const described = { group, version, plural, kind: textIn(resource, 'kind'), schema: '', isNamespaced, verbs, subresources: [] };
    return [builtIn ?? resourceType<ApiObject>(described)];
  });
}

function listIn(document: unknown, name: string): readonly Json[] {
  const value = isJsonObject(document) ? document[name] : undefined;
  return isJsonArray(value) ? value : [];
}

function textIn(document: unknown, name: string): string {
  const value = isJsonObject(document) ? document[name] : undefined;
  return typeof value === 'string' ? value : '';
}
