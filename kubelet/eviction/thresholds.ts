/**
 * The thresholds of eviction as they are configured: a signal, how little of it may be left (an amount, or a part of the whole), for how long, and how much
 * more than that is to be won back. Pure; the words are those of upstream's `--eviction-…` flags, whose defaults these are.
 * Source: https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/
 */
import { parseQuantity, quantityToNumber } from '#api/meta/quantity.ts';

export type Signal =
  | 'memory.available'
  | 'allocatableMemory.available'
  | 'nodefs.available'
  | 'nodefs.inodesFree'
  | 'imagefs.available'
  | 'imagefs.inodesFree'
  | 'pid.available';

export type NodePressure = 'MemoryPressure' | 'DiskPressure' | 'PIDPressure';

/** An amount, or a part of the capacity from 0 to 1. */
export type Amount = { readonly units: number } | { readonly part: number };

export interface Threshold {
  readonly signal: Signal;
  readonly value: Amount;
  /** 0 for a hard threshold. */
  readonly graceMs: number;
  /** What is to be free beyond the value before the pressure counts as relieved. */
  readonly minReclaim: Amount | undefined;
}

/** In the order in which they are relieved: memory first. */
export const signals: Readonly<Record<Signal, { readonly pressure: NodePressure; readonly resource: string }>> = {
  'memory.available': { pressure: 'MemoryPressure', resource: 'memory' },
  'allocatableMemory.available': { pressure: 'MemoryPressure', resource: 'memory' },
  'nodefs.available': { pressure: 'DiskPressure', resource: 'ephemeral-storage' },
  'nodefs.inodesFree': { pressure: 'DiskPressure', resource: 'inodes' },
  'imagefs.available': { pressure: 'DiskPressure', resource: 'ephemeral-storage' },
  'imagefs.inodesFree': { pressure: 'DiskPressure', resource: 'inodes' },
  'pid.available': { pressure: 'PIDPressure', resource: 'pids' },
};

export const EVICTION_HARD_DEFAULT =
  'memory.available<100Mi,nodefs.available<10%,nodefs.inodesFree<5%,imagefs.available<15%,imagefs.inodesFree<5%';

export interface ThresholdTexts {
  readonly hard: string;
  readonly soft: string;
  readonly softGracePeriods: string;
  readonly minimumReclaims: string;
}

/** Throws naming what is wrong. A value of 0 or 0% switches a threshold off. */
export function parseThresholds(texts: ThresholdTexts): readonly Threshold[] {
  const reclaims = new Map(parsePairs(texts.minimumReclaims, '=').map(([signal, text]) => [signal, parseAmount(signal, text)]));
  const periods = new Map(parsePairs(texts.softGracePeriods, '=').map(([signal, text]) => [signal, parseDuration(text)]));
  const hard = parsePairs(texts.hard, '<').map(([signal, text]) => ({ signal, value: parseAmount(signal, text), graceMs: 0 }));
  const soft = parsePairs(texts.soft, '<').map(([signal, text]) => {
    const graceMs = periods.get(signal);
    if (graceMs === undefined) throw new Error(`grace period must be specified for the soft eviction threshold ${signal}`);
    return { signal, value: parseAmount(signal, text), graceMs };
  });
  const all = [...hard, ...soft].filter(({ value }) => !('units' in value ? value.units === 0 : value.part === 0));
  return withAllocatable(all.map((threshold) => ({ ...threshold, minReclaim: reclaims.get(threshold.signal) })));
}

/** All pods together may not come nearer to their own limit than the node to its end. */
function withAllocatable(thresholds: readonly Threshold[]): readonly Threshold[] {
  const ofMemory = thresholds.filter(({ signal, graceMs }) => signal === 'memory.available' && graceMs === 0);
  return [...thresholds, ...ofMemory.map((threshold) => ({ ...threshold, signal: 'allocatableMemory.available' as const }))];
}

export function amountOfWhole(amount: Amount, whole: number): number {
  return 'units' in amount ? amount.units : amount.part * whole;
}

/** What the hard threshold of a signal keeps free of a whole; 0 without one. */
export function keptFree(thresholds: readonly Threshold[], signal: Signal, whole: number): number {
  const found = thresholds.find((threshold) => threshold.signal === signal && threshold.graceMs === 0);
  return found === undefined ? 0 : amountOfWhole(found.value, whole);
}

function parsePairs(text: string, separator: string): readonly (readonly [Signal, string])[] {
  return text.split(',').flatMap((item) => {
    if (item.trim() === '') return [];
    const [name = '', value] = item.trim().split(separator);
    if (!isSignal(name)) throw new Error(`unknown eviction signal "${name}": write one of ${Object.keys(signals).join(', ')}`);
    if (value === undefined) throw new Error(`"${item}" has no value: write ${name}${separator}…`);
    return [[name, value] as const];
  });
}

function isSignal(name: string): name is Signal {
  return Object.hasOwn(signals, name);
}

function parseAmount(signal: string, text: string): Amount {
  if (!text.endsWith('%')) return { units: quantityToNumber(parseQuantity(text)) };
  const part = Number(text.slice(0, -1)) / 100;
  if (!(part >= 0 && part < 1)) throw new Error(`eviction percentage threshold ${signal} must be >= 0% and < 100%: ${text}`);
  return { part };
}

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** As Go writes durations: `1m30s`. */
export function parseDuration(text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)];
  if (parts.map(([whole]) => whole).join('') !== text || text === '') throw new Error(`"${text}" is no duration: write 1m30s`);
  return parts.reduce((sum, [, number, unit = '']) => sum + Number(number) * (unitMs[unit] ?? 0), 0);
}
