/**
 * What a Job's `podFailurePolicy` makes of a failed pod: the first rule that matches decides. Pure. Upstream: pkg/controller/job/pod_failure_policy.go.
 */
import type { Job, Pod, PodFailurePolicyOnExitCodesRequirement, PodFailurePolicyRule } from '#api/generated/types.ts';

export interface FailureMatch {
  readonly action: 'FailJob' | 'FailIndex' | 'Ignore' | 'Count';
  /** Why the Job fails, if it does. */
  readonly message: string;
}

/** Without a policy, and where no rule matches, a failure counts. */
export function matchFailure({ spec }: Job, pod: Pod): FailureMatch {
  const rules = spec.podFailurePolicy?.rules ?? [];
  for (const [index, rule] of rules.entries()) {
    const cause = rule.onExitCodes === undefined ? conditionCause(rule, pod) : exitCause(rule.onExitCodes, pod);
    if (cause !== undefined) return { action: actionOf(rule), message: `${cause} matching ${rule.action} rule at index ${index}` };
  }
  return { action: 'Count', message: '' };
}

/** Whether the failure counts towards the limits. */
export function isCounted(job: Job, pod: Pod): boolean {
  return matchFailure(job, pod).action !== 'Ignore';
}

function actionOf({ action }: PodFailurePolicyRule): FailureMatch['action'] {
  return action === 'FailJob' || action === 'FailIndex' || action === 'Ignore' ? action : 'Count';
}

function exitCause(requirement: PodFailurePolicyOnExitCodesRequirement, { metadata, status }: Pod): string | undefined {
  const statuses = [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? [])];
  for (const { name, state } of statuses) {
    const code = state?.terminated?.exitCode ?? 0;
    const isMeant = requirement.containerName === undefined || requirement.containerName === name;
    if (code !== 0 && isMeant && requirement.values.includes(code) === (requirement.operator === 'In')) {
      return `Container ${name} for pod ${metadata.namespace}/${metadata.name} failed with exit code ${code}`;
    }
  }
  return undefined;
}

function conditionCause({ onPodConditions = [] }: PodFailurePolicyRule, { metadata, status }: Pod): string | undefined {
  const matching = (status?.conditions ?? []).find((condition) =>
    onPodConditions.some((pattern) => pattern.type === condition.type && (pattern.status ?? 'True') === condition.status),
  );
  return matching && `Pod ${metadata.namespace}/${metadata.name} has condition ${matching.type}`;
}
