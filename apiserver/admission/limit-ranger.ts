/**
 * Gives containers what their namespace's LimitRanges say they get when they ask for nothing, and refuses pods and claims that ask for too little or too much.
 * Source: upstream's plugin/pkg/admission/limitranger.
 */
import { applyLimitRange, claimLimitProblems, podLimitProblems } from '#api/core/v1/limit-enforcement.ts';
import { limitranges, persistentvolumeclaims, pods } from '#api/generated/resources.ts';
import type { LimitRange } from '#api/generated/types.ts';
import { forbidden } from '#api/meta/status.ts';
import { isOfType, parseStoredAs } from '../encoding/json-value.ts';
import type { WatchCache } from '../storage/watch-cache.ts';
import { storagePrefix } from '../storage-key.ts';
import { type AdmissionPlugin, type AdmissionRequest, isMainResource } from './admission.ts';

export function limitRanger({ cache }: { readonly cache: WatchCache }): AdmissionPlugin {
  return {
    name: 'LimitRanger',
    mutate: (request) => {
      const { object, operation, info } = request;
      if (operation !== 'CREATE' || !isMainResource(request) || !isOfType(pods, object)) return object;
      return limitRangesOf(info.namespace, cache).reduce(applyLimitRange, object);
    },
    validate: (request) => {
      const problems = isLimited(request)
        ? limitRangesOf(request.info.namespace, cache).flatMap((range) => problemsOf(request, range))
        : [];
      if (problems.length === 0) return;
      const why = problems.length === 1 ? (problems[0] ?? '') : `[${[...new Set(problems)].join(', ')}]`;
      throw forbidden(request.definition.type, request.object.metadata.name, why);
    },
  };
}

/** What a pod asks for changes through `resize` alone. */
function isLimited({ operation, object, info }: AdmissionRequest): boolean {
  if (operation === 'DELETE') return false;
  if (isOfType(pods, object)) return operation === 'CREATE' ? info.subresource === '' : info.subresource === 'resize';
  return isOfType(persistentvolumeclaims, object) && info.subresource === '';
}

function problemsOf({ object }: AdmissionRequest, limitRange: LimitRange): readonly string[] {
  if (isOfType(pods, object)) return podLimitProblems(object, limitRange);
  return isOfType(persistentvolumeclaims, object) ? claimLimitProblems(object, limitRange) : [];
}

function limitRangesOf(namespace: string, cache: WatchCache): readonly LimitRange[] {
  return cache.list(storagePrefix(limitranges, namespace)).map(({ bytes }) => parseStoredAs(limitranges, bytes));
}
