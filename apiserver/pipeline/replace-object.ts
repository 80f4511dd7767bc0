/**
 * What PUT and PATCH have in common, once each knows how the object should look: the life of a change, from the object as it is to the object as
 * it will be. `update.ts` and `patch.ts` call it, for the main resource and its `status` and `finalize` subresources alike.
 * Source: k8s.io/apiserver, pkg/registry/rest/update.go and pkg/registry/generic/registry/store.go.
 */
import type { ApiObject } from '#api/meta/resource-type.ts';
import { ApiError, conflict, type FieldProblem } from '#api/meta/status.ts';
import { validateObjectMetaUpdate } from '#api/meta/validation.ts';
import { type Answer, objectAnswer } from './answer.ts';
import type { OwnersOf } from './create.ts';
import { isDeletable } from './deletion.ts';
import { ownersAfterUpdate, withManagedFields, withoutIdleTimes } from './field-owners.ts';
import { type Modified, modifyStored } from './modify-stored.ts';
import type { ApiRequest, PipelineDeps } from './request.ts';
import { throwIfInvalid } from './throw-if-invalid.ts';
import type { WriteOptions } from './write-options.ts';

export const MODIFIED_MEANWHILE = 'the object has been modified; please apply your changes to the latest version and try again';

/** `next` makes the wanted object of the current one; it may be called again when somebody else wrote in between, as may `ownersOf`. */
export async function replaceObject(
  request: ApiRequest,
  deps: PipelineDeps,
  options: WriteOptions,
  next: (current: ApiObject) => ApiObject,
  ownersOf: OwnersOf = ownersAfterUpdate,
): Promise<Answer> {
  const { definition, info } = request;
  const reservations = deps.serviceAddresses.session(options.isDryRun);
  const target = { definition, namespace: info.namespace, name: info.name, isDryRun: options.isDryRun, signal: request.signal };
  const change = async (current: ApiObject) => {
    const wanted = next(current);
    throwIfOutdated(request, wanted, current);
    const owned = withOwners(wanted, current, request, deps, options, ownersOf);
    const changed = await changeOf(owned, current, request, deps, options);
    const object = withoutIdleTimes(await reservations.reserve(changed, current), current);
    if (isDeletable(object, current)) return { action: 'delete', object } as const;
    const charged = { definition, object, previous: current, subresource: info.subresource };
    return { action: 'write', object, alongside: await deps.quotas.plan(charged) } as const;
  };
  const modified = await settle(reservations, () => modifyStored(target, deps, change));
  if (modified.outcome === 'deleted' && !options.isDryRun) await deps.serviceAddresses.releaseAll(modified.object);
  return objectAnswer(definition, modified.bytes());
}

/** Keeps what was reserved if the write went through, gives it back if not. */
async function settle(
  reservations: { keep(): Promise<void>; release(): Promise<void> },
  write: () => Promise<Modified>,
): Promise<Modified> {
  try {
    const modified = await write();
    await reservations.keep();
    return modified;
  } catch (error) {
    await reservations.release();
    throw error;
  }
}

/** The wanted object complete, with its owners: who has it from the client, before admission adds to it. */
function withOwners(
  wanted: ApiObject,
  current: ApiObject,
  request: ApiRequest,
  deps: PipelineDeps,
  options: WriteOptions,
  ownersOf: OwnersOf,
): ApiObject {
  const defaulted = request.definition.applyDefaults(withSystemMetadata(wanted, current));
  // A finalizer's list is all that `/finalize` changes, whatever else its author sends.
  const changed = request.info.subresource === 'finalize' ? withFinalizersOf(defaulted, current) : defaulted;
  return withManagedFields(changed, ownersOf({ wanted, defaulted: changed, current }, request, options, deps));
}

async function changeOf(
  owned: ApiObject,
  current: ApiObject,
  request: ApiRequest,
  deps: PipelineDeps,
  { isDryRun }: WriteOptions,
): Promise<ApiObject> {
  const { definition } = request;
  const admission = { operation: 'UPDATE', ...request, isDryRun, previous: current } as const;
  const mutated = definition.applyDefaults(await deps.admission.mutate({ ...admission, object: owned }));
  const prepared = prepareFor(request, mutated, current);
  const problems = [...validateObjectMetaUpdate(prepared.metadata, current.metadata), ...changeProblems(request, prepared, current)];
  throwIfInvalid(definition, prepared.metadata.name, problems);
  await deps.admission.validate({ ...admission, object: prepared });
  return prepared;
}

/** What is wrong with a changed object. Shared with `scale.ts`. */
export function changeProblems(
  { definition, info }: Pick<ApiRequest, 'definition' | 'info'>,
  object: ApiObject,
  current: ApiObject,
): readonly FieldProblem[] {
  return (
    definition.custom?.validateChange(object, current) ?? [
      ...definition.validate(object),
      ...definition.validateUpdate(object, current, info.subresource),
    ]
  );
}

/** Which part of the object this request may change. */
function prepareFor({ definition, info }: ApiRequest, object: ApiObject, current: ApiObject): ApiObject {
  switch (info.subresource) {
    case '':
      return definition.prepareForUpdate(object, current);
    case 'status':
      return definition.prepareForStatusUpdate(object, current);
    case 'approval':
      return definition.prepareForApproval?.(object, current) ?? current;
    case 'finalize':
      return withFinalizersOf(object, current);
    default:
      return preparePart(definition, info.subresource, object, current);
  }
}

/** The part that goes through a subresource of its own; labels and the like do not. */
function preparePart(definition: ApiRequest['definition'], subresource: string, object: ApiObject, current: ApiObject): ApiObject {
  const changed = definition.changeThrough?.(subresource, object, current);
  if (changed === undefined) throw new ApiError('NotFound', 'the server could not find the requested resource');
  const { resourceVersion, managedFields } = object.metadata;
  const metadata = { ...current.metadata, resourceVersion, ...(managedFields === undefined ? {} : { managedFields }) };
  return definition.prepareForUpdate({ ...changed, metadata }, current);
}

/** `/finalize` of a namespace changes the list of those who still have to clean up in it, and nothing else. */
function withFinalizersOf(object: ApiObject, current: ApiObject): ApiObject {
  const spec: unknown = Reflect.get(object, 'spec');
  const { managedFields = current.metadata.managedFields } = object.metadata;
  const metadata = { ...current.metadata, ...pickFinalizers(object), ...(managedFields === undefined ? {} : { managedFields }) };
  return { ...current, metadata, ...(spec === undefined ? {} : { spec }) };
}

function pickFinalizers({ metadata: { finalizers } }: ApiObject): { finalizers?: readonly string[] } {
  return finalizers === undefined ? {} : { finalizers };
}

/** A version or uid in the wanted object must be the current one: that is how clients say which object they mean. */
function throwIfOutdated({ definition }: ApiRequest, wanted: ApiObject, current: ApiObject): void {
  const { type } = definition;
  const { resourceVersion = '', uid = '' } = wanted.metadata;
  const name = current.metadata.name;
  if (uid !== '' && uid !== current.metadata.uid) {
    throw conflict(type, name, `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${current.metadata.uid}`);
  }
  if (resourceVersion !== '' && resourceVersion !== current.metadata.resourceVersion) throw conflict(type, name, MODIFIED_MEANWHILE);
}

/** What a client left out, and what it may never set, comes from the current object; changes of the rest are validation's to refuse. */
function withSystemMetadata(wanted: ApiObject, current: ApiObject): ApiObject {
  const { managedFields: _managed, selfLink: _link, generation: _generation, ...metadata } = wanted.metadata;
  const { uid, creationTimestamp, deletionTimestamp, deletionGracePeriodSeconds, generation, namespace } = current.metadata;
  const kept = {
    uid,
    creationTimestamp,
    ...(namespace === undefined ? {} : { namespace }),
    ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
    ...(deletionGracePeriodSeconds === undefined ? {} : { deletionGracePeriodSeconds }),
  };
  const ownGeneration = generation === undefined ? {} : { generation };
  return { ...wanted, metadata: { ...kept, ...metadata, ...ownGeneration } };
}
