/**
 * Which form a response takes, from the `Accept` header: JSON, YAML or protobuf, the object itself, a Table, or its metadata alone. The first form in the
 * client's list that we have wins, as upstream does it. Also the inverse for bodies: what `Content-Type` means.
 * Source: k8s.io/apiserver, pkg/endpoints/handlers/negotiation.
 */
import { ApiError } from '#api/meta/status.ts';

export const PROTOBUF = 'application/vnd.kubernetes.protobuf';

export type MediaType = 'application/json' | 'application/yaml' | typeof PROTOBUF;

/** What the client wants instead of the object itself. */
export type Representation = 'object' | 'Table' | 'PartialObjectMetadata';

export interface ResponseForm {
  readonly mediaType: MediaType;
  readonly representation: Representation;
  /** Of the representation: `v1`, or `v1beta1` for older clients. */
  readonly metaVersion: 'v1' | 'v1beta1';
}

/** Whether the kind in question has a protobuf form; documents and custom resources have none. */
export interface Negotiable {
  readonly hasProtobuf: boolean;
  /** Reviews are answers, not objects to be listed: they have none. */
  readonly hasTable?: boolean;
}

const TEXT_TYPES = 'application/json, application/yaml';

const asObject: ResponseForm = { mediaType: 'application/json', representation: 'object', metaVersion: 'v1' };

/** The same few headers come with every request. */
const FORMS_REMEMBERED_MAX = 256;
const remembered = { all: new Map<string, ResponseForm>(), text: new Map<string, ResponseForm>() };

/** Throws NotAcceptable when the client accepts nothing that we have. */
export function negotiateResponse(accept: string | undefined, options: Negotiable = { hasProtobuf: false }): ResponseForm {
  if (accept === undefined || accept === '') return asObject;
  const forms = options.hasProtobuf ? remembered.all : remembered.text;
  const known = forms.get(accept);
  if (known && isServed(known, options)) return known;
  for (const clause of accept.split(',')) {
    const form = formOf(clause);
    if (form === undefined || !isServed(form, options)) continue;
    if (forms.size < FORMS_REMEMBERED_MAX) forms.set(accept, form);
    return form;
  }
  throw new ApiError('NotAcceptable', `only the following media types are accepted: ${acceptedTypes(options)}`);
}

/** Takes a Content-Type; JSON when there is none. Throws UnsupportedMediaType. */
export function negotiateBody(contentType: string | undefined, options: Negotiable = { hasProtobuf: false }): MediaType {
  const type = (contentType ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  if (type === '' || type === '*/*' || type === 'application/json') return 'application/json';
  if (type === 'application/yaml' || type === 'application/x-yaml') return 'application/yaml';
  if (type === PROTOBUF && options.hasProtobuf) return PROTOBUF;
  throw unsupportedMediaType(acceptedTypes(options));
}

function acceptedTypes({ hasProtobuf }: Negotiable): string {
  return hasProtobuf ? `${TEXT_TYPES}, ${PROTOBUF}` : TEXT_TYPES;
}

/** Metadata has a protobuf form whatever it is the metadata of; tables have none, as upstream. */
function isServed({ mediaType, representation }: ResponseForm, { hasProtobuf, hasTable = true }: Negotiable): boolean {
  if (representation === 'Table' && !hasTable) return false;
  if (mediaType !== PROTOBUF || representation === 'PartialObjectMetadata') return true;
  return representation === 'object' && hasProtobuf;
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
  return type === 'application/yaml' || type === PROTOBUF ? type : undefined;
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}
