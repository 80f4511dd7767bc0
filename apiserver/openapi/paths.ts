/**
 * The paths of the API as OpenAPI operations: which verbs a resource has, on what kind, and with which parameters. kubectl looks here whether the server validates
 * fields and knows dry runs before it sends anything.
 */
import type { ApiObject } from '#api/meta/resource-type.ts';
import type { ResourceDefinition } from '../resources/resource-definition.ts';
import { type Dialect, gvkOf, type Models } from './models.ts';

interface Operation {
  readonly method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  readonly verb: string;
  readonly action: string;
  readonly query: readonly string[];
}

const WRITE_PARAMETERS = ['dryRun', 'fieldManager', 'fieldValidation'];
const LIST_PARAMETERS = [
  'allowWatchBookmarks',
  'continue',
  'fieldSelector',
  'labelSelector',
  'limit',
  'resourceVersion',
  'resourceVersionMatch',
  'sendInitialEvents',
  'timeoutSeconds',
  'watch',
];
const DELETE_PARAMETERS = ['dryRun', 'gracePeriodSeconds', 'orphanDependents', 'propagationPolicy'];

const BOOLEANS: ReadonlySet<string> = new Set(['allowWatchBookmarks', 'sendInitialEvents', 'watch', 'orphanDependents', 'force']);
const INTEGERS: ReadonlySet<string> = new Set(['limit', 'timeoutSeconds', 'gracePeriodSeconds']);

const COLLECTION: readonly Operation[] = [
  { method: 'get', verb: 'list', action: 'list', query: LIST_PARAMETERS },
  { method: 'post', verb: 'create', action: 'post', query: WRITE_PARAMETERS },
  { method: 'delete', verb: 'deletecollection', action: 'deletecollection', query: [...LIST_PARAMETERS, ...DELETE_PARAMETERS] },
];
const OBJECT: readonly Operation[] = [
  { method: 'get', verb: 'get', action: 'get', query: [] },
  { method: 'put', verb: 'update', action: 'put', query: WRITE_PARAMETERS },
  { method: 'patch', verb: 'patch', action: 'patch', query: [...WRITE_PARAMETERS, 'force'] },
  { method: 'delete', verb: 'delete', action: 'delete', query: DELETE_PARAMETERS },
];

const PATCH_TYPES = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
];

export function pathsOf(definitions: readonly ResourceDefinition<ApiObject>[], models: Models, dialect: Dialect): object {
  return Object.fromEntries(
    definitions.flatMap((definition) => {
      const { type } = definition;
      const root = type.group === '' ? `/api/${type.version}` : `/apis/${type.group}/${type.version}`;
      const collection = `${root}${type.isNamespaced ? '/namespaces/{namespace}' : ''}/${type.plural}`;
      const item = operationsOf(definition, OBJECT, models, dialect);
      const all = operationsOf(definition, COLLECTION, models, dialect);
      const everywhere = { ...operationsOf(definition, COLLECTION.slice(0, 1), models, dialect) };
      return [
        [collection, { ...all, ...pathParameters(type.isNamespaced ? ['namespace'] : [], dialect) }],
        ...(type.isNamespaced && Object.keys(everywhere).length > 0 ? [[`${root}/${type.plural}`, everywhere]] : []),
        ...(Object.keys(item).length > 0
          ? [[`${collection}/{name}`, { ...item, ...pathParameters(type.isNamespaced ? ['name', 'namespace'] : ['name'], dialect) }]]
          : []),
      ];
    }),
  );
}

function operationsOf(
  definition: ResourceDefinition<ApiObject>,
  operations: readonly Operation[],
  models: Models,
  dialect: Dialect,
): object {
  const { type } = definition;
  const served = operations.filter(({ verb }) => type.verbs.includes(verb));
  return Object.fromEntries(served.map((operation) => [operation.method, operationOf(definition, operation, models, dialect)]));
}

function operationOf(
  definition: ResourceDefinition<ApiObject>,
  { method, verb, action, query }: Operation,
  models: Models,
  dialect: Dialect,
): object {
  const { type, custom } = definition;
  const patchTypes = custom === undefined ? PATCH_TYPES : PATCH_TYPES.filter((mediaType) => !mediaType.includes('strategic'));
  const answer =
    verb === 'list'
      ? models.listRef(definition)
      : verb === 'delete' || verb === 'deletecollection'
        ? models.ref('Status')
        : models.ref(type.schema);
  const hasBody = method === 'post' || method === 'put' || method === 'patch';
  const group = type.group === '' ? 'core' : type.group.replaceAll('.', '_');
  const shared = {
    operationId: `${verb}_${group}_${type.version}_${type.plural}`,
    'x-kubernetes-action': action,
    'x-kubernetes-group-version-kind': gvkOf(type, type.kind),
  };
  const parameters = query.map((name) => parameter(name, 'query', dialect));
  const bodyRef = method === 'patch' ? { type: 'object' } : models.ref(type.schema);
  if (dialect === 'v2') {
    const body = hasBody ? [{ name: 'body', in: 'body', required: true, schema: bodyRef }] : [];
    const consumes = method === 'patch' ? patchTypes : ['application/json', 'application/yaml'];
    const responses = { 200: { description: 'OK', schema: answer } };
    return { ...shared, consumes, produces: ['application/json', 'application/yaml'], parameters: [...parameters, ...body], responses };
  }
  const types = method === 'patch' ? patchTypes : ['application/json', 'application/yaml'];
  const content = Object.fromEntries(types.map((mediaType) => [mediaType, { schema: bodyRef }]));
  const responses = {
    200: { description: 'OK', content: { 'application/json': { schema: answer }, 'application/yaml': { schema: answer } } },
  };
  return { ...shared, parameters, ...(hasBody ? { requestBody: { required: true, content } } : {}), responses };
}

function pathParameters(names: readonly string[], dialect: Dialect): object {
  return names.length === 0 ? {} : { parameters: names.map((name) => parameter(name, 'path', dialect)) };
}

function parameter(name: string, place: 'query' | 'path', dialect: Dialect): object {
  const schema = { type: BOOLEANS.has(name) ? 'boolean' : INTEGERS.has(name) ? 'integer' : 'string', uniqueItems: true };
  const required = place === 'path' ? { required: true } : {};
  return dialect === 'v2' ? { name, in: place, ...required, ...schema } : { name, in: place, ...required, schema };
}
