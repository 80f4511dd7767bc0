/** What can be done for a pod that no node will do for: the profile's post-filters, in their order. Decides only. */
import type { Diagnosis } from './choose-node.ts';
import type { PostFilterOutcome } from './plugin.ts';
import type { PodCycle } from './pod-cycle.ts';

/** The first plugin that can do something decides; what the others say is put together. */
export function askPostFilters(cycle: PodCycle, { nodeCount, rejections, others }: Diagnosis): PostFilterOutcome {
  if (nodeCount === 0) return { message: '' };
  const { pod, profile, snapshot } = cycle;
  const messages: string[] = [];
  let keepsNomination = true;
  for (const { plugin } of profile.points.postFilter) {
    const outcome = plugin.postFilter?.({ pod, snapshot, rejections, ...(others === undefined ? {} : { others }), whatIf: cycle });
    if (outcome?.nomination !== undefined) return outcome;
    if (outcome === undefined) continue;
    messages.push(outcome.message);
    keepsNomination &&= outcome.keepsNomination === true;
  }
  return { message: messages.join(', '), keepsNomination };
}
