/**
 * Tables: what `kubectl get` shows. The columns are the definition's; each row carries the object's metadata (or the object, or nothing, as asked), from
 * which kubectl takes names, labels and namespaces. Source: k8s.io/apiserver, pkg/registry/rest/table.go.
 */
import type { ApiObject } from '#api/meta/resource-type.ts';
import type { ResourceDefinition } from '../resources/resource-definition.ts';
import { toPartialMetadata } from './partial-object-metadata.ts';

export type IncludeObject = 'None' | 'Metadata' | 'Object';

export interface TableOptions {
  readonly metaVersion: string;
  readonly nowMs: number;
  readonly includeObject: IncludeObject;
  /** Later frames of a watch leave the columns out. */
  readonly hasColumns: boolean;
}

export interface Table {
  readonly kind: 'Table';
  readonly apiVersion: string;
  readonly metadata: object;
  readonly columnDefinitions: readonly object[];
  readonly rows: readonly object[];
}

export function encodeTable(definition: ResourceDefinition<ApiObject>, objects: readonly ApiObject[], options: TableOptions): Table {
  return { ...tableHead(definition, options), rows: objects.map((object) => tableRow(definition, object, options)) };
}

export function tableHead({ columns }: ResourceDefinition<ApiObject>, { metaVersion, hasColumns }: TableOptions): Omit<Table, 'rows'> {
  return {
    kind: 'Table',
    apiVersion: `meta.k8s.io/${metaVersion}`,
    metadata: {},
    columnDefinitions: hasColumns ? columns.map(columnDefinition) : [],
  };
}

export function tableRow({ columns }: ResourceDefinition<ApiObject>, object: ApiObject, options: TableOptions): object {
  return { cells: columns.map((column) => column.value(object, options.nowMs)), ...includedObject(object, options) };
}

export function parseIncludeObject(query: URLSearchParams): IncludeObject {
  const wanted = query.get('includeObject');
  return wanted === 'None' || wanted === 'Object' ? wanted : 'Metadata';
}

function columnDefinition(column: ResourceDefinition<ApiObject>['columns'][number]): object {
  const { name, type, format = '', description, priority = 0 } = column;
  return { name, type, format, description, priority };
}

function includedObject(object: ApiObject, { includeObject, metaVersion }: TableOptions): object {
  switch (includeObject) {
    case 'None':
      return {};
    case 'Metadata':
      return { object: toPartialMetadata(object, metaVersion) };
    case 'Object':
      return { object };
  }
}
