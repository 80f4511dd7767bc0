/** Nobody grants what they do not hold: roles and bindings are checked against their writer's own rules, which `authorization/` knows. */
import { clusterrolebindings, clusterroles, rolebindings, roles } from '#api/generated/resources.ts';
import type { ApiObject, ResourceType } from '#api/meta/resource-type.ts';
import { findBindingEscalation, findRoleEscalation } from '../authorization/escalation.ts';
import type { RbacAuthorizer } from '../authorization/rbac-authorizer.ts';
import { isOfType } from '../encoding/json-value.ts';
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts';

export function noEscalation({ authorizer }: { readonly authorizer: Pick<RbacAuthorizer, 'policy'> }): AdmissionPlugin {
  return {
    name: 'NoEscalation',
    validate: (request) => {
      if (request.operation === 'DELETE') return;
      const refusal = findRefusal(request, authorizer);
      if (refusal) throw refusal;
    },
  };
}

function findRefusal({ object, previous, user }: AdmissionRequest, authorizer: Pick<RbacAuthorizer, 'policy'>): Error | undefined {
  const write = { policy: authorizer.policy(), user };
  if (isOfType(roles, object)) return findRoleEscalation({ ...write, object, ...previousOf(roles, previous) });
  if (isOfType(clusterroles, object)) return findRoleEscalation({ ...write, object, ...previousOf(clusterroles, previous) });
  if (isOfType(rolebindings, object)) return findBindingEscalation({ ...write, object, ...previousOf(rolebindings, previous) });
  if (isOfType(clusterrolebindings, object))
    return findBindingEscalation({ ...write, object, ...previousOf(clusterrolebindings, previous) });
  return undefined;
}

function previousOf<T extends ApiObject>(type: ResourceType<T>, previous: ApiObject | undefined): { previous?: T } {
  return previous !== undefined && isOfType(type, previous) ? { previous } : {};
}
