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
import { type ControllerDefinition, onChange, onRelatedChange } from '#client/controller.ts';
import { formatTime } from '#component/clock.ts';
import { createFirstSeen, type FirstSeen } from './first-seen.ts';
import { wantedTaints } from './node-taints.ts';
import { NODE, type SharedCaches } from './shared-caches.ts';

/** A kubelet renews every 10 s; three missed renewals and a slow fourth. */
export const NODE_MONITOR_GRACE_MS = 40_000;

/** A kubelet that has just registered first has to find its feet. */
const NODE_STARTUP_GRACE_MS = 60_000;

const NODE_LEASE_NAMESPACE = 'kube-node-lease';

/** What a kubelet reports and nobody knows once it is silent. */
const kubeletConditions = ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure'] as const;

export interface NodeSnapshot {
  readonly node: Node;
  readonly pods: readonly Pod[];
  /** How long the kubelet has shown no sign of life. */
  readonly silentMs: number;
  /** Whether the node was ready when it was last looked at. */
  readonly wasReady: boolean;
  /** No node is ready: more likely our own view is broken than every node at once, so nothing is evicted. */
  readonly isEverythingDown: boolean;
  readonly nowMs: number;
}

interface Memory {
  readonly signsOfLife: FirstSeen;
  readonly ready: Map<string, boolean>;
  /** When the server last failed to answer, on the monotonic clock: kubelets could not renew then either. */
  outageAtMs: number;
}

export function nodeLifecycleController(caches: SharedCaches): ControllerDefinition<NodeSnapshot> {
  const memory: Memory = { signsOfLife: createFirstSeen(caches.clock), ready: new Map(), outageAtMs: Number.NEGATIVE_INFINITY };
  return {
    name: 'node-lifecycle',
    informers: [caches.nodes, caches.leases, caches.pods],
    triggers: [
      onChange(caches.nodes),
      onRelatedChange(caches.leases, ({ metadata: { namespace, name } }) =>
        namespace === NODE_LEASE_NAMESPACE ? [{ namespace: '', name }] : [],
      ),
      // Whether anything may be evicted depends on the other nodes.
      onRelatedChange(caches.nodes, () =>
        caches.nodes.store
          .list()
          .filter((node) => !isReady(node))
          .map(keyOf),
      ),
    ],
    snapshot: (key) => snapshotNode(key, caches, memory),
    reconcile: reconcileNode,
  };
}

async function snapshotNode(key: ObjectKey, caches: SharedCaches, memory: Memory): Promise<NodeSnapshot | undefined> {
  const node = caches.nodes.store.find(key);
  if (node === undefined) {
    memory.signsOfLife.forget(key.name);
    memory.ready.delete(key.name);
    return undefined;
  }
  const wasReady = memory.ready.get(key.name) ?? false;
  memory.ready.set(key.name, isReady(node));
  return {
    node,
    pods: caches.pods.store.listByIndex(NODE, key.name),
    silentMs: await measureSilence(node, caches, memory),
    wasReady,
    isEverythingDown: !caches.nodes.store.list().some(isReady),
    nowMs: caches.clock.now(),
  };
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
  const { node, silentMs, wasReady } = snapshot;
  // Writing the status makes a new version; the rest follows in the sync that it wakes.
  if (silentMs >= graceMs(node) && !isGivenUp(node)) return [giveUp(snapshot)];
  const message = `Node ${node.metadata.name} status is now: NodeNotReady`;
  const announced: readonly Action[] =
    wasReady && !isReady(node) ? [{ verb: 'event', regarding: node, type: 'Normal', reason: 'NodeNotReady', message }] : [];
  const checked: readonly Action[] = isGivenUp(node) ? [] : [{ verb: 'requeue', afterMs: graceMs(node) - silentMs }];
  return [...announced, ...retaint(snapshot), ...markPodsNotReady(snapshot), ...checked];
}

function giveUp({ node, nowMs }: NodeSnapshot): Action {
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

function retaint({ node, isEverythingDown, nowMs }: NodeSnapshot): readonly Action[] {
  const taints = wantedTaints(node, { mayEvict: !isEverythingDown, time: formatTime(nowMs) });
  if (isDeepStrictEqual(taints, node.spec.taints ?? [])) return [];
  const { uid, resourceVersion } = node.metadata;
  const patch = { metadata: { uid, resourceVersion }, spec: { taints: taints.length === 0 ? null : taints } };
  return [{ verb: 'patch', type: nodes, key: keyOf(node), patchType: 'merge', patch }];
}

/** Only pods that became ready before the node failed: a kubelet that still lives may know better about the others. */
function markPodsNotReady({ node, pods: onNode, nowMs }: NodeSnapshot): readonly Action[] {
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

function isGivenUp(node: Node): boolean {
  return kubeletConditions.every((type) => findCondition(node.status?.conditions, type)?.status === 'Unknown');
}

function readyStatus(node: Node): string | undefined {
  return findCondition(node.status?.conditions, 'Ready')?.status;
}

function isReady(node: Node): boolean {
  return readyStatus(node) === 'True';
}
