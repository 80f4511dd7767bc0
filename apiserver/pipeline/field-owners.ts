/**
 * Who owns which fields of an object, kept with every write: the bridge from requests and stored objects to the pure `api/apply/`. `create.ts`, `replace-object.ts`
 * and `scale.ts` call `ownersAfter…` with the object before admission changes it, as upstream does, so that what the cluster adds belongs to nobody;
 * `apply.ts` calls `applyTo`. Deletions and bindings own nothing.
 * Source: k8s.io/apimachinery, pkg/util/managedfields/internal/fieldmanager.go; k8s.io/apiserver, pkg/endpoints/handlers/fieldmanager.
 */
import { mergeTypeOf } from '#api/apply/built-in-types.ts';
import { applyConflict } from '#api/apply/conflict.ts';
import { applyOverClientSide } from '#api/apply/last-applied.ts';
import { decodeManagers, encodeManagers, isReset, type Manager, type ManagerId, parseManagers } from '#api/apply/managers.ts';
import type { MergeType } from '#api/apply/merge-type.ts';
import { managersAfterUpdate } from '#api/apply/ownership.ts';
import type { ManagedFieldsEntry } from '#api/generated/types.ts';
import { isJsonObject, type Json, type JsonObject, jsonEquals, memberOf } from '#api/meta/json.ts';
import { type ApiObject, apiVersionOf } from '#api/meta/resource-type.ts';
import { ApiError } from '#api/meta/status.ts';
import { formatTime } from '#component/clock.ts';
import { pickStatusMetadata } from '../resources/define-resource.ts';
import type { ResourceDefinition } from '../resources/resource-definition.ts';
import type { ApiRequest, PipelineDeps } from './request.ts';
import { managerFromUserAgent, type WriteOptions } from './write-options.ts';

export type ManagedFields = readonly ManagedFieldsEntry[] | undefined;

type Request = Pick<ApiRequest, 'definition' | 'info' | 'userAgent'>;
type Deps = Pick<PipelineDeps, 'clock'>;
type Options = Pick<WriteOptions, 'fieldManager' | 'isForced'>;

/** Owns what was there before anybody was asked. */
const BEFORE_FIRST_APPLY = 'before-first-apply';

/** A change on its way: as the client sent it, with its defaults, and what is there now (undefined for a new object). */
export interface OwnedChange {
  readonly wanted: ApiObject;
  readonly defaulted: ApiObject;
  readonly current: ApiObject | undefined;
}

/** Who owns what after a create, an update or a patch. */
export function ownersAfterUpdate(
  { wanted, defaulted, current }: OwnedChange,
  request: Request,
  options: Options,
  deps: Deps,
): ManagedFields {
  const sent = request.info.subresource === '' ? wanted.metadata.managedFields : undefined;
  const owners = ownersSent(sent, current?.metadata.managedFields);
  // What was not tracked from its beginning is tracked from its first apply.
  if (owners.managers.length === 0 && current !== undefined) return undefined;
  const live = current === undefined ? {} : ownedPart(current, request);
  return ownersAfter({ live, next: ownedPart(defaulted, request), ...owners }, request, options, deps);
}

/** The same for a change of some fields that the caller has picked. */
export function ownersAfterChange(
  change: { readonly live: JsonObject; readonly next: JsonObject; readonly stored: ManagedFields },
  request: Request,
  options: Options,
  deps: Deps,
): ManagedFields {
  const managers = decodeManagers(change.stored);
  return managers.length === 0 ? undefined : ownersAfter({ ...change, managers, entries: change.stored }, request, options, deps);
}

export interface ApplyTarget {
  /** Undefined for a new object; then `live` is empty. */
  readonly current: ApiObject | undefined;
  /** The part of the object that the request may change, and what is to be laid over it. */
  readonly live: JsonObject;
  readonly applied: JsonObject;
}

/** Gives the part with the configuration laid over it, and the owners then. Throws Conflict when others own what it would change. */
export function applyTo(
  { current, live, applied }: ApplyTarget,
  request: Request,
  options: Options,
  deps: Deps,
): { readonly object: JsonObject; readonly managedFields: ManagedFields } {
  const type = mergeTypeFor(request.definition);
  const stored = current?.metadata.managedFields;
  const by = writerOf(request, options, 'Apply');
  const time = formatTime(deps.clock.now());
  const known = decodeManagers(stored);
  const isUntracked = known.length === 0 && current !== undefined;
  const before = { ...by, operation: 'Update', manager: BEFORE_FIRST_APPLY } as const;
  const managers = isUntracked ? managersAfterUpdate({ type, live: {}, next: live, managers: [], by: before, time }) : known;
  const result = applyOverClientSide({ type, live, applied, managers, by, isForced: options.isForced, time });
  if (result.outcome === 'conflicts') throw applyConflict(result.conflicts);
  return { object: result.object, managedFields: result.managers === known ? stored : encodeManagers(result.managers) };
}

/** A write that changes nothing but when something was last written changes nothing: the old times stay. */
export function withoutIdleTimes(object: ApiObject, current: ApiObject): ApiObject {
  const { managedFields } = object.metadata;
  const { managedFields: stored, resourceVersion } = current.metadata;
  if (managedFields === undefined || stored === undefined || managedFields === stored) return object;
  if (!jsonEquals(managedFields.map(withoutTime), stored.map(withoutTime))) return object;
  const kept = { ...object, metadata: { ...object.metadata, managedFields: stored } };
  const isSame = jsonEquals({ ...kept, metadata: { ...kept.metadata, resourceVersion } }, current);
  return isSame ? kept : object;
}

export function withManagedFields<T extends ApiObject>(object: T, managedFields: ManagedFields): T {
  const { managedFields: _replaced, ...metadata } = object.metadata;
  const isTracked = managedFields !== undefined && managedFields.length > 0;
  return { ...object, metadata: isTracked ? { ...metadata, managedFields } : metadata };
}

/** How a kind's fields are owned and merged. */
export function mergeTypeFor({ mergeType, type }: ResourceDefinition<ApiObject>): MergeType {
  return mergeType ?? mergeTypeOf(type.schema);
}

/** A stored object is JSON; this only tells the compiler. */
export function asJson(object: ApiObject): JsonObject {
  const value: unknown = object;
  if (!isJsonObject(value)) throw new ApiError('InternalError', 'the object is not a JSON object');
  return value;
}

/** What writers of this resource own: `/status` the status and what of the metadata comes with it, the main resource the rest. */
export function ownedPart(object: ApiObject, { definition, info }: Pick<Request, 'definition' | 'info'>): JsonObject {
  const json = asJson(object);
  const status = memberOf(json, 'status');
  if (info.subresource === 'status') return statusPart(status, object.metadata, definition);
  const { resourceVersion: _version, managedFields: _managed, ...metadata } = object.metadata;
  const { status: _status, ...rest } = json;
  const hasStatus = definition.type.subresources.some(({ name }) => name === 'status');
  return { ...(hasStatus ? rest : json), metadata: asMetadata(metadata) };
}

/** Of an object, or of a configuration for one. */
export function statusPart(status: Json | undefined, metadata: object, { statusMetadata }: ResourceDefinition<ApiObject>): JsonObject {
  const picked = asMetadata(pickStatusMetadata(metadata, statusMetadata));
  return { ...(Object.keys(picked).length === 0 ? {} : { metadata: picked }), ...(status === undefined ? {} : { status }) };
}

function asMetadata(metadata: object): JsonObject {
  const value: unknown = metadata;
  return isJsonObject(value) ? value : {};
}

interface Owners {
  readonly managers: readonly Manager[];
  /** The list they were read from, if it may be stored again as it is. */
  readonly entries: ManagedFields;
}

function ownersAfter(
  { live, next, managers, entries }: Owners & { readonly live: JsonObject; readonly next: JsonObject },
  request: Request,
  options: Options,
  deps: Deps,
): ManagedFields {
  const by = writerOf(request, options, 'Update');
  const after = managersAfterUpdate({
    type: mergeTypeFor(request.definition),
    live,
    next,
    managers,
    by,
    time: formatTime(deps.clock.now()),
  });
  return after === managers && entries !== undefined ? entries : encodeManagers(after);
}

/** What the client says about owners counts if it makes sense; those who say nothing, or nonsense, leave them as they are. */
function ownersSent(sent: ManagedFields, stored: ManagedFields): Owners {
  const kept = { managers: decodeManagers(stored), entries: stored };
  if (sent === undefined || (stored !== undefined && jsonEquals(sent, stored))) return kept;
  if (isReset(sent)) return { managers: [], entries: undefined };
  const parsed = parseManagers(sent);
  return parsed === undefined || parsed.length === 0 ? kept : { managers: parsed, entries: undefined };
}

function writerOf({ definition, info, userAgent }: Request, { fieldManager }: Options, operation: ManagerId['operation']): ManagerId {
  const manager = fieldManager === '' ? managerFromUserAgent(userAgent) : fieldManager;
  return { manager, operation, apiVersion: apiVersionOf(definition.type), subresource: info.subresource };
}

function withoutTime({ time: _time, ...entry }: ManagedFieldsEntry): ManagedFieldsEntry {
  return entry;
}
