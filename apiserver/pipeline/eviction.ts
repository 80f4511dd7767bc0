/**
 * POST pods/eviction: deletes a pod if its PodDisruptionBudget lets it go. The budget is charged first, so that of many evictions at once only so many get through;
 * a pod that costs nothing is deleted as it was seen, or looked at again. Source: upstream's pkg/registry/core/pod/storage/eviction.go.
 */
import { poddisruptionbudgets, pods } from '#api/generated/resources.ts';
import type { Eviction, Pod, PodDisruptionBudget } from '#api/generated/types.ts';
import { withCondition } from '#api/meta/condition.ts';
import { resourceType } from '#api/meta/resource-type.ts';
import { ApiError, forbidden, isReason, notFound } from '#api/meta/status.ts';
import {
  BEING_PROCESSED_SECONDS,
  beingProcessed,
  coversPod,
  grantEviction,
  isUnhealthyAndFree,
  needsNoBudget,
} from '#api/policy/v1/eviction.ts';
import { formatTime } from '#component/clock.ts';
import { decodeBodyAs } from '../encoding/decode-body.ts';
import { isOfType, parseStoredAs } from '../encoding/json-value.ts';
import { storagePrefix } from '../storage-key.ts';
import { type Answer, statusAnswer } from './answer.ts';
import { type DeleteWish, deleteWishOf, throwIfPreconditionFails } from './delete-options.ts';
import { decideDeletion } from './deletion.ts';
import { modifyStored } from './modify-stored.ts';
import type { ApiRequest, PipelineDeps } from './request.ts';
import { parseWriteOptions } from './write-options.ts';

/** What an Eviction is made of, though it is nowhere stored. */
const evictions = resourceType<Eviction>({
  group: 'policy',
  version: 'v1',
  kind: 'Eviction',
  plural: 'evictions',
  schema: 'Eviction',
  isNamespaced: true,
  verbs: ['create'],
  subresources: [],
});

/** As often as upstream looks again at a pod that keeps changing. */
const ATTEMPTS_MAX = 20;

export async function evictPod(request: ApiRequest, deps: PipelineDeps): Promise<Answer> {
  const options = parseWriteOptions(request.query, 'CreateOptions');
  const eviction = decodeBodyAs(evictions, request, options.fieldValidation);
  const wish = wishOf(eviction, request, options.isDryRun);
  const admission = { operation: 'CREATE', ...request, isDryRun: wish.isDryRun, previous: undefined } as const;
  await deps.admission.validate({ ...admission, object: await deps.admission.mutate({ ...admission, object: eviction }) });
  for (let attempt = 1; ; attempt++) {
    const pod = await readPod(request, deps);
    try {
      await evictSeen(pod, wish, request, deps);
      return statusAnswer({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 });
    } catch (error) {
      const mayLookAgain = isReason(error, 'Conflict') && wish.preconditions.resourceVersion === undefined && needsNoBudget(pod);
      if (!mayLookAgain || attempt === ATTEMPTS_MAX) throw error;
    }
  }
}

/** Throws BadRequest. */
function wishOf({ metadata, deleteOptions }: Eviction, { info }: ApiRequest, isDryRun: boolean): DeleteWish {
  if (metadata.name !== info.name) throw new ApiError('BadRequest', 'name in URL does not match name in Eviction object');
  const wish = deleteWishOf(deleteOptions ?? {});
  return { ...wish, isDryRun: wish.isDryRun || isDryRun };
}

async function readPod({ info }: ApiRequest, { objects }: PipelineDeps): Promise<Pod> {
  const pod = await objects.read(pods, info.namespace, info.name);
  if (pod === undefined) throw notFound(pods, info.name);
  return pod;
}

async function evictSeen(pod: Pod, wish: DeleteWish, request: ApiRequest, deps: PipelineDeps): Promise<void> {
  if (needsNoBudget(pod)) {
    // One that has not begun may have by now.
    const isSettled = pod.status?.phase !== 'Pending' || pod.metadata.deletionTimestamp !== undefined;
    return deletePod(isSettled ? wish : asSeen(wish, pod), request, deps);
  }
  const budget = budgetOf(pod, deps);
  if (budget === undefined) return deletePod(wish, request, deps);
  if (!isUnhealthyAndFree(budget, pod)) {
    await chargeBudget(budget, pod, wish, request, deps);
    return deletePod(wish, request, deps);
  }
  try {
    await deletePod(asSeen(wish, pod), request, deps);
  } catch (error) {
    const isOurs = isReason(error, 'Conflict') && wish.preconditions.resourceVersion === undefined;
    throw isOurs ? tooManyRequests(beingProcessed(budget.metadata.name), BEING_PROCESSED_SECONDS) : error;
  }
}

/** It is deleted only as long as it is what was judged. */
function asSeen(wish: DeleteWish, { metadata: { resourceVersion } }: Pod): DeleteWish {
  return wish.preconditions.resourceVersion === undefined ? { ...wish, preconditions: { ...wish.preconditions, resourceVersion } } : wish;
}

function budgetOf(pod: Pod, { cache }: PipelineDeps): PodDisruptionBudget | undefined {
  const budgets = cache
    .list(storagePrefix(poddisruptionbudgets, pod.metadata.namespace))
    .map(({ bytes }) => parseStoredAs(poddisruptionbudgets, bytes))
    .filter((budget) => coversPod(budget, pod));
  if (budgets.length <= 1) return budgets[0];
  throw new ApiError('InternalError', 'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.');
}

/** Throws TooManyRequests, Forbidden. A budget that was deleted meanwhile protects nothing. */
async function chargeBudget(
  { metadata }: PodDisruptionBudget,
  pod: Pod,
  { isDryRun }: DeleteWish,
  { signal }: ApiRequest,
  deps: PipelineDeps,
): Promise<void> {
  const definition = deps.resources.get(poddisruptionbudgets);
  const target = { definition, namespace: metadata.namespace ?? '', name: metadata.name, isDryRun, signal };
  await modifyStored(target, deps, (current) => {
    if (!isOfType(poddisruptionbudgets, current)) throw new ApiError('InternalError', `the stored value is a ${current.kind}`);
    const verdict = grantEviction(current, pod.metadata.name, formatTime(deps.clock.now()));
    if (verdict.outcome === 'granted') return { action: 'write', object: verdict.budget };
    if (verdict.outcome === 'later') throw tooManyRequests(verdict.why, verdict.afterSeconds);
    throw forbidden({ group: 'policy', plural: 'poddisruptionbudget' }, metadata.name, verdict.why);
  });
}

/** `afterSeconds` 0: nobody knows when. */
function tooManyRequests(why: string, afterSeconds: number): ApiError {
  const causes = [{ reason: 'DisruptionBudget', message: why }];
  const details = { causes, ...(afterSeconds === 0 ? {} : { retryAfterSeconds: afterSeconds }) };
  return new ApiError('TooManyRequests', "Cannot evict pod as it would violate the pod's disruption budget.", { details });
}

/** The same deletion as a DELETE's; the pod's owner learns why it went. */
async function deletePod(wish: DeleteWish, request: ApiRequest, deps: PipelineDeps): Promise<void> {
  const { definition, info, signal } = request;
  await modifyStored({ definition, namespace: info.namespace, name: info.name, isDryRun: wish.isDryRun, signal }, deps, async (current) => {
    throwIfPreconditionFails(definition.type, current, wish);
    const deletion = { ...request, info: { ...info, subresource: '' }, isDryRun: wish.isDryRun, object: current, previous: current };
    await deps.admission.validate({ operation: 'DELETE', ...deletion });
    const nowMs = deps.clock.now();
    const told = isOfType(pods, current) ? withReason(current, formatTime(nowMs)) : current;
    return decideDeletion(definition, told, wish, nowMs);
  });
}

function withReason(pod: Pod, time: string): Pod {
  if (needsNoBudget(pod)) return pod;
  const condition = { type: 'DisruptionTarget', status: 'True', reason: 'EvictionByEvictionAPI', message: 'Eviction API: evicting' };
  return { ...pod, status: { ...pod.status, conditions: withCondition(pod.status?.conditions, condition, time) } };
}
