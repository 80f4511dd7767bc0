/** Nodes, as the API server serves them. A kubelet registers its node complete with status, so a create keeps it. */

import { applyNodeDefaults, nodeAddress, nodeRoles, validateNode, validateNodeUpdate } from '#api/core/v1/node.ts';
import { nodes as type } from '#api/generated/resources.ts';
import type { Node } from '#api/generated/types.ts';
import { findCondition } from '#api/meta/condition.ts';
import { ageColumn, NONE, nameColumn, textColumn, wide } from './columns.ts';
import { defineResource } from './define-resource.ts';

const UNKNOWN = '<unknown>';

export const nodes = defineResource<Node>(type, {
  shortNames: ['no'],
  columns: [
    nameColumn,
    textColumn('Status', 'Whether the node is ready, and takes new pods.', statusWords),
    textColumn('Roles', 'From the labels node-role.kubernetes.io/<role>.', (node) => nodeRoles(node).join(',') || NONE),
    ageColumn,
    textColumn('Version', "The kubelet's version.", (node) => node.status?.nodeInfo?.kubeletVersion ?? ''),
    wide(textColumn('Internal-IP', 'The address inside the cluster.', (node) => nodeAddress(node, 'InternalIP') ?? NONE)),
    wide(textColumn('External-IP', 'The address outside the cluster.', (node) => nodeAddress(node, 'ExternalIP') ?? NONE)),
    wide(textColumn('OS-Image', 'The operating system.', (node) => node.status?.nodeInfo?.osImage || UNKNOWN)),
    wide(textColumn('Kernel-Version', 'The kernel.', (node) => node.status?.nodeInfo?.kernelVersion || UNKNOWN)),
    wide(textColumn('Container-Runtime', 'What runs containers.', (node) => node.status?.nodeInfo?.containerRuntimeVersion || UNKNOWN)),
  ],
  applyDefaults: applyNodeDefaults,
  validate: validateNode,
  validateUpdate: validateNodeUpdate,
  initialStatus: (node) => node.status,
  selectableFields: (node) => ({ 'spec.unschedulable': String(node.spec.unschedulable ?? false) }),
});

function statusWords(node: Node): string {
  const ready = findCondition(node.status?.conditions, 'Ready');
  const word = ready === undefined ? 'Unknown' : ready.status === 'True' ? 'Ready' : 'NotReady';
  return node.spec.unschedulable === true ? `${word},SchedulingDisabled` : word;
}
