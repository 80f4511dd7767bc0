/**
 * How much of the thread's time a request will probably cost, from what is known before its body is read: what it asks for, how large its body is, and how many bytes
 * of such objects there are. Pure. The figures were measured on a 2.6 GHz core (bench/); only their proportions matter.
 */
import type { RequestInfo } from '../request/request-info.ts';

export interface Asked {
  readonly info: RequestInfo;
  readonly query: URLSearchParams;
  /** What the client says how long the body is; 0 when it does not. */
  readonly bodyBytes: number;
  /** Whether the answer is made of objects that must be parsed for it: tables, YAML, protobuf. */
  readonly isReencoded: boolean;
  /** What there is of the resource, where the request looks; asked for only where it matters. */
  stored(): { readonly objects: number; readonly bytes: number };
}

const READ_MS = 0.3;
const WRITE_MS = 1;
/** Parsing, validating, merging, serialising. */
const BODY_MS_PER_MIB = 60;
/** Copying stored bytes into the socket, encrypted. */
const LIST_MS_PER_MIB = 4;
const REENCODING_MS_PER_MIB = 25;
const OBJECT_MS = 0.001;

const BYTES_PER_MIB = 1024 * 1024;

const READS: ReadonlySet<string> = new Set(['get', 'head', 'options']);

export function estimateWorkMs(asked: Asked): number {
  const { info, bodyBytes } = asked;
  if (!info.isResource || READS.has(info.verb)) return READ_MS;
  const body = (bodyBytes / BYTES_PER_MIB) * BODY_MS_PER_MIB;
  switch (info.verb) {
    case 'list':
      return listMs(asked);
    case 'watch':
      return sendsInitialState(asked.query) ? listMs(asked) : READ_MS;
    case 'deletecollection':
      return body + WRITE_MS * Math.max(1, asked.stored().objects);
    default:
      return body + WRITE_MS;
  }
}

/** A page is part of what is there; what selectors leave out was looked at all the same. */
function listMs({ info, query, isReencoded, stored }: Asked): number {
  if (info.isResource && info.name !== '') return READ_MS;
  const { objects, bytes } = stored();
  if (objects === 0) return READ_MS;
  const limit = Number(query.get('limit') ?? 0);
  const shown = limit > 0 ? Math.min(limit, objects) : objects;
  const perMib = isReencoded ? REENCODING_MS_PER_MIB : LIST_MS_PER_MIB;
  return READ_MS + objects * OBJECT_MS + ((bytes / BYTES_PER_MIB) * perMib * shown) / objects;
}

/** A watch from now on, or from a list, begins with nothing. */
function sendsInitialState(query: URLSearchParams): boolean {
  const since = query.get('resourceVersion') ?? '';
  return query.get('sendInitialEvents') === 'true' || since === '' || since === '0';
}

/** What a read turned out to cost, once it is known how long its answer is; undefined for requests whose answers tell nothing. */
export function spentWorkMs({ info, isReencoded }: Pick<Asked, 'info' | 'isReencoded'>, answerBytes: number): number | undefined {
  if (!info.isResource || info.verb !== 'list') return undefined;
  return READ_MS + (answerBytes / BYTES_PER_MIB) * (isReencoded ? REENCODING_MS_PER_MIB : LIST_MS_PER_MIB);
}
