/**
 * Honours `nodeSelector` and required node affinity, and adds up the weights of the preferred terms that a node meets. A profile may add an
 * affinity of its own to that of every pod.
 */
import { asksForNodes, matchesNodeTerm, matchesRequiredNodes } from '#api/core/v1/node-selector.ts';
import type { Node, NodeAffinity, NodeSelectorTerm, Pod } from '#api/generated/types.ts';
import { nodeHints } from '../cluster-event.ts';
import { type FilterPoint, fits, neverFits, normaliseToMax, type SchedulerPlugin, type Scorer } from '../plugin.ts';

const POD_MISMATCH = neverFits("node(s) didn't match Pod's node affinity/selector");
const ADDED_MISMATCH = neverFits("node(s) didn't match scheduler-enforced node affinity");
const CONFLICTING_TERMS = neverFits('pod affinity terms conflict');

export interface NodeAffinityArgs {
  readonly addedAffinity?: NodeAffinity;
}

export function createNodeAffinity({ addedAffinity }: NodeAffinityArgs = {}): SchedulerPlugin {
  const added = addedAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  const meetsAdded = (node: Node): boolean => added === undefined || added.some((term) => matchesNodeTerm(term, node));
  return {
    name: 'NodeAffinity',
    hints: nodeHints((pod, node) => meetsAdded(node) && matchesRequiredNodes(pod, node)),
    prepare: ({ pod }) => ({
      ...preFilterOf(pod),
      ...(added === undefined && !asksForNodes(pod) ? {} : { filter: ({ node }) => verdictOn(pod, node, meetsAdded) }),
      prepareScore: () => createScorer(pod, addedAffinity),
    }),
  };
}

function verdictOn(pod: Pod, node: Node, meetsAdded: (node: Node) => boolean) {
  if (!meetsAdded(node)) return ADDED_MISMATCH;
  return matchesRequiredNodes(pod, node) ? fits : POD_MISMATCH;
}

function requiredTerms({ spec }: Pod): readonly NodeSelectorTerm[] | undefined {
  return spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
}

/** When every term names nodes, as those of a DaemonSet's pods do, no other node needs to be asked. */
function preFilterOf(pod: Pod): Pick<FilterPoint, 'preFilter'> {
  const nodeNames = new Set<string>();
  const terms = requiredTerms(pod) ?? [];
  for (const { matchFields = [] } of terms) {
    const lists = matchFields
      .filter(({ key, operator }) => key === 'metadata.name' && operator === 'In')
      .map(({ values = [] }) => new Set(values));
    if (lists.length === 0) return {};
    for (const name of lists.reduce((left, right) => left.intersection(right))) nodeNames.add(name);
  }
  if (terms.length === 0) return {};
  return { preFilter: nodeNames.size === 0 ? CONFLICTING_TERMS : { nodeNames } };
}

function createScorer({ spec }: Pod, addedAffinity: NodeAffinity | undefined): Scorer | undefined {
  const preferred = [spec.affinity?.nodeAffinity, addedAffinity].flatMap(
    (affinity) => affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [],
  );
  if (preferred.length === 0) return undefined;
  return {
    score: ({ node }) => preferred.reduce((sum, { preference, weight }) => sum + (matchesNodeTerm(preference, node) ? weight : 0), 0),
    normalise: normaliseToMax,
  };
}
