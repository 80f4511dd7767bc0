/**
 * From a request's body to an object of the kind that its path names, with the fields nobody knows refused, warned of or ignored, as asked. Behind this
 * file everything is typed. Source: k8s.io/apiserver, pkg/endpoints/handlers/create.go and rest.go (transformDecodeError).
 */
import { type Decoded, decodeObject } from '#api/decode.ts';
import { isJsonObject, type JsonObject } from '#api/meta/json.ts';
import type { ApiObject, ResourceType } from '#api/meta/resource-type.ts';
import { apiVersionOf } from '#api/meta/resource-type.ts';
import { ApiError } from '#api/meta/status.ts';
import type { ApiRequest } from '../pipeline/request.ts';
import type { FieldValidation } from '../pipeline/write-options.ts';
import type { ResourceDefinition } from '../resources/resource-definition.ts';
import { pathOfKey, walkKeys } from './find-duplicate-keys.ts';
import { negotiateBody } from './negotiate.ts';
import { type ParsedBody, parseBody, yamlDuplicates } from './parse-body.ts';
import { hasProtobuf } from './protobuf/protobuf-object.ts';

type Received = Pick<ApiRequest, 'body' | 'contentType' | 'repeatedKeys' | 'warn'>;

/** The object of the request's own kind. Throws BadRequest, UnsupportedMediaType. */
export function decodeBody(request: ApiRequest, fieldValidation: FieldValidation): ApiObject {
  const { definition } = request;
  return decodeWith(definition.type, request, fieldValidation, (value) => decodeAs(definition, value), definition.custom !== undefined);
}

/** Any JSON object as an object of the kind: along the generated schemas, or along those that a custom resource came with. */
export function decodeAs(definition: ResourceDefinition<ApiObject>, value: JsonObject): Decoded<ApiObject> {
  return definition.custom?.decode(value) ?? decodeObject(definition.type, value);
}

/** The same for a body of another kind: a Binding, a Scale, a review. */
export function decodeBodyAs<T extends ApiObject>(type: ResourceType<T>, request: Received, fieldValidation: FieldValidation): T {
  return decodeWith(type, request, fieldValidation, (value) => decodeObject(type, value));
}

function decodeWith<T extends ApiObject>(
  type: ResourceType<T>,
  request: Received,
  fieldValidation: FieldValidation,
  decode: (value: JsonObject) => Decoded<T>,
  isCustom = false,
): T {
  const mediaType = negotiateBody(request.contentType, { hasProtobuf: hasProtobuf(type.schema) });
  const { value, duplicates: found } = parseBody(request.body, mediaType, type.kind, type.schema);
  const duplicates = request.repeatedKeys ?? found;
  const typed = withType(value, type, request.body);
  const { object, unknownFields } = decode(typed);
  const problems = fieldProblems(request.body, duplicates, unknownFields, isCustom);
  reportFieldProblems(problems, type, fieldValidation, request);
  return object;
}

/** YAML's come as one, first. Of a built-in kind in the order of the text; of a custom one, whose schema is looked at later, the unknown fields last. As upstream. */
function fieldProblems(
  body: Buffer,
  duplicates: ParsedBody['duplicates'],
  unknownFields: readonly string[],
  isCustom: boolean,
): readonly string[] {
  if (duplicates.some(({ path }) => path === undefined)) return [yamlDuplicates(duplicates), ...unknownFields];
  const repeated = duplicates.map(({ path }) => `duplicate field ${JSON.stringify(path)}`);
  if (isCustom || repeated.length === 0 || unknownFields.length === 0) return [...repeated, ...unknownFields];
  const ordered = new Set<string>();
  walkKeys(body.toString('utf8'), (level, isRepeated) => {
    const path = pathOfKey(level);
    const [unknown, twice] = [`unknown field ${JSON.stringify(path)}`, `duplicate field ${JSON.stringify(path)}`];
    if (unknownFields.includes(unknown)) ordered.add(unknown);
    if (isRepeated && repeated.includes(twice)) ordered.add(twice);
  });
  return [...ordered.union(new Set([...repeated, ...unknownFields]))];
}

/** What the path says about kind and version holds where the body says nothing; where it says something else, it is refused. */
function withType<T extends ApiObject>(value: unknown, type: ResourceType<T>, body: Buffer): JsonObject {
  if (!isJsonObject(value)) {
    const shown = body.length === 0 ? '<empty>' : body.subarray(0, 30).toString('hex');
    const message = `the object provided is unrecognized (must be of type ${type.kind}): couldn't get version/kind; json parse error`;
    throw new ApiError('BadRequest', `${message}: the body is not an object (${shown})`);
  }
  const expected = apiVersionOf(type);
  const { apiVersion = '', kind = '', metadata } = value;
  if (typeof apiVersion !== 'string' || typeof kind !== 'string') {
    const message = `the object provided is unrecognized (must be of type ${type.kind})`;
    throw new ApiError('BadRequest', `${message}: couldn't get version/kind: apiVersion and kind must be strings`);
  }
  if (kind !== '' && kind !== type.kind) {
    const version = apiVersion.split('/').at(-1) ?? '';
    throw new ApiError(
      'BadRequest',
      `${kind} in version ${JSON.stringify(version)} cannot be handled as a ${type.kind}: the kinds are not the same`,
    );
  }
  if (apiVersion !== '' && apiVersion !== expected) {
    throw new ApiError('BadRequest', `the API version in the data (${apiVersion}) does not match the expected API version (${expected})`);
  }
  return { ...value, apiVersion: expected, kind: type.kind, metadata: metadata ?? {} };
}

function reportFieldProblems(
  problems: readonly string[],
  { kind, version }: Pick<ResourceType<ApiObject>, 'kind' | 'version'>,
  fieldValidation: FieldValidation,
  request: Received,
): void {
  if (problems.length === 0 || fieldValidation === 'Ignore') return;
  if (fieldValidation === 'Strict') {
    const message = `${kind} in version ${JSON.stringify(version)} cannot be handled as a ${kind}: strict decoding error: ${problems.join(', ')}`;
    throw new ApiError('BadRequest', message);
  }
  for (const problem of problems) request.warn(problem);
}
