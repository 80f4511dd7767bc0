/**
 * `metadata.managedFields` as values: who manages what. Decodes and renders the list, keeps its order and its bound. Pure; time is a parameter.
 * Source: k8s.io/apimachinery, pkg/util/managedfields/internal (managedfields.go, capmanagers.go, stripmeta.go).
 */
import type { ManagedFieldsEntry } from '../generated/types.ts';
import { isJsonObject } from '../meta/json.ts';
import { emptyFieldSet, type FieldSet, fieldSetOf, isEmptyFieldSet, isStoredFieldSet, parseFieldSet, union } from './field-set.ts';

/** Who writes, and how: entries with the same identity are one. */
export interface ManagerId {
  readonly manager: string;
  readonly operation: 'Apply' | 'Update';
  /** Of the request. An applier is the same whichever version it applies. */
  readonly apiVersion: string;
  /** Empty for the main resource. */
  readonly subresource: string;
}

export interface Manager extends ManagerId {
  readonly fields: FieldSet;
  /** RFC 3339, whole seconds; undefined for entries that never had one. */
  readonly time: string | undefined;
}

/** Upstream's bound on entries of updates; beyond it the oldest are merged. Appliers are never merged, because they come back for theirs. */
const UPDATE_ENTRIES_MAX = 10;

/** Who the merged entries belong to. */
const ANCIENT = 'ancient-changes';

/** What the server says of an object, and what says which object it is, belongs to nobody. */
export const strippedFields: FieldSet = fieldSetOf(
  ['f:apiVersion'],
  ['f:kind'],
  ['f:metadata'],
  ...['name', 'namespace', 'creationTimestamp', 'selfLink', 'uid', 'clusterName', 'generation', 'managedFields', 'resourceVersion'].map(
    (field) => ['f:metadata', `f:${field}`],
  ),
);

export function isSameManager(left: ManagerId, right: ManagerId): boolean {
  return (
    left.manager === right.manager &&
    left.operation === right.operation &&
    left.subresource === right.subresource &&
    (left.operation === 'Apply' || left.apiVersion === right.apiVersion)
  );
}

/** The entries of an object that this server stored. */
export function decodeManagers(entries: readonly ManagedFieldsEntry[] | undefined): readonly Manager[] {
  return (entries ?? []).map((entry) => ({
    ...identityOf(entry),
    fields: isStoredFieldSet(entry.fieldsV1) ? entry.fieldsV1 : emptyFieldSet,
    time: entry.time,
  }));
}

/** The entries that a client sent; undefined when they are malformed, in which case the object's own stay. */
export function parseManagers(entries: readonly ManagedFieldsEntry[]): readonly Manager[] | undefined {
  const managers: Manager[] = [];
  for (const entry of entries) {
    const fields = parseFieldSet(entry.fieldsV1);
    const isOperation = entry.operation === 'Apply' || entry.operation === 'Update';
    if (fields === undefined || !isOperation || (entry.apiVersion ?? '') === '' || entry.fieldsType !== 'FieldsV1') return undefined;
    const manager = { ...identityOf(entry), fields, time: entry.time };
    // Of two entries with one identity the last counts, as in upstream's map.
    const same = managers.findIndex((other) => isSameManager(other, manager));
    if (same >= 0) managers.splice(same, 1);
    managers.push(manager);
  }
  return managers;
}

/** Whether a client asks for its object to be tracked no longer: an empty list, or a list of one empty entry. */
export function isReset(entries: readonly ManagedFieldsEntry[] | undefined): boolean {
  if (entries === undefined) return false;
  const [first] = entries;
  return first === undefined || (entries.length === 1 && isJsonObject(first) && Object.keys(first).length === 0);
}

/** The list as it is stored: nobody without fields, appliers first, each kind by age and name. */
export function encodeManagers(managers: readonly Manager[]): readonly ManagedFieldsEntry[] {
  return managers
    .filter(({ fields }) => !isEmptyFieldSet(fields))
    .toSorted(compareManagers)
    .map(encodeManager);
}

/** Merges the oldest entries of updates until there are no more than upstream keeps. */
export function capManagers(managers: readonly Manager[]): readonly Manager[] {
  const updaters = managers.filter(({ operation, fields }) => operation === 'Update' && !isEmptyFieldSet(fields));
  if (updaters.length <= UPDATE_ENTRIES_MAX) return managers;
  let rest = managers;
  let excess = updaters.length - UPDATE_ENTRIES_MAX;
  const firstOfVersion = new Map<string, Manager>();
  for (const updater of updaters.toSorted(compareAge)) {
    if (excess === 0) break;
    const first = firstOfVersion.get(updater.apiVersion);
    const bucketId: ManagerId = { manager: ANCIENT, operation: 'Update', apiVersion: updater.apiVersion, subresource: '' };
    if (first === undefined) {
      firstOfVersion.set(updater.apiVersion, updater);
      continue;
    }
    const bucket = rest.find((other) => isSameManager(other, bucketId)) ?? first;
    if (bucket === updater) continue;
    const merged = { ...bucketId, fields: union(updater.fields, bucket.fields), time: updater.time };
    rest = [...rest.filter((other) => other !== bucket && other !== updater), merged];
    excess--;
  }
  return rest;
}

function identityOf({ manager = '', operation, apiVersion = '', subresource = '' }: ManagedFieldsEntry): ManagerId {
  return { manager, operation: operation === 'Apply' ? 'Apply' : 'Update', apiVersion, subresource };
}

function encodeManager({ manager, operation, apiVersion, time, fields, subresource }: Manager): ManagedFieldsEntry {
  return {
    ...(manager === '' ? {} : { manager }),
    operation,
    apiVersion,
    ...(time === undefined ? {} : { time }),
    fieldsType: 'FieldsV1',
    fieldsV1: fields,
    ...(subresource === '' ? {} : { subresource }),
  };
}

function compareManagers(left: Manager, right: Manager): number {
  return (
    compareTexts(left.operation, right.operation) ||
    compareTexts(left.time ?? '', right.time ?? '') ||
    compareTexts(left.manager, right.manager) ||
    compareTexts(left.apiVersion, right.apiVersion) ||
    compareTexts(left.subresource, right.subresource)
  );
}

function compareAge(left: Manager, right: Manager): number {
  return compareTexts(left.time ?? '', right.time ?? '') || compareTexts(left.manager, right.manager);
}

function compareTexts(left: string, right: string): number {
  return left === right ? 0 : left < right ? -1 : 1;
}
