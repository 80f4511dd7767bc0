/**
 * Our schemas as OpenAPI models, under upstream's names (`model-names.ts`), with how their lists and maps merge. Called by `openapi.ts`, which decides what documents
 * there are.
 */
import { isAtomicFieldItself, isAtomicModel, isGranularField, listKind } from '#api/apply/list-types.ts';
import { allResourceTypes } from '#api/generated/resources.ts';
import { schemas } from '#api/generated/schemas.ts';
import type { ApiObject } from '#api/meta/resource-type.ts';
import { isReplacedObject, listStrategy } from '#api/patch/merge-keys.ts';
import type { ResourceDefinition } from '../resources/resource-definition.ts';
import { customModel } from './custom-model.ts';
import { fieldType, handMade, RAW_EXTENSION, WATCH_EVENT } from './field-types.ts';
import { META_PACKAGE, modelName, SUBRESOURCE_KINDS } from './model-names.ts';

export type Dialect = 'v2' | 'v3';

interface Reference {
  readonly $ref: string;
}

export interface Models {
  /** A reference to a schema's model, which is then part of `all()`. */
  ref(schemaName: string): Reference;
  /** A reference to the list of a kind. */
  listRef(definition: ResourceDefinition<ApiObject>): Reference;
  /** Every model referred to, and what those refer to, by name. */
  all(): Readonly<Record<string, object>>;
}

/** Takes all kinds there are, of which those are described that are asked for. */
export function createModels(definitions: readonly ResourceDefinition<ApiObject>[], refPrefix: string, dialect: Dialect): Models {
  const kinds = kindsOf(definitions);
  const made: Record<string, object> = {};
  const custom = new Map(
    definitions.flatMap((definition) => (definition.custom ? [[definition.type.schema, definition.custom] as const] : [])),
  );
  const nameOf = (schemaName: string) => (custom.has(schemaName) ? schemaName : modelName(schemaName));

  /** By its full name; a model that leads to itself meets the place that is kept for it. */
  function refTo(name: string, make: () => object): Reference {
    if (made[name] === undefined) {
      made[name] = {};
      made[name] = make();
    }
    return { $ref: `${refPrefix}${name}` };
  }

  const hand = (name: string) => refTo(name, () => handMade[name]?.[dialect] ?? {});

  function ref(schemaName: string): Reference {
    if (schemaName === 'WatchEvent') return refTo(WATCH_EVENT, () => ({ ...watchEvent(), ...gvksOf(everywhere('WatchEvent')) }));
    if (schemaName === 'Patch') return hand(`${META_PACKAGE}.Patch`);
    const schema = custom.get(schemaName)?.openApiSchema;
    return refTo(nameOf(schemaName), () => ({
      ...(schema === undefined ? modelOf(schemaName) : customModel(schema, ref('ObjectMeta'), dialect)),
      ...gvksOf(schemaName === 'DeleteOptions' ? everywhere('DeleteOptions') : (kinds.get(schemaName) ?? [])),
    }));
  }

  function watchEvent(): object {
    return { type: 'object', required: ['type', 'object'], properties: { object: hand(RAW_EXTENSION), type: { type: 'string' } } };
  }

  function modelOf(schemaName: string): object {
    const fields = Object.entries(schemas[schemaName] ?? {});
    const required = fields.filter(([, format]) => format.endsWith('!')).map(([name]) => name);
    const properties = fields.map(([name, format]) => [
      name,
      { ...typeOf(schemaName, name, format.replace('!', '')), ...listHints(schemaName, name, format), ...patchHints(schemaName, name) },
    ]);
    return {
      type: 'object',
      properties: Object.fromEntries(properties),
      ...(required.length === 0 ? {} : { required }),
      ...(isAtomicModel(schemaName) ? { 'x-kubernetes-map-type': 'atomic' } : {}),
      ...(Object.hasOwn(UNIONS, schemaName) ? { 'x-kubernetes-unions': [UNIONS[schemaName]] } : {}),
    };
  }

  function typeOf(model: string, field: string, format: string): object {
    if (format.startsWith('[]')) return { type: 'array', items: typeOf(model, field, format.slice(2)) };
    if (format.startsWith('{}')) return { type: 'object', additionalProperties: typeOf(model, field, format.slice(2)) };
    const type = fieldType(model, field, format);
    if (type === undefined) return ref(format);
    return 'inline' in type ? type.inline : hand(type.model);
  }

  return {
    ref,
    listRef: (definition) => {
      const { type, custom: parts } = definition;
      const listKind = parts?.listKind ?? `${type.kind}List`;
      return refTo(`${nameOf(type.schema)}List`, () => ({
        type: 'object',
        required: ['items'],
        properties: {
          apiVersion: { type: 'string' },
          items: { type: 'array', items: ref(type.schema) },
          kind: { type: 'string' },
          metadata: ref('ListMeta'),
        },
        ...gvksOf([gvkOf(type, listKind)]),
      }));
    },
    all: () => made,
  };
}

interface GroupVersionKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

export function gvkOf({ group, version }: { readonly group: string; readonly version: string }, kind: string): GroupVersionKind {
  return { group, version, kind };
}

function gvksOf(gvks: readonly GroupVersionKind[]): object {
  return gvks.length === 0 ? {} : { 'x-kubernetes-group-version-kind': gvks };
}

/** Which schemas are kinds, and of which groups. */
function kindsOf(definitions: readonly ResourceDefinition<ApiObject>[]): ReadonlyMap<string, readonly GroupVersionKind[]> {
  return new Map<string, readonly GroupVersionKind[]>([
    ['Status', [{ group: '', version: 'v1', kind: 'Status' }]],
    ...Object.entries(SUBRESOURCE_KINDS).map(([schema, kind]) => [schema, [kind]] as const),
    ...definitions.map(({ type }) => [type.schema, [gvkOf(type, type.kind)]] as const),
  ]);
}

/** A kind that every group version has. */
function everywhere(kind: string): readonly GroupVersionKind[] {
  const places = new Map(allResourceTypes.map((type) => [`${type.group}/${type.version}`, type]));
  return [...places.values()].map((type) => gvkOf(type, kind));
}

/** How server-side apply treats the field. */
function listHints(model: string, field: string, format: string): object {
  if (format.startsWith('{}') && isAtomicFieldItself(model, field)) return { 'x-kubernetes-map-type': 'atomic' };
  if (isGranularField(model, field)) return { 'x-kubernetes-map-type': 'granular' };
  if (!format.startsWith('[]')) return {};
  const list = listKind(model, field);
  return { 'x-kubernetes-list-type': list.kind, ...(list.kind === 'map' ? { 'x-kubernetes-list-map-keys': list.keys } : {}) };
}

/** Unions: when a patch sets another member, those it does not name are dropped. */
const RETAINING_FIELDS: ReadonlySet<string> = new Set([
  'DeploymentSpec.strategy',
  'PodSpec.resourceClaims',
  'PodSpec.volumes',
  'PodStatus.resourceClaimStatuses',
]);

/** Structs of which one member is set, told by another. */
const UNIONS: Readonly<Record<string, Union>> = {
  AppArmorProfile: { discriminator: 'type', 'fields-to-discriminateBy': { localhostProfile: 'LocalhostProfile' } },
  FlowcontrolSubject: {
    discriminator: 'kind',
    'fields-to-discriminateBy': { group: 'Group', serviceAccount: 'ServiceAccount', user: 'User' },
  },
  LimitResponse: { discriminator: 'type', 'fields-to-discriminateBy': { queuing: 'Queuing' } },
  PodSchedulingGroup: { 'fields-to-discriminateBy': { podGroupName: 'PodGroupName' } },
  PriorityLevelConfigurationSpec: { discriminator: 'type', 'fields-to-discriminateBy': { exempt: 'Exempt', limited: 'Limited' } },
  SeccompProfile: { discriminator: 'type', 'fields-to-discriminateBy': { localhostProfile: 'LocalhostProfile' } },
};

interface Union {
  readonly discriminator?: string;
  readonly 'fields-to-discriminateBy': Readonly<Record<string, string>>;
}

/** How a strategic merge patch treats the field; clients that make such patches read it here. */
function patchHints(model: string, field: string): object {
  const strategy = listStrategy(model, field);
  const retains = RETAINING_FIELDS.has(`${model}.${field}`);
  if (isReplacedObject(model, field)) return { 'x-kubernetes-patch-strategy': 'replace' };
  if (strategy.kind === 'replace') return retains ? { 'x-kubernetes-patch-strategy': 'retainKeys' } : {};
  const hints = { 'x-kubernetes-patch-strategy': retains ? 'merge,retainKeys' : 'merge' };
  return strategy.kind === 'merge' ? { ...hints, 'x-kubernetes-patch-merge-key': strategy.key } : hints;
}
