/**
 * Which resources are served, found by group, version and plural. One per server. Filled from `resources/index.ts`; custom resources will
 * come and go at run time, so everybody asks here rather than keeping definitions.
 */
import type { ApiObject, ResourceType } from '#api/meta/resource-type.ts';
import type { ResourceDefinition } from './resources/resource-definition.ts';

export interface ResourceRegistry {
  find(group: string, version: string, plural: string): ResourceDefinition<ApiObject> | undefined;
  findByKind(group: string, version: string, kind: string): ResourceDefinition<ApiObject> | undefined;
  /** By the part of a storage key: `/registry/<group or core>/<plural>/…`; of several versions the stored one. */
  findByKey(key: string): ResourceDefinition<ApiObject> | undefined;
  /** Throws when the resource is not served: for those the server itself relies on. */
  get<T extends ApiObject>(type: ResourceType<T>): ResourceDefinition<ApiObject>;
  /** In the order in which they were given. */
  all(): readonly ResourceDefinition<ApiObject>[];
}

export function createResourceRegistry(definitions: readonly ResourceDefinition<ApiObject>[]): ResourceRegistry {
  const byResource = new Map(definitions.map((definition) => [resourceId(definition.type), definition]));
  const byKind = new Map(definitions.map(({ type }, index) => [`${type.group}/${type.version}/${type.kind}`, definitions[index]]));
  const stored = definitions.filter(({ storedAs }) => storedAs === undefined);
  const byKey = new Map(stored.map((definition) => [`${definition.type.group || 'core'}/${definition.type.plural}`, definition]));
  return {
    find: (group, version, plural) => byResource.get(resourceId({ group, version, plural })),
    findByKind: (group, version, kind) => byKind.get(`${group}/${version}/${kind}`),
    findByKey: (key) => {
      const [, , group = '', plural = ''] = key.split('/', 4);
      return byKey.get(`${group}/${plural}`);
    },
    get: (type) => {
      const definition = byResource.get(resourceId(type));
      if (definition === undefined) throw new Error(`the resource ${resourceId(type)} is not in the list of resources`);
      return definition;
    },
    all: () => definitions,
  };
}

function resourceId({ group, version, plural }: { group: string; version: string; plural: string }): string {
  return `${group}/${version}/${plural}`;
}
