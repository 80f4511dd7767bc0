/**
 * What `kubectl get` shows of a custom resource: its name and the columns its definition names, each a JSON path into the object; without any, its age.
 * Source: k8s.io/apiextensions-apiserver, pkg/registry/customresource/tableconvertor.
 */
import type { CustomResourceColumnDefinition } from '#api/generated/types.ts';
import { isJsonObject, type Json } from '#api/meta/json.ts';
import type { ApiObject } from '#api/meta/resource-type.ts';
import { formatAge, parseTime } from '#api/meta/time.ts';
import { findAt, parseJsonPath } from '#api/structural-schema/json-path.ts';
import { nameAndAge, nameColumn } from '../resources/columns.ts';
import type { Column } from '../resources/resource-definition.ts';

type Cell = ReturnType<Column<ApiObject>['value']>;

/** Takes columns that validation has accepted. */
export function customColumns(columns: readonly CustomResourceColumnDefinition[]): readonly Column<ApiObject>[] {
  return columns.length === 0 ? nameAndAge : [nameColumn, ...columns.map(toColumn)];
}

const TYPES = ['string', 'integer', 'number', 'boolean', 'date'] as const;

function toColumn(column: CustomResourceColumnDefinition): Column<ApiObject> {
  const { name, jsonPath, format = '', description = '', priority = 0 } = column;
  const type = TYPES.find((known) => known === column.type) ?? 'string';
  const path = parseJsonPath(jsonPath);
  return {
    name,
    type,
    format,
    description: description === '' ? `Custom resource definition column (in JSONPath format): ${jsonPath}` : description,
    priority,
    value: (object, nowMs) => {
      const root: unknown = object;
      const found = isJsonObject(root) ? findAt(path, root) : [];
      const [first] = found;
      return first === undefined ? null : cellOf(type, first, nowMs);
    },
  };
}

/** A value of another type than its column is not shown. */
function cellOf(type: (typeof TYPES)[number], value: Json, nowMs: number): Cell {
  switch (type) {
    case 'string':
      return typeof value === 'string' ? value : value === null ? null : JSON.stringify(value);
    case 'integer':
      return typeof value === 'number' ? Math.trunc(value) : null;
    case 'number':
      return typeof value === 'number' ? value : null;
    case 'boolean':
      return typeof value === 'boolean' ? value : null;
    case 'date':
      return typeof value === 'string' ? ageText(value, nowMs) : null;
  }
}

function ageText(text: string, nowMs: number): string {
  const epochMs = parseTime(text);
  return epochMs === undefined ? '<invalid>' : formatAge(nowMs - epochMs);
}
