/**
 * The frames of a watch: `{"type":"ADDED","object":…}` and a line end. For plain JSON a frame is the stored bytes between two constants, built once per
 * object and type and shared by every watcher; Tables and metadata are made per watcher, for people with a terminal.
 */
import type { Status } from '#api/generated/types.ts';
import type { ApiObject } from '#api/meta/resource-type.ts';
import { apiVersionOf } from '#api/meta/resource-type.ts';
import { ApiError } from '#api/meta/status.ts';
import type { Clock } from '#component/clock.ts';
import type { ResourceDefinition } from '../resources/resource-definition.ts';
import type { CachedObject } from '../storage/watch-cache.ts';
import { encodeTable } from './encode-table.ts';
import { parseStored } from './json-value.ts';
import type { ResponseForm } from './negotiate.ts';
import { toPartialMetadata } from './partial-object-metadata.ts';

type EventType = 'ADDED' | 'MODIFIED' | 'DELETED';

export interface FrameEncoder {
  readonly contentType: string;
  of(type: EventType, object: CachedObject): Buffer;
  /** DELETED for an object that left the selection: its last matching state, at the revision of the change. */
  departed(previous: CachedObject, revision: bigint): Buffer;
  bookmark(revision: bigint, options: { readonly isEndOfInitial: boolean }): Buffer;
  error(status: Status): Buffer;
}

const heads: Readonly<Record<EventType, Buffer>> = {
  ADDED: Buffer.from('{"type":"ADDED","object":'),
  MODIFIED: Buffer.from('{"type":"MODIFIED","object":'),
  DELETED: Buffer.from('{"type":"DELETED","object":'),
};
const FRAME_END = Buffer.from('}\n');

const INITIAL_EVENTS_END = 'k8s.io/initial-events-end';

/** Throws NotAcceptable: a stream of YAML documents is not something clients can read. */
export function createFrameEncoder(definition: ResourceDefinition<ApiObject>, form: ResponseForm, clock: Clock): FrameEncoder {
  if (form.mediaType !== 'application/json') {
    throw new ApiError('NotAcceptable', 'only the following media types are accepted: application/json, application/json;stream=watch');
  }
  const transform = transformOf(definition, form, clock);
  return {
    contentType: 'application/json',
    of: (type, object) => (transform ? frame(type, transform(parseStored(object.bytes))) : sharedFrame(type, object)),
    departed: (previous, revision) => {
      const object = atRevision(previous, revision);
      return frame('DELETED', transform ? transform(object) : object);
    },
    bookmark: (revision, { isEndOfInitial }) => frame('BOOKMARK', bookmarkObject(definition, form, revision, isEndOfInitial)),
    error: (status) => frame('ERROR', status),
  };
}

const sharedFrames = new WeakMap<CachedObject, { [type in EventType]?: Buffer }>();

function sharedFrame(type: EventType, object: CachedObject): Buffer {
  const known = sharedFrames.get(object) ?? {};
  const made = known[type] ?? Buffer.concat([heads[type], object.bytes, FRAME_END]);
  if (known[type] === undefined) sharedFrames.set(object, { ...known, [type]: made });
  return made;
}

function frame(type: EventType | 'BOOKMARK' | 'ERROR', object: object): Buffer {
  return Buffer.from(`${JSON.stringify({ type, object })}\n`);
}

/** Undefined for the object as it is. */
function transformOf(
  definition: ResourceDefinition<ApiObject>,
  form: ResponseForm,
  clock: Clock,
): ((object: ApiObject) => object) | undefined {
  switch (form.representation) {
    case 'object':
      return undefined;
    case 'PartialObjectMetadata':
      return (object) => toPartialMetadata(object, form.metaVersion);
    case 'Table': {
      let isFirst = true;
      return (object) => {
        const table = encodeTable(definition, [object], {
          metaVersion: form.metaVersion,
          nowMs: clock.now(),
          includeObject: 'Metadata',
          hasColumns: isFirst,
        });
        isFirst = false;
        return { ...table, metadata: { resourceVersion: object.metadata.resourceVersion } };
      };
    }
  }
}

function atRevision(object: CachedObject, revision: bigint): ApiObject {
  const parsed = parseStored(object.bytes);
  return { ...parsed, metadata: { ...parsed.metadata, resourceVersion: String(revision) } };
}

/** An object of the kind with nothing in it but the revision that the stream has reached. */
function bookmarkObject({ type }: ResourceDefinition<ApiObject>, form: ResponseForm, revision: bigint, isEndOfInitial: boolean): object {
  const isMetadata = form.representation === 'PartialObjectMetadata';
  const annotations = isEndOfInitial ? { annotations: { [INITIAL_EVENTS_END]: 'true' } } : {};
  return {
    kind: isMetadata ? 'PartialObjectMetadata' : type.kind,
    apiVersion: isMetadata ? `meta.k8s.io/${form.metaVersion}` : apiVersionOf(type),
    metadata: { resourceVersion: String(revision), creationTimestamp: null, ...annotations },
  };
}
