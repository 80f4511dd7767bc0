/**
 * Gives each node a range of pod addresses, `spec.podCIDR`, out of the cluster's range. The nodes themselves are the only record of what is
 * taken: a restart reads it back, and a deleted node's range is free again. All nodes are one key, because two nodes decided on at the
 * same time could get the same range. Upstream: pkg/controller/nodeipam (RangeAllocator).
 */
import { nodes } from '#api/generated/resources.ts';
import type { Node } from '#api/generated/types.ts';
import { keyOf } from '#api/meta/object-key.ts';
import type { Action } from '#client/apply-actions.ts';
import { type ControllerDefinition, onRelatedChange } from '#client/controller.ts';
import type { SharedCaches } from './shared-caches.ts';

/** 254 pods a node, upstream's --node-cidr-mask-size. */
const NODE_MASK_BITS = 24;

export interface NodeIpamSnapshot {
  readonly nodes: readonly Node[];
  /** `10.244.0.0/16` */
  readonly clusterCidr: string;
}

const allNodes = { namespace: '', name: 'all-nodes' };

export function nodeIpamController(caches: SharedCaches, clusterCidr: string): ControllerDefinition<NodeIpamSnapshot> {
  return {
    name: 'node-ipam',
    informers: [caches.nodes],
    // A range that is free again may be what another node waits for.
    triggers: [onRelatedChange(caches.nodes, (node) => (hasRange(node) && isThere(node, caches) ? [] : [allNodes]))],
    snapshot: () => ({ nodes: caches.nodes.store.list(), clusterCidr }),
    reconcile: reconcileNodeRanges,
  };
}

export function reconcileNodeRanges({ nodes: known, clusterCidr }: NodeIpamSnapshot): readonly Action[] {
  const taken = new Set(known.flatMap(({ spec }) => [spec.podCIDR ?? '', ...(spec.podCIDRs ?? [])]));
  const waiting = known.filter((node) => !hasRange(node)).sort(olderFirst);
  const free = rangesOf(clusterCidr)
    .filter((range) => !taken.has(range))
    .take(waiting.length)
    .toArray();
  return waiting.map((node, index) => {
    const range = free[index];
    return range === undefined ? noRangeLeft(node) : assignRange(node, range);
  });
}

/** The version keeps this from overwriting a range that the cache does not show yet. */
function assignRange(node: Node, range: string): Action {
  const { uid, resourceVersion } = node.metadata;
  const patch = { metadata: { uid, resourceVersion }, spec: { podCIDR: range, podCIDRs: [range] } };
  return { verb: 'patch', type: nodes, key: keyOf(node), patchType: 'merge', patch };
}

function noRangeLeft(node: Node): Action {
  const message = `Node ${node.metadata.name} status is now: CIDRNotAvailable`;
  return { verb: 'event', regarding: node, type: 'Normal', reason: 'CIDRNotAvailable', message };
}

/** All ranges of a node's size inside the cluster's, lowest first, made as they are asked for: there may be tens of thousands. */
export function* rangesOf(clusterCidr: string): Generator<string, void, undefined> {
  const [address = '', maskBits = ''] = clusterCidr.split('/');
  const base = address.split('.').reduce((sum, octet) => sum * 256 + Number(octet), 0);
  const count = 2 ** Math.max(0, NODE_MASK_BITS - Number(maskBits));
  const size = 2 ** (32 - NODE_MASK_BITS);
  for (let index = 0; index < count; index++) yield `${formatAddress(base + index * size)}/${NODE_MASK_BITS}`;
}

function formatAddress(value: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');
}

function isThere(node: Node, caches: SharedCaches): boolean {
  return caches.nodes.store.find(keyOf(node)) !== undefined;
}

function hasRange({ spec }: Node): boolean {
  return (spec.podCIDR ?? '') !== '';
}

/** The first nodes of a cluster get the first ranges. */
function olderFirst(left: Node, right: Node): number {
  const [a, b] = [left.metadata, right.metadata];
  if (a.creationTimestamp !== b.creationTimestamp) return a.creationTimestamp < b.creationTimestamp ? -1 : 1;
  return a.name < b.name ? -1 : 1;
}
