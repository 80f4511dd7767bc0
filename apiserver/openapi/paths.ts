/**
 * The paths of the API as OpenAPI operations: which verbs a resource and its subresources have, on what kind, with which parameters. kubectl looks here whether the
 * server validates fields and knows dry runs before it sends anything; clients are generated from it.
 */
import type { ApiObject, ResourceType } from '#api/meta/resource-type.ts';
import { isAnsweredWithObject } from '../pipeline/delete.ts';
import { isServed, verbsOfSubresource } from '../pipeline/dispatch.ts';
import type { ResourceDefinition } from '../resources/resource-definition.ts';
import { type Dialect, gvkOf, type Models } from './models.ts';
import { type OperationPlace, operationName, tagOf } from './operation-names.ts';
import { DELETE, DELETE_COLLECTION, LIST, OF_SUBRESOURCE, parameter, WRITE } from './parameters.ts';

type Definition = ResourceDefinition<ApiObject>;
type Reference = { readonly $ref: string };
type Path = readonly [path: string, operations: object];

const JSON_PATCHES = ['application/json-patch+json', 'application/merge-patch+json'];
const PATCH_TYPES = [...JSON_PATCHES, 'application/strategic-merge-patch+json', 'application/apply-patch+yaml'];
/** How lists of a custom resource merge is not known to a strategic merge. */
const CUSTOM_PATCH_TYPES = [...JSON_PATCHES, 'application/apply-patch+yaml'];
const TYPES = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf'];
const CUSTOM_TYPES = ['application/json', 'application/yaml'];
const WATCH_TYPES = ['application/json;stream=watch', 'application/vnd.kubernetes.protobuf;stream=watch'];
const ANY = ['*/*'];
const TEXT = { type: 'string' };

export function pathsOf(definitions: readonly Definition[], models: Models, dialect: Dialect): object {
  return Object.fromEntries(definitions.flatMap((definition) => pathsOfResource({ definition, models, dialect })));
}

interface Maker {
  readonly definition: Definition;
  readonly models: Models;
  readonly dialect: Dialect;
}

function pathsOfResource(maker: Maker): readonly Path[] {
  const { type } = maker.definition;
  const root = type.group === '' ? `/api/${type.version}` : `/apis/${type.group}/${type.version}`;
  const inNamespace = type.isNamespaced ? '/namespaces/{namespace}' : '';
  const collection = `${root}${inNamespace}/${type.plural}`;
  const names = type.isNamespaced ? ['namespace'] : [];
  const pathOf = (path: string, operations: object, parameters: readonly string[]): readonly Path[] =>
    Object.keys(operations).length === 0 ? [] : [[path, { ...operations, ...pathParameters(parameters, maker.dialect) }]];
  const everywhere = type.isNamespaced ? pathOf(`${root}/${type.plural}`, operationsAt('all-namespaces', maker), []) : [];
  return [
    ...pathOf(collection, operationsAt('collection', maker), names),
    ...everywhere,
    ...pathOf(`${collection}/{name}`, operationsAt('object', maker), ['name', ...names]),
    ...subresourcePaths(`${collection}/{name}`, ['name', ...names], maker, pathOf),
    ...watchPaths(root, inNamespace, maker, pathOf),
  ];
}

type PathOf = (path: string, operations: object, parameters: readonly string[]) => readonly Path[];

/** Older than the `watch` parameter; kept for the clients that know nothing else. */
function watchPaths(root: string, inNamespace: string, maker: Maker, pathOf: PathOf): readonly Path[] {
  const { type, custom } = maker.definition;
  if (custom !== undefined || !type.verbs.includes('watch')) return [];
  const names = type.isNamespaced ? ['namespace'] : [];
  const watching = (place: OperationPlace['place']) => ({ get: watchOperation(place, maker) });
  const collection = `${root}/watch${inNamespace}/${type.plural}`;
  return [
    ...pathOf(collection, watching('collection'), names),
    ...(type.isNamespaced ? pathOf(`${root}/watch/${type.plural}`, watching('all-namespaces'), []) : []),
    ...pathOf(`${collection}/{name}`, watching('object'), ['name', ...names]),
  ];
}

interface Verb {
  readonly method: string;
  readonly verb: string;
  readonly action: string;
  readonly query: readonly string[];
}

const collectionVerbs: readonly Verb[] = [
  { method: 'get', verb: 'list', action: 'list', query: LIST },
  { method: 'post', verb: 'create', action: 'post', query: WRITE },
  { method: 'delete', verb: 'deletecollection', action: 'deletecollection', query: DELETE_COLLECTION },
];
const verbsAt: Readonly<Record<OperationPlace['place'], readonly Verb[]>> = {
  collection: collectionVerbs,
  'all-namespaces': collectionVerbs.slice(0, 1),
  object: [
    { method: 'get', verb: 'get', action: 'get', query: [] },
    { method: 'put', verb: 'update', action: 'put', query: WRITE },
    { method: 'patch', verb: 'patch', action: 'patch', query: [...WRITE, 'force'] },
    { method: 'delete', verb: 'delete', action: 'delete', query: DELETE },
  ],
};

function operationsAt(place: OperationPlace['place'], maker: Maker): object {
  const { definition, models } = maker;
  const { type } = definition;
  const own = models.ref(type.schema);
  const operations = verbsAt[place].filter(({ verb }) => type.verbs.includes(verb));
  return Object.fromEntries(
    operations.map((one) => {
      const { verb, method } = one;
      const answer =
        verb === 'list' ? models.listRef(definition) : verb === 'deletecollection' ? models.ref('Status') : deletedOr(own, verb, maker);
      const where = placeOf(type, place, '');
      return [method, operationOf({ ...one, where, kind: gvkOf(type, type.kind), body: bodyOf(verb, own, models), answer }, maker)];
    }),
  );
}

function deletedOr(own: Reference, verb: string, { definition, models }: Maker): Reference {
  return verb === 'delete' && !isAnsweredWithObject(definition) ? models.ref('Status') : own;
}

function placeOf({ group, version, kind, isNamespaced }: ResourceType<ApiObject>, place: OperationPlace['place'], subresource: string) {
  return { group, version, kind, isNamespaced, subresource, place };
}

function bodyOf(verb: string, own: Reference, models: Models): Body | undefined {
  switch (verb) {
    case 'create':
    case 'update':
      return { schema: own, required: true };
    case 'patch':
      return { schema: models.ref('Patch'), required: true };
    case 'delete':
    case 'deletecollection':
      return { schema: models.ref('DeleteOptions'), required: false };
    default:
      return undefined;
  }
}

interface Body {
  readonly schema: Reference;
  readonly required: boolean;
}

interface Operation extends Verb {
  readonly where: OperationPlace;
  readonly kind: object;
  readonly body: Body | undefined;
  readonly answer: Reference | typeof TEXT;
  readonly isWithPath?: boolean;
}

/** A write may have made the object, or may be on its way. */
function codesOf(verb: string): readonly number[] {
  switch (verb) {
    case 'create':
      return [200, 201, 202];
    case 'update':
    case 'patch':
      return [200, 201];
    case 'delete':
      return [200, 202];
    default:
      return [200];
  }
}

function operationOf(operation: Operation, { definition, dialect }: Maker): object {
  const { verb, method, action, query, where, kind, body, answer } = operation;
  const isCustom = definition.custom !== undefined;
  const types = verb === 'connect' ? ANY : isCustom ? CUSTOM_TYPES : TYPES;
  const readable = where.subresource === 'log' ? ['text/plain', ...types] : types;
  const produces = verb === 'list' || verb === 'watch' ? [...readable, ...(isCustom ? WATCH_TYPES.slice(0, 1) : WATCH_TYPES)] : readable;
  const consumes = verb === 'patch' ? (isCustom ? CUSTOM_PATCH_TYPES : PATCH_TYPES) : ANY;
  const parameters = [...new Set([...query, ...(verb === 'connect' ? [] : ['pretty'])])].map((name) => parameter(name, 'query', dialect));
  const shared = {
    operationId: operationName(verb, method, where, operation.isWithPath),
    tags: [tagOf(where)],
    'x-kubernetes-action': action,
    'x-kubernetes-group-version-kind': kind,
  };
  const codes = codesOf(verb);
  if (dialect === 'v2') {
    const bodies =
      body === undefined ? [] : [{ name: 'body', in: 'body', ...(body.required ? { required: true } : {}), schema: body.schema }];
    const answers = codes.map((code) => [code, { description: DESCRIPTIONS[code] ?? '', schema: answer }] as const);
    const responses = { ...Object.fromEntries(answers), 401: { description: 'Unauthorized' } };
    return { ...shared, consumes, produces, schemes: ['https'], parameters: [...parameters, ...bodies], responses };
  }
  const content = (mediaTypes: readonly string[], schema: object) =>
    Object.fromEntries(mediaTypes.map((mediaType) => [mediaType, { schema }]));
  const answers = codes.map((code) => [code, { description: DESCRIPTIONS[code] ?? '', content: content(produces, answer) }] as const);
  const requestBody =
    body === undefined ? {} : { requestBody: { ...(body.required ? { required: true } : {}), content: content(consumes, body.schema) } };
  return { ...shared, parameters, ...requestBody, responses: { ...Object.fromEntries(answers), 401: { description: 'Unauthorized' } } };
}

const DESCRIPTIONS: Readonly<Record<number, string>> = { 200: 'OK', 201: 'Created', 202: 'Accepted' };

function watchOperation(place: OperationPlace['place'], maker: Maker): object {
  const { type } = maker.definition;
  const action = place === 'object' ? 'watch' : 'watchlist';
  const where = placeOf(type, place, '');
  const kind = gvkOf(type, type.kind);
  return operationOf(
    { method: 'get', verb: 'watch', action, query: LIST, where, kind, body: undefined, answer: maker.models.ref('WatchEvent') },
    maker,
  );
}

/** Kinds that belong to another group than the resource through which they are sent. */
const FOREIGN_KINDS: Readonly<Record<string, { readonly group: string; readonly version: string; readonly schema: string }>> = {
  Scale: { group: 'autoscaling', version: 'v1', schema: 'Scale' },
  TokenRequest: { group: 'authentication.k8s.io', version: 'v1', schema: 'AuthenticationTokenRequest' },
  Eviction: { group: 'policy', version: 'v1', schema: 'Eviction' },
};
const METHODS: Readonly<Record<string, string>> = { get: 'get', create: 'post', update: 'put', patch: 'patch' };
/** Whatever a client may send through a proxy. */
const PROXY_METHODS = ['delete', 'get', 'head', 'options', 'patch', 'post', 'put'];

function subresourcePaths(object: string, names: readonly string[], maker: Maker, pathOf: PathOf): readonly Path[] {
  const { type } = maker.definition;
  return type.subresources
    .filter(({ name }) => isServed(name))
    .flatMap((subresource) => {
      const isConnected = subresource.verbs.includes('connect');
      const operations = isConnected ? connections(subresource.name, false, subresource, maker) : partOperations(subresource, maker);
      const path = `${object}/${subresource.name}`;
      if (subresource.name !== 'proxy') return pathOf(path, operations, names);
      const beyond = connections(subresource.name, true, subresource, maker);
      return [...pathOf(path, operations, names), ...pathOf(`${path}/{path}`, beyond, [...names, 'path'])];
    });
}

type Subresource = ResourceType<ApiObject>['subresources'][number];

function partOperations({ name, kind, verbs }: Subresource, maker: Maker): object {
  const { definition, models } = maker;
  const { type } = definition;
  const foreign = Object.hasOwn(FOREIGN_KINDS, kind) ? FOREIGN_KINDS[kind] : undefined;
  const schema = foreign?.schema ?? (kind === type.kind ? type.schema : kind);
  const own = models.ref(schema);
  const served = verbsOfSubresource({ name, verbs });
  return Object.fromEntries(
    served.map((verb) => {
      const method = METHODS[verb] ?? verb;
      const reading = OF_SUBRESOURCE[name] ?? [];
      const query = verb === 'get' ? reading : verb === 'patch' ? [...WRITE, 'force'] : WRITE;
      const where = placeOf(type, 'object', name);
      const answer = name === 'log' ? TEXT : own;
      const operation = { method, verb, action: method, query, where, kind: gvkOf(foreign ?? type, kind), answer };
      return [method, operationOf({ ...operation, body: bodyOf(verb, own, models) }, maker)];
    }),
  );
}

function connections(name: string, isWithPath: boolean, { kind }: Subresource, maker: Maker): object {
  const { type } = maker.definition;
  const methods = name === 'proxy' ? PROXY_METHODS : ['get', 'post'];
  const where = placeOf(type, 'object', name);
  return Object.fromEntries(
    methods.map((method) => {
      const operation = { method, verb: 'connect', action: 'connect', query: OF_SUBRESOURCE[name] ?? [], where, isWithPath };
      return [method, operationOf({ ...operation, kind: gvkOf(type, kind), body: undefined, answer: TEXT }, maker)];
    }),
  );
}

function pathParameters(names: readonly string[], dialect: Dialect): object {
  return names.length === 0 ? {} : { parameters: names.map((name) => parameter(name, 'path', dialect)) };
}
