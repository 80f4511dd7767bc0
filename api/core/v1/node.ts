/** Nodes: defaults, rules, what may change, and the questions that scheduler and controllers ask. */
import type { Node, Taint } from '../../generated/types.ts';
import { findCondition } from '../../meta/condition.ts';
import { duplicate, forbiddenField, invalidValue, required } from '../../meta/field-path.ts';
import { jsonEquals } from '../../meta/json.ts';
import { dns1123SubdomainProblems, labelValueProblems, qualifiedNameProblems } from '../../meta/names.ts';
import type { FieldProblem } from '../../meta/status.ts';
import { validateObjectMeta, validateOneOf } from '../../meta/validation.ts';
import { withDefined } from '../../meta/with-defined.ts';

export function applyNodeDefaults(node: Node): Node {
  const { status } = node;
  const [first] = node.spec.podCIDRs ?? [];
  const spec = withDefined(node.spec, {
    podCIDR: node.spec.podCIDR || first,
    podCIDRs: node.spec.podCIDRs ?? (node.spec.podCIDR ? [node.spec.podCIDR] : undefined),
  });
  return withDefined({ ...node, spec }, { status: status && withDefined(status, { allocatable: status.allocatable ?? status.capacity }) });
}

export function validateNode(node: Node): readonly FieldProblem[] {
  return [
    ...validateObjectMeta(node.metadata, { isNamespaced: false, nameRule: dns1123SubdomainProblems }),
    ...validateTaints(node.spec.taints ?? []),
  ];
}

const effects = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'] as const;

function validateTaints(taints: readonly Taint[]): readonly FieldProblem[] {
  const ids = taints.map(({ key, effect }) => `${key}:${effect}`);
  return taints.flatMap((taint, index) => {
    const field = `spec.taints[${index}]`;
    const { key, value = '', effect } = taint;
    const problems =
      key === '' ? [required(`${field}.key`)] : qualifiedNameProblems(key).map((problem) => invalidValue(`${field}.key`, key, problem));
    problems.push(...labelValueProblems(value).map((problem) => invalidValue(`${field}.value`, value, problem)));
    problems.push(...validateOneOf(effect, effects, `${field}.effect`));
    if (ids.indexOf(`${key}:${effect}`) < index) problems.push(duplicate(field, taint));
    return problems;
  });
}

/** What identifies a node to the network and to its provider is set once. */
export function validateNodeUpdate(node: Node, previous: Node): readonly FieldProblem[] {
  const problems: FieldProblem[] = [];
  if ((previous.spec.podCIDRs ?? []).length > 0 && !jsonEquals(node.spec.podCIDRs, previous.spec.podCIDRs)) {
    problems.push(forbiddenField('spec.podCIDRs', 'node updates may not change podCIDR except from "" to valid'));
  }
  if (previous.spec.providerID && node.spec.providerID !== previous.spec.providerID) {
    problems.push(forbiddenField('spec.providerID', 'node updates may not change providerID except from "" to valid'));
  }
  return problems;
}

/** Its kubelet says so, and has said so lately: the node lifecycle controller sees to the latter. */
export function isNodeReady(node: Node): boolean {
  return findCondition(node.status?.conditions, 'Ready')?.status === 'True';
}

export function nodeAddress(node: Node, type: 'InternalIP' | 'ExternalIP' | 'Hostname'): string | undefined {
  return node.status?.addresses?.find((address) => address.type === type)?.address;
}

const ROLE_PREFIX = 'node-role.kubernetes.io/';
const ROLE_LABEL = 'kubernetes.io/role';

/** From labels `node-role.kubernetes.io/<role>` and `kubernetes.io/role=<role>`, sorted. */
export function nodeRoles(node: Node): readonly string[] {
  const roles = Object.entries(node.metadata.labels ?? {}).map(([key, value]) => {
    if (key.startsWith(ROLE_PREFIX)) return key.slice(ROLE_PREFIX.length);
    return key === ROLE_LABEL ? value : '';
  });
  return [...new Set(roles.filter((role) => role !== ''))].sort();
}
