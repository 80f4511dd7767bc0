/**
 * The Node object as this kubelet answers for it: what it registers, and the status it keeps true. Pure. Labels, taints and conditions of
 * others are left alone. Reasons and messages are upstream's, as tools show and match them.
 * Source: https://kubernetes.io/docs/reference/node/node-status/
 */
import type { Node, NodeCondition, NodeStatus, Taint } from '#api/generated/types.ts';
import type { Draft } from '#api/meta/resource-type.ts';
import { formatTime } from '#component/clock.ts';
import type { NodePressure } from '../eviction/thresholds.ts';
import { type NodeShape, renderAmounts } from '../resources/node-allocatable.ts';

export interface NodeDescription {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly taints: readonly Taint[];
  readonly nodeIp: string;
  readonly kubeletPort: number;
  readonly architecture: string;
  readonly version: string;
  readonly shape: NodeShape;
}

/** What changes while the node lives. */
export interface NodeHealth {
  /** Why the node cannot run pods; empty when it can. */
  readonly problems: readonly string[];
  readonly pressures: ReadonlySet<NodePressure>;
  readonly runtimeVersion: string;
  readonly kernelVersion: string;
  readonly osImage: string;
  readonly machineId: string;
  readonly bootId: string;
}

export function draftNode(description: NodeDescription): Draft<Node> {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: description.name, labels: labelsOf(description) },
    spec: description.taints.length === 0 ? {} : { taints: description.taints },
  };
}

/** The node with our labels as they should be; the same object when they are. */
export function withOwnLabels(node: Node, description: NodeDescription): Node {
  const wanted = labelsOf(description);
  const present = node.metadata.labels ?? {};
  if (Object.entries(wanted).every(([key, value]) => present[key] === value)) return node;
  return { ...node, metadata: { ...node.metadata, labels: { ...present, ...wanted } } };
}

export function labelsOf({ name, labels, architecture }: NodeDescription): Readonly<Record<string, string>> {
  const ofSystem = { arch: architecture, os: 'linux' };
  return {
    'kubernetes.io/hostname': name,
    'kubernetes.io/os': ofSystem.os,
    'kubernetes.io/arch': ofSystem.arch,
    'beta.kubernetes.io/os': ofSystem.os,
    'beta.kubernetes.io/arch': ofSystem.arch,
    ...labels,
  };
}

export function buildNodeStatus(node: Node, description: NodeDescription, health: NodeHealth, nowMs: number): NodeStatus {
  const own = ownConditions(health).map((condition) => withTimes(condition, node.status?.conditions ?? [], nowMs));
  const foreign = (node.status?.conditions ?? []).filter(({ type }) => !own.some((condition) => condition.type === type));
  return {
    ...node.status,
    // What somebody else advertised on this node stays, and all of it can be asked for.
    ...renderAmounts(description.shape, node.status?.capacity),
    addresses: [
      { type: 'InternalIP', address: description.nodeIp },
      { type: 'Hostname', address: description.name },
    ],
    daemonEndpoints: { kubeletEndpoint: { Port: description.kubeletPort } },
    nodeInfo: {
      architecture: description.architecture,
      bootID: health.bootId,
      containerRuntimeVersion: `docker://${health.runtimeVersion}`,
      kernelVersion: health.kernelVersion,
      kubeProxyVersion: description.version,
      kubeletVersion: description.version,
      machineID: health.machineId,
      operatingSystem: 'linux',
      osImage: health.osImage,
      systemUUID: health.machineId,
    },
    features: { supplementalGroupsPolicy: false },
    conditions: [...foreign, ...own],
  };
}

/** The event that tells of a change has the same reason, with `Node` in the place of `Kubelet`. */
const pressureTexts: Readonly<Record<NodePressure, Readonly<Record<'pressed' | 'relieved', PressureText>>>> = {
  MemoryPressure: {
    pressed: { reason: 'KubeletHasInsufficientMemory', message: 'kubelet has insufficient memory available' },
    relieved: { reason: 'KubeletHasSufficientMemory', message: 'kubelet has sufficient memory available' },
  },
  DiskPressure: {
    pressed: { reason: 'KubeletHasDiskPressure', message: 'kubelet has disk pressure' },
    relieved: { reason: 'KubeletHasNoDiskPressure', message: 'kubelet has no disk pressure' },
  },
  PIDPressure: {
    pressed: { reason: 'KubeletHasInsufficientPID', message: 'kubelet has insufficient PID available' },
    relieved: { reason: 'KubeletHasSufficientPID', message: 'kubelet has sufficient PID available' },
  },
};

interface PressureText {
  readonly reason: string;
  readonly message: string;
}

/** Reasons of the events that tell of a change. */
export function pressureEvents(before: ReadonlySet<NodePressure>, after: ReadonlySet<NodePressure>): readonly string[] {
  const gone = [...before].filter((pressure) => !after.has(pressure)).map((pressure) => pressureTexts[pressure].relieved.reason);
  const come = [...after].filter((pressure) => !before.has(pressure)).map((pressure) => pressureTexts[pressure].pressed.reason);
  return [...gone, ...come].map((reason) => reason.replace(/^Kubelet/, 'Node'));
}

interface OwnCondition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

function ownConditions({ problems, pressures }: NodeHealth): readonly OwnCondition[] {
  const ready =
    problems.length === 0
      ? { status: 'True', reason: 'KubeletReady', message: 'kubelet is posting ready status' }
      : { status: 'False', reason: 'KubeletNotReady', message: problems.length === 1 ? (problems[0] ?? '') : `[${problems.join(', ')}]` };
  return [
    ...Object.entries(pressureTexts).map(([type, { pressed, relieved }]) => {
      const isPressed = [...pressures].some((pressure) => pressure === type);
      return { type, status: isPressed ? 'True' : 'False', ...(isPressed ? pressed : relieved) };
    }),
    { type: 'Ready', ...ready },
  ];
}

function withTimes(condition: OwnCondition, previous: readonly NodeCondition[], nowMs: number): NodeCondition {
  const before = previous.find(({ type }) => type === condition.type);
  const now = formatTime(nowMs);
  const since = before?.status === condition.status ? (before.lastTransitionTime ?? now) : now;
  return { ...condition, lastHeartbeatTime: now, lastTransitionTime: since };
}

/** Whether two statuses differ in more than the time of the heartbeat, which alone is not worth a write. */
export function withoutHeartbeat(status: NodeStatus | undefined): NodeStatus | undefined {
  if (status?.conditions === undefined) return status;
  return { ...status, conditions: status.conditions.map(({ lastHeartbeatTime: _, ...condition }) => condition) };
}

/** `a=b,c=` as labels; `key=value:Effect,key:Effect` as taints. Throws naming what is wrong. */
export function parseLabels(text: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    splitList(text).map((item) => {
      const [key = '', value = ''] = item.split('=');
      return [key, value];
    }),
  );
}

export function parseTaints(text: string): readonly Taint[] {
  return splitList(text).map((item) => {
    const colon = item.lastIndexOf(':');
    if (colon < 0) throw new Error(`taint "${item}" has no effect: write key=value:Effect`);
    const [key = '', value] = item.slice(0, colon).split('=');
    return { key, effect: item.slice(colon + 1), ...(value === undefined || value === '' ? {} : { value }) };
  });
}

function splitList(text: string): readonly string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}
