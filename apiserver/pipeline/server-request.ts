/** A write of the server's own: the same request that a client would send, so that it takes the same road. Called by whatever keeps objects of the server's. */
import type { ApiObject, ResourceType } from '#api/meta/resource-type.ts';
import type { User } from '../request/user.ts';
import type { ApiRequest, PipelineDeps } from './request.ts';

const SERVER_USER: User = { name: 'system:apiserver', groups: ['system:masters', 'system:authenticated'] };

export interface ServerWrite {
  readonly verb: 'create' | 'patch' | 'delete';
  readonly name: string;
  readonly namespace?: string;
  readonly subresource?: string;
  readonly body: unknown;
  /** JSON unless it says another. */
  readonly contentType?: string;
  /** In whose name among the owners of fields. */
  readonly fieldManager?: string;
}

export function serverRequest<T extends ApiObject>(
  type: ResourceType<T>,
  write: ServerWrite,
  deps: Pick<PipelineDeps, 'resources' | 'stopping'>,
): ApiRequest {
  const { verb, name, namespace = '', subresource = '', body, contentType = 'application/json', fieldManager } = write;
  const { group, version, plural } = type;
  return {
    info: {
      isResource: true,
      verb,
      path: '',
      group,
      version,
      namespace,
      resource: plural,
      subresource,
      name: verb === 'create' ? '' : name,
      rest: [],
    },
    definition: deps.resources.get(type),
    query: new URLSearchParams(fieldManager === undefined ? '' : { fieldManager }),
    user: SERVER_USER,
    body: Buffer.from(JSON.stringify(body)),
    contentType,
    userAgent: 'kube-apiserver',
    form: { mediaType: 'application/json', representation: 'object', metaVersion: 'v1' },
    signal: deps.stopping,
    warn: () => {},
  };
}
