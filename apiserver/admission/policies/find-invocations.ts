/**
 * Which policies a write calls for: of those whose rules match it, each binding that matches too, once for every object of its parameters. Used for both
 * kinds of policies. What goes wrong on the way is a failure of the policy, which its `failurePolicy` may ignore. Source: k8s.io/apiserver,
 * pkg/admission/plugin/policy/generic/policy_dispatcher.go.
 */
import { mutatingadmissionpolicies, namespaces, validatingadmissionpolicies } from '#api/generated/resources.ts';
import type { ApiObject } from '#api/meta/resource-type.ts';
import { notFound } from '#api/meta/status.ts';
import type { RbacAuthorizer } from '../../authorization/rbac-authorizer.ts';
import { parseStored } from '../../encoding/json-value.ts';
import type { ResourceDefinition } from '../../resources/resource-definition.ts';
import { storageKey } from '../../storage-key.ts';
import type { AdmissionRequest } from '../admission.ts';
import { isNamespace } from '../match-resources.ts';
import type { CompiledBinding, CompiledPolicy } from './compiled-policy.ts';
import { findParams, type ParamDeps } from './find-params.ts';
import type { Hook } from './policy-set.ts';

export interface PolicyDeps extends ParamDeps {
  readonly authorizer: Pick<RbacAuthorizer, 'policy'>;
}

export interface Invocation<P> {
  readonly policy: P;
  readonly binding: CompiledBinding;
  /** The version in which the policy sees the object. */
  readonly definition: ResourceDefinition<ApiObject>;
  readonly params: ApiObject | undefined;
}

/** A policy that could not be asked; `binding` is undefined when the policy itself is why. */
export interface Misconfiguration<P> {
  readonly policy: P;
  readonly binding: CompiledBinding | undefined;
  readonly problem: string;
}

export type Call<P> =
  | { readonly type: 'invocation'; readonly invocation: Invocation<P> }
  | { readonly type: 'misconfiguration'; readonly found: Misconfiguration<P> };

export interface Calls<P> {
  readonly calls: readonly Call<P>[];
  /** Of the write, as policies see it. */
  readonly namespace: ApiObject | undefined;
}

/** Throws NotFound when the write's namespace is not there. */
export async function findInvocations<P extends CompiledPolicy>(
  hooks: readonly Hook<P>[],
  request: AdmissionRequest,
  deps: PolicyDeps,
): Promise<Calls<P>> {
  if (hooks.length === 0 || isAboutPolicies(request)) return { calls: [], namespace: undefined };
  const readNamespace = namespaceReader(deps);
  const matching = { ...deps, namespaceLabels: async (name: string) => (await readNamespace(name)).metadata.labels ?? {} };
  const calls: Call<P>[] = [];
  for (const { policy, bindings } of hooks) {
    const definition = await policy.match.find(request, matching);
    if (definition === undefined) continue;
    for (const binding of bindings) {
      if (binding.match !== undefined && (await binding.match.find(request, matching)) === undefined) continue;
      calls.push(...(await callsOf(policy, binding, definition, request, deps)));
    }
  }
  const isWithin = request.definition.type.isNamespaced && !isNamespace(request.definition);
  const namespace = calls.length > 0 && isWithin ? await readNamespace(request.info.namespace) : undefined;
  return { calls, namespace };
}

async function callsOf<P extends CompiledPolicy>(
  policy: P,
  binding: CompiledBinding,
  definition: ResourceDefinition<ApiObject>,
  { info, definition: requested }: AdmissionRequest,
  deps: PolicyDeps,
): Promise<readonly Call<P>[]> {
  // A namespace is its own namespace to parameters, as upstream has it.
  const namespace = requested.type.isNamespaced || isNamespace(requested) ? info.namespace : '';
  try {
    const found = await findParams(policy.paramKind, binding.paramRef, namespace, deps);
    return found.map((params) => ({ type: 'invocation', invocation: { policy, binding, definition, params } }));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return [{ type: 'misconfiguration', found: { policy, binding, problem: `failed to configure binding: ${why}` } }];
  }
}

const POLICY_PLURALS = [validatingadmissionpolicies, mutatingadmissionpolicies].flatMap(({ plural }) => [
  plural,
  plural.replace(/ies$/, 'ybindings'),
]);

/** A policy that refused every change of policies could never be taken back. */
function isAboutPolicies({ definition: { type } }: AdmissionRequest): boolean {
  return type.group === validatingadmissionpolicies.group && POLICY_PLURALS.includes(type.plural);
}

/** Reads the namespace of a write once at most. */
function namespaceReader({ cache, storage }: ParamDeps): (name: string) => Promise<ApiObject> {
  let read: Promise<ApiObject> | undefined;
  return (name) => {
    read ??= (async () => {
      const key = storageKey(namespaces, '', name);
      const found = cache.find(key) ?? (await storage.get(key));
      if (found === undefined) throw notFound(namespaces, name);
      return parseStored(found.bytes);
    })();
    return read;
  };
}
