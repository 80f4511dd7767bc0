/**
 * Pods as controllers make and delete them: from the template, owned by the controller's object, with the events that people know. Used by the
 * controllers that make pods. Upstream: pkg/controller/controller_utils.go (GetPodFromTemplate, RealPodControl).
 */
import { pods } from '#api/generated/resources.ts';
import type { Pod, PodTemplateSpec } from '#api/generated/types.ts';
import { controllerReference } from '#api/meta/owner-reference.ts';
import type { ApiObject, Draft, ResourceType } from '#api/meta/resource-type.ts';
import { type Action, create, remove } from '#client/apply-actions.ts';

/** As `generateName` does it: 63 characters with the suffix, because a pod's name is its host name. */
const POD_NAME_CHARS_MAX = 63;

export interface PodOrigin {
  readonly owner: ApiObject;
  readonly ownerType: ResourceType<ApiObject>;
  readonly template: PodTemplateSpec | undefined;
  readonly name: string;
  /** What the name was made from, if it was. */
  readonly generateName?: string;
}

export function podFromTemplate({ owner, ownerType, template, name, generateName }: PodOrigin): Draft<Pod> {
  const { namespace } = owner.metadata;
  const { metadata: { labels, annotations, finalizers } = {}, spec = { containers: [] } } = template ?? {};
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...(generateName === undefined ? {} : { generateName }),
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(labels === undefined ? {} : { labels }),
      ...(annotations === undefined ? {} : { annotations }),
      ...(finalizers === undefined ? {} : { finalizers }),
      ownerReferences: [controllerReference(owner, ownerType)],
    },
    spec,
  };
}

/** The name is chosen here rather than by the server, so that a retry after a lost answer meets it again as `AlreadyExists`. */
export function generatedName(generateName: string, suffix: string): string {
  return `${generateName.slice(0, POD_NAME_CHARS_MAX - suffix.length)}${suffix}`;
}

export function createPod(owner: ApiObject, pod: Draft<Pod>): Action {
  return create(pods, pod, {
    regarding: owner,
    done: { reason: 'SuccessfulCreate', message: 'Created pod: {name}' },
    failed: { reason: 'FailedCreate', message: 'Error creating: {error}' },
  });
}

export function deletePod(owner: ApiObject, pod: Pod): Action {
  return remove(pods, pod, {
    regarding: owner,
    done: { reason: 'SuccessfulDelete', message: 'Deleted pod: {name}' },
    failed: { reason: 'FailedDelete', message: 'Error deleting: {error}' },
  });
}
