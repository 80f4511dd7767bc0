/**
 * Nobody reads through a policy what they may not read themselves: whoever makes a policy with parameters, or gives it some, must be allowed to read these.
 * Asked when policies and bindings are written. Source: upstream's pkg/registry/admissionregistration/validatingadmissionpolicy{,binding}/authz.go.
 */
import {
  mutatingadmissionpolicies,
  mutatingadmissionpolicybindings,
  validatingadmissionpolicies,
  validatingadmissionpolicybindings,
} from '#api/generated/resources.ts';
import type { ParamKind, ParamRef } from '#api/generated/types.ts';
import { forbiddenField } from '#api/meta/field-path.ts';
import { jsonEquals } from '#api/meta/json.ts';
import type { ApiObject } from '#api/meta/resource-type.ts';
import { type FieldProblem, invalid } from '#api/meta/status.ts';
import type { RbacAuthorizer } from '../../authorization/rbac-authorizer.ts';
import { isOfType } from '../../encoding/json-value.ts';
import type { ResourceRegistry } from '../../resource-registry.ts';
import type { LiveObjects } from '../../service-accounts/live-objects.ts';
import type { AdmissionPlugin, AdmissionRequest } from '../admission.ts';
import { nameOf } from '../match-resources.ts';

export interface ParamAccessDeps {
  readonly authorizer: Pick<RbacAuthorizer, 'policy'>;
  readonly resources: ResourceRegistry;
  readonly objects: LiveObjects;
}

export function paramAccess(deps: ParamAccessDeps): AdmissionPlugin {
  return {
    name: 'PolicyParameterAccess',
    validate: async (request) => {
      const { operation, info, definition } = request;
      if (operation === 'DELETE' || info.subresource !== '' || definition.type.group !== validatingadmissionpolicies.group) return;
      const problem = policyProblem(request, deps) ?? (await bindingProblem(request, deps));
      if (problem !== undefined) throw invalid(definition.type, nameOf(request), [problem]);
    },
  };
}

function policyProblem({ object, previous, user }: AdmissionRequest, deps: ParamAccessDeps): FieldProblem | undefined {
  const paramKind = paramKindOf(object);
  if (paramKind === undefined || jsonEquals(paramKind, previous === undefined ? undefined : paramKindOf(previous))) return undefined;
  if (mayRead(user, 'get', paramKind, { namespace: '', name: '' }, deps)) return undefined;
  const { kind = '', apiVersion = '' } = paramKind;
  const why = `user ${user.name} must have "get" permission on all objects of the referenced paramKind (kind=${kind}, apiVersion=${apiVersion})`;
  return forbiddenField('spec.paramKind', why);
}

function paramKindOf(object: ApiObject): ParamKind | undefined {
  if (isOfType(validatingadmissionpolicies, object) || isOfType(mutatingadmissionpolicies, object)) return object.spec.paramKind;
  return undefined;
}

interface BoundParams {
  readonly policyName: string;
  readonly paramRef: ParamRef;
  readonly isMutating: boolean;
}

function boundParamsOf(object: ApiObject): BoundParams | undefined {
  const isMutating = isOfType(mutatingadmissionpolicybindings, object);
  if (!isMutating && !isOfType(validatingadmissionpolicybindings, object)) return undefined;
  const { policyName = '', paramRef } = object.spec;
  return paramRef === undefined ? undefined : { policyName, paramRef, isMutating };
}

async function bindingProblem({ object, previous, user }: AdmissionRequest, deps: ParamAccessDeps): Promise<FieldProblem | undefined> {
  const bound = boundParamsOf(object);
  if (bound === undefined || jsonEquals(bound, previous === undefined ? undefined : boundParamsOf(previous))) return undefined;
  const { policyName, paramRef, isMutating } = bound;
  const policy = await deps.objects.read<ApiObject>(isMutating ? mutatingadmissionpolicies : validatingadmissionpolicies, '', policyName);
  const paramKind = policy === undefined ? undefined : paramKindOf(policy);
  // A policy that takes no parameters passes over those it is given; of one that is not there yet, nobody knows what it will read.
  if (policy !== undefined && paramKind === undefined) return undefined;
  const { name = '', namespace = '' } = paramRef;
  const verb = name === '' ? 'list' : 'get';
  if (mayRead(user, verb, paramKind, { namespace, name }, deps)) return undefined;
  return forbiddenField(
    'spec.paramRef',
    `user ${user.name} does not have ${JSON.stringify(verb)} permission on the object referenced by paramRef`,
  );
}

function mayRead(
  user: AdmissionRequest['user'],
  verb: string,
  paramKind: ParamKind | undefined,
  place: { readonly namespace: string; readonly name: string },
  { authorizer, resources }: ParamAccessDeps,
): boolean {
  const { apiVersion = '', kind = '' } = paramKind ?? {};
  const slash = apiVersion.indexOf('/');
  const group = paramKind === undefined ? '*' : apiVersion.slice(0, Math.max(slash, 0));
  const known = resources.findByKind(group, apiVersion.slice(slash + 1), kind);
  const about = { isResource: true, verb, group, resource: known?.type.plural ?? '*', subresource: '', ...place } as const;
  return authorizer.policy().authorize(user, about).allowed;
}
