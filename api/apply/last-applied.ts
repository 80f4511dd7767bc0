/**
 * From client-side to server-side apply: `kubectl apply` without `--server-side` keeps what it applied in an annotation. Where kubectl comes back with server-side
 * apply, its own earlier writes are no conflict, and the annotation is kept up to date so that it may go back. Only the manager called `kubectl` is meant;
 * others opt out by their name. Source: k8s.io/apimachinery, pkg/util/managedfields/internal (lastappliedmanager.go, lastappliedupdater.go).
 */
import { isJsonObject, isTooDeep, type JsonObject, memberOf } from '../meta/json.ts';
import { changedFields, compareFields } from './compare.ts';
import { difference, emptyFieldSet, type FieldSet, fieldSetOf, intersection, isEmptyFieldSet } from './field-set.ts';
import { fieldsOf } from './fields-of.ts';
import { type Applied, type Apply, applyConfiguration } from './ownership.ts';
import { sortedJson } from './path-element.ts';

export const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';
const KUBECTL = 'kubectl';

/** All annotations of an object together; one that would not fit is left out instead. */
const ANNOTATIONS_BYTES_MAX = 256 * 1024;

/** `applyConfiguration`, which lets kubectl take over what it applied from the client's side. */
export function applyOverClientSide(apply: Apply): Applied {
  const result = applyConfiguration(apply);
  if (result.outcome === 'merged' || apply.by.manager !== KUBECTL) return result;
  const own = clientSideFields(apply);
  if (isEmptyFieldSet(own)) return result;
  const foreign = result.conflicts.filter(({ path }) => isEmptyFieldSet(intersection(own, fieldSetOf(path))));
  return foreign.length > 0 ? { outcome: 'conflicts', conflicts: foreign } : applyConfiguration({ ...apply, isForced: true });
}

/** The merged object with the annotation saying what was applied, if it has the annotation at all. */
export function withLastApplied(object: JsonObject, applied: JsonObject, manager: string): JsonObject {
  if (manager !== KUBECTL || lastAppliedOf(object) === undefined) return object;
  const metadata = objectAt(object, 'metadata');
  const annotations = objectAt(metadata, 'annotations');
  const { [LAST_APPLIED]: _old, ...others } = annotations;
  const text = `${sortedJson(withoutLastApplied(applied))}\n`;
  const bytes = Object.entries(others).reduce((sum, [key, value]) => sum + Buffer.byteLength(`${key}${String(value)}`), 0);
  const isTooLarge = bytes + Buffer.byteLength(`${LAST_APPLIED}${text}`) > ANNOTATIONS_BYTES_MAX;
  return { ...object, metadata: { ...metadata, annotations: isTooLarge ? others : { ...annotations, [LAST_APPLIED]: text } } };
}

/** What kubectl applied from the client's side and nobody has changed since. */
function clientSideFields({ type, live, by }: Apply): FieldSet {
  const lastApplied = parseObject(lastAppliedOf(live));
  if (lastApplied === undefined || memberOf(lastApplied, 'apiVersion') !== by.apiVersion) return emptyFieldSet;
  const fields = fieldsOf(type, lastApplied);
  const comparison = compareFields(type, lastApplied, live);
  return comparison === undefined ? fields : difference(difference(fields, changedFields(comparison)), comparison.removed);
}

function lastAppliedOf(object: JsonObject): string | undefined {
  const value = memberOf(objectAt(objectAt(object, 'metadata'), 'annotations'), LAST_APPLIED);
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function withoutLastApplied(applied: JsonObject): JsonObject {
  const metadata = objectAt(applied, 'metadata');
  if (memberOf(metadata, 'annotations') === undefined) return applied;
  const { [LAST_APPLIED]: _old, ...annotations } = objectAt(metadata, 'annotations');
  return { ...applied, metadata: { ...metadata, annotations } };
}

function objectAt(object: JsonObject, name: string): JsonObject {
  const value = memberOf(object, name);
  return isJsonObject(value) ? value : {};
}

function parseObject(text: string | undefined): JsonObject | undefined {
  try {
    const value: unknown = text === undefined ? undefined : JSON.parse(text);
    return isJsonObject(value) && !isTooDeep(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
