/**
 * Resizing a pod while it runs, through `pods/resize`: processors and memory of its containers and sidecars change, nothing else, and its quality of service stays
 * what it is. Whether the node can do it, its containers' status tells. Source: upstream's ValidatePodResize.
 */
import type { Container, Pod, ResourceRequirements } from '../../generated/types.ts';
import { forbiddenField, invalidValue } from '../../meta/field-path.ts';
import { jsonEquals } from '../../meta/json.ts';
import type { FieldProblem } from '../../meta/status.ts';
import { isSidecar } from './container.ts';
import { isMirrorPod } from './mirror-pod.ts';
import { qosClass } from './pod-requests.ts';
import type { ResourceList } from './resource-list.ts';

type ContainerField = 'containers' | 'initContainers';

/** The pod as it was, with the resources that are asked for; the rest of what was sent is passed over. */
export function withResizedResources(pod: Pod, previous: Pod): Pod {
  const resize = (field: ContainerField) => previous.spec[field]?.map((container) => resized(container, pod.spec[field]));
  const { resources } = pod.spec;
  const initContainers = resize('initContainers');
  return {
    ...previous,
    spec: {
      ...previous.spec,
      containers: resize('containers') ?? [],
      ...(initContainers === undefined ? {} : { initContainers }),
      ...(resources === undefined ? {} : { resources }),
    },
  };
}

function resized(container: Container, wanted: readonly Container[] = []): Container {
  const { resources, resizePolicy } = wanted.find(({ name }) => name === container.name) ?? container;
  return { ...container, ...(resources === undefined ? {} : { resources }), ...(resizePolicy === undefined ? {} : { resizePolicy }) };
}

export function validatePodResize(pod: Pod, previous: Pod): readonly FieldProblem[] {
  if (isMirrorPod(previous)) return [forbiddenField('', 'static pods cannot be resized')];
  if (previous.spec.os?.name === 'windows') return [forbiddenField('', 'windows pods cannot be resized')];
  const quality = previous.status?.qosClass ?? qosClass(previous.spec);
  return [
    ...(quality === qosClass(pod.spec) ? [] : [invalidValue('spec', quality, 'Pod QOS Class may not change as a result of resizing')]),
    ...(isResizeSupported(previous) ? [] : [forbiddenField('spec', 'Pod running on node without support for resize')]),
    ...(['containers', 'initContainers'] as const).flatMap((field) => validateContainers(pod, previous, field)),
    ...validateResources(pod.spec.resources, previous.spec.resources, 'spec.resources'),
  ];
}

/** A kubelet that can resize tells what a running container has. */
function isResizeSupported({ status }: Pod): boolean {
  const running = (status?.containerStatuses ?? []).find(({ state }) => state?.running !== undefined);
  return running === undefined || running.resources !== undefined;
}

function validateContainers(pod: Pod, previous: Pod, field: ContainerField): readonly FieldProblem[] {
  return (pod.spec[field] ?? []).flatMap((container, index) => {
    const before = previous.spec[field]?.[index];
    if (before === undefined || jsonEquals(before, container)) return [];
    const isFixed = field === 'initContainers' && !isSidecar(before);
    if (isFixed || !jsonEquals({ ...before, resources: {} }, { ...container, resources: {} })) return [immutable];
    return validateResources(container.resources, before.resources, `spec.${field}[${index}].resources`);
  });
}

const immutable = forbiddenField('spec', 'only cpu and memory resources are mutable');

function validateResources(
  now: ResourceRequirements | undefined,
  before: ResourceRequirements | undefined,
  field: string,
): readonly FieldProblem[] {
  const lacks = (name: 'limits' | 'requests') =>
    resizable.some((one) => before?.[name]?.[one] !== undefined && now?.[name]?.[one] === undefined);
  const isOtherwiseSame = jsonEquals(fixedPart(now), fixedPart(before));
  return [
    ...(lacks('limits') ? [forbiddenField(`${field}.limits`, 'resource limits cannot be removed')] : []),
    ...(lacks('requests') ? [forbiddenField(`${field}.requests`, 'resource requests cannot be removed')] : []),
    ...(isOtherwiseSame ? [] : [immutable]),
  ];
}

const resizable = ['cpu', 'memory'] as const;

function fixedPart(resources: ResourceRequirements = {}): object {
  const others = (list: ResourceList = {}) =>
    Object.fromEntries(Object.entries(list).filter(([name]) => !resizable.some((one) => one === name)));
  return { claims: resources.claims ?? [], limits: others(resources.limits), requests: others(resources.requests) };
}
