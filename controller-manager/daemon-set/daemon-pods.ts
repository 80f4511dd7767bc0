/**
 * A DaemonSet's pods: on which nodes they belong, how they are made so that the scheduler can put them nowhere else, and which node one is
 * for before it is bound. Upstream: pkg/controller/daemon/util/daemonset_util.go, NodeShouldRunDaemonPod.
 */
import { matchesRequiredNodes } from '#api/core/v1/node-selector.ts';
import { findUntolerated } from '#api/core/v1/taint.ts';
import { daemonsets } from '#api/generated/resources.ts';
import type { Affinity, DaemonSet, Node, NodeSelectorTerm, Pod, PodSpec, Toleration } from '#api/generated/types.ts';
import type { Draft } from '#api/meta/resource-type.ts';
import { REVISION_LABEL } from '../controller-revisions.ts';
import { generatedName, podFromTemplate } from '../pod-from-template.ts';

/** The server counts changes of the template in this annotation; pods carry the count as a label, as they did before there were revisions. */
const TEMPLATE_GENERATION_ANNOTATION = 'deprecated.daemonset.template.generation';
const TEMPLATE_GENERATION_LABEL = 'pod-template-generation';

/** A node's troubles are no reason for its daemons to leave: they may be what mends it. */
const tolerations: readonly Toleration[] = [
  { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute' },
  { key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute' },
  { key: 'node.kubernetes.io/disk-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/memory-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/pid-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/unschedulable', operator: 'Exists', effect: 'NoSchedule' },
];
const networkUnavailable: Toleration = { key: 'node.kubernetes.io/network-unavailable', operator: 'Exists', effect: 'NoSchedule' };

export interface Placement {
  /** A pod belongs there. */
  readonly shouldRun: boolean;
  /** A pod that is there may stay: a taint that keeps new pods off does not drive old ones out. */
  readonly mayStay: boolean;
}

export function placementOn(daemonSet: DaemonSet, node: Node): Placement {
  const spec = daemonSpec(daemonSet);
  const isNamed = (spec.nodeName ?? '') === '' || spec.nodeName === node.metadata.name;
  if (!isNamed || !matchesRequiredNodes({ spec }, node)) return { shouldRun: false, mayStay: false };
  const isKeptOff = (...effects: readonly string[]) => findUntolerated(node.spec?.taints, spec.tolerations, effects) !== undefined;
  return { shouldRun: !isKeptOff('NoSchedule', 'NoExecute'), mayStay: !isKeptOff('NoExecute') };
}

export function newDaemonPod(daemonSet: DaemonSet, nodeName: string, { hash, suffix }: { hash: string; suffix: string }): Draft<Pod> {
  const { template } = daemonSet.spec;
  const generateName = `${daemonSet.metadata.name}-`;
  const generation = templateGeneration(daemonSet);
  const labels = {
    ...template.metadata?.labels,
    ...(generation === undefined ? {} : { [TEMPLATE_GENERATION_LABEL]: generation }),
    [REVISION_LABEL]: hash,
  };
  const spec = daemonSpec(daemonSet);
  return podFromTemplate({
    owner: daemonSet,
    ownerType: daemonsets,
    template: { metadata: { ...template.metadata, labels }, spec: { ...spec, affinity: withNode(spec.affinity, nodeName) } },
    name: generatedName(generateName, suffix),
    generateName,
  });
}

/** Whether the pod was made from the DaemonSet's present template. */
export function isUpToDate(daemonSet: DaemonSet, pod: Pod, hash: string): boolean {
  const { labels = {} } = pod.metadata;
  const generation = templateGeneration(daemonSet);
  return labels[REVISION_LABEL] === hash || (generation !== undefined && labels[TEMPLATE_GENERATION_LABEL] === generation);
}

/** The node a pod is on or meant for; undefined when it says neither. */
export function targetNode({ spec }: Pod): string | undefined {
  if ((spec.nodeName ?? '') !== '') return spec.nodeName;
  const terms = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
  return terms.map(nodeOfTerm).find((name) => name !== undefined);
}

function nodeOfTerm({ matchFields = [] }: NodeSelectorTerm): string | undefined {
  const field = matchFields.find(({ key, operator, values = [] }) => key === 'metadata.name' && operator === 'In' && values.length === 1);
  return field?.values?.[0];
}

function daemonSpec({ spec }: DaemonSet): PodSpec {
  const given: PodSpec = spec.template.spec ?? { containers: [] };
  const own = given.tolerations ?? [];
  const wanted = given.hostNetwork === true ? [...tolerations, networkUnavailable] : tolerations;
  return { ...given, tolerations: [...own, ...wanted.filter((toleration) => !own.some((other) => isSame(other, toleration)))] };
}

function isSame(left: Toleration, right: Toleration): boolean {
  return left.key === right.key && left.effect === right.effect && left.operator === right.operator && !left.value;
}

/** The template's own terms were looked at when the node was chosen; this one alone is left. */
function withNode(affinity: Affinity | undefined, nodeName: string): Affinity {
  const term: NodeSelectorTerm = { matchFields: [{ key: 'metadata.name', operator: 'In', values: [nodeName] }] };
  const nodeAffinity = { ...affinity?.nodeAffinity, requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [term] } };
  return { ...affinity, nodeAffinity };
}

function templateGeneration({ metadata }: DaemonSet): string | undefined {
  return metadata.annotations?.[TEMPLATE_GENERATION_ANNOTATION];
}
