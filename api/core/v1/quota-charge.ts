/**
 * Whether one write fits into a ResourceQuota, and what the quota has used afterwards. Pure: `apiserver/quotas.ts` asks it for every write and stores the answer
 * together with the object. Source: k8s.io/apiserver, pkg/admission/plugin/resourcequota/controller.go (CheckRequest).
 */
import { persistentvolumeclaims, pods, services } from '../../generated/resources.ts';
import type { Pod, ResourceQuota } from '../../generated/types.ts';
import { addQuantities, compareQuantities, formatQuantity, parseQuantity, type Quantity } from '../../meta/quantity.ts';
import { type ApiObject, isOfType, type ResourceDescription } from '../../meta/resource-type.ts';
import { isInScope } from './quota-scopes.ts';
import { computeUsage, DEMANDED, isCounted, quotaUsage } from './quota-usage.ts';
import { type Amounts, parseAmounts } from './resource-list.ts';

export interface QuotaWrite {
  readonly type: Pick<ResourceDescription, 'group' | 'plural'>;
  readonly object: ApiObject;
  /** Undefined for a creation. */
  readonly previous: ApiObject | undefined;
  readonly subresource: string;
  readonly nowMs: number;
}

/** `quota` is the one to store; there is none when the write does not touch it. */
export type QuotaVerdict =
  | { readonly fits: true; readonly quota: ResourceQuota | undefined }
  | { readonly fits: false; readonly why: string };

const untouched: QuotaVerdict = { fits: true, quota: undefined };

/** Writes that can use more of a quota than before: creations, and the changes that make some kinds larger. */
export function usesQuota({ type, object, previous, subresource }: Omit<QuotaWrite, 'nowMs'>): boolean {
  if (type.plural === 'events' && (type.group === '' || type.group === 'events.k8s.io')) return false;
  if (previous === undefined) return subresource === '';
  if (subresource === 'resize') return isOfType(pods, object);
  return subresource === '' && (isOfType(services, object) || isOfType(persistentvolumeclaims, object));
}

/** What a quota's status does not tell yet, because it is new, is not enforced yet. */
export function chargeQuota(quota: ResourceQuota, write: QuotaWrite): QuotaVerdict {
  const { type, object } = write;
  const { hard = {}, used = {} } = quota.status ?? {};
  const names = Object.keys(hard)
    .filter((name) => isCounted(type, name))
    .sort();
  if (names.length === 0 || !isInScope(quota.spec, object)) return untouched;
  const missing = isOfType(pods, object) ? unspecified(object, names) : '';
  if (missing !== '') return { fits: false, why: `failed quota: ${quota.metadata.name}: must specify ${missing}` };
  if (names.some((name) => used[name] === undefined)) {
    return { fits: false, why: `status unknown for quota: ${quota.metadata.name}, resources: ${names.join(',')}` };
  }
  return charge(quota, requestedBy(quota, write, names));
}

/** What the write asks for beyond what its object had before, without zeros. */
function requestedBy({ spec }: ResourceQuota, { type, object, previous, nowMs }: QuotaWrite, names: readonly string[]): Amounts {
  const usage = quotaUsage(type, object, nowMs);
  const before = previous !== undefined && isInScope(spec, previous) ? quotaUsage(type, previous, nowMs) : undefined;
  const more = names.flatMap((name) => {
    const amount = usage.get(name);
    const had = before?.get(name)?.nanos ?? 0n;
    return amount === undefined || amount.nanos <= had ? [] : [[name, { ...amount, nanos: amount.nanos - had }] as const];
  });
  return new Map(more);
}

function charge(quota: ResourceQuota, requested: Amounts): QuotaVerdict {
  if (requested.size === 0) return untouched;
  const { hard, used } = { hard: parseAmounts(quota.status?.hard), used: parseAmounts(quota.status?.used) };
  const sums = new Map<string, Quantity>();
  const exceeded: string[] = [];
  for (const [name, amount] of requested) {
    const sum = addQuantities(used.get(name) ?? parseQuantity('0'), amount);
    const limit = hard.get(name);
    if (limit !== undefined && compareQuantities(sum, limit) > 0) exceeded.push(name);
    sums.set(name, sum);
  }
  if (exceeded.length > 0) {
    const show = (amounts: Amounts) => formatPairs(amounts, exceeded);
    const why = `exceeded quota: ${quota.metadata.name}, requested: ${show(requested)}, used: ${show(used)}, limited: ${show(hard)}`;
    return { fits: false, why };
  }
  const changed = Object.fromEntries([...sums].map(([name, sum]) => [name, formatQuantity(sum)]));
  return { fits: true, quota: { ...quota, status: { ...quota.status, used: { ...quota.status?.used, ...changed } } } };
}

/** `cpu=2,pods=1` */
function formatPairs(amounts: Amounts, names: readonly string[]): string {
  return names
    .toSorted()
    .flatMap((name) => {
      const amount = amounts.get(name);
      return amount === undefined ? [] : [`${name}=${formatQuantity(amount)}`];
    })
    .join(',');
}

/** A quota on processors or memory demands that every container says how much it wants: `cpu for: a,b; memory for: a`. */
function unspecified({ spec }: Pod, names: readonly string[]): string {
  const containers = [...spec.containers, ...(spec.initContainers ?? [])].map(({ name, resources }) => ({
    name,
    said: computeUsage(parseAmounts(resources?.requests), parseAmounts(resources?.limits)),
  }));
  const whole = computeUsage(parseAmounts(spec.resources?.requests), parseAmounts(spec.resources?.limits));
  return DEMANDED.filter((name) => names.includes(name) && !whole.has(name))
    .map((name) => ({ name, silent: containers.filter(({ said }) => !said.has(name)).map((container) => container.name) }))
    .filter(({ silent }) => silent.length > 0)
    .map(({ name, silent }) => `${name} for: ${[...new Set(silent)].sort().join(',')}`)
    .join('; ');
}
