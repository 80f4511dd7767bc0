/**
 * GET of a collection: from the cache at a known revision, or, for the pages behind the first, from the database as it was then. No object is
 * parsed or serialised; a page is a list of stored bytes. Source: k8s.io/apiserver, pkg/storage/cacher (KEP-2340) and pkg/storage/etcd3/store.go, GetList.
 */
import type { ApiObject } from '#api/meta/resource-type.ts';
import { ApiError } from '#api/meta/status.ts';
import { parseStored } from '../encoding/json-value.ts';
import { isConverted, prepareServed, servedBytes } from '../encoding/served-bytes.ts';
import { mapInTurns } from '../encoding/turns.ts';
import type { ResourceDefinition } from '../resources/resource-definition.ts';
import { StorageError, type StoredItem } from '../storage/storage.ts';
import type { Answer, ListPage } from './answer.ts';
import { type ContinueToken, formatContinueToken, INCONSISTENT, parseContinueToken } from './continue-token.ts';
import { type ListOptions, parseListOptions } from './list-options.ts';
import type { ApiRequest, PipelineDeps } from './request.ts';
import { parseSelection, type Selection, selectObjects } from './selection.ts';

/** How many keys are read from the database at once when selectors leave most of them out. */
const READ_ITEMS_MAX = 500;

const CONTINUE_EXPIRED =
  'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue ' +
  'parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided ' +
  'token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was ' +
  'returned and now may show up in the list.';

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
  return await listAnswer(request.definition, page);
}

/** Every object as the request's version has it. */
export async function listAnswer(definition: ResourceDefinition<ApiObject>, page: ListPage): Promise<Answer> {
  if (!isConverted(definition)) return { type: 'list', definition, page };
  await prepareServed(
    definition,
    page.items.map(({ bytes }) => bytes),
  );
  const items = await mapInTurns(page.items, ({ bytes }) => ({ bytes: servedBytes(definition, bytes) }));
  return { type: 'list', definition, page: { ...page, items } };
}

/** What the list would show, with the names of its objects. */
export async function readPage(request: ApiRequest, deps: PipelineDeps): Promise<Page> {
  const options = parseListOptions(request.query);
  const selection = parseSelection(request);
  const { at, continueText } = options;
  if (continueText !== '') return readNext(parseContinueToken(continueText, selection.prefix), options, selection, request, deps);
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

async function readCached({ limit }: ListOptions, selection: Selection, { cache }: PipelineDeps): Promise<Page> {
  const revision = cache.revision();
  const matching = await selectObjects(selection, cache.list(selection.prefix));
  const objects = limit > 0 ? matching.slice(0, limit) : matching;
  return pageOf(objects, matching.length - objects.length, revision, selection);
}

/** The page behind another one: of the same state, or, where the token says that this is gone, of the newest. */
async function readNext(
  token: ContinueToken,
  options: ListOptions,
  selection: Selection,
  request: ApiRequest,
  deps: PipelineDeps,
): Promise<Page> {
  if (token.revision !== INCONSISTENT) return readPast(token, options, selection, request, deps);
  await deps.cache.waitUntilCurrent(request.signal);
  return readPast({ revision: deps.cache.revision(), after: token.after }, options, selection, request, deps);
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
    const rest = await selectObjects(
      selection,
      cache.list(selection.prefix).filter(({ key }) => key > after),
    );
    const objects = limit > 0 ? rest.slice(0, limit) : rest;
    return pageOf(objects, rest.length - objects.length, revision, selection);
  }
  const found: PageObject[] = [];
  let position = after;
  for (;;) {
    request.signal.throwIfAborted();
    const wanted = limit > 0 && selection.isEverything ? limit - found.length : READ_ITEMS_MAX;
    const page = await readAt(storage, selection.prefix, { limit: wanted, revision, ...(position === '' ? {} : { after: position }) });
    await selection.prepare?.(page.items);
    for (const [index, item] of page.items.entries()) {
      const object = pageObject(item, selection, request);
      if (object) found.push(object);
      if (limit > 0 && found.length === limit) {
        return pageOf(found, page.remaining + page.items.length - index - 1, revision, selection);
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
    if (options.after === undefined)
      throw new ApiError('Expired', 'The resourceVersion for the provided list is too old.', { cause: error });
    const continueToken = formatContinueToken({ revision: INCONSISTENT, after: options.after }, prefix);
    throw new ApiError('Expired', CONTINUE_EXPIRED, { cause: error, continueToken });
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

/** `remaining`: keys behind the last object, whether selected or not. */
function pageOf(objects: readonly PageObject[], remaining: number, revision: bigint, selection: Selection): Page {
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
