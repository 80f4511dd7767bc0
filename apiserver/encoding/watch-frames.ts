/**
 * The frames of a watch: `{"type":"ADDED","object":…}` and a line end, or the same in protobuf with a length before it. For plain JSON a frame is the stored bytes
 * between two constants, built once per object and type and shared by every watcher, as protobuf frames are; Tables and metadata are made per watcher.
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
import { PROTOBUF, type ResponseForm } from './negotiate.ts';
import { toPartialMetadata } from './partial-object-metadata.ts';
import { encodeProtobufFrame } from './protobuf/protobuf-object.ts';

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

const STREAM_TYPES = 'application/json, application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch';

/** One language that frames are written in. Frames of objects as they are stored are made once. */
interface FrameFormat {
  readonly contentType: string;
  readonly shared: WeakMap<CachedObject, SharedFrames>;
  ofStored(type: EventType, bytes: Buffer): Buffer;
  of(type: EventType | 'BOOKMARK' | 'ERROR', object: object): Buffer;
}

type SharedFrames = { readonly [type in EventType]?: Buffer };

const json: FrameFormat = {
  contentType: 'application/json',
  shared: new WeakMap(),
  ofStored: (type, bytes) => Buffer.concat([heads[type], bytes, FRAME_END]),
  of: (type, object) => Buffer.from(`${JSON.stringify({ type, object })}\n`),
};

const protobuf: FrameFormat = {
  contentType: `${PROTOBUF};stream=watch`,
  shared: new WeakMap(),
  ofStored: (type, bytes) => encodeProtobufFrame(type, parseStored(bytes)),
  of: encodeProtobufFrame,
};

/** Throws NotAcceptable: a stream of YAML documents is not something clients can read. */
export function createFrameEncoder(definition: ResourceDefinition<ApiObject>, form: ResponseForm, clock: Clock): FrameEncoder {
  if (form.mediaType === 'application/yaml') {
    throw new ApiError('NotAcceptable', `only the following media types are accepted: ${STREAM_TYPES}`);
  }
  const format = form.mediaType === PROTOBUF ? protobuf : json;
  const transform = transformOf(definition, form, clock);
  return {
    contentType: format.contentType,
    of: (type, object) => (transform ? format.of(type, transform(parseStored(object.bytes))) : sharedFrame(format, type, object)),
    departed: (previous, revision) => {
      const object = atRevision(previous, revision);
      return format.of('DELETED', transform ? transform(object) : object);
    },
    bookmark: (revision, { isEndOfInitial }) => format.of('BOOKMARK', bookmarkObject(definition, form, revision, isEndOfInitial)),
    error: (status) => format.of('ERROR', status),
  };
}

function sharedFrame({ shared, ofStored }: FrameFormat, type: EventType, object: CachedObject): Buffer {
  const known = shared.get(object) ?? {};
  const made = known[type] ?? ofStored(type, object.bytes);
  if (known[type] === undefined) shared.set(object, { ...known, [type]: made });
  return made;
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
