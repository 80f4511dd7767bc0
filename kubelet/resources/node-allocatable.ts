/**
 * What of a node pods may ask for: its capacity, less what is reserved for the system and for Kubernetes itself, less what must stay free before pods
 * are evicted. Pure. Nobody's amounts but these five are touched: extended resources are whoever's who advertised them.
 * Source: https://kubernetes.io/docs/tasks/administer-cluster/reserve-compute-resources/
 */
import { type Amounts, addAmounts, formatAmounts, parseAmounts } from '#api/core/v1/resource-list.ts';
import { type Quantity, quantityFromMilli, quantityFromNumber, subtractQuantities } from '#api/meta/quantity.ts';

/** Upstream's default. */
const PODS_MAX = 110;
/** What can be reserved. */
const reservable = ['cpu', 'memory', 'ephemeral-storage', 'pid'];

export interface NodeShape {
  /** Cores, with fractions. */
  readonly cpuCount: number;
  readonly memoryBytes: number;
  readonly diskBytes: number;
  readonly reserved: Amounts;
  /** What the hard thresholds of eviction keep free, in bytes. */
  readonly memoryKeptBytes: number;
  readonly diskKeptBytes: number;
}

export function capacityOf({ cpuCount, memoryBytes, diskBytes }: NodeShape): Amounts {
  return new Map([
    ['cpu', quantityFromMilli(cpuCount * 1000)],
    ['memory', quantityFromNumber(memoryBytes, 'binary')],
    ['ephemeral-storage', quantityFromNumber(diskBytes, 'binary')],
    ['pods', quantityFromNumber(PODS_MAX)],
  ]);
}

export function allocatableOf(shape: NodeShape): Amounts {
  const kept: Amounts = new Map([
    ['memory', quantityFromNumber(shape.memoryKeptBytes, 'binary')],
    ['ephemeral-storage', quantityFromNumber(shape.diskKeptBytes, 'binary')],
  ]);
  return subtractAmounts(capacityOf(shape), addAmounts(shape.reserved, kept));
}

/** What the kernel grants all pods together: eviction comes before that limit is reached. */
export function podsLimitOf(shape: NodeShape): Amounts {
  return subtractAmounts(capacityOf(shape), shape.reserved);
}

/** Never below nothing. */
function subtractAmounts(amounts: Amounts, less: Amounts): Amounts {
  return new Map([...amounts].map(([name, amount]) => [name, subtract(amount, less.get(name))]));
}

function subtract(amount: Quantity, less: Quantity | undefined): Quantity {
  if (less === undefined) return amount;
  const left = subtractQuantities(amount, less);
  return left.nanos < 0n ? { ...left, nanos: 0n } : left;
}

/** The capacity and allocatable of a Node's status; whatever others advertised there can be asked for in full. */
export function renderAmounts(shape: NodeShape, present: Readonly<Record<string, string>> | undefined) {
  const own = formatAmounts(capacityOf(shape));
  const foreign = Object.fromEntries(Object.entries(present ?? {}).filter(([name]) => !(name in own)));
  return { capacity: { ...foreign, ...own }, allocatable: { ...foreign, ...formatAmounts(allocatableOf(shape)) } };
}

/** `cpu=100m,memory=200Mi`, as upstream's `--system-reserved` and `--kube-reserved`. Throws naming what is wrong. */
export function parseReserved(text: string): Amounts {
  const entries = text.split(',').flatMap((item) => (item.trim() === '' ? [] : [item.trim().split('=')]));
  for (const [name = '', amount] of entries) {
    if (!reservable.includes(name)) throw new Error(`cannot reserve "${name}": write one of ${reservable.join(', ')}`);
    if (amount === undefined) throw new Error(`cannot reserve "${name}": write ${name}=amount`);
  }
  return parseAmounts(Object.fromEntries(entries.map(([name = '', amount = '']) => [name, amount])));
}
