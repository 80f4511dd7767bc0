/** Keeps pods off cordoned nodes, unless they tolerate the taint that stands for it. */
import { tolerates } from '#api/core/v1/taint.ts';
import type { Pod } from '#api/generated/types.ts';
import { nodeHints } from '../cluster-event.ts';
import { fits, neverFits, type SchedulerPlugin } from '../plugin.ts';

const cordonTaint = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' };
const CORDONED = neverFits('node(s) were unschedulable');

export const nodeUnschedulable: SchedulerPlugin = {
  name: 'NodeUnschedulable',
  hints: nodeHints((pod, node) => node.spec?.unschedulable !== true || toleratesCordon(pod)),
  prepare: ({ pod }) => (toleratesCordon(pod) ? {} : { filter: ({ node }) => (node.spec?.unschedulable ? CORDONED : fits) }),
};

function toleratesCordon({ spec }: Pod): boolean {
  return (spec.tolerations ?? []).some((toleration) => tolerates(toleration, cordonTaint));
}
