/**
 * What the cluster has to say about a write before it is stored: an ordered list of small plugins, of which some complete the object (`mutate`) and some
 * refuse (`validate`). The list is in `plugins.ts`. Source: https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/.
 */
import type { ApiObject, ResourceType } from '#api/meta/resource-type.ts';
import type { DeleteWish } from '../pipeline/delete-options.ts';
import type { ResourceRequestInfo } from '../request/request-info.ts';
import type { User } from '../request/user.ts';
import type { ResourceDefinition } from '../resources/resource-definition.ts';

export type Operation = 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT';

export interface AdmissionRequest {
  readonly operation: Operation;
  readonly definition: ResourceDefinition<ApiObject>;
  readonly info: ResourceRequestInfo;
  readonly user: User;
  readonly isDryRun: boolean;
  /** As it would be stored; of a deletion the object to be deleted; of a connection its options. */
  readonly object: ApiObject;
  /** What the object is when it is not of the resource's own kind: a Scale, a Binding, the options of an exec. */
  readonly bodyType?: ResourceType<ApiObject>;
  /** Undefined for a creation. */
  readonly previous: ApiObject | undefined;
  readonly query: URLSearchParams;
  /** Only of a deletion: how it was wished for. */
  readonly deletion?: DeleteWish;
  /** The request's: what a plugin waits for ends with it. */
  readonly signal: AbortSignal;
  /** Tells the client something it should know. */
  warn(text: string): void;
}

/** The way of one object through all mutating plugins, and once more if one of them asks for it. The same value both times, so that a plugin may remember by it. */
export interface Passage {
  /** Whether this is the second time. */
  isRepeated(): boolean;
  /** Others may want to see what has become of the object. Without effect the second time. */
  askForRepetition(): void;
}

export interface AdmissionPlugin {
  readonly name: string;
  /** Gives the object to go on with; what it gives for a deletion is passed over. May be called again for one write, when somebody else wrote in between. */
  mutate?(request: AdmissionRequest, passage: Passage): ApiObject | Promise<ApiObject>;
  /** Throws an ApiError to refuse. Sees the object as it will be stored. */
  validate?(request: AdmissionRequest): void | Promise<void>;
}

export interface AdmissionChain {
  mutate(request: AdmissionRequest): Promise<ApiObject>;
  validate(request: AdmissionRequest): Promise<void>;
}

/** Source of the repetition: k8s.io/apiserver, pkg/admission/reinvocation.go. */
export function createAdmissionChain(plugins: readonly AdmissionPlugin[]): AdmissionChain {
  const mutating = plugins.filter(({ mutate }) => mutate !== undefined);
  const pass = async (request: AdmissionRequest, passage: Passage): Promise<ApiObject> => {
    let object = request.object;
    for (const plugin of mutating) object = (await plugin.mutate?.({ ...request, object }, passage)) ?? object;
    return object;
  };
  return {
    mutate: async (request) => {
      const progress = { isWanted: false, isRepeated: false };
      const passage: Passage = {
        isRepeated: () => progress.isRepeated,
        askForRepetition: () => {
          progress.isWanted = true;
        },
      };
      const object = await pass(request, passage);
      if (!progress.isWanted) return object;
      progress.isRepeated = true;
      return pass({ ...request, object }, passage);
    },
    validate: async (request) => {
      for (const plugin of plugins) await plugin.validate?.(request);
    },
  };
}

/** For what the server does on its own account with objects whose deletion was admitted with something else. */
export const admitEverything: AdmissionChain = { mutate: async ({ object }) => object, validate: async () => {} };

/** Writes to a subresource concern less than the whole object, and most plugins do not care. */
export function isMainResource({ info }: { readonly info: Pick<ResourceRequestInfo, 'subresource'> }): boolean {
  return info.subresource === '';
}
