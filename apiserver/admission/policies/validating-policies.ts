/**
 * ValidatingAdmissionPolicies: whether a write keeps the rules that the cluster's owner has made, in CEL. What does not is refused, told to the client in a
 * warning, or noted, as the binding says. Asked after everything that may still change the object. Source: k8s.io/apiserver,
 * pkg/admission/plugin/policy/validating/{dispatcher,validator}.go.
 */
import { ApiError, forbidden, type StatusReason } from '#api/meta/status.ts';
import type { Logger } from '#component/logger.ts';
import type { AdmissionPlugin, AdmissionRequest } from '../admission.ts';
import { nameOf } from '../match-resources.ts';
import { createWriteVersions } from '../webhooks/write-versions.ts';
import type { CompiledValidation, ValidatingPolicy } from './compiled-policy.ts';
import { conditionsHold, createEvaluation, type Evaluation } from './evaluation.ts';
import { findInvocations, type Invocation, type PolicyDeps } from './find-invocations.ts';
import type { PolicySet } from './policy-set.ts';

export interface ValidatingPolicyDeps extends PolicyDeps {
  readonly policies: Pick<PolicySet, 'validating'>;
  readonly log: Logger;
}

const MESSAGE_BYTES_MAX = 5 * 1024;
const ANNOTATION_VALUE_CHARACTERS_MAX = 10 * 1024;

/** What speaks against a write. */
interface Failure {
  readonly message: string;
  readonly reason: StatusReason;
}

interface Denial extends Failure {
  readonly policy: string;
  readonly binding: string;
}

export function validatingPolicies(deps: ValidatingPolicyDeps): AdmissionPlugin {
  return {
    name: 'ValidatingAdmissionPolicy',
    validate: async (request) => {
      const hooks = deps.policies.validating();
      if (hooks.length > 0) await throwIfDenied(request, deps);
    },
  };
}

async function throwIfDenied(request: AdmissionRequest, deps: ValidatingPolicyDeps): Promise<void> {
  const { calls, namespace } = await findInvocations(deps.policies.validating(), request, deps);
  const versions = createWriteVersions(request);
  const denials: Denial[] = [];
  for (const call of calls) {
    if (call.type === 'misconfiguration') {
      const { policy, binding, problem } = call.found;
      if (policy.failurePolicy !== 'Ignore')
        denials.push({ policy: policy.name, binding: binding?.name ?? '', message: problem, reason: 'Invalid' });
      continue;
    }
    const { policy, binding } = call.invocation;
    const write = await versions.in(call.invocation.definition, request.object, request.definition);
    const evaluation = createEvaluation(policy, { ...call.invocation, write, request, namespace, authorizer: deps.authorizer });
    const failures = failuresOf(policy, evaluation);
    denials.push(...failures.flatMap((failure) => act(failure, call.invocation, request, deps)));
    const broken = annotate(call.invocation, evaluation, failures.length > 0 && failures[0]?.isOfConditions === true, deps);
    denials.push(...broken.map((failure) => ({ ...failure, policy: policy.name, binding: binding.name })));
  }
  const [first] = denials;
  if (first !== undefined) throw refusal(request, first);
}

interface FoundFailure extends Failure {
  /** Of `validations`. */
  readonly index: number;
  /** Nothing else of the policy was looked at. */
  readonly isOfConditions: boolean;
}

function failuresOf(policy: ValidatingPolicy, evaluation: Evaluation): readonly FoundFailure[] {
  const isForgiven = policy.failurePolicy === 'Ignore';
  const holds = conditionsHold(policy, evaluation);
  if (holds === false) return [];
  if (holds !== true) return isForgiven ? [] : [{ message: holds.problem, reason: 'Invalid', index: 0, isOfConditions: true }];
  return policy.validations.flatMap((validation, index): FoundFailure[] => {
    const outcome = evaluation.evaluate(validation.rule);
    if (!outcome.isOk) return isForgiven ? [] : [{ message: outcome.problem, reason: 'Invalid', index, isOfConditions: false }];
    if (outcome.value === true) return [];
    return [{ message: messageOf(validation, evaluation), reason: reasonOf(validation.reason), index, isOfConditions: false }];
  });
}

const REASONS: ReadonlyMap<string, StatusReason> = new Map<string, StatusReason>([
  ['Unauthorized', 'Unauthorized'],
  ['Forbidden', 'Forbidden'],
  ['RequestEntityTooLarge', 'RequestEntityTooLarge'],
]);

function reasonOf(reason = ''): StatusReason {
  return REASONS.get(reason) ?? 'Invalid';
}

/** The expression's message if it gives a good one, else the text, else the rule itself. */
function messageOf({ rule, told, message = '' }: CompiledValidation, evaluation: Evaluation): string {
  const outcome = told === undefined ? undefined : evaluation.evaluate(told);
  const made = outcome?.isOk && typeof outcome.value === 'string' ? outcome.value.trim() : '';
  if (made !== '' && !made.includes('\n') && Buffer.byteLength(made) <= MESSAGE_BYTES_MAX) return made;
  return message.trim() || `failed expression: ${rule.text.trim()}`;
}

/** Gives what is to be refused. */
function act(
  { message, reason, index }: FoundFailure,
  { policy, binding }: Invocation<ValidatingPolicy>,
  request: AdmissionRequest,
  { log }: ValidatingPolicyDeps,
): readonly Denial[] {
  const { actions } = binding;
  if (actions.includes('Audit')) {
    const noted = { message, policy: policy.name, binding: binding.name, expressionIndex: index, validationActions: actions };
    log.info(
      { annotation: 'validation.policy.admission.k8s.io/validation_failure', value: [noted], ...about(request) },
      'a policy noted a request',
    );
  }
  if (actions.includes('Warn')) {
    request.warn(`Validation failed for ValidatingAdmissionPolicy '${policy.name}' with binding '${binding.name}': ${message}`);
  }
  return actions.includes('Deny') ? [{ policy: policy.name, binding: binding.name, message, reason }] : [];
}

/** Works the policy's annotations out; gives those that could not be. There is no audit log but the server's own. */
function annotate(
  { policy }: Invocation<ValidatingPolicy>,
  evaluation: Evaluation,
  isSkipped: boolean,
  { log }: ValidatingPolicyDeps,
): readonly Failure[] {
  if (isSkipped || policy.annotations.length === 0 || conditionsHold(policy, evaluation) !== true) return [];
  return policy.annotations.flatMap(({ key, value }): Failure[] => {
    const outcome = evaluation.evaluate(value);
    if (!outcome.isOk) return policy.failurePolicy === 'Ignore' ? [] : [{ message: outcome.problem, reason: 'Invalid' }];
    const text = typeof outcome.value === 'string' ? outcome.value.trim() : '';
    if (text !== '')
      log.info({ annotation: `${policy.name}/${key}`, value: text.slice(0, ANNOTATION_VALUE_CHARACTERS_MAX) }, 'a policy noted a request');
    return [];
  });
}

function about({ operation, info, user }: AdmissionRequest): object {
  return { operation, path: info.path, user: user.name };
}

function refusal(request: AdmissionRequest, { policy, binding, message, reason }: Denial): ApiError {
  const text = `ValidatingAdmissionPolicy '${policy}' with binding '${binding}' denied request: ${message}`;
  const base = forbidden(request.definition.type, nameOf(request), text);
  return new ApiError(reason, base.message, { details: { ...base.details, causes: [{ message: text }] } });
}
