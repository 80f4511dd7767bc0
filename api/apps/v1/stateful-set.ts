/** StatefulSets: defaults, rules, and what may change. Source: upstream's pkg/apis/apps/v1/defaults.go and pkg/apis/apps/validation. */
import { applyClaimDefaults, validateClaimSpec } from '../../core/v1/persistent-volume-claim.ts';
import { applyPodTemplateDefaults, isEmptySelector, validateControlledTemplate } from '../../core/v1/pod-template.ts';
import type {
  PersistentVolumeClaim,
  PodTemplateSpec,
  StatefulSet,
  StatefulSetPersistentVolumeClaimRetentionPolicy,
  StatefulSetSpec,
  StatefulSetUpdateStrategy,
} from '../../generated/types.ts';
import { forbiddenField, invalidValue, notSupported, required } from '../../meta/field-path.ts';
import { jsonEquals } from '../../meta/json.ts';
import { dns1123LabelProblems, dns1123SubdomainProblems } from '../../meta/names.ts';
import { shareNumber, validateShare } from '../../meta/share.ts';
import type { FieldProblem } from '../../meta/status.ts';
import { validateLabelSelector, validateNotNegative, validateObjectMeta } from '../../meta/validation.ts';
import { withDefined } from '../../meta/with-defined.ts';

const REVISIONS_DEFAULT = 10;

export function applyStatefulSetDefaults(statefulSet: StatefulSet): StatefulSet {
  const { spec } = statefulSet;
  const { whenDeleted, whenScaled } = spec.persistentVolumeClaimRetentionPolicy ?? {};
  return {
    ...statefulSet,
    spec: withDefined(spec, {
      podManagementPolicy: spec.podManagementPolicy || 'OrderedReady',
      updateStrategy: applyStrategyDefaults(spec.updateStrategy ?? {}),
      persistentVolumeClaimRetentionPolicy: { whenDeleted: whenDeleted || 'Retain', whenScaled: whenScaled || 'Retain' },
      replicas: spec.replicas ?? 1,
      revisionHistoryLimit: spec.revisionHistoryLimit ?? REVISIONS_DEFAULT,
      template: applyPodTemplateDefaults(spec.template),
      volumeClaimTemplates: spec.volumeClaimTemplates?.map(applyClaimTemplateDefaults),
    }),
  };
}

function applyStrategyDefaults(strategy: StatefulSetUpdateStrategy): StatefulSetUpdateStrategy {
  const type = strategy.type || 'RollingUpdate';
  const rollingUpdate = strategy.rollingUpdate ?? (strategy.type ? undefined : {});
  if (type !== 'RollingUpdate' || rollingUpdate === undefined) return { ...strategy, type };
  return { ...strategy, type, rollingUpdate: { ...rollingUpdate, partition: rollingUpdate.partition ?? 0 } };
}

/** A template of a claim is stored as a whole claim, with what a new claim has. */
function applyClaimTemplateDefaults(template: PersistentVolumeClaim): PersistentVolumeClaim {
  const claim = applyClaimDefaults(template);
  return {
    ...claim,
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    status: { ...claim.status, phase: claim.status?.phase || 'Pending' },
  };
}

export function validateStatefulSet(statefulSet: StatefulSet): readonly FieldProblem[] {
  const { spec } = statefulSet;
  const { template, selector } = spec;
  const isSelectorEmpty = isEmptySelector(selector);
  return [
    ...validateObjectMeta(statefulSet.metadata, { isNamespaced: true, nameRule: dns1123SubdomainProblems }),
    ...validatePolicies(spec),
    ...validateNotNegative(spec.replicas ?? 0, 'spec.replicas'),
    ...validateNotNegative(spec.minReadySeconds ?? 0, 'spec.minReadySeconds'),
    ...validateNotNegative(spec.ordinals?.start ?? 0, 'spec.ordinals.start'),
    ...validateLabelSelector(selector, 'spec.selector'),
    ...(isSelectorEmpty ? [invalidValue('spec.selector', selector, 'empty selector is invalid for statefulset')] : []),
    ...validateControlledTemplate({ kind: 'StatefulSet', selector, template: withClaims(template, spec) }, 'spec.template'),
    ...validateServiceName(spec.serviceName ?? ''),
    ...(spec.volumeClaimTemplates ?? []).flatMap(({ spec: claim }, index) =>
      validateClaimSpec(claim, `spec.volumeClaimTemplates[${index}].spec`),
    ),
  ];
}

function validateServiceName(name: string): readonly FieldProblem[] {
  return name === '' ? [] : dns1123LabelProblems(name).map((problem) => invalidValue('spec.serviceName', name, problem));
}

/** Its pods have a volume for each claim, which containers may mount. */
function withClaims(template: PodTemplateSpec, { volumeClaimTemplates = [] }: StatefulSetSpec): PodTemplateSpec {
  const { spec } = template;
  if (spec === undefined || volumeClaimTemplates.length === 0) return template;
  const claimed = new Set(volumeClaimTemplates.map(({ metadata }) => metadata.name ?? ''));
  const own = (spec.volumes ?? []).filter(({ name }) => !claimed.has(name));
  const volumes = [...claimed].map((name) => ({ name, persistentVolumeClaim: { claimName: name } }));
  return { ...template, spec: { ...spec, volumes: [...own, ...volumes] } };
}

function validatePolicies(spec: StatefulSetSpec): readonly FieldProblem[] {
  const { podManagementPolicy: management = '' } = spec;
  const isManagementKnown = management === 'OrderedReady' || management === 'Parallel';
  const managementProblem =
    management === ''
      ? required('spec.podManagementPolicy')
      : invalidValue('spec.podManagementPolicy', management, "must be 'OrderedReady' or 'Parallel'");
  return [
    ...(isManagementKnown ? [] : [managementProblem]),
    ...validateStrategy(spec.updateStrategy ?? {}, 'spec.updateStrategy'),
    ...validateRetention(spec.persistentVolumeClaimRetentionPolicy ?? {}, 'spec.persistentVolumeClaimRetentionPolicy'),
  ];
}

function validateStrategy(strategy: StatefulSetUpdateStrategy, field: string): readonly FieldProblem[] {
  const { type = '', rollingUpdate } = strategy;
  switch (type) {
    case '':
      return [required(field)];
    case 'OnDelete':
      if (rollingUpdate === undefined) return [];
      return [invalidValue(`${field}.rollingUpdate`, rollingUpdate, "only allowed for updateStrategy 'RollingUpdate'")];
    case 'RollingUpdate':
      return [
        ...validateNotNegative(rollingUpdate?.partition ?? 0, `${field}.rollingUpdate.partition`),
        ...validateUnavailable(rollingUpdate?.maxUnavailable, `${field}.rollingUpdate.maxUnavailable`),
      ];
    default:
      return [invalidValue(field, strategy, "must be 'RollingUpdate' or 'OnDelete'")];
  }
}

function validateUnavailable(share: number | string | undefined, field: string): readonly FieldProblem[] {
  if (share === undefined) return [];
  const problems = validateShare(share, field, { isAtMostAll: true });
  return shareNumber(share) === 0 ? [...problems, invalidValue(field, share, 'cannot be 0')] : problems;
}

function validateRetention(
  { whenDeleted = '', whenScaled = '' }: StatefulSetPersistentVolumeClaimRetentionPolicy,
  field: string,
): readonly FieldProblem[] {
  const allowed = ['Retain', 'Delete'];
  return [
    ...(allowed.includes(whenDeleted) ? [] : [notSupported(`${field}.whenDeleted`, whenDeleted, allowed)]),
    ...(allowed.includes(whenScaled) ? [] : [notSupported(`${field}.whenScaled`, whenScaled, allowed)]),
  ];
}

const CHANGEABLE =
  "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";

export function validateStatefulSetUpdate(statefulSet: StatefulSet, previous: StatefulSet): readonly FieldProblem[] {
  return jsonEquals(fixedPart(statefulSet.spec), fixedPart(previous.spec)) ? [] : [forbiddenField('spec', CHANGEABLE)];
}

function fixedPart(spec: StatefulSetSpec): object {
  const { podManagementPolicy, selector, serviceName, volumeClaimTemplates } = spec;
  return { podManagementPolicy, selector, serviceName, volumeClaimTemplates };
}
