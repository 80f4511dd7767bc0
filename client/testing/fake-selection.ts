/** Which objects a list or watch of the fake server asks for. Any field that holds a text can be selected by, unlike on the real one. */
import { type FieldRequirement, matchesFields, parseFieldSelector } from '#api/meta/field-selector.ts';
import { parseLabelSelector } from '#api/meta/label-selector.ts';
import type { ApiObject } from '#api/meta/resource-type.ts';
import { isRecord } from '../object-decoder.ts';

export interface Selection {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

export function compileSelection({ namespace = '', labelSelector = '', fieldSelector = '' }: Selection): (object: ApiObject) => boolean {
  const matchesLabels = parseLabelSelector(labelSelector);
  const fields = parseFieldSelector(fieldSelector);
  return (object) =>
    (namespace === '' || object.metadata.namespace === namespace) &&
    matchesLabels(object.metadata.labels) &&
    matchesFields(fields, fieldsOf(object, fields));
}

function fieldsOf(object: ApiObject, requirements: readonly FieldRequirement[]): Readonly<Record<string, string>> {
  return Object.fromEntries(requirements.map(({ field }) => [field, textAt(object, field.split('.'))]));
}

function textAt(value: unknown, path: readonly string[]): string {
  const [member, ...rest] = path;
  if (member === undefined) return typeof value === 'string' || typeof value === 'boolean' ? String(value) : '';
  return isRecord(value) ? textAt(value[member], rest) : '';
}
