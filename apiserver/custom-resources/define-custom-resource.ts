/**
 * A version of a CustomResourceDefinition as the value every kind is served from: the same road as a built-in kind's, with decoding, defaults and
 * validation along the version's own schema. Called by `custom-resources.ts` when a definition is new or has changed.
 * Source: k8s.io/apiextensions-apiserver, pkg/apiserver/customresource_handler.go and pkg/registry/customresource.
 */
import { schemaOf } from '#api/apiextensions/v1/custom-resource-version.ts';
import type { CustomResourceDefinition, CustomResourceDefinitionVersion } from '#api/generated/types.ts';
import { isJsonObject, type JsonObject } from '#api/meta/json.ts';
import { type ApiObject, apiVersionOf, type ResourceType, resourceType, type Subresource } from '#api/meta/resource-type.ts';
import type { FieldProblem } from '#api/meta/status.ts';
import { dns1123SubdomainProblems, validateObjectMeta } from '#api/meta/validation.ts';
import { applySchemaDefaults } from '#api/structural-schema/default.ts';
import { findAt, type JsonPath, parseJsonPath } from '#api/structural-schema/json-path.ts';
import { mergeTypeOfResource } from '#api/structural-schema/merge-type.ts';
import { parseSchema, type Schema } from '#api/structural-schema/schema.ts';
import { validateRules } from '#api/structural-schema/validate-rules.ts';
import { validateValue } from '#api/structural-schema/validate-value.ts';
import { defineResource } from '../resources/define-resource.ts';
import type { CustomParts, ResourceDefinition, ScalePaths } from '../resources/resource-definition.ts';
import { type ConverterDeps, converterOf } from './conversion-webhook.ts';
import { createConvertedForm } from './converted-form.ts';
import { customColumns } from './custom-columns.ts';
import { decodeCustomObject, decodeCustomPart } from './decode-custom-object.ts';
import { createStoredForm, type StorageVersion, type StoredForm } from './stored-form.ts';

export interface CustomResourceOptions extends ConverterDeps {
  /** Objects stored at or before this revision may have been stored under another schema. */
  readonly schemaRevision: bigint;
  /** Aborted when the version is no longer served. */
  readonly gone: AbortSignal;
}

/** What a version without a schema has: anything. Definitions without one are refused, so this is for ones from elsewhere. */
const ANYTHING: JsonObject = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };

const ALL_VERBS = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];
const SUBRESOURCE_VERBS = ['get', 'patch', 'update'];

export function defineCustomResource(
  definition: CustomResourceDefinition,
  version: CustomResourceDefinitionVersion,
  options: CustomResourceOptions,
): ResourceDefinition<ApiObject> {
  const openApiSchema = schemaOf(version) ?? ANYTHING;
  const schema = parseSchema(openApiSchema);
  const names = definition.status?.acceptedNames ?? definition.spec.names;
  const isTerminating = definition.metadata.deletionTimestamp !== undefined;
  const type = typeOf(definition, version);
  const hasStatus = version.subresources?.status !== undefined;
  const selectable = (version.selectableFields ?? []).map(({ jsonPath }) => [jsonPath.slice(1), parseJsonPath(jsonPath)] as const);
  const base = defineResource<ApiObject>(type, {
    shortNames: names.shortNames ?? [],
    categories: names.categories ?? [],
    columns: customColumns(version.additionalPrinterColumns ?? []),
    statusMetadata: [],
    applyDefaults: (object) => withParts(object, applySchemaDefaults(schema, jsonOf(object))),
    validate: (object) => [...metadataProblems(object, type), ...schemaProblems(schema, jsonOf(object), undefined)],
    countedPart: (object) => countedPartOf(object, hasStatus),
    selectableFields: (object) => Object.fromEntries(selectable.map(([field, path]) => [field, fieldText(path, object)])),
  });
  const custom: CustomParts = {
    listKind: names.listKind ?? `${type.kind}List`,
    schema,
    openApiSchema,
    decode: (value) => decodeCustomObject(schema, type, value),
    decodePart: (value) => decodeCustomPart(schema, type, value),
    validateChange: (object, previous) => [...metadataProblems(object, type), ...schemaProblems(schema, jsonOf(object), jsonOf(previous))],
    ...formOf(definition, apiVersionOf(type), options),
    scale: scalePathsOf(version),
    deprecationWarning: deprecationOf(version, type),
    isTerminating,
    gone: options.gone,
  };
  return { ...base, singular: names.singular ?? type.kind.toLowerCase(), mergeType: mergeTypeOfResource(schema), custom };
}

function typeOf(
  { spec, status }: CustomResourceDefinition,
  { name, subresources }: CustomResourceDefinitionVersion,
): ResourceType<ApiObject> {
  const { kind, plural } = status?.acceptedNames ?? spec.names;
  const parts: Subresource[] = [];
  if (subresources?.status !== undefined) parts.push({ name: 'status', kind, verbs: SUBRESOURCE_VERBS });
  if (subresources?.scale !== undefined) parts.push({ name: 'scale', kind: 'Scale', verbs: SUBRESOURCE_VERBS });
  return resourceType({
    group: spec.group,
    version: name,
    kind,
    plural,
    // The name under which it is published; no schema of ours has it.
    schema: `${spec.group.split('.').reverse().join('.')}.${name}.${kind}`,
    isNamespaced: spec.scope === 'Namespaced',
    verbs: ALL_VERBS,
    subresources: parts,
  });
}

function formOf(definition: CustomResourceDefinition, apiVersion: string, options: CustomResourceOptions): StoredForm {
  const storage = storageOf(definition, options.schemaRevision);
  const converter = converterOf(definition, options);
  return converter === undefined ? createStoredForm(apiVersion, storage) : createConvertedForm(apiVersion, storage, converter);
}

/** Which version is stored, and the schemas that stored objects may have been written under. */
function storageOf({ spec }: CustomResourceDefinition, schemaRevision: bigint): StorageVersion {
  const storage = spec.versions.find((version) => version.storage);
  const schemas = spec.versions.map((version) => [`${spec.group}/${version.name}`, parseSchema(schemaOf(version) ?? ANYTHING)] as const);
  return { apiVersion: `${spec.group}/${storage?.name ?? ''}`, schemas: new Map(schemas), schemaRevision };
}

function metadataProblems({ metadata }: ApiObject, { isNamespaced }: ResourceType<ApiObject>) {
  return validateObjectMeta(metadata, { isNamespaced, nameRule: dns1123SubdomainProblems });
}

/** What the object has, and then what its rules say of it. */
function schemaProblems(schema: Schema, object: JsonObject, previous: JsonObject | undefined): readonly FieldProblem[] {
  const found = validateValue(schema, object, '', previous);
  return [...found, ...validateRules(schema, object, found, previous)];
}

/** Everything but metadata, and but the status where that has a way of its own. */
function countedPartOf(object: ApiObject, hasStatus: boolean): unknown {
  const { metadata: _metadata, status, ...rest }: ApiObject & { readonly status?: unknown } = object;
  return hasStatus || status === undefined ? rest : { ...rest, status };
}

function fieldText(path: JsonPath, object: ApiObject): string {
  const [value] = findAt(path, jsonOf(object));
  return typeof value === 'string' ? value : typeof value === 'number' || typeof value === 'boolean' ? String(value) : '';
}

function scalePathsOf({ subresources }: CustomResourceDefinitionVersion): ScalePaths | undefined {
  const scale = subresources?.scale;
  if (scale === undefined) return undefined;
  const partsOf = (path: string) => path.split('.').slice(1);
  const { specReplicasPath, statusReplicasPath, labelSelectorPath = '' } = scale;
  return {
    specReplicas: partsOf(specReplicasPath),
    statusReplicas: partsOf(statusReplicasPath),
    labelSelector: labelSelectorPath === '' ? undefined : partsOf(labelSelectorPath),
  };
}

function deprecationOf(
  { deprecated, deprecationWarning }: CustomResourceDefinitionVersion,
  type: ResourceType<ApiObject>,
): string | undefined {
  return deprecated === true ? (deprecationWarning ?? `${apiVersionOf(type)} ${type.kind} is deprecated`) : undefined;
}

/** An object of this kind came out of a decoder and is JSON; this only tells the compiler. */
function jsonOf(object: ApiObject): JsonObject {
  const value: unknown = object;
  if (!isJsonObject(value)) throw new TypeError('an object of a custom resource is a JSON object');
  return value;
}

/** The schema speaks of everything but what makes it an object. */
function withParts(object: ApiObject, { apiVersion: _version, kind: _kind, metadata: _metadata, ...parts }: JsonObject): ApiObject {
  const { apiVersion, kind, metadata } = object;
  return { apiVersion, kind, metadata, ...parts };
}
