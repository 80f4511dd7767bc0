/**
 * DELETE of one object: it goes at once, or is marked and goes when its grace period is over and its finalizers are gone.
 * Source: k8s.io/apiserver, pkg/endpoints/handlers/delete.go and pkg/registry/generic/registry/store.go, Delete.
 */
import type { ApiObject } from '#api/meta/resource-type.ts';
import type { ResourceDefinition } from '../resources/resource-definition.ts';
import { type Answer, objectAnswer, statusAnswer } from './answer.ts';
import { type DeleteWish, parseDeleteOptions, throwIfPreconditionFails } from './delete-options.ts';
import { decideDeletion } from './deletion.ts';
import { type Modified, modifyStored } from './modify-stored.ts';
import type { ApiRequest, PipelineDeps } from './request.ts';

/** Kinds whose deletion answers with what was deleted rather than with a Status; clients rely on either. */
const ANSWERED_WITH_OBJECT: ReadonlySet<string> = new Set([
  '/pods',
  '/services',
  '/serviceaccounts',
  '/persistentvolumes',
  '/persistentvolumeclaims',
  '/podtemplates',
  '/resourcequotas',
  'resource.k8s.io/deviceclasses',
  'resource.k8s.io/resourceclaims',
  'resource.k8s.io/resourceclaimtemplates',
  'resource.k8s.io/resourceslices',
  'storage.k8s.io/csidrivers',
  'storage.k8s.io/csinodes',
  'storage.k8s.io/storageclasses',
  'storage.k8s.io/volumeattachments',
  'storage.k8s.io/volumeattributesclasses',
]);

export async function deleteObject(request: ApiRequest, deps: PipelineDeps): Promise<Answer> {
  const { definition, info } = request;
  const wish = parseDeleteOptions(request);
  const modified = await deleteOne(request, deps, wish, info);
  if (modified.outcome === 'deleted' && !isAnsweredWithObject(definition)) return statusAnswer(deletedStatus(definition, modified.object));
  return objectAnswer(definition, modified.bytes());
}

/** Deletes or marks one object of the request's resource. */
export async function deleteOne(
  request: ApiRequest,
  deps: PipelineDeps,
  wish: DeleteWish,
  { namespace, name }: { readonly namespace: string; readonly name: string },
): Promise<Modified> {
  const { definition, signal } = request;
  const modified = await modifyStored({ definition, namespace, name, isDryRun: wish.isDryRun, signal }, deps, async (current) => {
    throwIfPreconditionFails(definition.type, current, wish);
    const target = { ...request, info: { ...request.info, namespace, name } };
    const { isDryRun } = wish;
    const admission = { operation: 'DELETE', ...target, isDryRun, deletion: wish, object: current, previous: current } as const;
    await deps.admission.mutate(admission);
    await deps.admission.validate(admission);
    return decideDeletion(definition, current, wish, deps.clock.now());
  });
  if (modified.outcome === 'deleted' && !wish.isDryRun) await deps.serviceAddresses.releaseAll(modified.object);
  return modified;
}

/** Also for the API's description of itself. */
export function isAnsweredWithObject({ type }: Pick<ResourceDefinition<ApiObject>, 'type'>): boolean {
  return ANSWERED_WITH_OBJECT.has(`${type.group}/${type.plural}`);
}

function deletedStatus({ type }: ResourceDefinition<ApiObject>, { metadata }: ApiObject) {
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Success',
    details: { name: metadata.name, ...(type.group === '' ? {} : { group: type.group }), kind: type.plural, uid: metadata.uid },
  };
}
