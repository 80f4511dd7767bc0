/**
 * Which form a response takes, from the `Accept` header: JSON or YAML, the object itself, a Table, or its metadata alone. The first form in the
 * client's list that we have wins, as upstream does it. Also the inverse for bodies: what `Content-Type` means.
 * Source: k8s.io/apiserver, pkg/endpoints/handlers/negotiation.
 */
import { ApiError } from '#api/meta/status.ts';

export type MediaType = 'application/json' | 'application/yaml';

/** What the client wants instead of the object itself. */
export type Representation = 'object' | 'Table' | 'PartialObjectMetadata';

export interface ResponseForm {
  readonly mediaType: MediaType;
  readonly representation: Representation;
  /** Of the representation: `v1`, or `v1beta1` for older clients. */
  readonly metaVersion: 'v1' | 'v1beta1';
}

const ACCEPTED = 'application/json, application/yaml';

const asObject: ResponseForm = { mediaType: 'application/json', representation: 'object', metaVersion: 'v1' };

/** The same few headers come with every request. */
const FORMS_REMEMBERED_MAX = 256;
const remembered = new Map<string, ResponseForm>();

/** Throws NotAcceptable when the client accepts nothing that we have. */
export function negotiateResponse(accept: string | undefined): ResponseForm {
  if (accept === undefined || accept === '') return asObject;
  const known = remembered.get(accept);
  if (known) return known;
  for (const clause of accept.split(',')) {
    const form = formOf(clause);
    if (form === undefined) continue;
    if (remembered.size < FORMS_REMEMBERED_MAX) remembered.set(accept, form);
    return form;
  }
  throw new ApiError('NotAcceptable', `only the following media types are accepted: ${ACCEPTED}`);
}

/** Takes a Content-Type; JSON when there is none. Throws UnsupportedMediaType. */
export function negotiateBody(contentType: string | undefined): MediaType {
  const type = (contentType ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  if (type === '' || type === '*/*' || type === 'application/json') return 'application/json';
  if (type === 'application/yaml' || type === 'application/x-yaml') return 'application/yaml';
  throw unsupportedMediaType(ACCEPTED);
}

export function unsupportedMediaType(accepted: string): ApiError {
  const message = `the body of the request was in an unknown format - accepted media types include: ${accepted}`;
  return new ApiError('UnsupportedMediaType', message);
}

function formOf(clause: string): ResponseForm | undefined {
  const [type = '', ...rest] = clause.split(';').map((part) => part.trim());
  const mediaType = mediaTypeOf(type);
  if (mediaType === undefined) return undefined;
  const parameters = new Map(rest.map((parameter) => splitOnce(parameter, '=')));
  const as = parameters.get('as');
  if (as === undefined) return { mediaType, representation: 'object', metaVersion: 'v1' };
  const version = parameters.get('v') ?? 'v1';
  if (parameters.get('g') !== 'meta.k8s.io' || (version !== 'v1' && version !== 'v1beta1')) return undefined;
  if (as === 'Table') return { mediaType, representation: 'Table', metaVersion: version };
  // A list of metadata is asked for by its own name; whether the answer is a list is the verb's affair.
  if (as === 'PartialObjectMetadata' || as === 'PartialObjectMetadataList') {
    return { mediaType, representation: 'PartialObjectMetadata', metaVersion: version };
  }
  return undefined;
}

function mediaTypeOf(type: string): MediaType | undefined {
  if (type === 'application/json' || type === '*/*' || type === 'application/*') return 'application/json';
  return type === 'application/yaml' ? 'application/yaml' : undefined;
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}
