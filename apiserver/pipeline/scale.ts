/**
 * The `scale` subresource: how many replicas, for whoever does not want to know what they are replicas of (kubectl scale, autoscalers). A view of the object,
 * not an object: reading derives it, writing changes `spec.replicas` alone. Source: upstream's pkg/registry/apps/deployment/storage, ScaleREST.
 */
import { mergeTypeOf } from '#api/apply/built-in-types.ts';
import { decodeObject, decodePart } from '#api/decode.ts';
import type { LabelSelector, Scale } from '#api/generated/types.ts';
import { invalidValue } from '#api/meta/field-path.ts';
import { isJsonObject, type Json, type JsonObject, memberOf } from '#api/meta/json.ts';
import { formatRequirements, requirementsOf } from '#api/meta/label-selector.ts';
import { type ApiObject, resourceType } from '#api/meta/resource-type.ts';
import { ApiError, conflict, invalid, notFound } from '#api/meta/status.ts';
import { decodeBodyAs } from '../encoding/decode-body.ts';
import { isOfType, parseStored } from '../encoding/json-value.ts';
import { servedBytesOf } from '../encoding/served-bytes.ts';
import type { ResourceDefinition, ScalePaths } from '../resources/resource-definition.ts';
import { storageKey } from '../storage-key.ts';
import type { Answer } from './answer.ts';
import { isApply, withPreconditions } from './apply.ts';
import { readConfiguration } from './apply-configuration.ts';
import { applyTo, asJson, type ManagedFields, ownersAfterChange, withManagedFields, withoutIdleTimes } from './field-owners.ts';
import { waitForCache } from './get.ts';
import { modifyStored } from './modify-stored.ts';
import { parsePatch } from './patch.ts';
import { changeProblems } from './replace-object.ts';
import type { ApiRequest, PipelineDeps } from './request.ts';
import { throwIfInvalid } from './throw-if-invalid.ts';
import { parseApplyOptions, parseWriteOptions, type WriteOptions } from './write-options.ts';

/** What a Scale is made of, though it is nowhere stored under its own name. */
const scales = resourceType<Scale & ApiObject>({
  group: 'autoscaling',
  version: 'v1',
  kind: 'Scale',
  plural: 'scales',
  schema: 'Scale',
  isNamespaced: true,
  verbs: ['get', 'update', 'patch'],
  subresources: [],
});

type Definition = ResourceDefinition<ApiObject>;

const BUILT_IN_PATHS: ScalePaths = {
  specReplicas: ['spec', 'replicas'],
  statusReplicas: ['status', 'replicas'],
  labelSelector: ['spec', 'selector'],
};

export async function getScale(request: ApiRequest, deps: PipelineDeps): Promise<Answer> {
  const { definition, info, signal } = request;
  await waitForCache(deps, undefined, signal);
  const stored = deps.cache.find(storageKey(definition.type, info.namespace, info.name));
  if (stored === undefined) throw notFound(definition.type, info.name);
  return { type: 'value', statusCode: 200, value: scaleOf(parseStored(await servedBytesOf(definition, stored.bytes)), definition) };
}

export async function updateScale(request: ApiRequest, deps: PipelineDeps): Promise<Answer> {
  const options = parseWriteOptions(request.query, 'UpdateOptions');
  const scale = decodeBodyAs(scales, request, options.fieldValidation);
  return writeScale(request, deps, options, () => scale);
}

export async function patchScale(request: ApiRequest, deps: PipelineDeps): Promise<Answer> {
  if (isApply(request)) return applyScale(request, deps);
  const options = parseWriteOptions(request.query, 'PatchOptions');
  const patch = parsePatch(request, scales.schema);
  return writeScale(request, deps, options, (current) => decodeObject(scales, patch(current)).object);
}

/** Of a Scale that is applied, the number of replicas is all there is to own. */
async function applyScale(request: ApiRequest, deps: PipelineDeps): Promise<Answer> {
  const { definition } = request;
  const options = parseApplyOptions(request.query);
  const configuration = readConfiguration(
    request,
    { type: scales, mergeType: mergeTypeOf(scales.schema), decodeFields: (given) => decodePart(scales, given) },
    options,
  );
  const { spec: applied } = configuration.fields;
  const next = (current: Scale & ApiObject) =>
    decodeObject(scales, { ...asJson(withPreconditions(current, configuration)), spec: applied ?? { ...current.spec } }).object;
  const ownersOf: ScaleOwners = (current) => {
    const live = ownedReplicas(replicasOf(current, definition), definition);
    const change = { current, live, applied: ownedReplicas(appliedReplicas(applied), definition) };
    return applyTo(change, request, options, deps).managedFields;
  };
  return writeScale(request, deps, options, next, ownersOf);
}

function appliedReplicas(spec: Json | undefined): number | undefined {
  const replicas = isJsonObject(spec) ? memberOf(spec, 'replicas') : undefined;
  return typeof replicas === 'number' ? replicas : undefined;
}

type ScaleOwners = (current: ApiObject, next: JsonObject) => ManagedFields;

async function writeScale(
  request: ApiRequest,
  deps: PipelineDeps,
  options: WriteOptions,
  next: (current: Scale & ApiObject) => Scale & ApiObject,
  ownersOf: ScaleOwners = (current, next) => {
    const live = ownedReplicas(replicasOf(current, request.definition), request.definition);
    return ownersAfterChange({ live, next, stored: current.metadata.managedFields }, request, options, deps);
  },
): Promise<Answer> {
  const { definition, info, signal } = request;
  const { isDryRun } = options;
  const modified = await modifyStored(
    { definition, namespace: info.namespace, name: info.name, isDryRun, signal },
    deps,
    async (current) => {
      const previous = scaleOf(current, definition);
      const admission = { operation: 'UPDATE', ...request, isDryRun, bodyType: scales, previous } as const;
      const wanted = asScale(await deps.admission.mutate({ ...admission, object: next(previous) }));
      throwIfMismatched(wanted, current, request);
      const replicas = wanted.spec?.replicas ?? 0;
      if (replicas < 0) throw invalid(scales, info.name, [invalidValue('spec.replicas', replicas, 'must be greater than or equal to 0')]);
      const owners = ownersOf(current, ownedReplicas(replicas, definition));
      const changed = withManagedFields(withReplicas(current, replicas, definition), owners);
      const scaled = withoutIdleTimes(definition.prepareForUpdate(changed, current), current);
      throwIfInvalid(definition, info.name, changeProblems(request, scaled, current));
      await deps.admission.validate({ ...admission, object: scaleOf(scaled, definition) });
      return { action: 'write', object: scaled };
    },
  );
  return { type: 'value', statusCode: 200, value: scaleOf(parseStored(await servedBytesOf(definition, modified.bytes())), definition) };
}

function throwIfMismatched({ metadata }: Scale & ApiObject, current: ApiObject, { definition, info }: ApiRequest): void {
  const { name = '', resourceVersion = '', uid = '' } = metadata;
  if (name !== info.name)
    throw new ApiError('BadRequest', `the name of the object (${name}) does not match the name on the URL (${info.name})`);
  if (uid !== '' && uid !== current.metadata.uid) {
    const why = `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${current.metadata.uid}`;
    throw conflict(definition.type, info.name, why);
  }
  if (resourceVersion !== '' && resourceVersion !== current.metadata.resourceVersion) {
    throw conflict(
      definition.type,
      info.name,
      'the object has been modified; please apply your changes to the latest version and try again',
    );
  }
}

function scaleOf(object: ApiObject, definition: Definition): Scale & ApiObject {
  const { custom } = definition;
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const paths = custom?.scale ?? BUILT_IN_PATHS;
  const replicas = numberAt(object, paths.specReplicas);
  if (replicas === undefined && custom !== undefined) {
    const path = paths.specReplicas.map((part) => `.${part}`).join('');
    throw new ApiError('BadRequest', `the spec replicas field ${JSON.stringify(path)} does not exist`);
  }
  const given = paths.labelSelector === undefined ? undefined : valueAt(object, paths.labelSelector);
  // A custom resource holds the selector as clients will use it, as text.
  const selector = custom === undefined ? selectorOf(given) : typeof given === 'string' ? given : '';
  const status = { replicas: numberAt(object, paths.statusReplicas) ?? 0, ...(selector === '' ? {} : { selector }) };
  const metadata = { name, ...(namespace === undefined ? {} : { namespace }), uid, resourceVersion, creationTimestamp };
  const scale = { kind: 'Scale', apiVersion: 'autoscaling/v1', metadata, spec: { replicas: replicas ?? 0 }, status };
  return asScale(scale);
}

/** What is made as a Scale is one, until a patch or a webhook says that it is something else. */
function asScale(scale: ApiObject): Scale & ApiObject {
  if (isOfType(scales, scale)) return scale;
  const { apiVersion, kind } = scale;
  throw new ApiError('BadRequest', `invalid object type: ${apiVersion}, Kind=${kind}: a scale is autoscaling/v1, Kind=Scale`);
}

/** The part of the object that a Scale shows, with so many replicas in it. */
function ownedReplicas(replicas: number | undefined, { custom }: Definition): JsonObject {
  const [part = 'spec', ...rest] = (custom?.scale ?? BUILT_IN_PATHS).specReplicas;
  return replicas === undefined ? {} : { [part]: withValueAt(undefined, rest, replicas) };
}

function replicasOf(object: ApiObject, { custom }: Definition): number {
  return numberAt(object, (custom?.scale ?? BUILT_IN_PATHS).specReplicas) ?? 0;
}

function withReplicas(object: ApiObject, replicas: number, { custom }: Definition): ApiObject {
  const [part = 'spec', ...rest] = (custom?.scale ?? BUILT_IN_PATHS).specReplicas;
  return { ...object, [part]: withValueAt(Reflect.get(object, part), rest, replicas) };
}

function withValueAt(parent: unknown, [name, ...rest]: readonly string[], value: Json): Json {
  if (name === undefined) return value;
  const object = isJsonObject(parent) ? parent : {};
  return { ...object, [name]: withValueAt(memberOf(object, name), rest, value) };
}

function valueAt(object: ApiObject, path: readonly string[]): unknown {
  return path.reduce<unknown>((value, name) => (isJsonObject(value) ? memberOf(value, name) : undefined), object);
}

function numberAt(object: ApiObject, path: readonly string[]): number | undefined {
  const value = valueAt(object, path);
  return typeof value === 'number' ? value : undefined;
}

/** ReplicationControllers select by a plain map, the others by a LabelSelector. */
function selectorOf(selector: unknown): string {
  if (!isJsonObject(selector)) return '';
  const isStructured = 'matchLabels' in selector || 'matchExpressions' in selector;
  const structured = decodeSelector(isStructured ? selector : { matchLabels: selector });
  return formatRequirements(requirementsOf(structured));
}

function decodeSelector(value: JsonObject): LabelSelector {
  const { object } = decodeObject('LabelSelector', value);
  return object;
}
