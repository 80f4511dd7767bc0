/** CustomResourceDefinitions, as the API server serves them. What follows from them is in `custom-resources/`. */
import { applyDefinitionDefaults, validateDefinition, validateDefinitionUpdate } from '#api/apiextensions/v1/custom-resource-definition.ts';
import { customresourcedefinitions as type } from '#api/generated/resources.ts';
import type { CustomResourceDefinition } from '#api/generated/types.ts';
import { nameAndCreation } from './columns.ts';
import { defineResource } from './define-resource.ts';

export const customresourcedefinitions = defineResource<CustomResourceDefinition>(type, {
  shortNames: ['crd', 'crds'],
  categories: ['api-extensions'],
  columns: nameAndCreation,
  statusMetadata: [],
  applyDefaults: applyDefinitionDefaults,
  validate: validateDefinition,
  validateUpdate: validateDefinitionUpdate,
  countedPart: ({ spec }) => spec,
  initialStatus: ({ spec }) => ({
    acceptedNames: { kind: '', plural: '' },
    conditions: [],
    storedVersions: spec.versions.filter(({ storage }) => storage).map(({ name }) => name),
  }),
  prepareForUpdate: withStorageVersion,
});

/** Objects may be stored in a version once it is the storage version, and stay so until somebody has migrated them and says so in the status. */
function withStorageVersion(definition: CustomResourceDefinition): CustomResourceDefinition {
  const { spec, status } = definition;
  const stored = status?.storedVersions ?? [];
  const added = spec.versions.filter(({ storage, name }) => storage && !stored.includes(name)).map(({ name }) => name);
  return added.length === 0 ? definition : { ...definition, status: { ...status, storedVersions: [...stored, ...added] } };
}
