/**
 * POST to a collection: the life of a new object, from bytes to etcd. Reads top to bottom; each step may refuse. Nothing is stored, reserved or
 * named before every check that can be made without doing so has passed.
 * Source: k8s.io/apiserver, pkg/endpoints/handlers/create.go and pkg/registry/rest/create.go.
 */
import type { ApiObject } from '#api/meta/resource-type.ts';
import { ApiError, alreadyExists } from '#api/meta/status.ts';
import { formatTime } from '#component/clock.ts';
import { randomSuffix } from '#component/random.ts';
import { decodeBody } from '../encoding/decode-body.ts';
import { storedObject } from '../encoding/served-bytes.ts';
import { StorageError, type StoredItem } from '../storage/storage.ts';
import { storageKey } from '../storage-key.ts';
import { type Answer, objectAnswer } from './answer.ts';
import { type ManagedFields, type OwnedChange, ownersAfterUpdate, withManagedFields } from './field-owners.ts';
import type { ApiRequest, PipelineDeps } from './request.ts';
import { withoutResourceVersion } from './resource-version.ts';
import { throwIfInvalid } from './throw-if-invalid.ts';
import { parseWriteOptions, type WriteOptions } from './write-options.ts';

/** A generated name can be taken; upstream tries as often. */
const GENERATED_NAME_ATTEMPTS_MAX = 8;

/** The prefix of a generated name is cut so that name and suffix fit into a label. */
const GENERATE_NAME_CHARACTERS_MAX = 58;

export async function createObject(request: ApiRequest, deps: PipelineDeps): Promise<Answer> {
  const options = parseWriteOptions(request.query, 'CreateOptions');
  return createDecoded(request, deps, options, decodeBody(request, options.fieldValidation));
}

/** Who owns what of a write; an apply has worked it out already, see `apply.ts`. */
export type OwnersOf = (change: OwnedChange, request: ApiRequest, options: WriteOptions, deps: PipelineDeps) => ManagedFields;

/** The rest of the way, for objects that came in another way than as the body of a POST. */
export async function createDecoded(
  request: ApiRequest,
  deps: PipelineDeps,
  options: WriteOptions,
  decoded: ApiObject,
  ownersOf: OwnersOf = ownersAfterUpdate,
): Promise<Answer> {
  const { definition, info } = request;
  const placed = placeInNamespace(decoded, definition.type.isNamespaced, info.namespace);
  const defaulted = definition.applyDefaults(placed);
  const admission = { operation: 'CREATE', ...request, isDryRun: options.isDryRun, previous: undefined } as const;
  const owned = withManagedFields(defaulted, ownersOf({ wanted: decoded, defaulted, current: undefined }, request, options, deps));
  const mutated = await deps.admission.mutate({ ...admission, object: owned });
  const fresh = withFreshMetadata(placeInNamespace(mutated, definition.type.isNamespaced, info.namespace), deps);

  for (let attempt = 1; ; attempt++) {
    // Defaults once more: for what admission added, and for kinds that derive something from their name.
    const named = definition.prepareForCreate(definition.applyDefaults(withName(fresh, deps)));
    throwIfInvalid(definition, named.metadata.name, [...definition.validate(named), ...(definition.validateCreate?.(named) ?? [])]);
    await deps.admission.validate({ ...admission, object: named });
    try {
      const stored = await storeNew(named, request, deps, options);
      return objectAnswer(definition, stored.bytes, 201);
    } catch (error) {
      if (!(error instanceof StorageError && error.reason === 'exists')) throw error;
      const mayTryAgain = isNameGenerated(fresh) && attempt < GENERATED_NAME_ATTEMPTS_MAX;
      if (!mayTryAgain) throw alreadyExists(definition.type, named.metadata.name);
    }
  }
}

/** Reserves what the object needs from the cluster (addresses, ports), stores it, and gives everything back if that fails. */
async function storeNew(
  object: ApiObject,
  { definition }: ApiRequest,
  deps: PipelineDeps,
  { isDryRun }: WriteOptions,
): Promise<Pick<StoredItem, 'bytes'>> {
  const { type } = definition;
  const key = storageKey(type, object.metadata.namespace ?? '', object.metadata.name);
  const addresses = deps.serviceAddresses.session(isDryRun);
  try {
    const complete = await addresses.reserve(object, undefined);
    if (!isDryRun) return await deps.storage.create(key, await storedObject(definition, complete));
    if (await deps.storage.get(key)) throw new StorageError('exists', key);
    return { bytes: Buffer.from(JSON.stringify(complete)) };
  } catch (error) {
    await addresses.release();
    throw error;
  }
}

/** The namespace comes from the path; one in the body must agree. */
function placeInNamespace(object: ApiObject, isNamespaced: boolean, namespace: string): ApiObject {
  const own = object.metadata.namespace ?? '';
  if (isNamespaced && own !== '' && own !== namespace) {
    throw new ApiError('BadRequest', 'the namespace of the provided object does not match the namespace sent on the request');
  }
  // An empty namespace is what clients of cluster-wide kinds sometimes write; a real one is validation's to refuse.
  const { namespace: _, ...metadata } = object.metadata;
  const placed = isNamespaced ? { ...metadata, namespace } : own === '' ? metadata : object.metadata;
  return { ...object, metadata: placed };
}

/** What only the server may say about a new object. */
function withFreshMetadata(object: ApiObject, { clock, random }: PipelineDeps): ApiObject {
  if ((object.metadata.resourceVersion ?? '') !== '') {
    throw new ApiError('BadRequest', 'resourceVersion should not be set on objects to be created');
  }
  const bare = withoutResourceVersion(object);
  const { deletionTimestamp: _time, deletionGracePeriodSeconds: _grace, selfLink: _link, ...metadata } = bare.metadata;
  const fresh = { ...metadata, uid: random.uuid(), creationTimestamp: formatTime(clock.now()) };
  return { ...bare, metadata: fresh };
}

function isNameGenerated({ metadata }: ApiObject): boolean {
  return (metadata.name ?? '') === '' && (metadata.generateName ?? '') !== '';
}

function withName(object: ApiObject, { random }: PipelineDeps): ApiObject {
  if (!isNameGenerated(object)) return { ...object, metadata: { ...object.metadata, name: object.metadata.name ?? '' } };
  const prefix = (object.metadata.generateName ?? '').slice(0, GENERATE_NAME_CHARACTERS_MAX);
  return { ...object, metadata: { ...object.metadata, name: `${prefix}${randomSuffix(random)}` } };
}
