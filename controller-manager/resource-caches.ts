/**
 * A cache of every resource the server serves, as one: built-in ones that other controllers share, the rest as discovery finds them, and custom
 * resources as they come and go. The garbage collector follows owners through it. Discovery is repeated when a custom resource definition or an
 * aggregated API changes, not by the clock. Upstream: pkg/controller/garbagecollector (GraphBuilder.syncMonitors).
 */
import { apiservices, customresourcedefinitions } from '#api/generated/resources.ts';
import type { ApiObject, ResourceType } from '#api/meta/resource-type.ts';
import type { Change, Informer, InformerDeps } from '#client/informer.ts';
import { createWorkQueue, type WorkQueue } from '#client/work-queue.ts';
import { type Discovery, discoverResources, resourceId } from './discovery.ts';

export type ResourceChangeHandler = (type: ResourceType<ApiObject>, change: Change<ApiObject>) => void;

export interface ResourceCaches {
  informers(): readonly Informer<ApiObject>[];
  /** By the kind that an owner reference names; another version of the same group will do. */
  findByKind(apiVersion: string, kind: string): Informer<ApiObject> | undefined;
  findById(resourceId: string): Informer<ApiObject> | undefined;
  /** Resolves once the server was asked what it serves and all of it is in the caches. */
  whenComplete(signal: AbortSignal): Promise<void>;
  isComplete(): boolean;
  /** Hears of changes of all resources, also of those found later. Returns a function that unsubscribes. */
  onChange(handler: ResourceChangeHandler): () => void;
  /** Hears of resources found later, once their objects are in the caches. Returns a function that unsubscribes. */
  onDiscovered(handler: (type: ResourceType<ApiObject>) => void): () => void;
  run(signal: AbortSignal): Promise<void>;
}

/** Never owned, never owners, and by far the most written. Upstream ignores them too. */
const ignored: ReadonlySet<string> = new Set(['events.', 'events.events.k8s.io']);
/** Changes of these change what is served. */
const schemas: ReadonlySet<string> = new Set([resourceId(customresourcedefinitions), resourceId(apiservices)]);

const DISCOVERY = 'discovery';

interface Entry {
  readonly informer: Informer<ApiObject>;
  readonly stop: AbortController;
  readonly unsubscribe: () => void;
}

export function createResourceCaches(
  shared: readonly Informer<ApiObject>[],
  createInformerFor: (type: ResourceType<ApiObject>) => Informer<ApiObject>,
  deps: InformerDeps,
): ResourceCaches {
  const entries = new Map<string, Entry>();
  const handlers = new Set<ResourceChangeHandler>();
  const discoveryHandlers = new Set<(type: ResourceType<ApiObject>) => void>();
  const discovered = Promise.withResolvers<void>();
  let isDiscovered = false;
  let rediscover = (): void => {};

  const add = (informer: Informer<ApiObject>): Entry => {
    const { type } = informer;
    const unsubscribe = informer.onChange((change) => {
      if (schemas.has(resourceId(type))) rediscover();
      for (const handler of handlers) handler(type, change);
    });
    const entry = { informer, stop: new AbortController(), unsubscribe };
    entries.set(resourceId(type), entry);
    return entry;
  };
  const informers = () => [...entries.values()].map(({ informer }) => informer);
  for (const informer of shared) add(informer);

  return {
    informers,
    findById: (id) => entries.get(id)?.informer,
    findByKind: (apiVersion, kind) => {
      const group = apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '';
      return informers().find(({ type }) => type.group === group && type.kind === kind);
    },
    isComplete: () => isDiscovered && informers().every((informer) => informer.hasSynced()),
    whenComplete: async (signal) => {
      await discovered.promise;
      await Promise.all(informers().map((informer) => informer.whenSynced(signal)));
    },
    onChange: (handler) => {
      handlers.add(handler);
      for (const { type, store } of informers()) for (const object of store.list()) handler(type, { type: 'added', object });
      return () => handlers.delete(handler);
    },
    onDiscovered: (handler) => {
      discoveryHandlers.add(handler);
      return () => discoveryHandlers.delete(handler);
    },
    run: async (signal) => {
      const running = new Set<Promise<void>>();
      const start = ({ informer, stop }: Entry) => {
        const run = informer.run(AbortSignal.any([signal, stop.signal])).finally(() => running.delete(run));
        running.add(run);
      };
      for (const entry of entries.values()) start(entry);
      const update = async () => {
        const discovery = await discoverResources(deps.client);
        for (const type of added(discovery, entries)) {
          const entry = add(createInformerFor(type));
          start(entry);
          const tell = () => {
            for (const handler of discoveryHandlers) handler(type);
          };
          entry.informer.whenSynced(AbortSignal.any([signal, entry.stop.signal])).then(tell, () => {});
        }
        for (const [id, entry] of removed(discovery, entries, shared)) {
          entry.stop.abort();
          entry.unsubscribe();
          entries.delete(id);
        }
        isDiscovered = true;
        discovered.resolve();
        if (discovery.failedGroups.length > 0) deps.log.warn({ groups: discovery.failedGroups }, 'groups do not answer');
      };
      const queue = createWorkQueue(deps.clock);
      rediscover = () => queue.add(DISCOVERY);
      await runWheneverAdded(queue, update, deps, signal);
      await Promise.allSettled(running);
    },
  };
}

/** Runs `update` at once and then each time the queue is told to, again with back-off when it fails; one at a time, until aborted. */
async function runWheneverAdded(queue: WorkQueue, update: () => Promise<void>, { log }: InformerDeps, signal: AbortSignal): Promise<void> {
  queue.add(DISCOVERY);
  try {
    for (;;) {
      const key = await queue.take(signal);
      try {
        await update();
        queue.forget(key);
      } catch (error) {
        const delayMs = queue.addAfterFailure(key);
        log.warn({ err: error, delayMs }, 'asking what the server serves failed; trying again');
      } finally {
        queue.done(key);
      }
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    queue.close();
  }
}

function added({ types }: Discovery, entries: ReadonlyMap<string, Entry>): readonly ResourceType<ApiObject>[] {
  return types.filter((type) => !entries.has(resourceId(type)) && !ignored.has(resourceId(type)));
}

/** Resources of a group that did not answer stay. */
function removed(
  { types, failedGroups }: Discovery,
  entries: ReadonlyMap<string, Entry>,
  shared: readonly Informer<ApiObject>[],
): readonly (readonly [string, Entry])[] {
  const served = new Set([...types, ...shared.map(({ type }) => type)].map(resourceId));
  return [...entries].filter(([id, { informer }]) => !served.has(id) && !failedGroups.includes(informer.type.group));
}
