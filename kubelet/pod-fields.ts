/**
 * What a pod may learn about itself (the downward API): the value of a `fieldRef` or a `resourceFieldRef`, for environments and for files.
 * Pure. Throws with upstream's message for a field that cannot be asked for.
 * Source: https://kubernetes.io/docs/concepts/workloads/pods/downward-api/
 */
import type { Amounts } from '#api/core/v1/resource-list.ts';
import type { Container, ObjectFieldSelector, Pod, ResourceFieldSelector } from '#api/generated/types.ts';
import { parseQuantity } from '#api/meta/quantity.ts';
import { allContainersOf } from './pod-snapshot.ts';

export interface NodeFacts {
  readonly nodeIp: string;
  /** Of the whole node. */
  readonly cpuCount: number;
  readonly memoryBytes: number;
  /** What of it pods may ask for. */
  readonly allocatable: Amounts;
}

export interface PodFacts extends NodeFacts {
  /** Empty before the pod has one. */
  readonly podIp: string;
}

export function podFieldValue(pod: Pod, { fieldPath }: ObjectFieldSelector, facts: PodFacts): string {
  const { metadata, spec } = pod;
  const keyed = /^metadata\.(labels|annotations)\['(.+)'\]$/.exec(fieldPath);
  if (keyed !== null) return (keyed[1] === 'labels' ? metadata.labels : metadata.annotations)?.[keyed[2] ?? ''] ?? '';
  const values: Readonly<Record<string, () => string>> = {
    'metadata.name': () => metadata.name,
    'metadata.namespace': () => metadata.namespace ?? '',
    'metadata.uid': () => metadata.uid,
    'metadata.labels': () => formatMap(metadata.labels),
    'metadata.annotations': () => formatMap(metadata.annotations),
    'spec.nodeName': () => spec.nodeName ?? '',
    'spec.serviceAccountName': () => spec.serviceAccountName ?? '',
    'status.hostIP': () => facts.nodeIp,
    'status.hostIPs': () => facts.nodeIp,
    'status.podIP': () => facts.podIp,
    'status.podIPs': () => facts.podIp,
  };
  const value = Object.hasOwn(values, fieldPath) ? values[fieldPath] : undefined;
  if (value === undefined) throw new Error(`unsupported fieldPath: ${fieldPath}`);
  return value();
}

/** `key="value"` lines in order of key, as upstream writes a map to a file. */
function formatMap(map: Readonly<Record<string, string>> | undefined): string {
  return Object.entries(map ?? {})
    .toSorted(([left], [right]) => (left < right ? -1 : 1))
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .join('\n');
}

/** `own` is the container that asks; a file names the container it is about. A limit that is not set is what the node has. */
export function resourceFieldValue(pod: Pod, selector: ResourceFieldSelector, own: Container | undefined, node: NodeFacts): string {
  const { containerName, resource, divisor } = selector;
  const container =
    containerName === undefined || containerName === '' ? own : allContainersOf(pod).find(({ name }) => name === containerName);
  if (container === undefined) throw new Error(`container ${containerName ?? ''} not found`);
  const [kind = '', ...rest] = resource.split('.');
  const name = rest.join('.');
  const { limits, requests } = container.resources ?? {};
  if (kind !== 'limits' && kind !== 'requests') throw new Error(`unsupported container resource : ${resource}`);
  const asked = kind === 'limits' ? nanosOf(limits?.[name]) || (node.allocatable.get(name)?.nanos ?? 0n) : nanosOf(requests?.[name]);
  const unit = nanosOf(divisor) || NANOS_PER_UNIT;
  return String((asked + unit - 1n) / unit);
}

const NANOS_PER_UNIT = 1_000_000_000n;

/** Whole numbers: 70m by 1m is 70, not a little more. */
function nanosOf(text: string | undefined): bigint {
  return text === undefined ? 0n : parseQuantity(text).nanos;
}
