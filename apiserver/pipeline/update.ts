/** PUT: the object as the client wants it, whole. Source: k8s.io/apiserver, pkg/endpoints/handlers/update.go. */
import type { ApiObject } from '#api/meta/resource-type.ts';
import { ApiError } from '#api/meta/status.ts';
import { decodeBody } from '../encoding/decode-body.ts';
import type { Answer } from './answer.ts';
import { replaceObject } from './replace-object.ts';
import type { ApiRequest, PipelineDeps } from './request.ts';
import { parseWriteOptions } from './write-options.ts';

export async function updateObject(request: ApiRequest, deps: PipelineDeps): Promise<Answer> {
  const options = parseWriteOptions(request.query, 'UpdateOptions');
  const decoded = decodeBody(request, options.fieldValidation);
  throwIfMisplaced(decoded, request);
  return replaceObject(request, deps, options, () => decoded);
}

/** Name and namespace in the body must be those of the path. */
export function throwIfMisplaced({ metadata }: ApiObject, { info }: Pick<ApiRequest, 'info'>): void {
  const { name = '', namespace = '' } = metadata;
  if (name === '') throw new ApiError('BadRequest', 'the name of the object must be provided');
  if (name !== info.name) {
    throw new ApiError('BadRequest', `the name of the object (${name}) does not match the name on the URL (${info.name})`);
  }
  if (namespace !== '' && namespace !== info.namespace) {
    throw new ApiError('BadRequest', 'the namespace of the provided object does not match the namespace sent on the request');
  }
}
