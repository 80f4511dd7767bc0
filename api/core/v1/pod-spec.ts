/**
 * What pods and pod templates share: the defaults and the rules of `PodSpec`. Called for pods by `pod.ts` and for templates by
 * `pod-template.ts`; what holds for pods alone (a name for the node, requests taken from limits) stays in `pod.ts`.
 */
import type { PodSpec, Toleration } from '../../generated/types.ts';
import { duplicate, invalidValue, notSupported, required } from '../../meta/field-path.ts';
import {
  dns1123LabelProblems,
  dns1123SubdomainProblems,
  inclusiveRangeMessage,
  labelValueProblems,
  qualifiedNameProblems,
} from '../../meta/names.ts';
import type { FieldProblem } from '../../meta/status.ts';
import { validateLabels, validateNotNegative, validateOneOf } from '../../meta/validation.ts';
import { withDefined } from '../../meta/with-defined.ts';
import { applyContainerDefaults, type ContainerRules, validateContainers } from './container.ts';
import { validateEphemeralContainers } from './ephemeral-containers.ts';
import { applyResourceListDefaults } from './resource-list.ts';
import { validateSysctls } from './sysctl.ts';
import { applyVolumeDefaults, validateVolumes } from './volume.ts';

/** How long containers may take to stop, unless their author says otherwise. */
const TERMINATION_GRACE_SECONDS_DEFAULT = 30;

/** The scheduler of the cluster itself. */
const SCHEDULER_DEFAULT = 'default-scheduler';

const ACTIVE_DEADLINE_SECONDS_MAX = 2 ** 31 - 1;

export function applyPodSpecDefaults(spec: PodSpec): PodSpec {
  const account = spec.serviceAccountName || spec.serviceAccount || undefined;
  return withDefined(spec, {
    containers: spec.containers.map(applyContainerDefaults),
    initContainers: spec.initContainers?.map(applyContainerDefaults),
    ephemeralContainers: spec.ephemeralContainers?.map(applyContainerDefaults),
    volumes: spec.volumes?.map(applyVolumeDefaults),
    overhead: spec.overhead && applyResourceListDefaults(spec.overhead),
    dnsPolicy: spec.dnsPolicy || 'ClusterFirst',
    restartPolicy: spec.restartPolicy || 'Always',
    securityContext: spec.securityContext ?? {},
    terminationGracePeriodSeconds: spec.terminationGracePeriodSeconds ?? TERMINATION_GRACE_SECONDS_DEFAULT,
    schedulerName: spec.schedulerName || SCHEDULER_DEFAULT,
    // The old name of the field, which clients still read.
    serviceAccountName: account,
    serviceAccount: account,
  });
}

const restartPolicies = ['Always', 'OnFailure', 'Never'] as const;
const dnsPolicies = ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None'] as const;

export function validatePodSpec(spec: PodSpec, field: string): readonly FieldProblem[] {
  const rules: Omit<ContainerRules, 'isInit'> = {
    volumeNames: new Set((spec.volumes ?? []).map(({ name }) => name)),
    isHostNetwork: spec.hostNetwork ?? false,
  };
  return [
    ...validateVolumes(spec.volumes ?? [], `${field}.volumes`),
    ...(spec.containers.length === 0 ? [required(`${field}.containers`)] : []),
    ...validateContainers(spec.containers, { ...rules, isInit: false }, `${field}.containers`),
    ...validateContainers(spec.initContainers ?? [], { ...rules, isInit: true }, `${field}.initContainers`),
    ...validateSharedNames(spec, field),
    ...validateEphemeralContainers(spec, rules, `${field}.ephemeralContainers`),
    ...validateOneOf(spec.restartPolicy, restartPolicies, `${field}.restartPolicy`),
    ...validateOneOf(spec.dnsPolicy, dnsPolicies, `${field}.dnsPolicy`),
    ...validateDns(spec, field),
    ...validateLabels(spec.nodeSelector ?? {}, `${field}.nodeSelector`),
    ...validateNames(spec, field),
    ...validateSeconds(spec, field),
    ...validateTolerations(spec.tolerations ?? [], `${field}.tolerations`),
    ...validatePodSecurity(spec, `${field}.securityContext`),
    ...validateSpread(spec, `${field}.topologySpreadConstraints`),
  ];
}

/** Init containers and containers have one set of names between them. */
function validateSharedNames(spec: PodSpec, field: string): readonly FieldProblem[] {
  const taken = new Set(spec.containers.map(({ name }) => name));
  return (spec.initContainers ?? []).flatMap(({ name }, index) =>
    name !== '' && taken.has(name) ? [duplicate(`${field}.initContainers[${index}].name`, name)] : [],
  );
}

function validateDns(spec: PodSpec, field: string): readonly FieldProblem[] {
  if (spec.dnsPolicy !== 'None' || (spec.dnsConfig?.nameservers ?? []).length > 0) return [];
  const path = spec.dnsConfig === undefined ? `${field}.dnsConfig` : `${field}.dnsConfig.nameservers`;
  const none = `must provide at least one DNS nameserver when \`dnsPolicy\` is None`;
  return [required(path, spec.dnsConfig === undefined ? 'must provide `dnsConfig` when `dnsPolicy` is None' : none)];
}

function validateNames(spec: PodSpec, field: string): readonly FieldProblem[] {
  const rules = [
    ['nodeName', dns1123SubdomainProblems],
    ['serviceAccountName', dns1123SubdomainProblems],
    ['hostname', dns1123LabelProblems],
    ['subdomain', dns1123LabelProblems],
    ['priorityClassName', dns1123SubdomainProblems],
    ['runtimeClassName', dns1123SubdomainProblems],
  ] as const;
  return rules.flatMap(([name, rule]) => {
    const value = spec[name];
    return value ? rule(value).map((problem) => invalidValue(`${field}.${name}`, value, problem)) : [];
  });
}

function validateSeconds(spec: PodSpec, field: string): readonly FieldProblem[] {
  const { activeDeadlineSeconds: deadline } = spec;
  const problems = [...validateNotNegative(spec.terminationGracePeriodSeconds ?? 0, `${field}.terminationGracePeriodSeconds`)];
  if (deadline !== undefined && (deadline < 1 || deadline > ACTIVE_DEADLINE_SECONDS_MAX)) {
    problems.push(invalidValue(`${field}.activeDeadlineSeconds`, deadline, inclusiveRangeMessage(1, ACTIVE_DEADLINE_SECONDS_MAX)));
  }
  return problems;
}

const taintEffects = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'] as const;

export function validateTolerations(tolerations: readonly Toleration[], field: string): readonly FieldProblem[] {
  return tolerations.flatMap((toleration, index) => validateToleration(toleration, `${field}[${index}]`));
}

function validateToleration(toleration: Toleration, field: string): readonly FieldProblem[] {
  const { key = '', operator = '', value = '', effect = '', tolerationSeconds } = toleration;
  const problems: FieldProblem[] = [];
  if (key !== '') problems.push(...qualifiedNameProblems(key).map((problem) => invalidValue(`${field}.key`, key, problem)));
  if (key === '' && operator !== 'Exists') {
    problems.push(
      invalidValue(
        `${field}.operator`,
        operator,
        'operator must be Exists when `key` is empty, which means "match all values and all keys"',
      ),
    );
  }
  if (tolerationSeconds !== undefined && effect !== 'NoExecute') {
    problems.push(invalidValue(`${field}.effect`, effect, "effect must be 'NoExecute' when `tolerationSeconds` is set"));
  }
  if (operator === 'Exists' && value !== '') {
    problems.push(invalidValue(`${field}.operator`, { ...toleration }, "value must be empty when `operator` is 'Exists'"));
  } else if (operator === 'Equal' || operator === '') {
    problems.push(...labelValueProblems(value).map((problem) => invalidValue(`${field}.operator`, value, problem)));
  } else if (operator !== 'Exists') {
    problems.push(notSupported(`${field}.operator`, operator, ['Equal', 'Exists']));
  }
  return effect === '' ? problems : [...problems, ...validateOneOf(effect, taintEffects, `${field}.effect`)];
}

function validatePodSecurity(spec: PodSpec, field: string): readonly FieldProblem[] {
  const names = ['runAsUser', 'runAsGroup', 'fsGroup'] as const;
  return [
    ...names.flatMap((name) => validateNotNegative(spec.securityContext?.[name] ?? 0, `${field}.${name}`)),
    ...validateSysctls(spec.securityContext?.sysctls ?? [], `${field}.sysctls`),
  ];
}

function validateSpread(spec: PodSpec, field: string): readonly FieldProblem[] {
  return (spec.topologySpreadConstraints ?? []).flatMap((constraint, index) => {
    const path = `${field}[${index}]`;
    const problems: FieldProblem[] = [];
    if (constraint.maxSkew <= 0) problems.push(invalidValue(`${path}.maxSkew`, constraint.maxSkew, 'must be greater than zero'));
    if (constraint.topologyKey === '') problems.push(required(`${path}.topologyKey`, 'can not be empty'));
    return [...problems, ...validateOneOf(constraint.whenUnsatisfiable, ['DoNotSchedule', 'ScheduleAnyway'], `${path}.whenUnsatisfiable`)];
  });
}
