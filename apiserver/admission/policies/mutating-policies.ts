/**
 * MutatingAdmissionPolicies: what the cluster's owner adds to objects, in CEL. Policies are asked in the order of their names, each sees what those before
 * it made; one that says so is asked again when a later one has changed the object. Source: k8s.io/apiserver,
 * pkg/admission/plugin/policy/mutating/dispatcher.go.
 */
import { jsonEquals } from '#api/meta/json.ts';
import type { ApiObject } from '#api/meta/resource-type.ts';
import { ApiError, forbidden } from '#api/meta/status.ts';
import { convertObject } from '../../encoding/served-bytes.ts';
import type { AdmissionPlugin, AdmissionRequest } from '../admission.ts';
import { nameOf } from '../match-resources.ts';
import { createWriteVersions } from '../webhooks/write-versions.ts';
import { applyMutation } from './apply-mutation.ts';
import type { MutatingPolicy } from './compiled-policy.ts';
import { conditionsHold, createEvaluation } from './evaluation.ts';
import { type Call, findInvocations, type Invocation, type PolicyDeps } from './find-invocations.ts';
import type { PolicySet } from './policy-set.ts';

export interface MutatingPolicyDeps extends PolicyDeps {
  readonly policies: Pick<PolicySet, 'mutating'>;
}

/** The object as it is by now, and what went wrong. */
interface Progress {
  readonly object: ApiObject;
  readonly problems: readonly Problem[];
}

interface Problem {
  readonly policy: string;
  readonly binding: string;
  readonly message: string;
  readonly isOfExpression: boolean;
}

export function mutatingPolicies(deps: MutatingPolicyDeps): AdmissionPlugin {
  return {
    name: 'MutatingAdmissionPolicy',
    mutate: async (request) => {
      const hooks = deps.policies.mutating();
      return hooks.length === 0 ? request.object : mutate(request, deps);
    },
  };
}

async function mutate(request: AdmissionRequest, deps: MutatingPolicyDeps): Promise<ApiObject> {
  const { calls, namespace } = await findInvocations(deps.policies.mutating(), request, deps);
  const invoke = (object: ApiObject, invocation: Invocation<MutatingPolicy>) =>
    invokePolicy({ ...request, object }, invocation, namespace, deps);
  const first = await invokeAll(calls, request.object, invoke);
  const again = await invokeAll(first.again, first.object, invoke);
  const problems = [...first.problems, ...again.problems];
  if (problems.length > 0) throw refusal(request, problems);
  return again.object;
}

type Invoke = (object: ApiObject, invocation: Invocation<MutatingPolicy>) => Promise<Progress>;

/** Also gives the calls that have to be made again, as the object has changed since. */
async function invokeAll(
  calls: readonly Call<MutatingPolicy>[],
  object: ApiObject,
  invoke: Invoke,
): Promise<Progress & { readonly again: readonly Call<MutatingPolicy>[] }> {
  let current = object;
  const problems: Problem[] = [];
  const invoked: Call<MutatingPolicy>[] = [];
  let changedBefore = 0;
  for (const call of calls) {
    const step =
      call.type === 'invocation' ? await invoke(current, call.invocation) : { object: current, problems: misconfigured(call.found) };
    problems.push(...step.problems);
    if (!jsonEquals(step.object, current)) changedBefore = invoked.length;
    current = step.object;
    if (call.type === 'invocation' && call.invocation.policy.isReinvocable) invoked.push(call);
  }
  return { object: current, problems, again: invoked.slice(0, changedBefore) };
}

function misconfigured({
  policy,
  binding,
  problem,
}: Extract<Call<MutatingPolicy>, { type: 'misconfiguration' }>['found']): readonly Problem[] {
  if (policy.failurePolicy === 'Ignore') return [];
  return [{ policy: policy.name, binding: binding?.name ?? '', message: problem, isOfExpression: false }];
}

async function invokePolicy(
  request: AdmissionRequest,
  invocation: Invocation<MutatingPolicy>,
  namespace: ApiObject | undefined,
  { authorizer }: MutatingPolicyDeps,
): Promise<Progress> {
  const { policy, binding, definition } = invocation;
  let object = request.object;
  const problems: Problem[] = [];
  const failed = (message: string) => {
    if (policy.failurePolicy !== 'Ignore') problems.push({ policy: policy.name, binding: binding.name, message, isOfExpression: true });
  };
  const versions = createWriteVersions(request);
  const evaluationNow = async () => {
    const write = await versions.in(definition, object, request.definition);
    return createEvaluation(policy, { ...invocation, write, request: { ...request, object }, namespace, authorizer });
  };
  const holds = conditionsHold(policy, await evaluationNow());
  if (holds === false) return { object, problems };
  if (holds !== true) {
    failed(holds.problem);
    return { object, problems };
  }
  for (const { patchType, patch } of policy.mutations) {
    const outcome = (await evaluationNow()).evaluate(patch);
    if (!outcome.isOk) {
      failed(outcome.problem);
      continue;
    }
    try {
      const seen = await convertObject(request.definition, definition, object);
      object = await convertObject(definition, request.definition, applyMutation(patchType, outcome.value, seen, definition));
    } catch (error) {
      failed(error instanceof Error ? error.message : String(error));
    }
  }
  return { object, problems };
}

/** All problems are told; the first is the message. The code stays that of a refusal, whatever the reason. */
function refusal(request: AdmissionRequest, problems: readonly Problem[]): ApiError {
  const texts = problems.map(({ policy, binding, message }) => `policy '${policy}' with binding '${binding}' denied request: ${message}`);
  const { details, code } = forbidden(request.definition.type, nameOf(request), '');
  const reason = problems[0]?.isOfExpression === true ? 'Invalid' : 'Forbidden';
  return new ApiError(reason, texts[0] ?? '', { code, details: { ...details, causes: texts.map((message) => ({ message })) } });
}
