/**
 * Tells the cluster which storage drivers this node has: in its CSINode, in an annotation of its Node, and as labels for where their volumes can be reached
 * from. Pure; `csi-registration.ts` writes. Upstream: pkg/volume/csi/nodeinfomanager.
 */
import type { CSINode, Node } from '#api/generated/types.ts';
import type { NodeGetInfoResponse } from './messages.ts';

/** On a Node: JSON from the names of drivers to what they call the node. */
export const NODE_ID_ANNOTATION = 'csi.volume.kubernetes.io/nodeid';

export interface NodeDriver {
  readonly name: string;
  readonly info: NodeGetInfoResponse;
}

export function csiNodeDrivers(drivers: readonly NodeDriver[]): CSINode['spec']['drivers'] {
  return drivers
    .toSorted((left, right) => (left.name < right.name ? -1 : 1))
    .map(({ name, info }) => ({
      name,
      nodeID: info.nodeId,
      topologyKeys: Object.keys(info.accessibleTopology?.segments ?? {}).toSorted(),
      ...(info.maxVolumesPerNode > 0 ? { allocatable: { count: info.maxVolumesPerNode } } : {}),
    }));
}

/** A merge patch for the Node; undefined when it says all of it. Labels of a driver that is gone stay, as its volumes do. */
export function nodePatchFor({ metadata }: Node, drivers: readonly NodeDriver[]): object | undefined {
  const ids = Object.fromEntries(drivers.map(({ name, info }) => [name, info.nodeId]).toSorted());
  const annotation = drivers.length === 0 ? null : JSON.stringify(ids);
  const labels: Readonly<Record<string, string>> = Object.assign({}, ...drivers.map(({ info }) => info.accessibleTopology?.segments ?? {}));
  const hasLabels = Object.entries(labels).every(([key, value]) => metadata.labels?.[key] === value);
  if ((metadata.annotations?.[NODE_ID_ANNOTATION] ?? null) === annotation && hasLabels) return undefined;
  return { metadata: { annotations: { [NODE_ID_ANNOTATION]: annotation }, labels } };
}
