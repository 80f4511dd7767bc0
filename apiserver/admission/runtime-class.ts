/**
 * A pod that names a RuntimeClass gets the overhead of it, and goes where that class is at home; one whose class is not there is refused.
 * Source: upstream's RuntimeClass plugin, plugin/pkg/admission/runtimeclass/admission.go.
 */
import { isDeepStrictEqual } from 'node:util';
import { pods, runtimeclasses } from '#api/generated/resources.ts';
import type { Pod, PodSpec, RuntimeClass, Toleration } from '#api/generated/types.ts';
import { compareQuantities, parseQuantity } from '#api/meta/quantity.ts';
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
      if (operation !== 'CREATE' || !isMainResource(request) || !isOfType(pods, object)) return object;
      return withRuntimeClass(object, await findClass(object, cache, signal));
    },
    validate: async (request) => {
      const { object, operation, signal } = request;
      if (operation !== 'CREATE' || !isMainResource(request) || !isOfType(pods, object)) return;
      checkOverhead(object, await findClass(object, cache, signal));
    },
  };
}

/** A class may have been made a moment ago: what the cache does not know yet, it knows once it has come up with the store. Throws Forbidden. */
async function findClass(pod: Pod, cache: WatchCache, signal: AbortSignal): Promise<RuntimeClass | undefined> {
  const name = pod.spec?.runtimeClassName;
  if (name === undefined) return undefined;
  const key = storageKey(runtimeclasses, '', name);
  if (cache.find(key) === undefined) await cache.waitUntilCurrent(signal);
  const stored = cache.find(key);
  if (stored === undefined) throw forbidden(pods, pod.metadata.name, `pod rejected: RuntimeClass "${name}" not found`);
  return parseStoredAs(runtimeclasses, stored.bytes);
}

/** The pod as its class has it. Throws Forbidden when the two contradict each other. */
export function withRuntimeClass(pod: Pod, found: RuntimeClass | undefined): Pod {
  if (pod.spec === undefined || found === undefined) return pod;
  return { ...pod, spec: withScheduling(pod, withOverhead(pod, pod.spec, found), found) };
}

function withOverhead(pod: Pod, spec: PodSpec, { overhead }: RuntimeClass): PodSpec {
  if (overhead === undefined) return spec;
  const podFixed = overhead.podFixed ?? {};
  if (spec.overhead !== undefined && !areSameAmounts(spec.overhead, podFixed)) throw mismatch(pod);
  return { ...spec, overhead: podFixed };
}

function withScheduling(pod: Pod, spec: PodSpec, { scheduling }: RuntimeClass): PodSpec {
  if (scheduling === undefined) return spec;
  for (const [key, value] of Object.entries(scheduling.nodeSelector ?? {})) {
    const own = spec.nodeSelector?.[key];
    if (own === undefined || own === value) continue;
    const why = `conflict: runtimeClass.scheduling.nodeSelector[${key}] = ${value}; pod.spec.nodeSelector[${key}] = ${own}`;
    throw forbidden(pods, pod.metadata.name, why);
  }
  const nodeSelector = { ...spec.nodeSelector, ...scheduling.nodeSelector };
  const tolerations = mergeTolerations(spec.tolerations ?? [], scheduling.tolerations ?? []);
  return {
    ...spec,
    ...(Object.keys(nodeSelector).length === 0 ? {} : { nodeSelector }),
    ...(tolerations.length === 0 ? {} : { tolerations }),
  };
}

function mergeTolerations(own: readonly Toleration[], added: readonly Toleration[]): readonly Toleration[] {
  return [...own, ...added.filter((toleration) => !own.some((other) => isDeepStrictEqual(other, toleration)))];
}

/** Somebody asked later may have changed the overhead. Throws Forbidden. */
export function checkOverhead(pod: Pod, found: RuntimeClass | undefined): void {
  const overhead = pod.spec?.overhead;
  if (overhead === undefined) return;
  if (found?.overhead !== undefined) {
    if (!areSameAmounts(overhead, found.overhead.podFixed ?? {})) throw mismatch(pod);
  } else if (Object.keys(overhead).length > 0) {
    throw forbidden(pods, pod.metadata.name, 'pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead');
  }
}

function mismatch(pod: Pod): Error {
  return forbidden(pods, pod.metadata.name, "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead");
}

type Amounts = Readonly<Record<string, string>>;

function areSameAmounts(left: Amounts, right: Amounts): boolean {
  const names = Object.keys(left);
  if (names.length !== Object.keys(right).length) return false;
  return names.every((name) => {
    const [one, other] = [left[name], right[name]];
    return one !== undefined && other !== undefined && compareQuantities(parseQuantity(one), parseQuantity(other)) === 0;
  });
}
