/**
 * Pods: defaults, rules, what may change, and the small questions that many components ask of a pod. Pure; the server calls the first
 * three through `apiserver/resources/pods.ts`, the scheduler, the controllers and the kubelet use the predicates.
 */
import type { Container, ContainerStatus, Pod, PodSpec, PodStatus, Toleration } from '../../generated/types.ts';
import { isConditionTrue } from '../../meta/condition.ts';
import { forbiddenField, invalidValue } from '../../meta/field-path.ts';
import { jsonEquals } from '../../meta/json.ts';
import { dns1123SubdomainProblems, inclusiveRangeMessage } from '../../meta/names.ts';
import type { FieldProblem } from '../../meta/status.ts';
import { parseTime } from '../../meta/time.ts';
import { validateObjectMeta } from '../../meta/validation.ts';
import { withDefined } from '../../meta/with-defined.ts';
import { validateEphemeralContainersUpdate } from './ephemeral-containers.ts';
import { validatePodResize } from './pod-resize.ts';
import { applyPodSpecDefaults, validatePodSpec } from './pod-spec.ts';

export function applyPodDefaults(pod: Pod): Pod {
  const spec = applyPodSpecDefaults(pod.spec);
  return {
    ...pod,
    spec: withDefined(spec, {
      containers: spec.containers.map((container) => applyPodContainerDefaults(container, spec)),
      initContainers: spec.initContainers?.map((container) => applyPodContainerDefaults(container, spec)),
      enableServiceLinks: spec.enableServiceLinks ?? true,
    }),
  };
}

/** What applies to pods but not to templates, so that a template keeps what its author wrote. */
function applyPodContainerDefaults(container: Container, spec: PodSpec): Container {
  const { limits, requests } = container.resources ?? {};
  return withDefined(container, {
    resources: limits && { ...container.resources, requests: { ...limits, ...requests } },
    ports:
      spec.hostNetwork === true ? container.ports?.map((port) => ({ ...port, hostPort: port.hostPort || port.containerPort })) : undefined,
  });
}

export function validatePod(pod: Pod): readonly FieldProblem[] {
  return [
    ...validateObjectMeta(pod.metadata, { isNamespaced: true, nameRule: dns1123SubdomainProblems }),
    ...validatePodSpec(pod.spec, 'spec'),
  ];
}

const IMMUTABLE =
  'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)';

/** What only a pod that is there already can have. */
export function validatePodCreate({ spec }: Pod): readonly FieldProblem[] {
  const isAskedFor = (spec.ephemeralContainers ?? []).length > 0;
  return isAskedFor ? [forbiddenField('spec.ephemeralContainers', 'cannot be set on create')] : [];
}

/** By the subresource through which it comes; empty for the pod itself. */
export function validatePodUpdate(pod: Pod, previous: Pod, subresource = ''): readonly FieldProblem[] {
  switch (subresource) {
    case 'ephemeralcontainers':
      return validateEphemeralContainersUpdate(pod, previous);
    case 'resize':
      return validatePodResize(pod, previous);
    default:
      return validateSpecUpdate(pod.spec, previous);
  }
}

/** A pod's spec is fixed but for images, the deadline, tolerations that are added, and scheduling gates that are lifted. */
function validateSpecUpdate(spec: PodSpec, previous: Pod): readonly FieldProblem[] {
  const problems = [
    ...validateSameContainers(spec, previous.spec),
    ...validateDeadlineUpdate(spec, previous.spec),
    ...validateGates(spec, previous.spec),
  ];
  if (problems.length > 0) return problems;
  const tolerated = new Set((spec.tolerations ?? []).map(identityOf));
  const kept = (previous.spec.tolerations ?? []).every((toleration) => tolerated.has(identityOf(toleration)));
  if (!kept) return [forbiddenField('spec.tolerations', 'existing toleration can not be modified except its tolerationSeconds')];
  return jsonEquals(fixedPart(spec), fixedPart(previous.spec)) ? [] : [forbiddenField('spec', IMMUTABLE)];
}

function validateSameContainers(spec: PodSpec, previous: PodSpec): readonly FieldProblem[] {
  const fields = ['containers', 'initContainers'] as const;
  return fields
    .filter((field) => (spec[field] ?? []).length !== (previous[field] ?? []).length)
    .map((field) => forbiddenField(`spec.${field}`, 'pod updates may not add or remove containers'));
}

function validateDeadlineUpdate(spec: PodSpec, previous: PodSpec): readonly FieldProblem[] {
  const [deadline, old] = [spec.activeDeadlineSeconds, previous.activeDeadlineSeconds];
  const field = 'spec.activeDeadlineSeconds';
  if (deadline === undefined)
    return old === undefined ? [] : [invalidValue(field, deadline, 'must not update from a positive integer to nil value')];
  if (deadline < 0) return [invalidValue(field, deadline, inclusiveRangeMessage(0, 2 ** 31 - 1))];
  if (old !== undefined && deadline > old) return [invalidValue(field, deadline, 'must be less than or equal to previous value')];
  return [];
}

function validateGates(spec: PodSpec, previous: PodSpec): readonly FieldProblem[] {
  const old = (previous.schedulingGates ?? []).map(({ name }) => name);
  const added = (spec.schedulingGates ?? []).map(({ name }) => name).filter((name) => !old.includes(name));
  if (added.length === 0) return [];
  return [forbiddenField('spec.schedulingGates', `only deletion is allowed, but found new scheduling gate '${added.sort().join("', '")}'`)];
}

/** All of a toleration that may not change; as text, because there may be thousands of them. */
function identityOf({ key, operator, value, effect }: Toleration): string {
  return JSON.stringify([key, operator, value, effect]);
}

/** The spec without what may change. */
function fixedPart(spec: PodSpec): object {
  const withoutImage = (container: Container) => ({ ...container, image: '' });
  const { activeDeadlineSeconds, tolerations, terminationGracePeriodSeconds, schedulingGates, ...rest } = spec;
  return {
    ...rest,
    containers: spec.containers.map(withoutImage),
    initContainers: spec.initContainers?.map(withoutImage),
    // Once negative (an old way to say "at once"), it may become 1.
    terminationGracePeriodSeconds: Math.max(terminationGracePeriodSeconds ?? 0, 1),
  };
}

/** Finished: its containers will not run again. */
export function isPodTerminal(pod: Pod): boolean {
  return pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
}

/** Counts as a replica: neither finished nor being deleted. */
export function isPodActive(pod: Pod): boolean {
  return !isPodTerminal(pod) && pod.metadata.deletionTimestamp === undefined;
}

export function isPodReady(pod: Pod): boolean {
  return isConditionTrue(pod.status?.conditions, 'Ready');
}

/** Ready for at least `minReadySeconds` at `nowMs`. */
export function isPodAvailable(pod: Pod, minReadySeconds: number, nowMs: number): boolean {
  if (!isPodReady(pod)) return false;
  const since = parseTime(pod.status?.conditions?.find(({ type }) => type === 'Ready')?.lastTransitionTime);
  return minReadySeconds === 0 || (since !== undefined && since + minReadySeconds * 1000 <= nowMs);
}

export function isPodScheduled(pod: Pod): boolean {
  return (pod.spec.nodeName ?? '') !== '';
}

export function isPodTerminating(pod: Pod): boolean {
  return pod.metadata.deletionTimestamp !== undefined;
}

export function findContainerStatus(status: PodStatus | undefined, name: string): ContainerStatus | undefined {
  return status?.containerStatuses?.find((container) => container.name === name);
}

/** All addresses of a pod, its first one first; empty until the kubelet has reported it. */
export function podIPs(pod: Pod): readonly string[] {
  const all = (pod.status?.podIPs ?? []).map(({ ip }) => ip);
  return all.length === 0 && pod.status?.podIP ? [pod.status.podIP] : all;
}
