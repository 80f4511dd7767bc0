/**
 * A node that registers is not ready: tainted, until the node lifecycle controller sees it ready, so that no pod is sent there too early.
 * Source: upstream's TaintNodesByCondition, plugin/pkg/admission/nodetaint.
 */
import { nodes } from '#api/generated/resources.ts';
import { isOfType } from '../encoding/json-value.ts';
import { type AdmissionPlugin, isMainResource } from './admission.ts';

const NOT_READY = 'node.kubernetes.io/not-ready';

export const taintNewNodes: AdmissionPlugin = {
  name: 'TaintNodesByCondition',
  mutate: (request) => {
    const { object: node, operation } = request;
    if (operation !== 'CREATE' || !isMainResource(request) || !isOfType(nodes, node)) return node;
    const taints = node.spec?.taints ?? [];
    if (taints.some(({ key, effect }) => key === NOT_READY && effect === 'NoSchedule')) return node;
    return { ...node, spec: { ...node.spec, taints: [...taints, { key: NOT_READY, effect: 'NoSchedule' }] } };
  },
};
