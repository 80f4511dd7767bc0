/**
 * What a pod's RuntimeClass adds to it: the overhead of the sandbox, and where it can run at all. A class that is not there refuses the pod.
 * Source: upstream's plugin/pkg/admission/runtimeclass/admission.go.
 */
import { pods, runtimeclasses } from '#api/generated/resources.ts';
import type { Pod, RuntimeClass, Toleration } from '#api/generated/types.ts';
import { jsonEquals } from '#api/meta/json.ts';
import { forbidden } from '#api/meta/status.ts';
import { isOfType, parseStoredAs } from '../encoding/json-value.ts';
import type { WatchCache } from '../storage/watch-cache.ts';
import { storageKey } from '../storage-key.ts';
import { type AdmissionPlugin, isMainResource } from './admission.ts';

export function runtimeClass({ cache }: { readonly cache: WatchCache }): AdmissionPlugin {
  return {
    name: 'RuntimeClass',
    mutate: async (request) => {
      const { object, operation, signal } = request;
      if (operation !== 'CREATE' || !isMainResource(request) || !isOfType(pods, object) || object.spec === undefined) return object;
      return withRuntimeClass(object, await findClass(object, cache, signal));
    },
  };
}

function withRuntimeClass(pod: Pod, found: RuntimeClass | undefined): Pod {
  checkOverhead(pod, found);
  if (found === undefined) return pod;
  const { overhead, scheduling } = found;
  const nodeSelector = mergeNodeSelectors(pod, scheduling?.nodeSelector);
  const tolerations = mergeTolerations(pod.spec.tolerations, scheduling?.tolerations);
  return {
    ...pod,
    spec: {
      ...pod.spec,
      ...(overhead?.podFixed === undefined ? {} : { overhead: overhead.podFixed }),
      ...(nodeSelector === undefined ? {} : { nodeSelector }),
      ...(tolerations === undefined ? {} : { tolerations }),
    },
  };
}

/** A class that was made a moment ago is there, even if the cache has yet to hear of it. */
async function findClass({ metadata, spec }: Pod, cache: WatchCache, signal: AbortSignal): Promise<RuntimeClass | undefined> {
  const name = spec.runtimeClassName ?? '';
  if (name === '') return undefined;
  const key = storageKey(runtimeclasses, '', name);
  if (cache.find(key) === undefined) await cache.waitUntilCurrent(signal);
  const stored = cache.find(key);
  if (stored === undefined) throw forbidden(pods, metadata.name, `pod rejected: RuntimeClass "${name}" not found`);
  return parseStoredAs(runtimeclasses, stored.bytes);
}

/** The overhead is the class's to say: a pod may repeat it, no more. */
function checkOverhead({ metadata, spec }: Pod, found: RuntimeClass | undefined): void {
  if (spec.overhead === undefined) return;
  const wanted = found?.overhead?.podFixed;
  if (jsonEquals(spec.overhead, wanted ?? {})) return;
  if (found === undefined || wanted === undefined) {
    throw forbidden(pods, metadata.name, 'pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead');
  }
  throw forbidden(pods, metadata.name, "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead");
}

function mergeNodeSelectors({ metadata, spec }: Pod, added: Readonly<Record<string, string>> | undefined) {
  if (added === undefined) return spec.nodeSelector;
  const present = spec.nodeSelector ?? {};
  const conflict = Object.entries(added).find(([key, value]) => present[key] !== undefined && present[key] !== value);
  if (conflict === undefined) return { ...present, ...added };
  throw forbidden(
    pods,
    metadata.name,
    `conflict: runtimeClass.scheduling.nodeSelector[${conflict[0]}] = ${conflict[1]}; pod.spec.nodeSelector[${conflict[0]}] = ${present[conflict[0]]}`,
  );
}

function mergeTolerations(
  present: readonly Toleration[] = [],
  added: readonly Toleration[] | undefined,
): readonly Toleration[] | undefined {
  if (added === undefined) return undefined;
  return [...present, ...added.filter((toleration) => !present.some((other) => jsonEquals(other, toleration)))];
}
