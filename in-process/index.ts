/** `keelson/testing`: what tests import. */
export type { PodConduct } from '../simulated-nodes/pod-conduct.ts';
export type { NodeShape } from '../simulated-nodes/simulated-node.ts';
export { type Cluster, type ClusterOptions, createCluster } from './create-cluster.ts';
export type { FaultName, Faults } from './faults.ts';
