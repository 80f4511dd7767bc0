/**
 * Lays an applied configuration over the object as it is: members over members, items over the items with the same keys, everything else as a whole. What the
 * configuration does not mention stays; what its manager no longer mentions is `remove-fields.ts`'s affair.
 * Source: sigs.k8s.io/structured-merge-diff, typed/merge.go.
 */
import { isJsonArray, isJsonObject, type Json, type JsonObject } from '../meta/json.ts';
import { isEmptyContainer, itemElement, itemsByElement, type ListType, type MergeType, memberType, resolveType } from './merge-type.ts';

/** Pure. Gives `live` itself, or parts of it, where the configuration changes nothing. */
export function mergeApplied(type: MergeType, live: JsonObject, applied: JsonObject): JsonObject {
  const merged = mergeValues(type, live, applied);
  return isJsonObject(merged) ? merged : live;
}

function mergeValues(declared: MergeType, live: Json | undefined, applied: Json): Json {
  const type = resolveType(declared, applied);
  if (live === undefined || type.kind === 'leaf' || isEmptyContainer(live)) return applied;
  // An empty struct, map or list has no parts to lay over those that are there.
  if (isEmptyContainer(applied)) return applied === null ? null : live;
  if (type.kind === 'list') return isJsonArray(live) && isJsonArray(applied) ? mergeLists(type, live, applied) : applied;
  return isJsonObject(live) && isJsonObject(applied) ? mergeMembers(type, live, applied) : applied;
}

function mergeMembers(type: Parameters<typeof memberType>[0], live: JsonObject, applied: JsonObject): JsonObject {
  const members = new Map<string, Json>(Object.entries(live));
  for (const [name, value] of Object.entries(applied)) members.set(name, mergeValues(memberType(type, name), members.get(name), value));
  return Object.fromEntries(members);
}

/**
 * The applied items in their order, and among them the others: each where it stood relative to the items around it, as far as the applied order lets it.
 * Items that the list has twice are one if the configuration names them, and stay as they are if it does not.
 */
function mergeLists(type: ListType, live: readonly Json[], applied: readonly Json[]): readonly Json[] {
  const stored = live.map((item, index) => ({ element: itemElement(type, item) ?? `live:${index}`, item }));
  const wanted = new Map(applied.map((item, index) => [itemElement(type, item) ?? `applied:${index}`, item]));
  const found = itemsByElement(type, live);
  const shared = [...wanted.keys()].filter((element) => found.has(element));
  const merged: Json[] = [];
  let at = 0;
  let nextShared = 0;
  for (const [element, item] of wanted) {
    // Up to the next item that both have: what only the object has goes first, what was or will be taken elsewhere is passed over.
    for (; at < stored.length && stored[at]?.element !== shared[nextShared]; at++) {
      const here = stored[at];
      if (here !== undefined && !wanted.has(here.element)) merged.push(here.item);
    }
    merged.push(mergeValues(type.item, found.get(element), item));
    if (element !== shared[nextShared]) continue;
    nextShared++;
    at++;
  }
  return [...merged, ...stored.slice(at).flatMap(({ element, item }) => (wanted.has(element) ? [] : [item]))];
}
