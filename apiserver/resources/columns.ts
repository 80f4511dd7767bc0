/** The columns that many kinds share, and how cells are written. What `kubectl get` prints comes from here, word for word as upstream's. */
import type { Container, PodTemplateSpec } from '#api/generated/types.ts';
import type { ApiObject } from '#api/meta/resource-type.ts';
import { ageOf } from '#api/meta/time.ts';
import type { Column } from './resource-definition.ts';

export const NONE = '<none>';

export const nameColumn: Column<ApiObject> = {
  name: 'Name',
  type: 'string',
  format: 'name',
  description: 'Unique within its namespace, or within the cluster for kinds that have no namespace.',
  value: (object) => object.metadata.name,
};

export const ageColumn: Column<ApiObject> = {
  name: 'Age',
  type: 'string',
  description: 'How long ago the object was created.',
  value: (object, nowMs) => ageOf(object.metadata.creationTimestamp, nowMs),
};

const creationColumn: Column<ApiObject> = {
  name: 'Created At',
  type: 'date',
  description: 'When the object was created.',
  value: (object) => object.metadata.creationTimestamp,
};

/** For kinds that say nothing of their own, as upstream shows them. */
export const nameAndCreation: readonly Column<ApiObject>[] = [nameColumn, creationColumn];

/** For custom resources whose definition names no columns. */
export const nameAndAge: readonly Column<ApiObject>[] = [nameColumn, ageColumn];

/** Shown with `-o wide` only. */
export function wide<T extends ApiObject>(column: Column<T>): Column<T> {
  return { ...column, priority: 1 };
}

export function textColumn<T extends ApiObject>(name: string, description: string, value: Column<T>['value']): Column<T> {
  return { name, type: 'string', description, value };
}

export function countColumn<T extends ApiObject>(name: string, description: string, value: (object: T) => number): Column<T> {
  return { name, type: 'integer', description, value };
}

export function containerNames(containers: readonly Container[]): string {
  return containers.map(({ name }) => name).join(',');
}

export function containerImages(containers: readonly Container[]): string {
  return containers.map(({ image }) => image ?? '').join(',');
}

/** What `-o wide` tells of the pods that a kind makes. */
export function templateColumns<T extends ApiObject>(templateOf: (object: T) => PodTemplateSpec | undefined): readonly Column<T>[] {
  const containersOf = (object: T) => templateOf(object)?.spec?.containers ?? [];
  return [
    wide(textColumn('Containers', 'Names of the containers.', (object) => containerNames(containersOf(object)))),
    wide(textColumn('Images', 'Images of the containers.', (object) => containerImages(containersOf(object)))),
  ];
}

/** A boolean as text; `<unset>` for one that is not there. */
export function formatBoolean(value: boolean | undefined): string {
  if (value === undefined) return '<unset>';
  return value ? 'True' : 'False';
}

/** The first few, and how many more there are. */
export function listWithMore(items: readonly string[], shownMax: number, empty: string): string {
  if (items.length === 0) return empty;
  const shown = items.slice(0, shownMax).join(',');
  return items.length > shownMax ? `${shown} + ${items.length - shownMax} more...` : shown;
}
