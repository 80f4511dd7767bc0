/** Deployments: defaults, rules, and the arithmetic of a rolling update that the deployment controller works by. */

import { applyPodTemplateDefaults, isEmptySelector, validateControlledTemplate } from '../../core/v1/pod-template.ts';
import type { Deployment, DeploymentStrategy } from '../../generated/types.ts';
import { forbiddenField, invalidValue, required } from '../../meta/field-path.ts';
import { dns1123SubdomainProblems } from '../../meta/names.ts';
import { resolveShare, shareNumber, validateShare } from '../../meta/share.ts';
import type { FieldProblem } from '../../meta/status.ts';
import { validateImmutable, validateLabelSelector, validateNotNegative, validateObjectMeta, validateOneOf } from '../../meta/validation.ts';

const SURGE_DEFAULT = '25%';
const REVISIONS_DEFAULT = 10;
const PROGRESS_SECONDS_DEFAULT = 600;

export function applyDeploymentDefaults(deployment: Deployment): Deployment {
  const { spec } = deployment;
  return {
    ...deployment,
    spec: {
      ...spec,
      replicas: spec.replicas ?? 1,
      template: applyPodTemplateDefaults(spec.template),
      strategy: applyStrategyDefaults(spec.strategy ?? {}),
      revisionHistoryLimit: spec.revisionHistoryLimit ?? REVISIONS_DEFAULT,
      progressDeadlineSeconds: spec.progressDeadlineSeconds ?? PROGRESS_SECONDS_DEFAULT,
    },
  };
}

function applyStrategyDefaults(strategy: DeploymentStrategy): DeploymentStrategy {
  const type = strategy.type || 'RollingUpdate';
  if (type !== 'RollingUpdate') return { ...strategy, type };
  const { maxSurge, maxUnavailable } = strategy.rollingUpdate ?? {};
  return { ...strategy, type, rollingUpdate: { maxSurge: maxSurge ?? SURGE_DEFAULT, maxUnavailable: maxUnavailable ?? SURGE_DEFAULT } };
}

export function validateDeployment(deployment: Deployment): readonly FieldProblem[] {
  const { spec } = deployment;
  const deadline = spec.progressDeadlineSeconds;
  const problems = [
    ...validateObjectMeta(deployment.metadata, { isNamespaced: true, nameRule: dns1123SubdomainProblems }),
    ...validateNotNegative(spec.replicas ?? 0, 'spec.replicas'),
    ...(isEmptySelector(spec.selector) ? [required('spec.selector')] : validateLabelSelector(spec.selector, 'spec.selector')),
    ...validateControlledTemplate({ kind: 'Deployment', selector: spec.selector, template: spec.template }, 'spec.template'),
    ...validateStrategy(spec.strategy ?? {}, 'spec.strategy'),
    ...validateNotNegative(spec.minReadySeconds ?? 0, 'spec.minReadySeconds'),
    ...validateNotNegative(spec.revisionHistoryLimit ?? 0, 'spec.revisionHistoryLimit'),
  ];
  if (deadline === undefined) return problems;
  problems.push(...validateNotNegative(deadline, 'spec.progressDeadlineSeconds'));
  if (deadline <= (spec.minReadySeconds ?? 0)) {
    problems.push(invalidValue('spec.progressDeadlineSeconds', deadline, 'must be greater than minReadySeconds'));
  }
  return problems;
}

function validateStrategy(strategy: DeploymentStrategy, field: string): readonly FieldProblem[] {
  const problems = [...validateOneOf(strategy.type, ['Recreate', 'RollingUpdate'], `${field}.type`)];
  const { rollingUpdate } = strategy;
  if (strategy.type === 'Recreate' && rollingUpdate !== undefined) {
    problems.push(forbiddenField(`${field}.rollingUpdate`, "may not be specified when strategy `type` is 'Recreate'"));
  }
  if (strategy.type !== 'RollingUpdate' || rollingUpdate === undefined) return problems;
  const { maxSurge = 0, maxUnavailable = 0 } = rollingUpdate;
  problems.push(...validateShare(maxUnavailable, `${field}.rollingUpdate.maxUnavailable`, { isAtMostAll: true }));
  problems.push(...validateShare(maxSurge, `${field}.rollingUpdate.maxSurge`, { isAtMostAll: false }));
  if (shareNumber(maxUnavailable) === 0 && shareNumber(maxSurge) === 0) {
    problems.push(invalidValue(`${field}.rollingUpdate.maxUnavailable`, maxUnavailable, 'may not be 0 when `maxSurge` is 0'));
  }
  return problems;
}

/** How many pods a rolling update may add and may miss. Both rounding to nothing would stand still, so one may then be missing. */
export function rollingUpdateBounds(deployment: Deployment): { readonly maxSurge: number; readonly maxUnavailable: number } {
  const replicas = deployment.spec.replicas ?? 1;
  const { type, rollingUpdate } = deployment.spec.strategy ?? {};
  if (type === 'Recreate' || replicas === 0) return { maxSurge: 0, maxUnavailable: 0 };
  const maxSurge = resolveShare(rollingUpdate?.maxSurge ?? SURGE_DEFAULT, replicas, 'up');
  const maxUnavailable = resolveShare(rollingUpdate?.maxUnavailable ?? SURGE_DEFAULT, replicas, 'down');
  if (maxSurge === 0 && maxUnavailable === 0) return { maxSurge, maxUnavailable: 1 };
  return { maxSurge, maxUnavailable: Math.min(maxUnavailable, replicas) };
}

export function validateDeploymentUpdate(deployment: Deployment, previous: Deployment): readonly FieldProblem[] {
  return validateImmutable(deployment.spec.selector, previous.spec.selector, 'spec.selector');
}
