/**
 * How fast pods may be evicted from failed nodes. Nodes fail together when it is the network, or our own view, that fails; so each zone has a rate, which falls when much of
 * the zone is down, and nothing is evicted while no node at all is ready. Pure. Upstream: pkg/controller/nodelifecycle (ComputeZoneState, setLimiterInZone).
 */
import type { Node } from '#api/generated/types.ts';
import { findCondition } from '#api/meta/condition.ts';

/** Nodes per second, as upstream's --node-eviction-rate. */
const EVICTION_RATE = 0.1;
/** As upstream's --secondary-node-eviction-rate: for large zones of which much is down. */
const SECONDARY_EVICTION_RATE = 0.01;
/** As upstream's --unhealthy-zone-threshold, and never for fewer nodes than three. */
const UNHEALTHY_SHARE = 0.55;
const UNHEALTHY_NODES_MIN = 3;
/** As upstream's --large-cluster-size-threshold: in smaller zones nothing is evicted while much is down. */
const LARGE_NODES_MIN = 51;

const EXCLUDED_LABEL = 'node.kubernetes.io/exclude-disruption';
const REGION_LABEL = 'topology.kubernetes.io/region';
const ZONE_LABEL = 'topology.kubernetes.io/zone';

export function zoneOf({ metadata }: Node): string {
  return `${metadata.labels?.[REGION_LABEL] ?? ''}/${metadata.labels?.[ZONE_LABEL] ?? ''}`;
}

/** Whether every node that counts has failed. Of none nothing can be said. */
export function isEverythingDown(nodes: readonly Node[]): boolean {
  const counted = nodes.filter(isCounted);
  return counted.length > 0 && !counted.some(isReady);
}

/** Nodes per second from which pods may be evicted in this zone; 0 when nothing is to be. */
export function evictionRate(zone: string, nodes: readonly Node[]): number {
  const counted = nodes.filter((node) => isCounted(node) && zoneOf(node) === zone);
  const down = counted.filter((node) => !isReady(node)).length;
  // A zone that is gone as a whole is believed: the others tell that it is not our own view.
  const isPartly = down < counted.length && down >= UNHEALTHY_NODES_MIN && down / counted.length >= UNHEALTHY_SHARE;
  if (!isPartly) return EVICTION_RATE;
  return counted.length >= LARGE_NODES_MIN ? SECONDARY_EVICTION_RATE : 0;
}

export function isReady({ status }: Node): boolean {
  return findCondition(status?.conditions, 'Ready')?.status === 'True';
}

function isCounted({ metadata }: Node): boolean {
  return metadata.labels?.[EXCLUDED_LABEL] === undefined;
}
