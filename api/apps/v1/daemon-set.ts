/** DaemonSets: defaults, rules, and what may change. Source: upstream's pkg/apis/apps/v1/defaults.go and pkg/apis/apps/validation. */
import { applyPodTemplateDefaults, isEmptySelector, validateControlledTemplate } from '../../core/v1/pod-template.ts';
import type { DaemonSet, DaemonSetUpdateStrategy, RollingUpdateDaemonSet } from '../../generated/types.ts';
import { invalidValue, notSupported, required } from '../../meta/field-path.ts';
import { jsonEquals } from '../../meta/json.ts';
import { dns1123SubdomainProblems } from '../../meta/names.ts';
import { shareNumber, validateShare } from '../../meta/share.ts';
import type { FieldProblem } from '../../meta/status.ts';
import { validateImmutable, validateLabelSelector, validateNotNegative, validateObjectMeta } from '../../meta/validation.ts';

const REVISIONS_DEFAULT = 10;

/** Counts changes of the template; what older versions kept as a field, clients still read here. */
const TEMPLATE_GENERATION = 'deprecated.daemonset.template.generation';

export function applyDaemonSetDefaults(daemonSet: DaemonSet): DaemonSet {
  const { spec } = daemonSet;
  return {
    ...daemonSet,
    spec: {
      ...spec,
      template: applyPodTemplateDefaults(spec.template),
      updateStrategy: applyStrategyDefaults(spec.updateStrategy ?? {}),
      revisionHistoryLimit: spec.revisionHistoryLimit ?? REVISIONS_DEFAULT,
    },
  };
}

function applyStrategyDefaults(strategy: DaemonSetUpdateStrategy): DaemonSetUpdateStrategy {
  const type = strategy.type || 'RollingUpdate';
  if (type !== 'RollingUpdate') return { ...strategy, type };
  const { maxUnavailable, maxSurge } = strategy.rollingUpdate ?? {};
  return { ...strategy, type, rollingUpdate: { maxUnavailable: maxUnavailable ?? 1, maxSurge: maxSurge ?? 0 } };
}

/** The template is counted on by the server, whatever the author says: 1 at first, one more for each change. */
export function countTemplate(daemonSet: DaemonSet, previous: DaemonSet | undefined): DaemonSet {
  const before = Number(previous?.metadata.annotations?.[TEMPLATE_GENERATION] ?? 0);
  const isChanged = previous === undefined || !jsonEquals(daemonSet.spec.template, previous.spec.template);
  const annotations = { ...daemonSet.metadata.annotations, [TEMPLATE_GENERATION]: String(isChanged ? before + 1 : before) };
  return { ...daemonSet, metadata: { ...daemonSet.metadata, annotations } };
}

export function validateDaemonSet(daemonSet: DaemonSet): readonly FieldProblem[] {
  const { spec } = daemonSet;
  const isSelectorEmpty = isEmptySelector(spec.selector);
  return [
    ...validateObjectMeta(daemonSet.metadata, { isNamespaced: true, nameRule: dns1123SubdomainProblems }),
    ...validateLabelSelector(spec.selector, 'spec.selector'),
    ...(isSelectorEmpty ? [invalidValue('spec.selector', spec.selector, 'empty selector is invalid for daemonset')] : []),
    ...validateControlledTemplate({ kind: 'DaemonSet', selector: spec.selector, template: spec.template }, 'spec.template'),
    ...validateNotNegative(spec.minReadySeconds ?? 0, 'spec.minReadySeconds'),
    ...validateStrategy(spec.updateStrategy ?? {}, 'spec.updateStrategy'),
    ...validateNotNegative(spec.revisionHistoryLimit ?? 0, 'spec.revisionHistoryLimit'),
  ];
}

function validateStrategy({ type = '', rollingUpdate }: DaemonSetUpdateStrategy, field: string): readonly FieldProblem[] {
  if (type === 'OnDelete') return [];
  if (type !== 'RollingUpdate') return [notSupported(`${field}.type`, type, ['RollingUpdate', 'OnDelete'])];
  return rollingUpdate === undefined
    ? [required(`${field}.rollingUpdate`)]
    : validateRollingUpdate(rollingUpdate, `${field}.rollingUpdate`);
}

function validateRollingUpdate({ maxUnavailable = 1, maxSurge = 0 }: RollingUpdateDaemonSet, field: string): readonly FieldProblem[] {
  const problems = [
    ...validateShare(maxUnavailable, `${field}.maxUnavailable`, { isAtMostAll: true }),
    ...validateShare(maxSurge, `${field}.maxSurge`, { isAtMostAll: true }),
  ];
  const hasUnavailable = shareNumber(maxUnavailable) !== 0;
  const hasSurge = shareNumber(maxSurge) !== 0;
  if (hasUnavailable && hasSurge) {
    problems.push(invalidValue(`${field}.maxSurge`, maxSurge, 'may not be set when maxUnavailable is non-zero'));
  }
  if (!hasUnavailable && !hasSurge) problems.push(required(`${field}.maxUnavailable`, 'cannot be 0 when maxSurge is 0'));
  return problems;
}

export function validateDaemonSetUpdate(daemonSet: DaemonSet, previous: DaemonSet): readonly FieldProblem[] {
  return validateImmutable(daemonSet.spec.selector, previous.spec.selector, 'spec.selector');
}
