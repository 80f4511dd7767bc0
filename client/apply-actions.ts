/**
 * What a reconcile may ask for, and the one executor that does it, in order. It stops at the first failure (a quota would repeat it a
 * hundred times, and a later action may rest on an earlier one); status and warnings are still written, and the sync counts as failed.
 * `AlreadyExists` on create and `NotFound` on delete count as done.
 */
import { keyOf, type ObjectKey } from '#api/meta/object-key.ts';
import type { ApiObject, Draft, ResourceType } from '#api/meta/resource-type.ts';
import { isReason } from '#api/meta/status.ts';
import type { Client } from './client.ts';
import type { EventRecorder } from './event-recorder.ts';
import { revisionOf } from './object-store.ts';
import type { PatchType } from './resource-client.ts';

export type Action =
  | {
      readonly verb: 'create';
      readonly type: ResourceType<ApiObject>;
      readonly object: Draft<ApiObject>;
      /** The owner whose `SuccessfulCreate` or `FailedCreate` event tells of it; only the executor knows a generated name and the error. */
      readonly onBehalfOf?: ApiObject;
    }
  | { readonly verb: 'update'; readonly type: ResourceType<ApiObject>; readonly object: ApiObject }
  | { readonly verb: 'updateStatus'; readonly type: ResourceType<ApiObject>; readonly object: ApiObject }
  | {
      readonly verb: 'patch';
      readonly type: ResourceType<ApiObject>;
      readonly key: ObjectKey;
      readonly patchType: PatchType;
      readonly patch: unknown;
      readonly subresource?: string;
    }
  | {
      readonly verb: 'delete';
      readonly type: ResourceType<ApiObject>;
      readonly key: ObjectKey;
      readonly uid: string;
      readonly gracePeriodSeconds?: number;
      readonly propagationPolicy?: 'Foreground' | 'Background' | 'Orphan';
      /** As for `create`: `SuccessfulDelete`, `FailedDelete`. */
      readonly onBehalfOf?: ApiObject;
    }
  | {
      readonly verb: 'event';
      readonly regarding: ApiObject;
      readonly type: 'Normal' | 'Warning';
      readonly reason: string;
      readonly message: string;
    }
  /** Look at this key again after a while, without a failure. */
  | { readonly verb: 'requeue'; readonly afterMs: number };

/** Typed makers: `create(pods, pod)` lets the compiler check the object against the resource. */
export function create<T extends ApiObject>(type: ResourceType<T>, object: Draft<T>, onBehalfOf?: ApiObject): Action {
  return { verb: 'create', type, object, ...(onBehalfOf === undefined ? {} : { onBehalfOf }) };
}
export function update<T extends ApiObject>(type: ResourceType<T>, object: T): Action {
  return { verb: 'update', type, object };
}
export function updateStatus<T extends ApiObject>(type: ResourceType<T>, object: T): Action {
  return { verb: 'updateStatus', type, object };
}
export function remove<T extends ApiObject>(type: ResourceType<T>, object: T, onBehalfOf?: ApiObject): Action {
  return { verb: 'delete', type, key: keyOf(object), uid: object.metadata.uid, ...(onBehalfOf === undefined ? {} : { onBehalfOf }) };
}

/** What an action changed on the server: the revision it got, or the uid that is gone. */
export type Write = { readonly type: ResourceType<ApiObject>; readonly key: ObjectKey } & (
  | { readonly outcome: 'written'; readonly revision: bigint }
  | { readonly outcome: 'deleted'; readonly uid: string }
);

export interface ActionResult {
  readonly writes: readonly Write[];
  readonly failures: readonly unknown[];
  /** The earliest `requeue`. */
  readonly requeueAfterMs: number | undefined;
}

/** Creations or deletions next to each other go out together, first one, then twice as many, up to this many: upstream's slow start. */
const BATCH_ACTIONS_MAX = 16;

/** Does what was decided, in order, as far as it goes. Never rejects: what failed is in the result. */
export async function applyActions(
  actions: readonly Action[],
  deps: { readonly client: Client; readonly events: EventRecorder },
): Promise<ActionResult> {
  const writes: Write[] = [];
  const failures: unknown[] = [];
  for (const batch of batchActions(actions)) {
    const wanted = batch.filter((action) => failures.length === 0 || isDoneAfterFailure(action));
    for (const outcome of await Promise.allSettled(wanted.map((action) => applyAction(action, deps)))) {
      if (outcome.status === 'rejected') failures.push(outcome.reason);
      else if (outcome.value !== undefined) writes.push(outcome.value);
    }
  }
  const delays = actions.flatMap((action) => (action.verb === 'requeue' ? [action.afterMs] : []));
  return { writes, failures, requeueAfterMs: delays.length === 0 ? undefined : Math.min(...delays) };
}

/** Runs of creations or deletions of one resource become batches of 1, 2, 4, …; everything else stays one by one. */
export function batchActions(actions: readonly Action[]): readonly (readonly Action[])[] {
  const batches: Action[][] = [];
  let sizeMax = 1;
  for (const action of actions) {
    const last = batches.at(-1);
    const isSameRun = last?.[0] !== undefined && mayGoTogether(last[0], action);
    if (isSameRun && last.length < sizeMax) {
      last.push(action);
      continue;
    }
    sizeMax = isSameRun ? Math.min(sizeMax * 2, BATCH_ACTIONS_MAX) : 1;
    batches.push([action]);
  }
  return batches;
}

function mayGoTogether(left: Action, right: Action): boolean {
  if (left.verb === 'create') return right.verb === 'create' && right.type === left.type;
  return left.verb === 'delete' && right.verb === 'delete' && right.type === left.type;
}

/** A later step may rest on an earlier one, so it waits for the next try; but what is known is reported. */
function isDoneAfterFailure(action: Action): boolean {
  return action.verb === 'updateStatus' || (action.verb === 'event' && action.type === 'Warning');
}

async function applyAction(action: Action, deps: { client: Client; events: EventRecorder }): Promise<Write | undefined> {
  switch (action.verb) {
    case 'create':
      return applyCreate(action, deps);
    case 'update':
      return written(action.type, await deps.client.resource(action.type).update(action.object));
    case 'updateStatus':
      return written(action.type, await deps.client.resource(action.type).updateStatus(action.object));
    case 'patch': {
      const { type, key, patchType, patch, subresource } = action;
      return written(type, await deps.client.resource(type).patch(key, patchType, patch, subresource));
    }
    case 'delete':
      return applyDelete(action, deps);
    case 'event':
      deps.events.record(action.regarding, action.type, action.reason, action.message);
      return undefined;
    case 'requeue':
      return undefined;
  }
}

type ActionOf<Verb extends Action['verb']> = Extract<Action, { readonly verb: Verb }>;

/** `AlreadyExists` is done: a name that was derived from the owner was created by an earlier try that we did not hear back from. */
async function applyCreate(action: ActionOf<'create'>, { client, events }: { client: Client; events: EventRecorder }) {
  try {
    const created = await client.resource(action.type).create(action.object);
    if (action.onBehalfOf) {
      events.record(action.onBehalfOf, 'Normal', 'SuccessfulCreate', `Created ${nounOf(action.type)}: ${created.metadata.name}`);
    }
    return written(action.type, created);
  } catch (error) {
    if (isReason(error, 'AlreadyExists') && action.object.metadata.name !== undefined) return undefined;
    if (action.onBehalfOf) events.record(action.onBehalfOf, 'Warning', 'FailedCreate', `Error creating: ${messageOf(error)}`);
    throw error;
  }
}

/** `NotFound` is done. The uid keeps us from deleting another object that got the name meanwhile; that is done, too. */
async function applyDelete(action: ActionOf<'delete'>, { client, events }: { client: Client; events: EventRecorder }) {
  const { type, key, uid, gracePeriodSeconds } = action;
  try {
    const remaining = await client.resource(type).delete(key, {
      preconditions: { uid },
      ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
      ...(action.propagationPolicy === undefined ? {} : { propagationPolicy: action.propagationPolicy }),
    });
    if (action.onBehalfOf) events.record(action.onBehalfOf, 'Normal', 'SuccessfulDelete', `Deleted ${nounOf(type)}: ${key.name}`);
    return remaining === undefined ? ({ outcome: 'deleted', type, key, uid } as const) : written(type, remaining);
  } catch (error) {
    if (isReason(error, 'NotFound')) return { outcome: 'deleted', type, key, uid } as const;
    if (action.onBehalfOf) events.record(action.onBehalfOf, 'Warning', 'FailedDelete', `Error deleting: ${messageOf(error)}`);
    throw error;
  }
}

function written(type: ResourceType<ApiObject>, object: ApiObject): Write {
  return { outcome: 'written', type, key: keyOf(object), revision: revisionOf(object) };
}

/** `pod`, `job`: as upstream's events say it. */
function nounOf(type: ResourceType<ApiObject>): string {
  return type.kind.toLowerCase();
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
