/**
 * The parameters that a binding gives its policy: objects of the policy's `paramKind`, by name or by labels. Source: k8s.io/apiserver,
 * pkg/admission/plugin/policy/generic/policy_dispatcher.go, CollectParams.
 */
import type { ParamKind, ParamRef } from '#api/generated/types.ts';
import { compileLabelSelector } from '#api/meta/label-selector.ts';
import type { ApiObject } from '#api/meta/resource-type.ts';
import { parseStored } from '../../encoding/json-value.ts';
import { servedBytes } from '../../encoding/served-bytes.ts';
import type { ResourceRegistry } from '../../resource-registry.ts';
import type { ResourceDefinition } from '../../resources/resource-definition.ts';
import type { Storage } from '../../storage/storage.ts';
import type { WatchCache } from '../../storage/watch-cache.ts';
import { storageKey, storagePrefix } from '../../storage-key.ts';

export interface ParamDeps {
  readonly cache: WatchCache;
  readonly storage: Storage;
  readonly resources: ResourceRegistry;
}

/** A policy that takes no parameters, or a binding that gives none, is evaluated once without. */
const NO_PARAMS = [undefined] as const;

/** `namespace` is the request's. Throws an Error that says what is wrong with the configuration, when parameters are missing that must be there. */
export async function findParams(
  paramKind: ParamKind | undefined,
  paramRef: ParamRef | undefined,
  namespace: string,
  deps: ParamDeps,
): Promise<readonly (ApiObject | undefined)[]> {
  if (paramKind === undefined || paramRef === undefined) return NO_PARAMS;
  const definition = definitionOf(paramKind, deps.resources);
  const within = namespaceOf(paramRef, definition, namespace);
  const found = paramRef.name
    ? await findByName(definition, within, paramRef.name, deps)
    : findBySelector(definition, within, paramRef, deps);
  if (found.length === 0 && paramRef.parameterNotFoundAction === 'Deny') {
    throw new Error('no params found for policy binding with `Deny` parameterNotFoundAction');
  }
  return found;
}

function definitionOf({ apiVersion = '', kind = '' }: ParamKind, resources: ResourceRegistry): ResourceDefinition<ApiObject> {
  const slash = apiVersion.indexOf('/');
  const definition = resources.findByKind(apiVersion.slice(0, Math.max(slash, 0)), apiVersion.slice(slash + 1), kind);
  if (definition === undefined) throw new Error(`paramKind kind \`${apiVersion}, Kind=${kind}\` not known`);
  return definition;
}

function namespaceOf({ namespace = '' }: ParamRef, { type }: ResourceDefinition<ApiObject>, requested: string): string {
  if (!type.isNamespaced) {
    if (namespace !== '') throw new Error('paramRef.namespace must not be provided for a cluster-scoped `paramKind`');
    return '';
  }
  if (namespace === '' && requested === '') {
    throw new Error('cannot use namespaced paramRef in policy binding that matches cluster-scoped resources');
  }
  return namespace === '' ? requested : namespace;
}

/** The cache may not have seen what was made a moment ago. */
async function findByName(
  definition: ResourceDefinition<ApiObject>,
  namespace: string,
  name: string,
  { cache, storage }: ParamDeps,
): Promise<readonly ApiObject[]> {
  const key = storageKey(definition.type, namespace, name);
  const found = cache.find(key) ?? (await storage.get(key));
  return found === undefined ? [] : [parseStored(servedBytes(definition, found.bytes))];
}

function findBySelector(
  definition: ResourceDefinition<ApiObject>,
  namespace: string,
  { selector = {} }: ParamRef,
  { cache }: ParamDeps,
): readonly ApiObject[] {
  const matches = compileLabelSelector(selector);
  return cache
    .list(storagePrefix(definition.type, namespace))
    .filter(({ labels }) => matches(labels))
    .map(({ bytes }) => parseStored(servedBytes(definition, bytes)));
}
