/**
 * Builds a `ResourceDefinition` from what is particular to a kind; the rest is what nearly all kinds do. Each file beside this one calls it
 * once. What it fills in: no status from users, a status that only `/status` changes, generations that count changes, the fields every
 * object can be selected by.
 */
import { jsonEquals } from '#api/meta/json.ts';
import type { ApiObject, ResourceType } from '#api/meta/resource-type.ts';
import type { FieldProblem } from '#api/meta/status.ts';
import { nameAndCreation } from './columns.ts';
import { type Column, type ResourceDefinition, STATUS_METADATA, type StatusMetadata } from './resource-definition.ts';

export interface ResourceParts<T extends ApiObject> {
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  /** Without its own, a kind is shown by name and moment of creation. */
  readonly columns?: readonly Column<T>[];
  applyDefaults?(object: T): T;
  validate(object: T): readonly FieldProblem[];
  /** What holds for new objects only. */
  validateCreate?(object: T): readonly FieldProblem[];
  /** `subresource` is empty for the object itself. */
  validateUpdate?(object: T, previous: T, subresource: string): readonly FieldProblem[];
  /** The part of an object whose changes its generation counts; absent for kinds that have no generations. */
  countedPart?(object: T): unknown;
  /** The status of a new object; absent: none. */
  initialStatus?(object: T): unknown;
  /** What a create changes besides; runs after status and generation are set. */
  prepareForCreate?(object: T): T;
  /** What an update changes besides; runs before the generation is counted. */
  prepareForUpdate?(object: T, previous: T): T;
  /** Absent: all of `STATUS_METADATA`, as nearly all kinds have it. */
  readonly statusMetadata?: readonly StatusMetadata[];
  /** What an update through `/approval` gives; kinds without that subresource have none. */
  prepareForApproval?(object: T, previous: T): T;
  /** Besides `metadata.name` and `metadata.namespace`. */
  selectableFields?(object: T): Readonly<Record<string, string>>;
  gracePeriodSeconds?(object: T): number;
}

export function defineResource<T extends ApiObject>(type: ResourceType<T>, parts: ResourceParts<T>): ResourceDefinition<T> {
  const hasStatus = type.subresources.some(({ name }) => name === 'status');
  const statusMetadata = parts.statusMetadata ?? STATUS_METADATA;
  return {
    type,
    singular: type.kind.toLowerCase(),
    shortNames: parts.shortNames ?? [],
    categories: parts.categories ?? [],
    columns: parts.columns ?? nameAndCreation,
    applyDefaults: (object) => parts.applyDefaults?.(object) ?? object,
    validate: (object) => parts.validate(object),
    validateUpdate: (object, previous, subresource) => parts.validateUpdate?.(object, previous, subresource) ?? [],
    prepareForCreate: (object) => prepareForCreate(object, parts, hasStatus),
    prepareForUpdate: (object, previous) => prepareForUpdate(object, previous, parts, hasStatus),
    statusMetadata,
    prepareForStatusUpdate: (object, previous) => prepareForStatusUpdate(object, previous, statusMetadata),
    selectableFields: (object) => ({
      'metadata.name': object.metadata.name ?? '',
      ...(type.isNamespaced ? { 'metadata.namespace': object.metadata.namespace ?? '' } : {}),
      ...parts.selectableFields?.(object),
    }),
    ...(parts.validateCreate === undefined ? {} : { validateCreate: parts.validateCreate }),
    ...(parts.prepareForApproval === undefined ? {} : { prepareForApproval: parts.prepareForApproval }),
    ...(parts.gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds: parts.gracePeriodSeconds }),
  };
}

function prepareForCreate<T extends ApiObject>(object: T, parts: ResourceParts<T>, hasStatus: boolean): T {
  const fresh = hasStatus ? withStatus(object, parts.initialStatus?.(object)) : object;
  const counted = withGeneration(fresh, parts.countedPart === undefined ? undefined : 1);
  return parts.prepareForCreate?.(counted) ?? counted;
}

function prepareForUpdate<T extends ApiObject>(object: T, previous: T, parts: ResourceParts<T>, hasStatus: boolean): T {
  const kept = hasStatus ? withStatus(object, statusOf(previous)) : object;
  const prepared = parts.prepareForUpdate?.(kept, previous) ?? kept;
  const generation = previous.metadata.generation;
  const isChanged = parts.countedPart !== undefined && !jsonEquals(parts.countedPart(prepared), parts.countedPart(previous));
  return withGeneration(prepared, isChanged ? (generation ?? 0) + 1 : generation);
}

/** The version stays the request's own, because it is what the write is compared against. */
function prepareForStatusUpdate<T extends ApiObject>(object: T, previous: T, writable: readonly StatusMetadata[]): T {
  const { resourceVersion, managedFields } = object.metadata;
  const metadata = withStatusMetadata(previous.metadata, object.metadata, writable);
  const written = { ...metadata, resourceVersion, ...(managedFields === undefined ? {} : { managedFields }) };
  return withStatus({ ...previous, metadata: written }, statusOf(object));
}

/** The metadata as it is, but for what a writer of the status may change of it. */
export function withStatusMetadata<M extends object>(current: M, wanted: object, writable: readonly StatusMetadata[]): M {
  const kept = { ...current };
  for (const name of writable) Reflect.deleteProperty(kept, name);
  return { ...kept, ...pickStatusMetadata(wanted, writable) };
}

/** What of the metadata a writer of the status may change. */
export function pickStatusMetadata(metadata: object, writable: readonly StatusMetadata[]): object {
  const given = writable.map((name): readonly [string, unknown] => [name, Reflect.get(metadata, name)]);
  return Object.fromEntries(given.filter(([, value]) => value !== undefined));
}

interface MaybeWithStatus extends ApiObject {
  readonly status?: unknown;
}

function statusOf(object: MaybeWithStatus): unknown {
  return object.status;
}

function withStatus<T extends ApiObject>(object: T, status: unknown): T {
  const copy: T & { status?: unknown } = { ...object };
  if (status === undefined) delete copy.status;
  else copy.status = status;
  return copy;
}

/** Users do not set generations. */
function withGeneration<T extends ApiObject>(object: T, generation: number | undefined): T {
  const { generation: _given, ...metadata } = object.metadata;
  return { ...object, metadata: generation === undefined ? metadata : { ...metadata, generation } };
}
