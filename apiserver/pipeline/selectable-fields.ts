/** The fields a kind can be selected by, as its definition names them for an object in which nothing is set. */
import { schemas } from '#api/generated/schemas.ts';
import type { ApiObject } from '#api/meta/resource-type.ts';
import { apiVersionOf } from '#api/meta/resource-type.ts';
import type { ResourceDefinition } from '../resources/resource-definition.ts';

type Fields = Readonly<Record<string, string>>;

const fieldsByDefinition = new WeakMap<object, Fields>();

/** The names are the keys; the values mean nothing. */
export function selectableFieldsOf(definition: ResourceDefinition<ApiObject>): Fields {
  const known = fieldsByDefinition.get(definition);
  if (known) return known;
  const fields = definition.selectableFields(blankObject(definition));
  fieldsByDefinition.set(definition, fields);
  return fields;
}

/** An object whose parts are all there and all empty: enough for a definition to name its fields. */
function blankObject({ type }: ResourceDefinition<ApiObject>): ApiObject {
  const parts = Object.entries(schemas[type.schema] ?? {}).filter(([, format]) => Object.hasOwn(schemas, format.replace('!', '')));
  const metadata = { name: '', namespace: '', uid: '', creationTimestamp: '1970-01-01T00:00:00Z', resourceVersion: '' };
  return { ...Object.fromEntries(parts.map(([name]) => [name, {}])), apiVersion: apiVersionOf(type), kind: type.kind, metadata };
}
