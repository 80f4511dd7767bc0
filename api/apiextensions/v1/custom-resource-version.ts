/**
 * What the versions of a CustomResourceDefinition may say: names, schema, subresources, columns, selectable fields. Called by
 * `custom-resource-definition.ts`. Where all versions say the same, upstream names the field as if it stood in the spec itself, and so does this.
 * Source: k8s.io/apiextensions-apiserver, pkg/apis/apiextensions/validation/validation.go.
 */
import type {
  CustomResourceColumnDefinition,
  CustomResourceDefinitionSpec,
  CustomResourceDefinitionVersion,
  SelectableField,
} from '../../generated/types.ts';
import { duplicate, invalidValue, required, tooMany } from '../../meta/field-path.ts';
import { isJsonObject, type JsonObject, jsonEquals, memberOf } from '../../meta/json.ts';
import { dns1035LabelProblems } from '../../meta/names.ts';
import type { FieldProblem } from '../../meta/status.ts';
import { JsonPathError, parseJsonPath } from '../../structural-schema/json-path.ts';
import { isSet, textAt } from '../../structural-schema/schema.ts';
import { validateSchema } from '../../structural-schema/validate-schema.ts';

/** Each is evaluated for every object that is stored. */
const SELECTABLE_FIELDS_MAX = 8;
const DEPRECATION_WARNING_BYTES_MAX = 256;
const COLUMN_TYPES = ['boolean', 'date', 'integer', 'number', 'string'];
const COLUMN_FORMATS = ['byte', 'date', 'date-time', 'double', 'float', 'int32', 'int64', 'password'];

/** The schema of a version as JSON; undefined when it has none. */
export function schemaOf(version: CustomResourceDefinitionVersion): JsonObject | undefined {
  const source: unknown = version.schema?.openAPIV3Schema;
  return isJsonObject(source) ? source : undefined;
}

export function validateVersions(spec: CustomResourceDefinitionSpec, field: string): readonly FieldProblem[] {
  const { versions } = spec;
  const names = versions.map(({ name }) => name);
  const problems: FieldProblem[] = names.flatMap((name, index) => {
    const wrong = dns1035LabelProblems(name);
    return wrong.length === 0 ? [] : [invalidValue(`${field}.versions[${index}].name`, name, wrong.join(','))];
  });
  if (new Set(names).size < names.length) problems.push(invalidValue(`${field}.versions`, names, 'must contain unique version names'));
  if (versions.filter(({ storage }) => storage).length !== 1) {
    problems.push(invalidValue(`${field}.versions`, names, 'must have exactly one version marked as storage version'));
  }
  problems.push(...versions.flatMap((version, index) => deprecationProblems(version, `${field}.versions[${index}].deprecationWarning`)));
  return [
    ...problems,
    ...versions.flatMap((version, index) =>
      schemaOf(version) === undefined ? [required(`${field}.versions[${index}].schema.openAPIV3Schema`, 'schemas are required')] : [],
    ),
    ...eachOrOnce(versions, field, ['validation', 'schema'], ({ schema }) => schema, validateVersionSchema),
    ...eachOrOnce(versions, field, ['subresources', 'subresources'], ({ subresources }) => subresources, validateSubresources),
    ...eachOrOnce(
      versions,
      field,
      ['additionalPrinterColumns', 'additionalPrinterColumns'],
      (one) => one.additionalPrinterColumns,
      validateColumns,
    ),
    ...eachOrOnce(
      versions,
      field,
      ['selectableFields', 'selectableFields'],
      ({ selectableFields }) => selectableFields,
      validateSelectable,
    ),
  ];
}

type Check = (version: CustomResourceDefinitionVersion, field: string) => readonly FieldProblem[];

/** Checks a part of all versions: under the spec's own name for it if they agree, else in each of them. */
function eachOrOnce(
  versions: readonly CustomResourceDefinitionVersion[],
  field: string,
  [shared, own]: readonly [string, string],
  partOf: (version: CustomResourceDefinitionVersion) => unknown,
  check: Check,
): readonly FieldProblem[] {
  const [first] = versions;
  if (first === undefined) return [];
  if (versions.every((version) => jsonEquals(partOf(version), partOf(first)))) return check(first, `${field}.${shared}`);
  return versions.flatMap((version, index) => check(version, `${field}.versions[${index}].${own}`));
}

function validateVersionSchema(version: CustomResourceDefinitionVersion, field: string): readonly FieldProblem[] {
  const source = schemaOf(version);
  return source === undefined ? [] : validateSchema(source, `${field}.openAPIV3Schema`);
}

function deprecationProblems({ deprecated, deprecationWarning }: CustomResourceDefinitionVersion, field: string): readonly FieldProblem[] {
  if (deprecationWarning === undefined) return [];
  const problems: string[] = [];
  if (deprecated !== true) problems.push('can only be set for deprecated versions');
  if (deprecationWarning === '') problems.push('must not be an empty string');
  if (Buffer.byteLength(deprecationWarning) > DEPRECATION_WARNING_BYTES_MAX) {
    problems.push(`must be <= ${DEPRECATION_WARNING_BYTES_MAX} bytes, was ${Buffer.byteLength(deprecationWarning)}`);
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (/[\x00-\x1f\x7f]/.test(deprecationWarning)) problems.push('must only contain printable UTF-8 characters');
  return problems.map((problem) => invalidValue(field, deprecationWarning, problem));
}

function validateSubresources({ subresources }: CustomResourceDefinitionVersion, field: string): readonly FieldProblem[] {
  const scale = subresources?.scale;
  if (scale === undefined) return [];
  const { specReplicasPath, statusReplicasPath, labelSelectorPath = '' } = scale;
  return [
    ...scalePathProblems(specReplicasPath, ['spec'], `${field}.scale.specReplicasPath`),
    ...scalePathProblems(statusReplicasPath, ['status'], `${field}.scale.statusReplicasPath`),
    ...(labelSelectorPath === '' ? [] : scalePathProblems(labelSelectorPath, ['spec', 'status'], `${field}.scale.labelSelectorPath`)),
  ];
}

function scalePathProblems(path: string, parts: readonly string[], field: string): readonly FieldProblem[] {
  if (path === '') return [required(field)];
  const simple = simplePathProblems(path, field);
  if (simple.length > 0) return simple;
  if (path.includes('[')) return [invalidValue(field, path, 'should be a json path in dot notation without array notation')];
  if (parts.some((part) => path.startsWith(`.${part}.`))) return [];
  const either = parts.length > 1 ? 'either ' : '';
  return [invalidValue(field, path, `should be a json path under ${either}${parts.map((part) => `.${part}`).join(' or ')}`)];
}

function simplePathProblems(path: string, field: string): readonly FieldProblem[] {
  if (!path.startsWith('.')) return [invalidValue(field, path, 'must be a simple json path starting with .')];
  try {
    parseJsonPath(path);
    return [];
  } catch (error) {
    if (error instanceof JsonPathError) return [invalidValue(field, path, `must be a simple json path: ${error.message}`)];
    throw error;
  }
}

function validateColumns({ additionalPrinterColumns = [] }: CustomResourceDefinitionVersion, field: string): readonly FieldProblem[] {
  return additionalPrinterColumns.flatMap((column, index) => columnProblems(column, `${field}[${index}]`));
}

function columnProblems({ name, type, format = '', jsonPath }: CustomResourceColumnDefinition, field: string): readonly FieldProblem[] {
  const problems: FieldProblem[] = name === '' ? [required(`${field}.name`)] : [];
  const types = `must be one of ${COLUMN_TYPES.join()}`;
  if (type === '') problems.push(required(`${field}.type`, types));
  else if (!COLUMN_TYPES.includes(type)) problems.push(invalidValue(`${field}.type`, type, types));
  if (format !== '' && !COLUMN_FORMATS.includes(format)) {
    problems.push(invalidValue(`${field}.format`, format, `must be one of ${COLUMN_FORMATS.join()}`));
  }
  const path = jsonPath === '' ? [required(`${field}.jsonPath`)] : simplePathProblems(jsonPath, `${field}.jsonPath`);
  return [...problems, ...path];
}

function validateSelectable(version: CustomResourceDefinitionVersion, field: string): readonly FieldProblem[] {
  const { selectableFields = [] } = version;
  const paths = selectableFields.map(({ jsonPath }) => jsonPath);
  return [
    ...(paths.length > SELECTABLE_FIELDS_MAX ? [tooMany(field, paths.length, SELECTABLE_FIELDS_MAX)] : []),
    ...selectableFields.flatMap((selectable, index) => selectableProblems(selectable, version, `${field}[${index}].jsonPath`)),
    ...paths.flatMap((path, index) => (paths.indexOf(path) < index ? [duplicate(`${field}[${index}].jsonPath`, path)] : [])),
  ];
}

function selectableProblems(
  { jsonPath }: SelectableField,
  version: CustomResourceDefinitionVersion,
  field: string,
): readonly FieldProblem[] {
  if (jsonPath === '') return [required(field)];
  if (!/^(\.[^.[\]]+)+$/.test(jsonPath))
    return [invalidValue(field, jsonPath, 'is an invalid path: must be a simple json path starting with .')];
  const names = jsonPath.slice(1).split('.');
  if (names[0] === 'metadata') return [invalidValue(field, jsonPath, 'must not point to fields in metadata')];
  const found = names.reduce<JsonObject | undefined>((node, name) => node && propertyOf(node, name), schemaOf(version));
  if (found === undefined) return [invalidValue(field, jsonPath, 'is an invalid path: does not refer to a valid field')];
  const isAllowed = ['string', 'boolean', 'integer'].includes(textAt(found, 'type')) && !isSet(found, 'x-kubernetes-int-or-string');
  const kinds = 'must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.';
  return isAllowed ? [] : [invalidValue(field, jsonPath, kinds)];
}

function propertyOf(node: JsonObject, name: string): JsonObject | undefined {
  const properties = memberOf(node, 'properties');
  const property = isJsonObject(properties) ? memberOf(properties, name) : undefined;
  return isJsonObject(property) ? property : undefined;
}
