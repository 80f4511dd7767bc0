/**
 * Builds the definition of a version that is not the stored one: everything the stored version knows, seen through the conversion. Rules, defaults and
 * columns are written once, for the stored version; what is particular to this one is given. Called by the files of such versions beside this one.
 */
import type { ApiObject, ResourceType } from '#api/meta/resource-type.ts';
import type { FieldProblem } from '#api/meta/status.ts';
import type { ResourceDefinition } from './resource-definition.ts';

export interface VersionParts<T extends ApiObject, S extends ApiObject> {
  toStored(object: T): S;
  fromStored(stored: S): T;
  /** All that this version can be selected by besides its name and namespace, and what the stored version calls it. */
  readonly fieldLabels?: Readonly<Record<string, string>>;
  /** Besides the rules of the stored version. */
  validateCreate?(object: T): readonly FieldProblem[];
  validateUpdate?(object: T, previous: T): readonly FieldProblem[];
}

export function defineVersion<T extends ApiObject, S extends ApiObject>(
  type: ResourceType<T>,
  stored: ResourceDefinition<S>,
  parts: VersionParts<T, S>,
): ResourceDefinition<T> {
  const { toStored, fromStored, fieldLabels } = parts;
  const through = (change: (object: S) => S) => (object: T) => fromStored(change(toStored(object)));
  const between = (change: (object: S, previous: S) => S) => (object: T, previous: T) =>
    fromStored(change(toStored(object), toStored(previous)));
  return {
    type: { ...type, storageGroup: stored.type.group },
    singular: stored.singular,
    shortNames: stored.shortNames,
    categories: stored.categories,
    columns: stored.columns.map((column) => ({ ...column, value: (object, nowMs) => column.value(toStored(object), nowMs) })),
    storedAs: { definition: stored, toStored, fromStored, ...(fieldLabels === undefined ? {} : { fieldLabels }) },
    applyDefaults: through(stored.applyDefaults),
    validate: (object) => stored.validate(toStored(object)),
    validateCreate: (object) => [...(stored.validateCreate?.(toStored(object)) ?? []), ...(parts.validateCreate?.(object) ?? [])],
    validateUpdate: (object, previous, subresource) => [
      ...stored.validateUpdate(toStored(object), toStored(previous), subresource),
      ...(parts.validateUpdate?.(object, previous) ?? []),
    ],
    prepareForCreate: through(stored.prepareForCreate),
    prepareForUpdate: between(stored.prepareForUpdate),
    statusMetadata: stored.statusMetadata,
    prepareForStatusUpdate: between(stored.prepareForStatusUpdate),
    selectableFields: (object) => renamed(stored.selectableFields(toStored(object)), fieldLabels),
  };
}

/** With the names of this version; without what it does not name. */
function renamed(
  fields: Readonly<Record<string, string>>,
  labels: Readonly<Record<string, string>> | undefined,
): Readonly<Record<string, string>> {
  if (labels === undefined) return fields;
  const own = Object.entries(labels).map(([name, storedName]) => [name, fields[storedName] ?? ''] as const);
  const common = Object.entries(fields).filter(([name]) => name.startsWith('metadata.'));
  return Object.fromEntries([...common, ...own]);
}
