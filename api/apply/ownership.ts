/**
 * What a write does to who owns what: an update makes its manager the owner of what it changed, an apply of what it says, and both take it from everybody
 * else, which for an apply is a conflict unless it is forced. The pipeline calls these with the object before and after; they decide, nothing more.
 * Source: sigs.k8s.io/structured-merge-diff, merge/update.go; k8s.io/apimachinery, pkg/util/managedfields/internal.
 */
import { type JsonObject, jsonEquals } from '../meta/json.ts';
import { type Comparison, changedFields, compareFields } from './compare.ts';
import type { Conflict } from './conflict.ts';
import { difference, emptyFieldSet, type FieldSet, fieldSetEquals, intersection, isEmptyFieldSet, pathsOf, union } from './field-set.ts';
import { fieldsOf } from './fields-of.ts';
import { capManagers, isSameManager, type Manager, type ManagerId, strippedFields } from './managers.ts';
import { mergeApplied } from './merge.ts';
import type { MergeType } from './merge-type.ts';
import { removeFields, withStructFields } from './remove-fields.ts';

export interface Update {
  readonly type: MergeType;
  /** `{}` for a new object. */
  readonly live: JsonObject;
  readonly next: JsonObject;
  readonly managers: readonly Manager[];
  readonly by: ManagerId;
  readonly time: string;
}

/** Who owns what after an update. The list itself when nothing changed: a write that says what is there already is no change of owners. */
export function managersAfterUpdate({ type, live, next, managers, by, time }: Update): readonly Manager[] {
  const comparison = compareFields(type, live, next);
  if (comparison === undefined) return managers;
  const changed = changedFields(comparison);
  const rest = withoutFields(managers, union(changed, comparison.removed));
  const own = difference(changed, strippedFields);
  return capManagers(isEmptyFieldSet(own) ? rest : withOwner(rest, by, own, time));
}

export interface Apply {
  readonly type: MergeType;
  /** `{}` for a new object. */
  readonly live: JsonObject;
  readonly applied: JsonObject;
  readonly managers: readonly Manager[];
  readonly by: ManagerId;
  readonly isForced: boolean;
  readonly time: string;
}

export type Applied =
  | { readonly outcome: 'merged'; readonly object: JsonObject; readonly managers: readonly Manager[] }
  | { readonly outcome: 'conflicts'; readonly conflicts: readonly Conflict[] };

/** The object with what is applied laid over it and what its manager dropped taken out, and who owns what then; or what stands in the way. */
export function applyConfiguration(apply: Apply): Applied {
  const { type, live, applied, managers, by, isForced, time } = apply;
  const previous = managers.find((manager) => isSameManager(manager, by));
  const others = managers.filter((manager) => manager !== previous);
  const fields = fieldsOf(type, applied);
  const object = removeFields(type, mergeApplied(type, live, applied), droppedFields(type, previous, [fields, ...others.map(fieldsIn)]));
  const comparison = compareFields(type, live, object);
  if (comparison !== undefined && !isForced) {
    const conflicts = conflictsWith(others, comparison);
    if (conflicts.length > 0) return { outcome: 'conflicts', conflicts };
  }
  const own = difference(fields, strippedFields);
  const isSame = comparison === undefined && previous !== undefined && fieldSetEquals(previous.fields, own);
  if (isSame && previous.apiVersion === by.apiVersion) return { outcome: 'merged', object: live, managers };
  const lost = comparison === undefined ? emptyFieldSet : union(changedFields(comparison), comparison.removed);
  const rest = withoutFields(others, lost);
  const mine = { ...by, fields: own, time };
  // An empty struct that is new has no field to own: nothing to compare, and yet a change.
  const isUnchanged = comparison === undefined && jsonEquals(live, object);
  return { outcome: 'merged', object: isUnchanged ? live : object, managers: isEmptyFieldSet(own) ? rest : [...rest, mine] };
}

/** What its manager applied last time, does not apply now, and nobody else lays claim to. */
function droppedFields(type: MergeType, previous: Manager | undefined, claimed: readonly FieldSet[]): FieldSet {
  if (previous === undefined) return emptyFieldSet;
  return difference(withStructFields(type, previous.fields), withStructFields(type, claimed.reduce(union, emptyFieldSet)));
}

function conflictsWith(others: readonly Manager[], comparison: Comparison): readonly Conflict[] {
  const changed = changedFields(comparison);
  return others.flatMap((manager) => pathsOf(intersection(manager.fields, changed)).map((path) => ({ manager, path })));
}

function fieldsIn({ fields }: Manager): FieldSet {
  return fields;
}

/** The list itself when nobody loses anything. */
function withoutFields(managers: readonly Manager[], lost: FieldSet): readonly Manager[] {
  const rest = managers.map((manager) => {
    const fields = difference(manager.fields, lost);
    return fields === manager.fields ? manager : { ...manager, fields };
  });
  return rest.every((manager, index) => manager === managers[index]) ? managers : rest;
}

function withOwner(managers: readonly Manager[], by: ManagerId, fields: FieldSet, time: string): readonly Manager[] {
  const previous = managers.find((manager) => isSameManager(manager, by));
  const mine: Manager = { ...by, fields: union(previous?.fields ?? emptyFieldSet, fields), time };
  return [...managers.filter((manager) => manager !== previous), mine];
}
