/**
 * How much of a quota one object uses, by the names that a ResourceQuota gives to it. Pure; the API server charges by it and the quota controller recounts by it,
 * so that both agree. Every object counts as `count/<plural>.<group>`; pods, services and claims count for more.
 * Source: upstream's pkg/quota/v1/evaluator/core.
 */
import { persistentvolumeclaims, pods, resourceclaims, services } from '../../generated/resources.ts';
import type { PersistentVolumeClaim, Pod, ResourceResourceClaim, Service } from '../../generated/types.ts';
import { parseQuantity, type Quantity, quantityFromNumber } from '../../meta/quantity.ts';
import { type ApiObject, isOfType, type ResourceDescription } from '../../meta/resource-type.ts';
import { parseTime } from '../../meta/time.ts';
import { podLimits, podRequests } from './pod-requests.ts';
import { type Amounts, parseAmounts } from './resource-list.ts';

type Counted = Pick<ResourceDescription, 'group' | 'plural'>;

/** Core kinds that are also counted by their bare name. */
const BARE: ReadonlySet<string> = new Set([
  'configmaps',
  'persistentvolumeclaims',
  'pods',
  'replicationcontrollers',
  'resourcequotas',
  'secrets',
  'services',
]);

/** Counted as amounts of pods; each is also known by what is asked for and what is allowed. */
const COMPUTE = ['cpu', 'memory', 'ephemeral-storage'] as const;

/** Upstream demands these of every container once a quota has them, and none of the later ones. */
export const DEMANDED: readonly string[] = ['cpu', 'limits.cpu', 'limits.memory', 'memory', 'requests.cpu', 'requests.memory'];

const STORAGE_CLASS = '.storageclass.storage.k8s.io/';
const ATTRIBUTES_CLASS = '.volumeattributesclass.storage.k8s.io/';
const DEVICE_CLASS = '.deviceclass.resource.k8s.io/devices';

const one = quantityFromNumber(1);

/** `count/pods`, `count/deployments.apps`. */
export function countName({ group, plural }: Counted): string {
  return `count/${group === '' ? plural : `${plural}.${group}`}`;
}

/** What the object uses now. `nowMs` because a pod whose grace period is over uses nothing any more. */
export function quotaUsage(type: Counted, object: ApiObject, nowMs: number): Amounts {
  const counts = new Map<string, Quantity>([[countName(type), one]]);
  if (isOfType(pods, object)) return new Map([...counts, ...(isSpent(object, nowMs) ? [] : podUsage(object))]);
  if (type.group === '' && BARE.has(type.plural)) counts.set(type.plural, one);
  if (isOfType(services, object)) return new Map([...counts, ...serviceUsage(object)]);
  if (isOfType(persistentvolumeclaims, object)) return new Map([...counts, ...claimUsage(object)]);
  return isOfType(resourceclaims, object) ? new Map([...counts, ...deviceUsage(object)]) : counts;
}

/** Whether objects of this resource can use what a quota calls `name`. */
export function isCounted(type: Counted, name: string): boolean {
  if (name === countName(type)) return true;
  if (type.group === 'resource.k8s.io') return type.plural === 'resourceclaims' && name.endsWith(DEVICE_CLASS);
  if (type.group !== '') return false;
  if (BARE.has(type.plural) && name === type.plural) return true;
  switch (type.plural) {
    case 'pods':
      return isPodAmount(name);
    case 'services':
      return name === 'services.nodeports' || name === 'services.loadbalancers';
    case 'persistentvolumeclaims':
      return name === 'requests.storage' || name.includes(STORAGE_CLASS) || name.includes(ATTRIBUTES_CLASS);
    default:
      return false;
  }
}

function isPodAmount(name: string): boolean {
  const bare = name.replace(/^(requests|limits)\./, '');
  if (COMPUTE.some((known) => known === bare)) return true;
  if (name.startsWith('hugepages-') || name.startsWith('requests.hugepages-')) return true;
  // Extended resources: `requests.example.com/gpu`. What has a class in its name is storage or devices.
  return name.startsWith('requests.') && name.includes('/') && !isKubernetesOwn(name.slice('requests.'.length));
}

function isKubernetesOwn(name: string): boolean {
  return name.includes('kubernetes.io/') || name.includes(STORAGE_CLASS);
}

/** Ended, or being deleted and past its grace period: it holds nothing, and is only still there. */
function isSpent({ metadata, status }: Pod, nowMs: number): boolean {
  if (status?.phase === 'Failed' || status?.phase === 'Succeeded') return true;
  const { deletionTimestamp, deletionGracePeriodSeconds } = metadata;
  if (deletionTimestamp === undefined || deletionGracePeriodSeconds === undefined) return false;
  const marked = parseTime(deletionTimestamp);
  return marked !== undefined && nowMs > marked + deletionGracePeriodSeconds * 1000;
}

function podUsage(pod: Pod): Amounts {
  return new Map([['pods', one], ...computeUsage(podRequests(pod), podLimits(pod))]);
}

/** Of a pod or a container: the names of a quota for what it asks for and is allowed. */
export function computeUsage(requests: Amounts, limits: Amounts): Amounts {
  const usage = new Map<string, Quantity>();
  for (const [name, amount] of requests) {
    const isCompute = COMPUTE.some((known) => known === name);
    if (isCompute || name.startsWith('hugepages-')) usage.set(name, amount);
    if (isCompute || name.startsWith('hugepages-') || isExtended(name)) usage.set(`requests.${name}`, amount);
  }
  for (const name of COMPUTE) {
    const limit = limits.get(name);
    if (limit !== undefined) usage.set(`limits.${name}`, limit);
  }
  return usage;
}

function isExtended(name: string): boolean {
  return name.includes('/') && !isKubernetesOwn(name);
}

function serviceUsage({ spec }: Service): Amounts {
  const ports = spec.ports ?? [];
  const isBalanced = spec.type === 'LoadBalancer';
  const fixed = ports.filter(({ nodePort = 0 }) => nodePort !== 0).length;
  const allocates = spec.type === 'NodePort' || spec.allocateLoadBalancerNodePorts !== false;
  const nodePorts = isBalanced || spec.type === 'NodePort' ? (allocates ? ports.length : fixed) : 0;
  return new Map([
    ['services.nodeports', quantityFromNumber(nodePorts)],
    ['services.loadbalancers', quantityFromNumber(isBalanced ? 1 : 0)],
  ]);
}

function claimUsage({ metadata, spec, status }: PersistentVolumeClaim): Amounts {
  const usage = new Map<string, Quantity>();
  const wanted = parseAmounts(spec.resources?.requests).get('storage');
  const allocated = parseAmounts(status?.allocatedResources).get('storage');
  // A claim that is made smaller while it grows holds what was given to it.
  const storage = wanted !== undefined && allocated !== undefined && allocated.nanos > wanted.nanos ? allocated : wanted;
  const classes = [
    [storageClassOf({ metadata, spec }), STORAGE_CLASS],
    [spec.volumeAttributesClassName ?? '', ATTRIBUTES_CLASS],
  ] as const;
  if (storage !== undefined) usage.set('requests.storage', storage);
  for (const [name, suffix] of classes) {
    if (name === '') continue;
    usage.set(`${name}${suffix}persistentvolumeclaims`, one);
    if (storage !== undefined) usage.set(`${name}${suffix}requests.storage`, storage);
  }
  return usage;
}

function storageClassOf({ metadata, spec }: Pick<PersistentVolumeClaim, 'metadata' | 'spec'>): string {
  return metadata.annotations?.['volume.beta.kubernetes.io/storage-class'] ?? spec.storageClassName ?? '';
}

/** Devices that are asked for in the plural and without a number cannot be told before they are allocated: as many as one claim may hold. */
const DEVICES_PER_CLAIM_MAX = 32n;

function deviceUsage({ spec }: ResourceResourceClaim): Amounts {
  const usage = new Map<string, Quantity>();
  for (const { exactly, firstAvailable = [] } of spec.devices?.requests ?? []) {
    const wishes = exactly === undefined ? firstAvailable : [exactly];
    const most = new Map<string, bigint>();
    for (const { deviceClassName = '', allocationMode, count = 1 } of wishes) {
      const wanted = allocationMode === 'All' ? DEVICES_PER_CLAIM_MAX : BigInt(count);
      const known = most.get(deviceClassName) ?? 0n;
      most.set(deviceClassName, wanted > known ? wanted : known);
    }
    for (const [name, count] of most) {
      const key = `${name}${DEVICE_CLASS}`;
      const sum = (usage.get(key)?.nanos ?? 0n) + parseQuantity(String(count)).nanos;
      usage.set(key, { nanos: sum, format: 'decimal' });
    }
  }
  return usage;
}
