/**
 * The API server in memory, as a `Client`: names, uids, revisions, conflicts, selectors, status, finalizers, grace periods and watches behave
 * as the server's, as far as `client-contract.ts` checks; there is no validation, defaulting, authorization or garbage collection. A test
 * says what goes wrong with `onRequest`, `endWatches` and `compact`, and reads back `requests` or the objects themselves.
 */

import { isJsonObject, type JsonObject } from '#api/meta/json.ts';
import { formatKey, keyOf, type ObjectKey } from '#api/meta/object-key.ts';
import { type ApiObject, apiVersionOf, type Draft, type ResourceType } from '#api/meta/resource-type.ts';
import { ApiError, alreadyExists, conflict, notFound, qualifiedResource } from '#api/meta/status.ts';
import { applyJsonPatch } from '#api/patch/json-patch.ts';
import { applyMergePatch } from '#api/patch/merge-patch.ts';
import { applyStrategicMergePatch } from '#api/patch/strategic-merge-patch.ts';
import { type Clock, formatTime } from '#component/clock.ts';
import { type Random, randomSuffix, seededRandom } from '#component/random.ts';
import type { Client } from '../client.ts';
import { decodeObject, isRecord } from '../object-decoder.ts';
import { type DeleteRequest, namespaceForCreate, type PatchType, type ResourceClient } from '../resource-client.ts';
import { compileSelection, type Selection } from './fake-selection.ts';
import { createFakeStorage, type FakeStorage } from './fake-storage.ts';
import { watchFakeStorage } from './fake-watch.ts';

export interface FakeRequest {
  readonly verb: 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete';
  readonly type: ResourceType<ApiObject>;
  /** The name is empty for list and watch, and for a creation under `generateName`. */
  readonly key: ObjectKey;
  readonly subresource?: string;
  readonly body?: unknown;
}

export interface FakeClientOptions {
  readonly clock: Clock;
  readonly random?: Random;
  /** Called before each request has any effect: what it throws is the answer, a promise delays the request. */
  readonly onRequest?: (request: FakeRequest) => void | Promise<void>;
}

export interface FakeClient extends Client {
  /** Every request so far, in order. */
  readonly requests: readonly FakeRequest[];
  /** The requests that write, as `create pods default/web`, `update pods/status default/web`. */
  writes(): readonly string[];
  revision(): bigint;
  /** Sends every watcher a bookmark of the current revision. */
  bookmark(): void;
  /** Closes all watches, with an error or as a server does that restarts. */
  endWatches(error?: Error): void;
  /** Forgets the history: a watch from an earlier revision gets `Expired`. */
  compact(): void;
  /** As a server whose store was lost: no objects, revisions from the start, all watches expired. */
  forgetEverything(): void;
}

export function createFakeClient(options: FakeClientOptions): FakeClient {
  const requests: FakeRequest[] = [];
  const server: FakeServer = {
    clock: options.clock,
    random: options.random ?? seededRandom(1),
    storage: createFakeStorage(),
    receive: async (request) => {
      requests.push(request);
      await options.onRequest?.(request);
    },
  };
  return {
    requests,
    writes: () => requests.filter(({ verb }) => !['get', 'list', 'watch'].includes(verb)).map(describe),
    revision: server.storage.revision,
    bookmark: server.storage.bookmark,
    endWatches: server.storage.endFeeds,
    compact: server.storage.compact,
    forgetEverything: server.storage.forgetEverything,
    resource: (type) => createFakeResource(type, server),
    review: async (type) => {
      throw new ApiError('NotFound', `the fake server answers no ${type.kind}`);
    },
    getText: async () => ({ statusCode: 200, text: 'ok' }),
    close: async () => server.storage.endFeeds(),
  };
}

function describe({ verb, type, key, subresource }: FakeRequest): string {
  return `${verb} ${type.plural}${subresource === undefined ? '' : `/${subresource}`} ${formatKey(key)}`;
}

interface FakeServer {
  readonly clock: Clock;
  readonly random: Random;
  readonly storage: FakeStorage;
  receive(request: FakeRequest): Promise<void>;
}

function createFakeResource<T extends ApiObject>(type: ResourceType<T>, server: FakeServer): ResourceClient<T> {
  const { storage } = server;
  const receive = (verb: FakeRequest['verb'], key: ObjectKey, subresource?: string, body?: unknown) =>
    server.receive({ verb, type, key, ...(subresource === undefined ? {} : { subresource }), ...(body === undefined ? {} : { body }) });
  const getStored = (key: ObjectKey): T => {
    const stored = storage.find(type, key);
    if (stored === undefined) throw notFound(type, key.name);
    return decodeObject(type, stored);
  };
  const update = async (object: T, subresource?: string): Promise<T> => {
    await receive('update', keyOf(object), subresource, object);
    return decodeObject(type, store(type, getStored(keyOf(object)), object, subresource, storage));
  };

  return {
    get: async (key) => {
      await receive('get', key);
      return getStored(key);
    },
    list: async (selection: Selection = {}) => {
      await receive('list', { namespace: selection.namespace ?? '', name: '' });
      const objects = storage.list(type).filter(compileSelection(selection));
      return {
        apiVersion: apiVersionOf(type),
        kind: `${type.kind}List`,
        metadata: { resourceVersion: String(storage.revision()) },
        items: objects.map((object) => decodeObject(type, object)),
      };
    },
    watch: async function* (watch, signal) {
      await receive('watch', { namespace: watch.namespace ?? '', name: '' });
      yield* watchFakeStorage(type, storage, watch, signal);
    },
    create: async (draft) => {
      await receive('create', { namespace: draft.metadata.namespace ?? '', name: draft.metadata.name ?? '' }, undefined, draft);
      const object = completeDraft(type, draft, server);
      if (storage.find(type, keyOf(object)) !== undefined) throw alreadyExists(type, object.metadata.name);
      return decodeObject(type, storage.put(type, object));
    },
    update,
    updateStatus: (object) => update(object, 'status'),
    patch: async (key, patchType, patch, subresource) => {
      await receive('patch', key, subresource, patch);
      const stored = getStored(key);
      const patched = decodeObject(type, applyPatch(type, patchType, cloneJson(stored), patch));
      return decodeObject(type, store(type, stored, patched, subresource, storage));
    },
    delete: async (key, request = {}) => {
      await receive('delete', key, undefined, request);
      const stored = getStored(key);
      checkPreconditions(type, stored, request);
      const terminating = terminate(stored, request, server.clock);
      if (terminating !== undefined) {
        return isSooner(terminating, stored) ? decodeObject(type, storage.put(type, terminating)) : stored;
      }
      storage.remove(type, key);
      return undefined;
    },
    createSubresource: async (key, subresource, body) => {
      await receive('create', key, subresource, body);
      return createSubresource(type, getStored(key), subresource, body, server);
    },
  };
}

function completeDraft<T extends ApiObject>(type: ResourceType<T>, draft: Draft<T>, { clock, random }: FakeServer): T {
  const namespace = namespaceForCreate(type, draft);
  const { generateName = '' } = draft.metadata;
  const name = draft.metadata.name ?? (generateName === '' ? '' : `${generateName}${randomSuffix(random)}`);
  if (name === '')
    throw new ApiError('Invalid', `${type.kind} "" is invalid: metadata.name: Required value: name or generateName is required`);
  return decodeObject(type, {
    ...cloneJson(draft),
    apiVersion: apiVersionOf(type),
    kind: type.kind,
    metadata: {
      ...cloneJson(draft.metadata),
      name,
      ...(namespace === '' ? {} : { namespace }),
      uid: random.uuid(),
      creationTimestamp: formatTime(clock.now()),
      ...(hasStatus(type) ? { generation: 1 } : {}),
    },
  });
}

/** Stores what an update may change: a status update the status alone, any other everything but the status. */
function store<T extends ApiObject>(
  type: ResourceType<T>,
  stored: T,
  wanted: T,
  subresource: string | undefined,
  storage: FakeStorage,
): ApiObject {
  const { name, resourceVersion } = wanted.metadata;
  if (resourceVersion !== '' && resourceVersion !== undefined && resourceVersion !== stored.metadata.resourceVersion) {
    throw conflict(type, name, 'the object has been modified; please apply your changes to the latest version and try again');
  }
  const merged = decodeObject(type, cloneJson(subresource === 'status' ? withStatusOf(stored, wanted) : withSpecOf(type, stored, wanted)));
  if (JSON.stringify(merged) === JSON.stringify(stored)) return stored;
  const isReleased = merged.metadata.deletionTimestamp !== undefined && (merged.metadata.finalizers ?? []).length === 0;
  if (isReleased && (merged.metadata.deletionGracePeriodSeconds ?? 0) === 0) return storage.remove(type, keyOf(merged));
  return storage.put(type, merged);
}

function withStatusOf(stored: ApiObject, wanted: ApiObject): unknown {
  return { ...stored, status: memberOf(wanted, 'status') };
}

function withSpecOf<T extends ApiObject>(type: ResourceType<T>, stored: T, wanted: T): unknown {
  const { uid, creationTimestamp, resourceVersion, deletionTimestamp, deletionGracePeriodSeconds, generation } = stored.metadata;
  const isChanged = JSON.stringify(memberOf(stored, 'spec')) !== JSON.stringify(memberOf(wanted, 'spec'));
  return {
    ...wanted,
    metadata: {
      ...wanted.metadata,
      uid,
      creationTimestamp,
      resourceVersion,
      deletionTimestamp,
      deletionGracePeriodSeconds,
      generation: isChanged && generation !== undefined ? generation + 1 : generation,
    },
    ...(hasStatus(type) ? { status: memberOf(stored, 'status') } : {}),
  };
}

function checkPreconditions(type: ResourceType<ApiObject>, { metadata }: ApiObject, { preconditions = {} }: DeleteRequest): void {
  const { uid, resourceVersion } = preconditions;
  if (uid !== undefined && uid !== metadata.uid) {
    throw conflict(type, metadata.name, `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${metadata.uid}`);
  }
  if (resourceVersion !== undefined && resourceVersion !== metadata.resourceVersion) {
    const versions = `ResourceVersion in precondition: ${resourceVersion}, ResourceVersion in object meta: ${metadata.resourceVersion}`;
    throw conflict(type, metadata.name, `Precondition failed: ${versions}`);
  }
}

/** The object marked as going away; undefined when nothing keeps it and it goes at once. */
function terminate(stored: ApiObject, request: DeleteRequest, clock: Clock): ApiObject | undefined {
  const policyFinalizers = { Foreground: ['foregroundDeletion'], Orphan: ['orphan'], Background: [] };
  const finalizers = [...(stored.metadata.finalizers ?? []), ...policyFinalizers[request.propagationPolicy ?? 'Background']];
  const graceSeconds = gracePeriodSeconds(stored, request);
  if (finalizers.length === 0 && graceSeconds === 0) return undefined;
  const deletionTimestamp = formatTime(clock.now() + graceSeconds * 1_000);
  const marks = { deletionTimestamp, deletionGracePeriodSeconds: graceSeconds };
  return {
    ...stored,
    metadata: { ...stored.metadata, ...marks, ...(finalizers.length === 0 ? {} : { finalizers: [...new Set(finalizers)] }) },
  };
}

/** What is going already may go sooner, never later. */
function isSooner(terminating: ApiObject, { metadata }: ApiObject): boolean {
  const { deletionGracePeriodSeconds = 0 } = terminating.metadata;
  return metadata.deletionTimestamp === undefined || deletionGracePeriodSeconds < (metadata.deletionGracePeriodSeconds ?? 0);
}

/** Only a Pod that may be running somewhere is given time to end. */
function gracePeriodSeconds(stored: ApiObject, request: DeleteRequest): number {
  const spec = memberOf(stored, 'spec');
  const status = memberOf(stored, 'status');
  if (stored.kind !== 'Pod' || !isRecord(spec) || typeof spec.nodeName !== 'string') return 0;
  if (isRecord(status) && (status.phase === 'Succeeded' || status.phase === 'Failed')) return 0;
  const own = spec.terminationGracePeriodSeconds;
  return request.gracePeriodSeconds ?? (typeof own === 'number' ? own : 30);
}

function createSubresource(
  type: ResourceType<ApiObject>,
  stored: ApiObject,
  subresource: string,
  body: unknown,
  server: FakeServer,
): unknown {
  switch (subresource) {
    case 'binding': {
      const target = isRecord(body) ? body.target : undefined;
      const spec = memberOf(stored, 'spec');
      if (isRecord(spec) && typeof spec.nodeName === 'string') {
        throw conflict(type, stored.metadata.name, `pod ${stored.metadata.name} is already assigned to node "${spec.nodeName}"`);
      }
      const nodeName = isRecord(target) ? target.name : undefined;
      const condition = { type: 'PodScheduled', status: 'True', lastTransitionTime: formatTime(server.clock.now()) };
      const status = memberOf(stored, 'status');
      const bound = {
        ...stored,
        spec: { ...(isRecord(spec) ? spec : {}), nodeName },
        status: { ...(isRecord(status) ? status : {}), conditions: [condition] },
      };
      server.storage.put(type, decodeObject(type, bound));
      return { kind: 'Status', apiVersion: 'v1', status: 'Success' };
    }
    case 'token':
      return { status: { token: `token-of-${stored.metadata.name}`, expirationTimestamp: formatTime(server.clock.now() + 3_600_000) } };
    default:
      throw new ApiError('NotImplemented', `the fake server has no ${qualifiedResource(type)}/${subresource}`);
  }
}

function hasStatus(type: ResourceType<ApiObject>): boolean {
  return type.subresources.some(({ name }) => name === 'status');
}

function memberOf(object: ApiObject, name: string): unknown {
  return isRecord(object) ? object[name] : undefined;
}

/** A custom resource has no schema of merge keys, and the real server takes no strategic patches for it either. */
function applyPatch(type: ResourceType<ApiObject>, patchType: PatchType, target: JsonObject, patch: unknown): JsonObject {
  switch (patchType) {
    case 'json':
      return applyJsonPatch(target, patch);
    case 'merge':
      return applyMergePatch(target, patch);
    case 'strategic':
      return applyStrategicMergePatch(type.schema, target, patch);
  }
}

/** What would have gone over the wire: no undefined members, nothing shared with the caller. */
function cloneJson(value: unknown): JsonObject {
  const clone: unknown = JSON.parse(JSON.stringify(value));
  return isJsonObject(clone) ? clone : {};
}
