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

/** What people are told of a write's outcome, as an Event. The name of a created object and an error's text are only known afterwards. */
export interface Announcement {
  readonly regarding: ApiObject;
  /** Recorded once the write went through; `{name}` stands for the object's name. */
  readonly done?: { readonly reason: string; readonly message: string };
  /** Recorded as a warning when the server refused; `{error}` stands for its message. */
  readonly failed?: { readonly reason: string; readonly message: string };
}

export type Action =
  | { readonly verb: 'create'; readonly type: ResourceType<ApiObject>; readonly object: Draft<ApiObject>; readonly announce?: Announcement }
  | {
      readonly verb: 'update';
      readonly type: ResourceType<ApiObject>;
      readonly object: ApiObject;
      /** `finalize` */
      readonly subresource?: string;
      readonly announce?: Announcement;
    }
  | {
      readonly verb: 'updateStatus';
      readonly type: ResourceType<ApiObject>;
      readonly object: ApiObject;
      /** Says that what comes before it was done, so it is left out when that failed. */
      readonly tellsOfSuccess?: boolean;
    }
  | {
      readonly verb: 'patch';
      readonly type: ResourceType<ApiObject>;
      readonly key: ObjectKey;
      readonly patchType: PatchType;
      readonly patch: unknown;
      readonly subresource?: string;
      /** Needs no patch before it and none after it to be done: may go out together with those like it. */
      readonly isIndependent?: boolean;
      /** The patch names a version of the object: when there is another, or none any more, it counts as done. */
      readonly isOfVersion?: boolean;
    }
  | {
      readonly verb: 'delete';
      readonly type: ResourceType<ApiObject>;
      readonly key: ObjectKey;
      readonly uid: string;
      readonly gracePeriodSeconds?: number;
      readonly propagationPolicy?: 'Foreground' | 'Background' | 'Orphan';
      /** Deletes only this version of the object. */
      readonly resourceVersion?: string;
      readonly announce?: Announcement;
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
export function create<T extends ApiObject>(type: ResourceType<T>, object: Draft<T>, announce?: Announcement): Action {
  return { verb: 'create', type, object, ...(announce === undefined ? {} : { announce }) };
}
export function update<T extends ApiObject>(type: ResourceType<T>, object: T): Action {
  return { verb: 'update', type, object };
}
export function updateStatus<T extends ApiObject>(type: ResourceType<T>, object: T): Action {
  return { verb: 'updateStatus', type, object };
}
export function remove<T extends ApiObject>(type: ResourceType<T>, object: T, announce?: Announcement): Action {
  return { verb: 'delete', type, key: keyOf(object), uid: object.metadata.uid, ...(announce === undefined ? {} : { announce }) };
}

/** What an action changed on the server: the revision it got, or the uid that is gone. */
export type Write = { readonly type: ResourceType<ApiObject>; readonly key: ObjectKey } & (
  | { readonly outcome: 'written'; readonly revision: bigint }
  | { readonly outcome: 'deleted'; readonly uid: string }
);

export interface ActionResult {
  readonly writes: readonly Write[];
  readonly failures: readonly { readonly action: Action; readonly error: unknown }[];
  /** The earliest `requeue`. */
  readonly requeueAfterMs: number | undefined;
}

interface ActionDeps {
  readonly client: Client;
  readonly events: EventRecorder;
}

/** Creations, deletions or independent patches next to each other go out together, first one, then twice as many, up to this many: upstream's slow start. */
const BATCH_ACTIONS_MAX = 16;

/** Does what was decided, in order, as far as it goes. Never rejects: what failed is in the result. */
export async function applyActions(actions: readonly Action[], deps: ActionDeps): Promise<ActionResult> {
  const writes: Write[] = [];
  const failures: { action: Action; error: unknown }[] = [];
  for (const batch of batchActions(actions)) {
    const wanted = batch.filter((action) => failures.length === 0 || isDoneAfterFailure(action));
    const attempt = async (action: Action): Promise<void> => {
      try {
        const write = await applyAction(action, deps);
        if (write !== undefined) writes.push(write);
      } catch (error) {
        failures.push({ action, error });
        announceFailure(action, error, deps.events);
      }
    };
    await Promise.all(wanted.map(attempt));
  }
  const delays = actions.flatMap((action) => (action.verb === 'requeue' ? [action.afterMs] : []));
  return { writes, failures, requeueAfterMs: delays.length === 0 ? undefined : Math.min(...delays) };
}

/** Runs of creations, deletions or independent patches of one resource become batches of 1, 2, 4, …; everything else stays one by one. */
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
  if (left.verb === 'patch') return right.verb === 'patch' && right.type === left.type && isIndependent(left) && isIndependent(right);
  return left.verb === 'delete' && right.verb === 'delete' && right.type === left.type;
}

function isIndependent(action: ActionOf<'patch'>): boolean {
  return action.isIndependent === true;
}

/** A later step may rest on an earlier one, so it waits for the next try; but what is known is reported. */
function isDoneAfterFailure(action: Action): boolean {
  if (action.verb === 'updateStatus') return action.tellsOfSuccess !== true;
  return action.verb === 'event' && action.type === 'Warning';
}

async function applyAction(action: Action, deps: ActionDeps): Promise<Write | undefined> {
  switch (action.verb) {
    case 'create':
      return applyCreate(action, deps);
    case 'update': {
      const updated = await deps.client.resource(action.type).update(action.object, action.subresource);
      announceSuccess(action.announce, updated.metadata.name, deps.events);
      return written(action.type, updated);
    }
    case 'updateStatus':
      return written(action.type, await deps.client.resource(action.type).updateStatus(action.object));
    case 'patch':
      return applyPatch(action, deps);
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
async function applyCreate({ type, object, announce }: ActionOf<'create'>, { client, events }: ActionDeps): Promise<Write | undefined> {
  try {
    const created = await client.resource(type).create(object);
    announceSuccess(announce, created.metadata.name, events);
    return written(type, created);
  } catch (error) {
    if (isReason(error, 'AlreadyExists') && object.metadata.name !== undefined) return undefined;
    throw error;
  }
}

async function applyPatch({ type, key, patchType, patch, subresource, isOfVersion }: ActionOf<'patch'>, { client }: ActionDeps) {
  try {
    return written(type, await client.resource(type).patch(key, patchType, patch, subresource));
  } catch (error) {
    if (isOfVersion === true && isReason(error, 'Conflict', 'NotFound')) return undefined;
    throw error;
  }
}

/** `NotFound` is done. The uid keeps us from deleting another object that got the name meanwhile. */
async function applyDelete(action: ActionOf<'delete'>, { client, events }: ActionDeps): Promise<Write> {
  const { type, key, uid, gracePeriodSeconds, propagationPolicy, resourceVersion } = action;
  const gone: Write = { outcome: 'deleted', type, key, uid };
  try {
    const remaining = await client.resource(type).delete(key, {
      preconditions: { uid, ...(resourceVersion === undefined ? {} : { resourceVersion }) },
      ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
      ...(propagationPolicy === undefined ? {} : { propagationPolicy }),
    });
    announceSuccess(action.announce, key.name, events);
    return remaining === undefined ? gone : written(type, remaining);
  } catch (error) {
    if (isReason(error, 'NotFound')) return gone;
    throw error;
  }
}

function announceSuccess(announce: Announcement | undefined, name: string, events: EventRecorder): void {
  if (announce?.done === undefined) return;
  events.record(
    announce.regarding,
    'Normal',
    announce.done.reason,
    announce.done.message.replaceAll('{name}', () => name),
  );
}

function announceFailure(action: Action, error: unknown, events: EventRecorder): void {
  const announce = 'announce' in action ? action.announce : undefined;
  if (announce?.failed === undefined) return;
  const { reason, message } = announce.failed;
  events.record(
    announce.regarding,
    'Warning',
    reason,
    message.replaceAll('{error}', () => messageOf(error)),
  );
}

function written(type: ResourceType<ApiObject>, object: ApiObject): Write {
  return { outcome: 'written', type, key: keyOf(object), revision: revisionOf(object) };
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
