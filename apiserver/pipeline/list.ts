/**
 * GET of a collection: from the cache at a known revision, or, for the pages behind the first, from the database as it was then. No object is
 * parsed or serialised; a page is a list of stored bytes. Source: k8s.io/apiserver, pkg/storage/cacher (KEP-2340) and pkg/storage/etcd3/store.go, GetList.
 */
import type { ApiObject } from '#api/meta/resource-type.ts';
import { ApiError } from '#api/meta/status.ts';
import { parseStored } from '../encoding/json-value.ts';
import { isConverted, prepareServed, servedBytes } from '../encoding/served-bytes.ts';
import type { ResourceDefinition } from '../resources/resource-definition.ts';
import { StorageError, type StoredItem } from '../storage/storage.ts';
import type { Answer, ListPage } from './answer.ts';
import { type ContinueToken, formatContinueToken, parseContinueToken } from './continue-token.ts';
import { type ListOptions, parseListOptions } from './list-options.ts';
import type { ApiRequest, PipelineDeps } from './request.ts';
import { parseSelection, type Selection } from './selection.ts';

/** How many keys are read from the database at once when selectors leave most of them out. */
const READ_ITEMS_MAX = 500;

interface PageObject {
  readonly key: string;
  readonly namespace: string;
  readonly name: string;
  readonly bytes: Buffer;
}

export interface Page {
  readonly page: ListPage;
  readonly objects: readonly PageObject[];
}

export async function listObjects(request: ApiRequest, deps: PipelineDeps): Promise<Answer> {
  const { page } = await readPage(request, deps);
  return listAnswer(request.definition, page);
}

/** Every object as the request's version has it. */
export async function listAnswer(definition: ResourceDefinition<ApiObject>, page: ListPage): Promise<Answer> {
  if (!isConverted(definition)) return { type: 'list', definition, page };
  const stored = page.items.map(({ bytes }) => bytes);
  await prepareServed(definition, stored);
  const items = stored.map((bytes) => ({ bytes: servedBytes(definition, bytes) }));
  return { type: 'list', definition, page: { ...page, items } };
}

/** What the list would show, with the names of its objects. */
export async function readPage(request: ApiRequest, deps: PipelineDeps): Promise<Page> {
  const options = parseListOptions(request.query);
  const selection = parseSelection(request);
  const { at, continueText } = options;
  if (continueText !== '') return readPast(parseContinueToken(continueText, selection.prefix), options, selection, request, deps);
  switch (at.state) {
    case 'newest':
      await deps.cache.waitUntilCurrent(request.signal);
      return readCached(options, selection, deps);
    case 'any':
      // Upstream answers this from its cache, which ignores the limit, as clients at `resourceVersion=0` expect.
      return readCached({ ...options, limit: 0 }, selection, deps);
    case 'atLeast':
      await deps.cache.waitFor(at.revision, request.signal);
      return readCached(options, selection, deps);
    case 'exactly':
      await deps.cache.waitFor(at.revision, request.signal);
      return readPast({ revision: at.revision, after: '' }, options, selection, request, deps);
  }
}

function readCached({ limit }: ListOptions, selection: Selection, { cache }: PipelineDeps): Page {
  const all = cache.list(selection.prefix);
  const matching = selection.isEverything ? all : all.filter((object) => selection.matches(object));
  const objects = limit > 0 ? matching.slice(0, limit) : matching;
  return pageOf(objects, matching.length - objects.length, cache.revision(), selection);
}

/** A past state, from the database; or from the cache while nothing at all has happened since. */
async function readPast(
  { revision, after }: ContinueToken,
  { limit }: ListOptions,
  selection: Selection,
  request: ApiRequest,
  { storage, cache }: PipelineDeps,
): Promise<Page> {
  if (cache.revision() === revision) {
    const rest = cache.list(selection.prefix).filter((object) => object.key > after && selection.matches(object));
    const objects = limit > 0 ? rest.slice(0, limit) : rest;
    return pageOf(objects, rest.length - objects.length, revision, selection);
  }
  const found: PageObject[] = [];
  let position = after;
  for (;;) {
    request.signal.throwIfAborted();
    const wanted = limit > 0 && selection.isEverything ? limit - found.length : READ_ITEMS_MAX;
    const page = await readAt(storage, selection.prefix, { limit: wanted, revision, ...(position === '' ? {} : { after: position }) });
    for (const [index, item] of page.items.entries()) {
      const object = pageObject(item, selection, request);
      if (object) found.push(object);
      if (limit > 0 && found.length === limit) {
        const hasMore = page.hasMore || index + 1 < page.items.length;
        return pageOf(found, hasMore ? undefined : 0, revision, selection);
      }
    }
    const last = page.items.at(-1);
    if (!page.hasMore || last === undefined) return pageOf(found, 0, revision, selection);
    position = last.key;
  }
}

async function readAt(storage: PipelineDeps['storage'], prefix: string, options: Parameters<PipelineDeps['storage']['list']>[1]) {
  try {
    return await storage.list(prefix, options);
  } catch (error) {
    if (!(error instanceof StorageError && error.reason === 'compacted')) throw error;
    throw new ApiError(
      'Expired',
      options.after === undefined
        ? `The resourceVersion for the provided list is too old.`
        : 'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter.',
      { cause: error },
    );
  }
}

function pageObject({ key, bytes }: StoredItem, selection: Selection, { definition }: ApiRequest): PageObject | undefined {
  const [namespace, name] = nameOf(key, definition.type.isNamespaced);
  if (selection.isEverything) return { key, namespace, name, bytes };
  const object = parseStored(bytes);
  const labels = object.metadata.labels ?? {};
  const { selectableFields } = definition.storedAs?.definition ?? definition;
  return selection.matches({ key, bytes, labels, fields: selectableFields(object) }) ? { key, namespace, name, bytes } : undefined;
}

function nameOf(key: string, isNamespaced: boolean): readonly [string, string] {
  const parts = key.split('/');
  const name = parts.at(-1) ?? '';
  return isNamespaced ? [parts.at(-2) ?? '', name] : ['', name];
}

/** `remaining` undefined: there is more, nobody counted how much. */
function pageOf(objects: readonly PageObject[], remaining: number | undefined, revision: bigint, selection: Selection): Page {
  const last = objects.at(-1);
  const hasMore = remaining !== 0 && last !== undefined;
  const page: ListPage = {
    items: objects,
    revision,
    continueToken: hasMore ? formatContinueToken({ revision, after: last.key }, selection.prefix) : undefined,
    remainingItemCount: hasMore && selection.isEverything ? remaining : undefined,
  };
  return { page, objects };
}
