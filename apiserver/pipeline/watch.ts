/**
 * GET with `watch`: a stream of frames, one per change, in order and without gaps from a revision on. A frame is built once per event and shared by all
 * watchers; a watcher is a position in the cache's window of events, so a slow client costs no memory: it is written to when it has read, and told Expired
 * when the window has passed it. Source: k8s.io/apiserver, pkg/endpoints/handlers/watch.go and pkg/storage/cacher/cache_watcher.go.
 */
import { ApiError, isReason, toStatus } from '#api/meta/status.ts';
import { isConverted, prepareServed, servedObject } from '../encoding/served-bytes.ts';
import { nextTurn } from '../encoding/turns.ts';
import type { FrameEncoder } from '../encoding/watch-frames.ts';
import { createFrameEncoder } from '../encoding/watch-frames.ts';
import type { CachedObject, CacheEvent, CacheWatch } from '../storage/watch-cache.ts';
import type { Answer, ByteSink } from './answer.ts';
import { waitForCache } from './get.ts';
import { parseWatchOptions, type WatchOptions } from './list-options.ts';
import type { ApiRequest, PipelineDeps } from './request.ts';
import { parseSelection, type Selection, selectObjects } from './selection.ts';

/** Upstream ends a watch that names no timeout after this time, and up to as long again, so that clients spread over servers. */
const WATCH_MS_MIN = 30 * 60_000;

/** Bookmarks of a quiet watch come no more often than this; clients expect about one a minute. */
const BOOKMARK_INTERVAL_MS = 55_000;

/** Written at once, then the client must read: large enough to fill a segment many times over, small enough to share the process. */
const CHUNK_BYTES_MAX = 256 * 1024;

/** How many objects of a first list are made ready before the first of them is written. */
const PREPARED_AT_ONCE = 500;

/** A watch from the past asks of the cache only that it is filled; a revision to come is waited for by the watch itself. */
const ANY_REVISION = 0n;

interface Stream {
  readonly request: ApiRequest;
  readonly selection: Selection;
  readonly options: WatchOptions;
  readonly frames: FrameEncoder;
  readonly watch: CacheWatch;
  /** What is there when the stream begins, selected or not; undefined when only changes were asked for. */
  readonly initial: readonly CachedObject[] | undefined;
  readonly since: bigint;
}

export async function watchObjects(request: ApiRequest, deps: PipelineDeps): Promise<Answer> {
  const options = parseWatchOptions(request.query);
  const selection = parseSelection(request);
  const isFromNow = options.since === undefined || options.since === 0n || options.sendsInitialEvents !== undefined;
  await waitForCache(deps, isFromNow ? options.since : ANY_REVISION, request.signal);
  const frames = servedFrames(createFrameEncoder(request.definition, request.form, deps.clock), request.definition);
  // No await between reading the state and opening the watch: what follows the one is what the other shows.
  const since = isFromNow ? deps.cache.revision() : (options.since ?? 0n);
  const watch = openWatch(deps, selection.prefix, since);
  if (watch instanceof ApiError) return errorAnswer(watch, frames);
  const isInitialWanted = options.sendsInitialEvents ?? isFromNow;
  const initial = isInitialWanted ? deps.cache.list(selection.prefix) : undefined;
  const stream: Stream = { request, selection, options, frames, watch, initial, since };
  return {
    type: 'stream',
    contentType: frames.contentType,
    run: (sink, signal, onInitialized) => runStream({ ...stream, onInitialized }, deps, sink, signal),
  };
}

/** Frames that show objects as the request's version has them. */
function servedFrames(frames: FrameEncoder, definition: ApiRequest['definition']): FrameEncoder {
  if (!isConverted(definition)) return frames;
  return {
    ...frames,
    of: (type, object) => frames.of(type, servedObject(definition, object)),
    departed: (previous, revision) => frames.departed(servedObject(definition, previous), revision),
  };
}

function openWatch({ cache }: PipelineDeps, prefix: string, since: bigint): CacheWatch | ApiError {
  try {
    return cache.watch(prefix, since);
  } catch (error) {
    if (isReason(error, 'Expired')) return error;
    throw error;
  }
}

/** A revision that is too old is told as upstream tells it: the watch begins, says so, and ends. */
function errorAnswer(error: ApiError, frames: FrameEncoder): Answer {
  const run = async (sink: ByteSink) => {
    sink.write(frames.error(toStatus(error)));
  };
  return { type: 'stream', contentType: frames.contentType, run };
}

/** Ends without an error when the client has gone, the time is over or the server stops: clients then watch again from where they were. */
async function runStream(
  stream: Stream & { readonly onInitialized: () => void },
  deps: PipelineDeps,
  sink: ByteSink,
  connection: AbortSignal,
): Promise<void> {
  const deadline = new AbortController();
  const cancelDeadline = deps.clock.after(durationMs(stream.options, deps), () => deadline.abort());
  const { custom } = stream.request.definition;
  const signal = AbortSignal.any([connection, deadline.signal, deps.stopping, ...(custom ? [custom.gone] : [])]);
  try {
    if (stream.initial) await writeInitial(stream, stream.initial, sink, signal);
    stream.onInitialized();
    await writeChanges(stream, deps, sink, signal);
  } catch (error) {
    if (signal.aborted) return;
    if (!(error instanceof ApiError)) throw error;
    sink.write(stream.frames.error(toStatus(error)));
  } finally {
    cancelDeadline();
    stream.watch.close();
  }
}

function durationMs({ timeoutSeconds }: WatchOptions, { random }: PipelineDeps): number {
  return timeoutSeconds !== undefined && timeoutSeconds > 0 ? timeoutSeconds * 1000 : WATCH_MS_MIN * (1 + random.next());
}

async function writeInitial(
  { request, selection, frames, options, since }: Stream,
  listed: readonly CachedObject[],
  sink: ByteSink,
  signal: AbortSignal,
): Promise<void> {
  const closing = options.sendsInitialEvents === true && options.sendsBookmarks ? [frames.bookmark(since, { isEndOfInitial: true })] : [];
  const objects = await selectObjects(selection, listed);
  for (let at = 0; at < objects.length && !signal.aborted; at += PREPARED_AT_ONCE) {
    const some = objects.slice(at, at + PREPARED_AT_ONCE);
    await prepareServed(
      request.definition,
      some.map(({ bytes }) => bytes),
    );
    await writeFrames(
      some.map((object) => () => frames.of('ADDED', object)),
      sink,
      signal,
    );
  }
  await writeFrames(
    closing.map((frame) => () => frame),
    sink,
    signal,
  );
}

async function writeChanges(
  { request, watch, selection, frames, options }: Stream,
  { clock }: PipelineDeps,
  sink: ByteSink,
  signal: AbortSignal,
): Promise<void> {
  let bookmarkedAt = clock.monotonic();
  while (!signal.aborted) {
    const { events, revision } = await watch.next(signal);
    await selection.prepare?.(events.flatMap(({ object, previous }) => (previous === undefined ? [object] : [object, previous])));
    const shown = events.flatMap((event) => frameOf(event, selection, frames) ?? []);
    await prepareServed(
      request.definition,
      shown.map(({ stored }) => stored),
    );
    await writeFrames(
      shown.map(({ make }) => make),
      sink,
      signal,
    );
    if (options.sendsBookmarks && clock.monotonic() - bookmarkedAt >= BOOKMARK_INTERVAL_MS) {
      bookmarkedAt = clock.monotonic();
      sink.write(frames.bookmark(revision, { isEndOfInitial: false }));
    }
  }
}

interface ShownChange {
  /** The bytes that the frame is made of. */
  readonly stored: Buffer;
  make(): Buffer;
}

/** What a change is to somebody who only sees what the selection lets through; undefined when it is nothing. */
function frameOf({ type, object, previous, revision }: CacheEvent, selection: Selection, frames: FrameEncoder): ShownChange | undefined {
  const didMatch = previous !== undefined && (selection.isEverything || selection.matches(previous));
  const doesMatch = type !== 'DELETED' && (selection.isEverything || selection.matches(object));
  if (doesMatch) return { stored: object.bytes, make: () => frames.of(didMatch ? 'MODIFIED' : 'ADDED', object) };
  if (!didMatch) return undefined;
  if (type === 'DELETED') return { stored: object.bytes, make: () => frames.of('DELETED', object) };
  // Leaving the selection is a deletion to this client: it gets the object it knew, at the version of the change.
  return { stored: previous.bytes, make: () => frames.departed(previous, revision) };
}

async function writeFrames(frames: readonly (() => Buffer)[], sink: ByteSink, signal: AbortSignal): Promise<void> {
  let chunk: Buffer[] = [];
  let chunkBytes = 0;
  for (const [index, makeFrame] of frames.entries()) {
    const frame = makeFrame();
    chunk.push(frame);
    chunkBytes += frame.length;
    if (!sink.isOfMessages && chunkBytes < CHUNK_BYTES_MAX && index + 1 < frames.length) continue;
    const hasRoom = sink.write(chunk.length === 1 ? frame : Buffer.concat(chunk, chunkBytes));
    chunk = [];
    chunkBytes = 0;
    if (!hasRoom) await sink.drained(signal);
    else if (index + 1 < frames.length) await nextTurn();
    if (signal.aborted) return;
  }
}
