/**
 * The types of fields that are no structs: plain ones, and those that have a model of their own in upstream's documents, a time or a quantity. Called by `models.ts`.
 */
import { META_PACKAGE } from './model-names.ts';
import type { Dialect } from './models.ts';

/** A type written out, or a model by name. */
export type FieldType = { readonly inline: object } | { readonly model: string };

const EXTENSIONS = 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1';
const RAW = 'io.k8s.apimachinery.pkg.runtime.RawExtension';
const QUANTITY = 'io.k8s.apimachinery.pkg.api.resource.Quantity';
const INT_OR_STRING = 'io.k8s.apimachinery.pkg.util.intstr.IntOrString';

const byFormat: Readonly<Record<string, FieldType>> = {
  string: { inline: { type: 'string' } },
  boolean: { inline: { type: 'boolean' } },
  int32: { inline: { type: 'integer', format: 'int32' } },
  int64: { inline: { type: 'integer', format: 'int64' } },
  double: { inline: { type: 'number', format: 'double' } },
  bytes: { inline: { type: 'string', format: 'byte' } },
  time: { model: `${META_PACKAGE}.Time` },
  'micro-time': { model: `${META_PACKAGE}.MicroTime` },
  quantity: { model: QUANTITY },
  'int-or-string': { model: INT_OR_STRING },
};

/** Fields that may hold anything, by what upstream calls it. */
const anything: Readonly<Record<string, string>> = {
  'CustomResourceSubresources.status': `${EXTENSIONS}.CustomResourceSubresourceStatus`,
  'JSONSchemaProps.additionalItems': `${EXTENSIONS}.JSONSchemaPropsOrBool`,
  'JSONSchemaProps.additionalProperties': `${EXTENSIONS}.JSONSchemaPropsOrBool`,
  'JSONSchemaProps.default': `${EXTENSIONS}.JSON`,
  'JSONSchemaProps.dependencies': `${EXTENSIONS}.JSONSchemaPropsOrStringArray`,
  'JSONSchemaProps.enum': `${EXTENSIONS}.JSON`,
  'JSONSchemaProps.example': `${EXTENSIONS}.JSON`,
  'JSONSchemaProps.items': `${EXTENSIONS}.JSONSchemaPropsOrArray`,
  'ManagedFieldsEntry.fieldsV1': `${META_PACKAGE}.FieldsV1`,
};

/** Takes the format of an item of the field, as `generated/schemas.ts` writes it; undefined for a struct. */
export function fieldType(model: string, field: string, format: string): FieldType | undefined {
  if (format === 'any') return { model: anything[`${model}.${field}`] ?? RAW };
  return Object.hasOwn(byFormat, format) ? byFormat[format] : undefined;
}

const same = (schema: object): Readonly<Record<Dialect, object>> => ({ v2: schema, v3: schema });
const object = same({ type: 'object' });
const time = same({ type: 'string', format: 'date-time' });

/** The models that are written by hand, because they are no structs of ours. */
export const handMade: Readonly<Record<string, Readonly<Record<Dialect, object>>>> = {
  [`${META_PACKAGE}.Time`]: time,
  [`${META_PACKAGE}.MicroTime`]: time,
  [`${META_PACKAGE}.FieldsV1`]: object,
  [`${META_PACKAGE}.Patch`]: object,
  [RAW]: object,
  [QUANTITY]: { v2: { type: 'string' }, v3: { oneOf: [{ type: 'string' }, { type: 'number' }] } },
  [INT_OR_STRING]: {
    v2: { type: 'string', format: 'int-or-string' },
    v3: { format: 'int-or-string', oneOf: [{ type: 'integer' }, { type: 'string' }] },
  },
  [`${EXTENSIONS}.CustomResourceSubresourceStatus`]: object,
  [`${EXTENSIONS}.JSON`]: same({}),
  [`${EXTENSIONS}.JSONSchemaPropsOrBool`]: same({}),
  [`${EXTENSIONS}.JSONSchemaPropsOrArray`]: same({}),
  [`${EXTENSIONS}.JSONSchemaPropsOrStringArray`]: same({}),
};

/** What a watch sends: with a reference, so made where references are. */
export const WATCH_EVENT = `${META_PACKAGE}.WatchEvent`;
export const RAW_EXTENSION = RAW;
