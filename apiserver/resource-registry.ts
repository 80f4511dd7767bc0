/**
 * Which resources are served, found by group, version and plural. One per server. Filled from `resources/index.ts`; custom resources
 * come and go at run time, so everybody asks here rather than keeping definitions. A built-in resource cannot be replaced by a custom one.
 */
import type { ApiObject, ResourceType } from '#api/meta/resource-type.ts';
import type { ResourceDefinition } from './resources/resource-definition.ts';

type Definitions = readonly ResourceDefinition<ApiObject>[];

export interface ResourceRegistry {
  find(group: string, version: string, plural: string): ResourceDefinition<ApiObject> | undefined;
  findByKind(group: string, version: string, kind: string): ResourceDefinition<ApiObject> | undefined;
  /** By the part of a storage key: `/registry/<group or core>/<plural>/…`; of several versions the stored one. */
  findByKey(key: string): ResourceDefinition<ApiObject> | undefined;
  /** All versions of the resource in all groups, itself included: what is stored as the same objects. */
  equivalents(definition: ResourceDefinition<ApiObject>): Definitions;
  /** Throws when the resource is not served: for those the server itself relies on. */
  get<T extends ApiObject>(type: ResourceType<T>): ResourceDefinition<ApiObject>;
  /** In the order in which they were given, custom ones last. Another array whenever anything has changed. */
  all(): Definitions;
  builtIn(): Definitions;
  /** Takes all custom resources, in the place of those there were. */
  setCustom(definitions: Definitions): void;
  /** Calls back whenever anything has changed, until the signal is aborted. */
  onChange(listener: () => void, signal: AbortSignal): void;
}

interface Index {
  readonly all: Definitions;
  readonly byResource: ReadonlyMap<string, ResourceDefinition<ApiObject>>;
  readonly byKind: ReadonlyMap<string, ResourceDefinition<ApiObject>>;
  readonly byKey: ReadonlyMap<string, ResourceDefinition<ApiObject>>;
  readonly byStorage: ReadonlyMap<string, Definitions>;
}

export function createResourceRegistry(builtIn: Definitions): ResourceRegistry {
  let index = indexOf(builtIn);
  const listeners = new Set<() => void>();
  return {
    find: (group, version, plural) => index.byResource.get(resourceId({ group, version, plural })),
    findByKind: (group, version, kind) => index.byKind.get(`${group}/${version}/${kind}`),
    findByKey: (key) => {
      const [, , group = '', plural = ''] = key.split('/', 4);
      return index.byKey.get(`${group}/${plural}`);
    },
    equivalents: (definition) => index.byStorage.get(storageId(definition)) ?? [],
    get: (type) => {
      const definition = index.byResource.get(resourceId(type));
      if (definition === undefined) throw new Error(`the resource ${resourceId(type)} is not in the list of resources`);
      return definition;
    },
    all: () => index.all,
    builtIn: () => builtIn,
    setCustom: (custom) => {
      const wanted = [...builtIn, ...custom];
      const isSame = wanted.length === index.all.length && wanted.every((definition, at) => definition === index.all[at]);
      if (isSame) return;
      index = indexOf(wanted);
      for (const listener of listeners) listener();
    },
    onChange: (listener, signal) => {
      listeners.add(listener);
      signal.addEventListener('abort', () => listeners.delete(listener), { once: true });
    },
  };
}

/** Of two that share a place the first has it. */
function indexOf(all: Definitions): Index {
  const by = (keyOf: (definition: ResourceDefinition<ApiObject>) => string, definitions = all) =>
    new Map(definitions.toReversed().map((definition) => [keyOf(definition), definition]));
  const stored = all.filter(({ storedAs }) => storedAs === undefined);
  return {
    all,
    byResource: by(({ type }) => resourceId(type)),
    byKind: by(({ type }) => `${type.group}/${type.version}/${type.kind}`),
    byKey: by(({ type }) => `${type.group || 'core'}/${type.plural}`, stored),
    byStorage: Map.groupBy(all, storageId),
  };
}

function resourceId({ group, version, plural }: { group: string; version: string; plural: string }): string {
  return `${group}/${version}/${plural}`;
}

function storageId({ type }: ResourceDefinition<ApiObject>): string {
  return `${type.storageGroup ?? type.group}/${type.plural}`;
}
