/**
 * Strategic merge patch (`application/strategic-merge-patch+json`): a merge patch that knows the kind, so that lists of named things are
 * merged by name. What `kubectl apply`, `edit`, `set` and `label` send for built-in kinds. The order of this file is that of a patch:
 * an object with its directives, its members, then lists (sets of plain values, lists of keyed items), then the order of items.
 * Source: https://github.com/kubernetes/community/blob/master/contributors/devel/sig-api-machinery/strategic-merge-patch.md
 */
import { schemas } from '../generated/schemas.ts';
import { isJsonArray, isJsonObject, isTooDeep, type Json, type JsonObject, memberOf } from '../meta/json.ts';
import { ApiError } from '../meta/status.ts';
import { isReplacedObject, type ListStrategy, listStrategy } from './merge-keys.ts';

const PATCH = '$patch';
const RETAIN_KEYS = '$retainKeys';
const SET_ORDER = '$setElementOrder/';
const DELETE_FROM_SET = '$deleteFromPrimitiveList/';

/**
 * Takes the model's name in `generated/schemas.ts`, the stored object and the patch's body; gives the patched object, which must be
 * decoded again. Throws BadRequest for a patch that is no object or whose directives make no sense.
 */
export function applyStrategicMergePatch(schemaName: string, original: JsonObject, patch: unknown): JsonObject {
  if (!isJsonObject(patch)) throw bad('error decoding patch: a strategic merge patch must be a JSON object');
  if (isTooDeep(patch)) throw bad('error decoding patch: json: exceeded max depth');
  return mergeObject(schemaName, original, patch);
}

function bad(message: string): ApiError {
  return new ApiError('BadRequest', message);
}

/** `model` is undefined where the API has no fixed fields: free maps and untyped values merge like plain JSON. */
function mergeObject(model: string | undefined, original: JsonObject, patch: JsonObject): JsonObject {
  const directive = memberOf(patch, PATCH);
  if (directive === 'replace') return withoutDirectives(model, patch);
  if (directive === 'delete') return {};
  if (directive !== undefined && directive !== 'merge') throw bad(`unknown patch type: ${JSON.stringify(directive)} in map`);
  const members = new Map<string, Json>(Object.entries(retainedMembers(original, patch)));
  for (const [key, value] of Object.entries(patch)) {
    if (key === PATCH || key === RETAIN_KEYS || key.startsWith(SET_ORDER)) continue;
    if (key.startsWith(DELETE_FROM_SET)) deleteFromSet(members, key.slice(DELETE_FROM_SET.length), value);
    else if (value === null) members.delete(key);
    else members.set(key, mergeMember({ model, field: key, patch }, members.get(key), value));
  }
  for (const key of Object.keys(patch)) {
    if (key.startsWith(SET_ORDER)) orderMember({ model, field: key.slice(SET_ORDER.length), patch }, original, members);
  }
  return Object.fromEntries(members);
}

interface Member {
  readonly model: string | undefined;
  readonly field: string;
  /** The patch this member is part of, for the directives that stand beside it. */
  readonly patch: JsonObject;
}

/** A patched object that has no original: its directives have done their work and must not be stored. */
function withoutDirectives(model: string | undefined, patch: JsonObject): JsonObject {
  const { [PATCH]: _done, ...rest } = patch;
  return mergeObject(model, {}, rest);
}

/** `$retainKeys` says which members may stay; the others are what the patch's author no longer wants. */
function retainedMembers(original: JsonObject, patch: JsonObject): JsonObject {
  const retained = memberOf(patch, RETAIN_KEYS);
  if (retained === undefined) return original;
  if (!isJsonArray(retained)) throw bad('retainKeys list is not a slice');
  const missing = Object.keys(patch).find((key) => !key.startsWith('$') && patch[key] !== null && !retained.includes(key));
  if (missing !== undefined) throw bad('the retainKeys list does not contain all the fields of the patch');
  return Object.fromEntries(Object.entries(original).filter(([key]) => retained.includes(key)));
}

function mergeMember(member: Member, original: Json | undefined, value: Json): Json {
  const { model, field } = member;
  if (isJsonArray(value)) return mergeList(member, isJsonArray(original) ? original : [], value);
  if (!isJsonObject(value)) return value;
  const isReplaced = model !== undefined && isReplacedObject(model, field);
  return mergeObject(itemModel(model, field), isJsonObject(original) && !isReplaced ? original : {}, value);
}

/** The model of a field's value or of its items; undefined for maps of plain values and untyped fields. */
function itemModel(model: string | undefined, field: string): string | undefined {
  const fields = model !== undefined && Object.hasOwn(schemas, model) ? schemas[model] : undefined;
  const type = fields !== undefined && Object.hasOwn(fields, field) ? fields[field] : undefined;
  const name = type?.replace(/^\[\]/, '').replace(/!$/, '');
  return name !== undefined && Object.hasOwn(schemas, name) ? name : undefined;
}

function mergeList(member: Member, original: readonly Json[], patch: readonly Json[]): readonly Json[] {
  const strategy = strategyOf(member);
  if (strategy.kind === 'replace') return patch.filter((item) => !isListDirective(item));
  if (strategy.kind === 'set') return inOrder(union(original, patch), patch, original, (item) => item);
  const replaces = patch.some((item) => isJsonObject(item) && memberOf(item, PATCH) === 'replace');
  const items = patch.filter((item) => !isListDirective(item));
  const stored = replaces ? [] : original;
  return inOrder(mergeItems(member, strategy.key, stored, items), items, stored, (item) => keyOfItem(item, strategy.key));
}

function strategyOf({ model, field }: Member): ListStrategy {
  return model === undefined ? { kind: 'replace' } : listStrategy(model, field);
}

/** An item `{"$patch": "replace"}` stands for the list, not for something in it. */
function isListDirective(item: Json): boolean {
  return isJsonObject(item) && memberOf(item, PATCH) === 'replace';
}

/**
 * By way of a map from key to item: a patch may have as many items as fit a request. Of stored items with the same key (port 53 of TCP and
 * of UDP) the first is the one that patches mean; the others stay under their own identity.
 */
function mergeItems(member: Member, key: string, original: readonly Json[], patch: readonly Json[]): readonly Json[] {
  const model = itemModel(member.model, member.field);
  const items = new Map<Json, Json>();
  for (const item of original) {
    const id = isJsonObject(item) ? (memberOf(item, key) ?? item) : item;
    items.set(items.has(id) ? item : id, item);
  }
  for (const item of patch) {
    const id = keyOfItem(item, key);
    if (isJsonObject(item) && memberOf(item, PATCH) === 'delete') {
      items.delete(id);
      continue;
    }
    const previous = items.get(id);
    items.set(id, mergeObject(model, isJsonObject(previous) ? previous : {}, isJsonObject(item) ? item : {}));
  }
  return [...items.values()];
}

function keyOfItem(item: Json, key: string): Json {
  const value = isJsonObject(item) ? memberOf(item, key) : undefined;
  if (value === undefined) throw bad(`map: ${JSON.stringify(item)} does not contain declared merge key: ${key}`);
  return value;
}

function union(original: readonly Json[], added: readonly Json[]): readonly Json[] {
  return [...new Set([...original, ...added])];
}

function deleteFromSet(members: Map<string, Json>, field: string, unwanted: Json): void {
  const original = members.get(field);
  if (!isJsonArray(unwanted)) throw bad(`${DELETE_FROM_SET}${field} is not a list`);
  if (!isJsonArray(original)) return;
  const kept = original.filter((item) => !unwanted.includes(item));
  // A list that became empty is left out, as everywhere in the API.
  if (kept.length === 0) members.delete(field);
  else members.set(field, kept);
}

/** Puts a merged list into the order its author sees, when the patch says so with `$setElementOrder/<field>`. */
function orderMember(member: Member, original: JsonObject, members: Map<string, Json>): void {
  const { field, patch } = member;
  const order = memberOf(patch, `${SET_ORDER}${field}`);
  const merged = members.get(field);
  const strategy = strategyOf(member);
  if (!isJsonArray(order) || !isJsonArray(merged) || strategy.kind === 'replace') return;
  const idOf = (item: Json): Json => (strategy.kind === 'merge' ? keyOfItem(item, strategy.key) : item);
  const listed = new Set(order.map(idOf));
  const patched = memberOf(patch, field);
  const isUnlisted = (item: Json) =>
    !isListDirective(item) && !(isJsonObject(item) && memberOf(item, PATCH) === 'delete') && !listed.has(idOf(item));
  if (isJsonArray(patched) && patched.some(isUnlisted)) {
    throw bad(`The order in patch list: ${JSON.stringify(patched)} doesn't match ${SET_ORDER}${field} list: ${JSON.stringify(order)}`);
  }
  const stored = memberOf(original, field);
  members.set(field, inOrder(merged, order, isJsonArray(stored) ? stored : [], idOf));
}

/**
 * The items that `order` names in that order, and among them the others, in the order they were stored: each goes before the first named item
 * that was stored behind it. So what a patch adds to a list stands before what was there.
 */
function inOrder(merged: readonly Json[], order: readonly Json[], stored: readonly Json[], idOf: (item: Json) => Json): readonly Json[] {
  const places = new Map(order.map((item, index) => [idOf(item), index]));
  const storedPlaces = new Map(stored.map((item, index) => [idOf(item), index]));
  const placeOf = (item: Json) => places.get(idOf(item)) ?? -1;
  const storedAt = (item: Json) => storedPlaces.get(idOf(item)) ?? -1;
  const items = merged.filter((item) => places.has(idOf(item))).toSorted((left, right) => placeOf(left) - placeOf(right));
  let from = 0;
  for (const other of merged.filter((item) => !places.has(idOf(item)))) {
    const behind = items.findIndex((item, index) => index >= from && storedAt(item) > storedAt(other));
    const at = behind < 0 ? items.length : behind;
    items.splice(at, 0, other);
    from = at + 1;
  }
  return items;
}
