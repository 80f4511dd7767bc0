/**
 * A simulated node as the API shows it: the Node that it registers or takes over, the status it keeps, the lease it renews. Pure; run by `simulated-nodes.ts`. What
 * others write to the node (taints, the pod CIDR, cordoning) is left alone.
 */
import { leases, nodes } from '#api/generated/resources.ts';
import type { Node, NodeCondition, Taint } from '#api/generated/types.ts';
import { keyOf } from '#api/meta/object-key.ts';
import type { Draft } from '#api/meta/resource-type.ts';
import { type Action, create, updateStatus } from '#client/apply-actions.ts';
import { formatMicroTime, formatTime } from '#component/clock.ts';

/** What a simulated node is to look like; everything but the name may be left out. */
export interface NodeShape {
  readonly name: string;
  /** `cpu`, `memory`, `pods` and extended resources, as quantities; defaults: 4 CPUs, 16 GiB, 110 pods. */
  readonly capacity?: Readonly<Record<string, string>>;
  /** What pods may have of it; the capacity if absent. */
  readonly allocatable?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  /** The label `topology.kubernetes.io/zone`. */
  readonly zone?: string;
  readonly taints?: readonly Taint[];
}

export interface SimulatedNodeSnapshot {
  readonly shape: NodeShape;
  readonly address: string;
  readonly node: Node | undefined;
  /** Whether its lease was made by this process. */
  readonly hasLease: boolean;
  readonly nowMs: number;
}

const LEASE_NAMESPACE = 'kube-node-lease';
/** As the kubelet: good for forty seconds. */
const LEASE_SECONDS = 40;
/** The kubelet renews every ten; one process that renews thousands takes half of what there is. */
const LEASE_RENEW_MS = 20_000;
const DEFAULT_CAPACITY = { cpu: '4', memory: '16Gi', 'ephemeral-storage': '100Gi', pods: '110' };
const VERSION = 'v1.36.0';

/** Marks what has no machine behind it: people see it in `kubectl get nodes --show-labels`, and select by it. */
export const SIMULATED_LABEL = 'keelson.dev/simulated';
const RUNTIME_VERSION = 'simulated://1';

export function reconcileSimulatedNode(snapshot: SimulatedNodeSnapshot): readonly Action[] {
  const { node, shape, nowMs } = snapshot;
  if (node === undefined) return [create(nodes, draftNode(snapshot))];
  const isReady = (node.status?.conditions ?? []).some(({ type, status }) => type === 'Ready' && status === 'True');
  const status = { ...node.status, ...statusOf(snapshot) };
  return [
    ...(isReady ? [] : [recover(node, status)]),
    renewal(shape.name, node, snapshot.hasLease, nowMs),
    { verb: 'requeue', afterMs: LEASE_RENEW_MS },
  ];
}

/** Somebody else's Node may lack what a kubelet says of itself; with it, it is a new version, whose status comes next. */
function recover(node: Node, status: NonNullable<Node['status']>): Action {
  const missing = Object.entries(kubeletLabels(node.metadata.name)).filter(([label]) => node.metadata.labels?.[label] === undefined);
  if (missing.length === 0) return updateStatus(nodes, { ...node, status });
  const patch = { metadata: { labels: Object.fromEntries(missing) } };
  return { verb: 'patch', type: nodes, key: keyOf(node), patchType: 'merge', patch };
}

function kubeletLabels(name: string): Readonly<Record<string, string>> {
  return { 'kubernetes.io/hostname': name, 'kubernetes.io/os': 'linux', 'kubernetes.io/arch': 'amd64' };
}

/** Whether this Node asks for being simulated, and no kubelet keeps it. */
export function isSimulated({ metadata, status }: Node): boolean {
  const runtime = status?.nodeInfo?.containerRuntimeVersion ?? '';
  return metadata.labels?.[SIMULATED_LABEL] === 'true' && (runtime === '' || runtime === RUNTIME_VERSION);
}

function draftNode(snapshot: SimulatedNodeSnapshot): Draft<Node> {
  const { name, labels, zone, taints } = snapshot.shape;
  const metadata = {
    name,
    labels: {
      ...kubeletLabels(name),
      [SIMULATED_LABEL]: 'true',
      ...(zone === undefined ? {} : { 'topology.kubernetes.io/zone': zone }),
      ...labels,
    },
  };
  return { apiVersion: 'v1', kind: 'Node', metadata, spec: taints === undefined ? {} : { taints }, status: statusOf(snapshot) };
}

function statusOf({ shape, address, nowMs }: SimulatedNodeSnapshot): NonNullable<Node['status']> {
  const capacity = { ...DEFAULT_CAPACITY, ...shape.capacity };
  const [id, system] = [
    `simulated-${shape.name}`,
    { architecture: 'amd64', operatingSystem: 'linux', osImage: 'simulated', kernelVersion: 'simulated' },
  ];
  return {
    capacity,
    allocatable: { ...capacity, ...shape.allocatable },
    addresses: [
      { type: 'InternalIP', address },
      { type: 'Hostname', address: shape.name },
    ],
    nodeInfo: {
      ...system,
      machineID: id,
      systemUUID: id,
      bootID: id,
      containerRuntimeVersion: RUNTIME_VERSION,
      kubeletVersion: VERSION,
      kubeProxyVersion: VERSION,
    },
    conditions: conditionsAt(nowMs),
  };
}

function conditionsAt(nowMs: number): readonly NodeCondition[] {
  const times = { lastHeartbeatTime: formatTime(nowMs), lastTransitionTime: formatTime(nowMs) };
  return [
    {
      type: 'MemoryPressure',
      status: 'False',
      reason: 'KubeletHasSufficientMemory',
      message: 'kubelet has sufficient memory available',
      ...times,
    },
    { type: 'DiskPressure', status: 'False', reason: 'KubeletHasNoDiskPressure', message: 'kubelet has no disk pressure', ...times },
    { type: 'PIDPressure', status: 'False', reason: 'KubeletHasSufficientPID', message: 'kubelet has sufficient PID available', ...times },
    { type: 'Ready', status: 'True', reason: 'KubeletReady', message: 'kubelet is posting ready status', ...times },
  ];
}

/** The first time made whole, in case there is none; then only its time is moved. */
function renewal(name: string, node: Node, hasLease: boolean, nowMs: number): Action {
  const spec = { holderIdentity: name, leaseDurationSeconds: LEASE_SECONDS, renewTime: formatMicroTime(nowMs) };
  const key = { namespace: LEASE_NAMESPACE, name };
  if (hasLease) return { verb: 'patch', type: leases, key, patchType: 'merge', patch: { spec } };
  const ownerReferences = [{ apiVersion: 'v1', kind: 'Node', name, uid: node.metadata.uid }];
  return create(leases, { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { ...key, ownerReferences }, spec });
}
