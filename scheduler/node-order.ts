/**
 * The order in which nodes are asked: one zone after the other takes its turn, so that a cycle that stops at enough nodes has seen all
 * zones alike.
 */
import type { Node } from '#api/generated/types.ts';
import type { NodeInfo } from './node-info.ts';

const REGION = 'topology.kubernetes.io/region';
const ZONE = 'topology.kubernetes.io/zone';

/** What tells zones apart; empty for a node that is in none. */
export function zoneOf({ metadata: { labels = {} } }: Node): string {
  const [region = '', zone = ''] = [labels[REGION], labels[ZONE]];
  return region === '' && zone === '' ? '' : `${region}/${zone}`;
}

/** Within a zone the order stays. */
export function interleaveZones(nodes: readonly NodeInfo[]): readonly NodeInfo[] {
  const zones = [...Map.groupBy(nodes, ({ node }) => zoneOf(node)).values()];
  if (zones.length <= 1) return nodes;
  const ordered: NodeInfo[] = [];
  for (let turn = 0; ordered.length < nodes.length; turn++) {
    for (const zone of zones) {
      const node = zone[turn];
      if (node !== undefined) ordered.push(node);
    }
  }
  return ordered;
}
