/**
 * Our schemas as OpenAPI models, under upstream's kind of names. A model belongs to the group that first uses it, core first, so that it has one name in all documents.
 * Called by `openapi.ts`, which decides what documents there are.
 */
import { schemas } from '#api/generated/schemas.ts';
import type { ApiObject } from '#api/meta/resource-type.ts';
import { isReplacedObject, listStrategy } from '#api/patch/merge-keys.ts';
import type { ResourceDefinition } from '../resources/resource-definition.ts';
import { customModel } from './custom-model.ts';

export type Dialect = 'v2' | 'v3';

export interface Models {
  /** A reference to a schema's model, which is then part of `all()`. */
  ref(schemaName: string): { readonly $ref: string };
  /** A reference to the list of a kind. */
  listRef(definition: ResourceDefinition<ApiObject>): { readonly $ref: string };
  /** Every model referred to, and what those refer to, by name. */
  all(): Readonly<Record<string, object>>;
}

const META_PACKAGE = 'io.k8s.apimachinery.pkg.apis.meta.v1';

/** Kinds of the API machinery itself, which belong to no group. */
const META_MODELS: ReadonlySet<string> = new Set([
  'Condition',
  'DeleteOptions',
  'LabelSelector',
  'LabelSelectorRequirement',
  'ListMeta',
  'ManagedFieldsEntry',
  'ObjectMeta',
  'OwnerReference',
  'Preconditions',
  'Status',
  'StatusCause',
  'StatusDetails',
]);

export function createModels(definitions: readonly ResourceDefinition<ApiObject>[], refPrefix: string, dialect: Dialect): Models {
  const packages = packagesOf(definitions);
  const kinds = new Map(definitions.map(({ type }) => [type.schema, type]));
  const made: Record<string, object> = {};
  const custom = new Map(
    definitions.flatMap((definition) => (definition.custom ? [[definition.type.schema, definition.custom] as const] : [])),
  );
  const nameOf = (schemaName: string) =>
    custom.has(schemaName) ? schemaName : `${packages.get(schemaName) ?? META_PACKAGE}.${schemaName}`;
  const refTo = (name: string) => ({ $ref: `${refPrefix}${name}` });

  function ref(schemaName: string): { readonly $ref: string } {
    const name = nameOf(schemaName);
    if (made[name] === undefined) {
      made[name] = {};
      const type = kinds.get(schemaName);
      made[name] = {
        ...(custom.has(schemaName)
          ? customModel(custom.get(schemaName)?.openApiSchema ?? {}, ref('ObjectMeta'), dialect)
          : modelOf(schemaName, { dialect, ref })),
        ...(type === undefined ? {} : { 'x-kubernetes-group-version-kind': [gvkOf(type, type.kind)] }),
      };
    }
    return refTo(name);
  }

  return {
    ref,
    listRef: ({ type, custom }) => {
      const listKind = custom?.listKind ?? `${type.kind}List`;
      const name = `${nameOf(type.schema)}List`;
      made[name] ??= {
        type: 'object',
        required: ['items'],
        properties: {
          apiVersion: { type: 'string' },
          items: { type: 'array', items: ref(type.schema) },
          kind: { type: 'string' },
          metadata: ref('ListMeta'),
        },
        'x-kubernetes-group-version-kind': [gvkOf(type, listKind)],
      };
      return refTo(name);
    },
    all: () => made,
  };
}

export function gvkOf({ group, version }: { readonly group: string; readonly version: string }, kind: string) {
  return { group, version, kind };
}

/** Which package each schema is named in: that of the first kind it is reached from. */
function packagesOf(definitions: readonly ResourceDefinition<ApiObject>[]): ReadonlyMap<string, string> {
  const packages = new Map<string, string>([...META_MODELS].map((name) => [name, META_PACKAGE]));
  // Core first: what it shares with others is its own, as upstream has it.
  const ordered = definitions.toSorted((left, right) => Number(left.type.group !== '') - Number(right.type.group !== ''));
  for (const { type, custom } of ordered) {
    if (custom !== undefined) continue;
    const name = `io.k8s.api.${type.group === '' ? 'core' : (type.group.split('.')[0] ?? '')}.${type.version}`;
    const waiting = [type.schema];
    for (let schema = waiting.pop(); schema !== undefined; schema = waiting.pop()) {
      if (packages.has(schema)) continue;
      packages.set(schema, name);
      waiting.push(
        ...Object.values(schemas[schema] ?? {})
          .map(bareFormat)
          .filter((format) => Object.hasOwn(schemas, format)),
      );
    }
  }
  return packages;
}

interface Maker {
  readonly dialect: Dialect;
  ref(schemaName: string): { readonly $ref: string };
}

/** Whose untyped members are not objects: they may be lists, booleans, anything. */
const MODEL_OF_ANYTHING = 'JSONSchemaProps';

function modelOf(schemaName: string, maker: Maker): object {
  const fields = Object.entries(schemas[schemaName] ?? {}).map(([name, format]): [string, string] =>
    schemaName === MODEL_OF_ANYTHING ? [name, format.replace(/any$/, 'any-value')] : [name, format],
  );
  const required = fields.filter(([, format]) => format.endsWith('!')).map(([name]) => name);
  const properties = fields.map(([name, format]) => [name, { ...typeOf(format.replace('!', ''), maker), ...patchHints(schemaName, name) }]);
  return { type: 'object', properties: Object.fromEntries(properties), ...(required.length === 0 ? {} : { required }) };
}

function typeOf(format: string, maker: Maker): object {
  if (format.startsWith('[]')) return { type: 'array', items: typeOf(format.slice(2), maker) };
  if (format.startsWith('{}')) return { type: 'object', additionalProperties: typeOf(format.slice(2), maker) };
  const scalar = Object.hasOwn(scalars, format) ? scalars[format] : undefined;
  return scalar?.[maker.dialect] ?? maker.ref(format);
}

const same = (schema: object) => ({ v2: schema, v3: schema });

const scalars: Readonly<Record<string, Readonly<Record<Dialect, object>>>> = {
  string: same({ type: 'string' }),
  boolean: same({ type: 'boolean' }),
  int32: same({ type: 'integer', format: 'int32' }),
  int64: same({ type: 'integer', format: 'int64' }),
  double: same({ type: 'number', format: 'double' }),
  bytes: same({ type: 'string', format: 'byte' }),
  time: same({ type: 'string', format: 'date-time' }),
  'micro-time': same({ type: 'string', format: 'date-time' }),
  quantity: { v2: { type: 'string' }, v3: { oneOf: [{ type: 'string' }, { type: 'number' }] } },
  'int-or-string': {
    v2: { type: 'string', format: 'int-or-string' },
    v3: { format: 'int-or-string', oneOf: [{ type: 'integer' }, { type: 'string' }] },
  },
  any: same({ type: 'object' }),
  // Not an empty schema: kubectl's templates take that for none at all.
  'any-value': same({ description: 'Any JSON value.' }),
};

/** Unions: when a patch sets another member, those it does not name are dropped. */
const RETAINING_FIELDS: ReadonlySet<string> = new Set(['DeploymentSpec.strategy', 'PodSpec.volumes']);

/** How a strategic merge patch treats the field; clients that make such patches read it here. */
function patchHints(model: string, field: string): object {
  const strategy = listStrategy(model, field);
  const retains = RETAINING_FIELDS.has(`${model}.${field}`);
  if (isReplacedObject(model, field)) return { 'x-kubernetes-patch-strategy': 'replace' };
  if (strategy.kind === 'replace') return retains ? { 'x-kubernetes-patch-strategy': 'retainKeys' } : {};
  const hints = { 'x-kubernetes-patch-strategy': retains ? 'merge,retainKeys' : 'merge' };
  return strategy.kind === 'merge' ? { ...hints, 'x-kubernetes-patch-merge-key': strategy.key } : hints;
}

function bareFormat(format: string): string {
  return format.replace(/^(\[\]|\{\})+/, '').replace('!', '');
}
