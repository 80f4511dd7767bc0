/**
 * The node lifecycle controller: believes a node as long as its kubelet renews its Lease or posts status, says `Unknown` in the kubelet's
 * place when it falls silent, keeps the taints that follow from a node's conditions, and marks the pods of a failed node as not ready so that
 * Services stop sending to them. Silence is measured by this process's own monotonic clock from what it observed itself.
 * Upstream: pkg/controller/nodelifecycle.
 */
import { isDeepStrictEqual } from 'node:util';
import { leases, nodes, pods } from '#api/generated/resources.ts';
import type { Lease, Node, NodeCondition, Pod } from '#api/generated/types.ts';
import { findCondition, withCondition } from '#api/meta/condition.ts';
import { keyOf, type ObjectKey } from '#api/meta/object-key.ts';
import { isReason } from '#api/meta/status.ts';
import { type Action, updateStatus } from '#client/apply-actions.ts';
import { type ControllerDefinition, onChange, onRelatedChange, type Trigger } from '#client/controller.ts';
import { formatTime } from '#component/clock.ts';
import { createFirstSeen, type FirstSeen } from './first-seen.ts';
import { createEvictionLimiter, type EvictionLimiter } from './node-lifecycle/eviction-limiter.ts';
import { evictsBecauseOfCondition, wantedTaints } from './node-lifecycle/node-taints.ts';
import { evictionRate, isEverythingDown, isReady, zoneOf } from './node-lifecycle/node-zones.ts';
import { NODE, type SharedCaches } from './shared-caches.ts';

/** A kubelet renews every 10 s; four missed renewals and a slow fifth. As upstream's --node-monitor-grace-period. */
export const NODE_MONITOR_GRACE_MS = 50_000;

/** A kubelet that has just registered first has to find its feet. */
const NODE_STARTUP_GRACE_MS = 60_000;

/** What selects by the labels of before must go on finding its nodes. */
const oldLabels = [
  { label: 'kubernetes.io/os', oldLabel: 'beta.kubernetes.io/os' },
  { label: 'kubernetes.io/arch', oldLabel: 'beta.kubernetes.io/arch' },
] as const;

const NODE_LEASE_NAMESPACE = 'kube-node-lease';

/** What a kubelet reports and nobody knows once it is silent. */
const kubeletConditions = ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure'] as const;

/** `gone` is what is remembered of a node that was deleted. */
export type NodeSnapshot = PresentNode | { readonly gone: Node };

export interface PresentNode {
  readonly node: Node;
  readonly pods: readonly Pod[];
  /** How long the kubelet has shown no sign of life. */
  readonly silentMs: number;
  /** Whether the node was ready when it was last looked at. */
  readonly wasReady: boolean;
  /** It has not been looked at before. */
  readonly isNew: boolean;
  /** When its pods may be evicted, if they are to be: 0 is now, infinity is not as things are. */
  readonly evictAfterMs: number;
  readonly nowMs: number;
}

interface Memory {
  readonly signsOfLife: FirstSeen;
  /** As they were when last looked at. */
  readonly nodes: Map<string, Node>;
  readonly limiter: EvictionLimiter;
  /** When the server last failed to answer, on the monotonic clock: kubelets could not renew then either. */
  outageAtMs: number;
}

export function nodeLifecycleController(caches: SharedCaches): ControllerDefinition<NodeSnapshot> {
  const memory: Memory = {
    signsOfLife: createFirstSeen(caches.clock),
    nodes: new Map(),
    limiter: createEvictionLimiter(caches.clock),
    outageAtMs: Number.NEGATIVE_INFINITY,
  };
  return {
    name: 'node-lifecycle',
    informers: [caches.nodes, caches.leases, caches.pods],
    triggers: [
      onChange(caches.nodes),
      onRelatedChange(caches.leases, ({ metadata: { namespace, name } }) =>
        namespace === NODE_LEASE_NAMESPACE ? [{ namespace: '', name }] : [],
      ),
      onReadinessChange(caches),
    ],
    snapshot: (key) => snapshotNode(key, caches, memory),
    reconcile: reconcileNode,
  };
}

/** Whether anything may be evicted from a node that is down depends on the others. */
function onReadinessChange({ nodes: informer }: SharedCaches): Trigger {
  return (enqueue) =>
    informer.onChange((change) => {
      if (change.type === 'updated' && isReady(change.object) === isReady(change.previous)) return;
      for (const node of informer.store.list()) if (!isReady(node)) enqueue(keyOf(node));
    });
}

async function snapshotNode(key: ObjectKey, caches: SharedCaches, memory: Memory): Promise<NodeSnapshot | undefined> {
  const node = caches.nodes.store.find(key);
  const before = memory.nodes.get(key.name);
  if (node === undefined) {
    memory.signsOfLife.forget(key.name);
    memory.nodes.delete(key.name);
    return before === undefined ? undefined : { gone: before };
  }
  memory.nodes.set(key.name, node);
  const silentMs = await measureSilence(node, caches, memory);
  return {
    node,
    pods: caches.pods.store.listByIndex(NODE, key.name),
    silentMs,
    wasReady: before !== undefined && isReady(before),
    isNew: before?.metadata.uid !== node.metadata.uid,
    evictAfterMs: isDueToGiveUp(node, silentMs) ? Number.POSITIVE_INFINITY : findTurn(node, caches.nodes.store.list(), memory.limiter),
    nowMs: caches.clock.now(),
  };
}

/** A node from which pods are evicted already keeps its turn. */
function findTurn(node: Node, all: readonly Node[], limiter: EvictionLimiter): number {
  if (isReady(node)) return 0;
  if (isEverythingDown(all)) return Number.POSITIVE_INFINITY;
  if (evictsBecauseOfCondition(node)) return 0;
  return limiter.take(zoneOf(node), evictionRate(zoneOf(node), all));
}

/** Before a node is given up, the server itself is asked: our copy of its Lease may be what stands still. */
async function measureSilence(node: Node, caches: SharedCaches, memory: Memory): Promise<number> {
  const name = node.metadata.name;
  const leaseKey = { namespace: NODE_LEASE_NAMESPACE, name };
  const ageMs = memory.signsOfLife.ageMs(name, signOfLife(node, caches.leases.store.find(leaseKey)));
  if (ageMs < graceMs(node) || readyStatus(node) === 'Unknown') return ageMs;
  try {
    const lease = await caches.client.resource(leases).get(leaseKey);
    return Math.min(memory.signsOfLife.ageMs(name, signOfLife(node, lease)), caches.clock.monotonic() - memory.outageAtMs);
  } catch (error) {
    if (isReason(error, 'NotFound')) return ageMs;
    memory.outageAtMs = caches.clock.monotonic();
    throw error;
  }
}

export function reconcileNode(snapshot: NodeSnapshot): readonly Action[] {
  if ('gone' in snapshot) return [tell(snapshot.gone, 'RemovingNode', `Removing Node ${snapshot.gone.metadata.name} from Controller`)];
  const { node, silentMs, wasReady, evictAfterMs } = snapshot;
  const registered = snapshot.isNew ? [tell(node, 'RegisteredNode', `Registered Node ${node.metadata.name} in Controller`)] : [];
  // Writing the status makes a new version; the rest follows in the sync that it wakes.
  if (isDueToGiveUp(node, silentMs)) return [...registered, giveUp(snapshot)];
  const message = `Node ${node.metadata.name} status is now: NodeNotReady`;
  const announced: readonly Action[] =
    wasReady && !isReady(node) ? [{ verb: 'event', regarding: node, type: 'Normal', reason: 'NodeNotReady', message }] : [];
  const checked: readonly Action[] = isGivenUp(node) ? [] : [{ verb: 'requeue', afterMs: graceMs(node) - silentMs }];
  const waiting: readonly Action[] =
    evictAfterMs > 0 && evictAfterMs !== Number.POSITIVE_INFINITY ? [{ verb: 'requeue', afterMs: evictAfterMs }] : [];
  return [...registered, ...announced, ...relabel(node), ...retaint(snapshot), ...markPodsNotReady(snapshot), ...checked, ...waiting];
}

function tell(node: Node, reason: string, what: string): Action {
  return { verb: 'event', regarding: node, type: 'Normal', reason, message: `Node ${node.metadata.name} event: ${what}` };
}

function relabel({ metadata }: Node): readonly Action[] {
  const { uid, labels = {} } = metadata;
  const wanted = oldLabels.flatMap(({ label, oldLabel }) => {
    const value = labels[label];
    return value === undefined || labels[oldLabel] === value ? [] : [[oldLabel, value] as const];
  });
  if (wanted.length === 0) return [];
  const patch = { metadata: { uid, labels: Object.fromEntries(wanted) } };
  return [{ verb: 'patch', type: nodes, key: { namespace: '', name: metadata.name }, patchType: 'merge', patch }];
}

function giveUp({ node, nowMs }: PresentNode): Action {
  const time = formatTime(nowMs);
  let conditions: readonly NodeCondition[] = node.status?.conditions ?? [];
  for (const type of kubeletConditions) {
    const previous = findCondition(conditions, type);
    if (previous?.status === 'Unknown') continue;
    const why =
      previous === undefined
        ? { reason: 'NodeStatusNeverUpdated', message: 'Kubelet never posted node status.' }
        : { reason: 'NodeStatusUnknown', message: 'Kubelet stopped posting node status.' };
    const lastHeartbeatTime = previous?.lastHeartbeatTime ?? node.metadata.creationTimestamp;
    conditions = withCondition(conditions, { type, status: 'Unknown', ...why, lastHeartbeatTime }, time);
  }
  return updateStatus(nodes, { ...node, status: { ...node.status, conditions } });
}

function retaint({ node, evictAfterMs, nowMs }: PresentNode): readonly Action[] {
  const taints = wantedTaints(node, { mayEvict: evictAfterMs === 0, time: formatTime(nowMs) });
  if (isDeepStrictEqual(taints, node.spec.taints ?? [])) return [];
  const { uid, resourceVersion } = node.metadata;
  const patch = { metadata: { uid, resourceVersion }, spec: { taints: taints.length === 0 ? null : taints } };
  return [{ verb: 'patch', type: nodes, key: keyOf(node), patchType: 'merge', patch }];
}

/** Only pods that became ready before the node failed: a kubelet that still lives may know better about the others. */
function markPodsNotReady({ node, pods: onNode, nowMs }: PresentNode): readonly Action[] {
  const failedAt = findCondition(node.status?.conditions, 'Ready')?.lastTransitionTime;
  if (isReady(node) || failedAt === undefined) return [];
  return onNode.flatMap((pod): readonly Action[] => {
    const ready = findCondition(pod.status?.conditions, 'Ready');
    if (ready?.status !== 'True' || Date.parse(ready.lastTransitionTime ?? '') > Date.parse(failedAt)) return [];
    const conditions = withCondition(pod.status?.conditions, { ...ready, status: 'False' }, formatTime(nowMs));
    return [
      { verb: 'event', regarding: pod, type: 'Warning', reason: 'NodeNotReady', message: 'Node is not ready' },
      updateStatus(pods, { ...pod, status: { ...pod.status, conditions } }),
    ];
  });
}

/** Whatever a living kubelet changes from time to time. Values, not times to compare with: the kubelet's clock may be wrong. */
function signOfLife(node: Node, lease: Lease | undefined): string {
  const heartbeats = (node.status?.conditions ?? []).map(({ lastHeartbeatTime }) => lastHeartbeatTime ?? '');
  return [lease?.spec.renewTime ?? '', ...heartbeats].join(' ');
}

function graceMs(node: Node): number {
  return readyStatus(node) === undefined ? NODE_STARTUP_GRACE_MS : NODE_MONITOR_GRACE_MS;
}

function isDueToGiveUp(node: Node, silentMs: number): boolean {
  return silentMs >= graceMs(node) && !isGivenUp(node);
}

function isGivenUp(node: Node): boolean {
  return kubeletConditions.every((type) => findCondition(node.status?.conditions, type)?.status === 'Unknown');
}

function readyStatus(node: Node): string | undefined {
  return findCondition(node.status?.conditions, 'Ready')?.status;
}
