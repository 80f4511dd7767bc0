/**
 * Ephemeral containers: put into a pod that runs, through `pods/ephemeralcontainers`, to look at the others. They carry nothing that a workload would rely on, and
 * stay as they are once they are there. Source: upstream's ValidatePodEphemeralContainersUpdate.
 */
import type { EphemeralContainer, Pod, PodSpec } from '../../generated/types.ts';
import { duplicate, forbiddenField, notFoundValue } from '../../meta/field-path.ts';
import { jsonEquals } from '../../meta/json.ts';
import type { FieldProblem } from '../../meta/status.ts';
import { type ContainerRules, validateContainers } from './container.ts';
import { isMirrorPod } from './mirror-pod.ts';

/** What fundamental services of a pod would be made of. */
const NOT_ALLOWED = ['ports', 'livenessProbe', 'readinessProbe', 'startupProbe', 'lifecycle', 'restartPolicy', 'resizePolicy'] as const;
const WHY_NOT = 'cannot be set for an Ephemeral Container';

/** Of a pod's spec as a whole: also called for pods that have none. */
export function validateEphemeralContainers(spec: PodSpec, rules: Omit<ContainerRules, 'isInit'>, field: string): readonly FieldProblem[] {
  const containers = spec.ephemeralContainers ?? [];
  const others = [...spec.containers, ...(spec.initContainers ?? [])].map(({ name }) => name);
  return [
    ...validateContainers(containers.map(withoutForbidden), { ...rules, isInit: false }, field),
    ...containers.flatMap((container, index) => validateOne(container, { others, own: spec.containers, field: `${field}[${index}]` })),
  ];
}

function validateOne(
  container: EphemeralContainer,
  { others, own, field }: { readonly others: readonly string[]; readonly own: PodSpec['containers']; readonly field: string },
): readonly FieldProblem[] {
  const { name, targetContainerName = '', volumeMounts = [], resources } = container;
  const problems = others.includes(name) ? [duplicate(`${field}.name`, name)] : [];
  if (targetContainerName !== '' && !own.some((other) => other.name === targetContainerName)) {
    problems.push(notFoundValue(`${field}.targetContainerName`, targetContainerName));
  }
  for (const given of NOT_ALLOWED) if (container[given] !== undefined) problems.push(forbiddenField(`${field}.${given}`, WHY_NOT));
  if (Object.keys(resources ?? {}).length > 0) problems.push(forbiddenField(`${field}.resources`, WHY_NOT));
  for (const [index, mount] of volumeMounts.entries()) {
    for (const path of ['subPath', 'subPathExpr'] as const) {
      if ((mount[path] ?? '') !== '') problems.push(forbiddenField(`${field}.volumeMounts[${index}].${path}`, WHY_NOT));
    }
  }
  return problems;
}

/** What is refused as such need not be right as well. */
function withoutForbidden(container: EphemeralContainer): EphemeralContainer {
  const { lifecycle, livenessProbe, readinessProbe, startupProbe, ports, ...rest } = container;
  return rest;
}

export function validateEphemeralContainersUpdate({ spec }: Pod, previous: Pod): readonly FieldProblem[] {
  if (isMirrorPod(previous)) return [forbiddenField('', 'static pods do not support ephemeral containers')];
  const field = 'spec.ephemeralContainers';
  return (previous.spec.ephemeralContainers ?? []).flatMap((old) => {
    const now = (spec.ephemeralContainers ?? []).find(({ name }) => name === old.name);
    const quoted = JSON.stringify(old.name);
    if (now === undefined) return [forbiddenField(field, `existing ephemeral containers ${quoted} may not be removed\n`)];
    return jsonEquals(now, old) ? [] : [forbiddenField(field, `existing ephemeral containers ${quoted} may not be changed\n`)];
  });
}
