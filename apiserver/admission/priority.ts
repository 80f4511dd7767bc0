/**
 * Resolves a pod's priority class to the number the scheduler orders by; system classes are always there. Source: upstream's Priority plugin,
 * plugin/pkg/admission/priority/admission.go.
 */

import { pods, priorityclasses } from '#api/generated/resources.ts';
import type { Pod, PriorityClass } from '#api/generated/types.ts';
import { forbidden } from '#api/meta/status.ts';
import { isOfType, parseStoredAs } from '../encoding/json-value.ts';
import type { WatchCache } from '../storage/watch-cache.ts';
import { storageKey, storagePrefix } from '../storage-key.ts';
import { type AdmissionPlugin, isMainResource } from './admission.ts';

interface Priority {
  readonly name: string;
  readonly value: number;
  readonly preemptionPolicy?: string;
}

const SYSTEM_CLASSES: readonly Priority[] = [
  { name: 'system-cluster-critical', value: 2_000_000_000 },
  { name: 'system-node-critical', value: 2_000_001_000 },
];

export function priority({ cache }: { readonly cache: WatchCache }): AdmissionPlugin {
  return {
    name: 'Priority',
    mutate: (request) => {
      const { object, operation } = request;
      if (operation !== 'CREATE' || !isMainResource(request) || !isOfType(pods, object)) return object;
      return withPriority(object, cache);
    },
  };
}

function withPriority(pod: Pod, cache: WatchCache): Pod {
  const { spec } = pod;
  if (spec === undefined) return pod;
  const wanted = spec.priorityClassName ?? '';
  const found = wanted === '' ? defaultClass(cache) : findClass(wanted, cache);
  if (wanted !== '' && found === undefined) throw forbidden(pods, pod.metadata.name, `no PriorityClass with name ${wanted} was found`);
  const value = found?.value ?? 0;
  if (spec.priority !== undefined && spec.priority !== value) {
    const why = `the integer value of priority (${spec.priority}) must not be provided in pod spec; priority admission controller computed ${value} from the given PriorityClass name`;
    throw forbidden(pods, pod.metadata.name, why);
  }
  return {
    ...pod,
    spec: {
      ...spec,
      ...(found === undefined ? {} : { priorityClassName: found.name }),
      priority: value,
      preemptionPolicy: spec.preemptionPolicy ?? found?.preemptionPolicy ?? 'PreemptLowerPriority',
    },
  };
}

function findClass(name: string, cache: WatchCache): Priority | undefined {
  const stored = cache.find(storageKey(priorityclasses, '', name));
  if (stored === undefined) return SYSTEM_CLASSES.find((system) => system.name === name);
  return toPriority(parseStoredAs(priorityclasses, stored.bytes));
}

/** Of several classes that call themselves the default, the lowest counts. */
function defaultClass(cache: WatchCache): Priority | undefined {
  const classes = cache.list(storagePrefix(priorityclasses)).map(({ bytes }) => parseStoredAs(priorityclasses, bytes));
  const defaults = classes
    .filter(({ globalDefault }) => globalDefault === true)
    .sort((left, right) => (left.value ?? 0) - (right.value ?? 0));
  return defaults[0] === undefined ? undefined : toPriority(defaults[0]);
}

function toPriority({ metadata, value = 0, preemptionPolicy }: PriorityClass): Priority {
  return { name: metadata.name, value, ...(preemptionPolicy === undefined ? {} : { preemptionPolicy }) };
}
