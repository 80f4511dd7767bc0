/**
 * The verbs of one resource in one namespace, on JSON that the test looks at itself, and waiting for it to become something: by a watch
 * from the very list that was looked at, never by asking again and again. Made by `TestScope.resource`.
 */
import { queryString } from '#client/resource-path.ts';
import type { Json } from '../../cluster.ts';
import type { Cluster } from './cluster.ts';
import { openWatch, type Watch } from './watch.ts';

/** What a controller or the kubelet does in seconds, on a machine that does much else. */
export const REACTION_MS_MAX = 120_000;

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

const patchTypes = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
} as const;

export interface Resource {
  /** Of the collection. */
  readonly path: string;
  create(object: Json, query?: Query): Promise<Json>;
  get(name: string, subresource?: string): Promise<Json>;
  list(query?: Query): Promise<Json>;
  /** Replaces the object that has this one's name. */
  update(object: Json, subresource?: string): Promise<Json>;
  /** Reads, changes and writes again, as often as somebody else wrote in between. */
  change(name: string, change: (object: Json) => void, subresource?: string): Promise<Json>;
  patch(name: string, patch: unknown, options?: { type?: keyof typeof patchTypes; subresource?: string; query?: Query }): Promise<Json>;
  delete(name: string, options?: Json): Promise<Json>;
  deleteCollection(query: Query, options?: Json): Promise<Json>;
  /** From now on, or from `resourceVersion`; closed when the test is over. */
  watch(query?: Query): Promise<Watch>;
  /** Gives what `check` gives for the object as soon as that is not undefined or false; `check` sees undefined while there is no object. */
  until<T>(name: string, what: string, check: (object: Json | undefined) => T | undefined | false, deadlineMs?: number): Promise<T>;
  /** The same for all objects that the query chooses. */
  untilAll<T>(query: Query, what: string, check: (items: readonly Json[]) => T | undefined | false, deadlineMs?: number): Promise<T>;
  untilGone(name: string, deadlineMs?: number): Promise<void>;
}

/** As often as a test may find that a controller wrote in between. */
const CHANGE_ATTEMPTS_MAX = 20;

/** `name` is `v1/configmaps` or `apps/v1/deployments`; an empty namespace means the cluster-wide collection. */
export function createResource(cluster: Cluster, name: string, namespace: string, signal?: AbortSignal): Resource {
  const path = pathOf(name, namespace);
  const at = (object: string, subresource?: string) =>
    `${path}/${encodeURIComponent(object)}${subresource === undefined ? '' : `/${subresource}`}`;
  const resource: Resource = {
    path,
    create: (body, query = {}) => cluster.request({ method: 'POST', path: path + queryString(query), body }),
    get: (object, subresource) => cluster.request({ path: at(object, subresource) }),
    list: (query = {}) => cluster.request({ path: path + queryString(query) }),
    update: (body, subresource) => cluster.request({ method: 'PUT', path: at(body.metadata.name, subresource), body }),
    change: (object, change, subresource) => changeObject(resource, object, change, subresource),
    patch: (object, body, { type = 'merge', subresource, query = {} } = {}) =>
      cluster.request({ method: 'PATCH', path: at(object, subresource) + queryString(query), body, contentType: patchTypes[type] }),
    delete: (object, options) =>
      cluster.request({ method: 'DELETE', path: at(object), ...(options === undefined ? {} : { body: deleteOptions(options) }) }),
    deleteCollection: (query, options) =>
      cluster.request({
        method: 'DELETE',
        path: path + queryString(query),
        ...(options === undefined ? {} : { body: deleteOptions(options) }),
      }),
    watch: (query = {}) => openWatch(cluster, path, query, signal),
    until: (object, what, check, deadlineMs) =>
      resource.untilAll({ fieldSelector: `metadata.name=${object}` }, what, ([found]) => check(found), deadlineMs),
    untilAll: (query, what, check, deadlineMs = REACTION_MS_MAX) => untilAll(resource, { query, what, check, deadlineMs }),
    untilGone: async (object, deadlineMs) => {
      await resource.until(object, `${name} ${object} is gone`, (found) => found === undefined, deadlineMs);
    },
  };
  return resource;
}

function pathOf(name: string, namespace: string): string {
  const parts = name.split('/');
  const [group, version, plural] = parts.length === 2 ? ['', ...parts] : parts;
  if (group === undefined || version === undefined || plural === undefined) throw new Error(`not a resource: ${name}`);
  const root = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
  return namespace === '' ? `${root}/${plural}` : `${root}/namespaces/${namespace}/${plural}`;
}

function deleteOptions(options: Json): Json {
  return { kind: 'DeleteOptions', apiVersion: 'v1', ...options };
}

async function changeObject(resource: Resource, name: string, change: (object: Json) => void, subresource?: string): Promise<Json> {
  for (let attempt = 1; ; attempt++) {
    const object = await resource.get(name);
    change(object);
    try {
      return await resource.update(object, subresource);
    } catch (error) {
      const { reason }: Json = error;
      if (reason !== 'Conflict' || attempt === CHANGE_ATTEMPTS_MAX) throw error;
    }
  }
}

interface Waiting<T> {
  readonly query: Query;
  readonly what: string;
  readonly check: (items: readonly Json[]) => T | undefined | false;
  readonly deadlineMs: number;
}

/** One list, then its watch; a watch that the server closes is begun again with a list. */
async function untilAll<T>(resource: Resource, { query, what, check, deadlineMs }: Waiting<T>): Promise<T> {
  const deadline = Date.now() + deadlineMs;
  let items: Map<string, Json> = new Map();
  while (Date.now() < deadline) {
    const list = await resource.list(query);
    items = new Map(list.items.map((item: Json) => [item.metadata.uid, item]));
    const watch = await resource.watch({ ...query, resourceVersion: list.metadata.resourceVersion });
    try {
      while (true) {
        const value = check([...items.values()]);
        if (value !== undefined && value !== false) return value;
        const event = await watch.next(what, Math.max(0, deadline - Date.now()));
        if (event === 'closed') break;
        if (event.type === 'DELETED') items.delete(event.object.metadata.uid);
        else items.set(event.object.metadata.uid, event.object);
      }
    } catch (error) {
      throw new Error(`${what}: not within ${deadlineMs / 1_000} s; last seen ${excerpt([...items.values()])}`, { cause: error });
    } finally {
      watch.close();
    }
  }
  throw new Error(`${what}: not within ${deadlineMs / 1_000} s; last seen ${excerpt([...items.values()])}`);
}

const EXCERPT_CHARACTERS_MAX = 1_500;

function excerpt(items: readonly Json[]): string {
  const told = items.map(({ metadata: { managedFields: _, ...metadata }, ...rest }) => ({ ...rest, metadata }));
  return JSON.stringify(told).slice(0, EXCERPT_CHARACTERS_MAX);
}
