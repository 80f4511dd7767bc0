/**
 * Patches on the fake server. A strategic merge there knows no schema: it merges lists of objects by `type` or `name` where all items have
 * one, and replaces other lists, which is right for conditions, containers and what else our components patch.
 */
import { ApiError } from '#api/meta/status.ts';
import { isRecord, type JsonRecord } from '../object-decoder.ts';
import type { PatchType } from '../resource-client.ts';

const MERGE_KEYS = ['type', 'name', 'uid', 'ip'] as const;

export function applyFakePatch(patchType: PatchType, target: unknown, patch: unknown): unknown {
  if (patchType === 'json') throw new ApiError('NotImplemented', 'the fake server takes no JSON patches');
  return merge(target, patch, patchType === 'strategic');
}

function merge(target: unknown, patch: unknown, isStrategic: boolean): unknown {
  if (isStrategic && Array.isArray(target) && Array.isArray(patch)) return mergeLists(target, patch);
  if (!isRecord(patch)) return patch;
  const merged: Record<string, unknown> = isRecord(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete merged[name];
    else merged[name] = merge(merged[name], value, isStrategic);
  }
  return merged;
}

function mergeLists(target: readonly unknown[], patch: readonly unknown[]): readonly unknown[] {
  const key = MERGE_KEYS.find((name) => patch.every((item) => isRecord(item) && item[name] !== undefined));
  if (key === undefined || !target.every(isRecord)) return patch;
  const items: JsonRecord[] = [...target];
  for (const item of patch.filter(isRecord)) {
    const index = items.findIndex((other) => other[key] === item[key]);
    const merged = merge(items[index], item, true);
    if (!isRecord(merged)) continue;
    if (index < 0) items.push(merged);
    else items[index] = merged;
  }
  return items;
}
