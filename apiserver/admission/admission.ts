/**
 * What the cluster has to say about a write before it is stored: an ordered list of small plugins, of which some complete the object (`mutate`) and some
 * refuse (`validate`). The list is in `plugins.ts`. Source: https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/.
 */
import type { ApiObject } from '#api/meta/resource-type.ts';
import type { ResourceRequestInfo } from '../request/request-info.ts';
import type { User } from '../request/user.ts';
import type { ResourceDefinition } from '../resources/resource-definition.ts';

export type Operation = 'CREATE' | 'UPDATE' | 'DELETE';

export interface AdmissionRequest {
  readonly operation: Operation;
  readonly definition: ResourceDefinition<ApiObject>;
  readonly info: ResourceRequestInfo;
  readonly user: User;
  readonly isDryRun: boolean;
  /** As it would be stored; of a deletion the object to be deleted. */
  readonly object: ApiObject;
  /** Undefined for a creation. */
  readonly previous: ApiObject | undefined;
  /** The request's: what a plugin waits for ends with it. */
  readonly signal: AbortSignal;
  /** Tells the client something it should know, in a `Warning` header. */
  warn(text: string): void;
}

export interface AdmissionPlugin {
  readonly name: string;
  /** Gives the object to go on with. May be called again for one write, when somebody else wrote in between. */
  mutate?(request: AdmissionRequest): ApiObject | Promise<ApiObject>;
  /** Throws an ApiError to refuse. Sees the object as it will be stored. */
  validate?(request: AdmissionRequest): void | Promise<void>;
}

export interface AdmissionChain {
  mutate(request: AdmissionRequest): Promise<ApiObject>;
  validate(request: AdmissionRequest): Promise<void>;
}

export function createAdmissionChain(plugins: readonly AdmissionPlugin[]): AdmissionChain {
  return {
    mutate: async (request) => {
      let object = request.object;
      for (const plugin of plugins) object = (await plugin.mutate?.({ ...request, object })) ?? object;
      return object;
    },
    validate: async (request) => {
      for (const plugin of plugins) await plugin.validate?.(request);
    },
  };
}

/** Writes to a subresource concern less than the whole object, and most plugins do not care. */
export function isMainResource({ info }: { readonly info: Pick<ResourceRequestInfo, 'subresource'> }): boolean {
  return info.subresource === '';
}
