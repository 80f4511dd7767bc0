/**
 * The objects that flow control cannot be without: somebody who is never held up, and somewhere for whatever nothing else matches. Their specs are fixed. Read by
 * validation here and by the API server, which makes the objects. Source: k8s.io/apiserver, pkg/apis/flowcontrol/bootstrap.
 */
import type { FlowcontrolSubject, FlowSchemaSpec, PolicyRulesWithSubjects, PriorityLevelConfigurationSpec } from '../../generated/types.ts';

export function groupSubjects(...names: readonly string[]): readonly FlowcontrolSubject[] {
  return names.map((name) => ({ kind: 'Group', group: { name } }));
}

/** Everything these ask for. */
export function everythingOf(subjects: readonly FlowcontrolSubject[]): PolicyRulesWithSubjects {
  return {
    subjects,
    resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'], clusterScope: true, namespaces: ['*'] }],
    nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
  };
}

export const mandatoryPriorityLevels: ReadonlyMap<string, PriorityLevelConfigurationSpec> = new Map([
  ['exempt', { type: 'Exempt', exempt: { nominalConcurrencyShares: 0, lendablePercent: 0 } }],
  ['catch-all', { type: 'Limited', limited: { nominalConcurrencyShares: 5, lendablePercent: 0, limitResponse: { type: 'Reject' } } }],
]);

export const mandatoryFlowSchemas: ReadonlyMap<string, FlowSchemaSpec> = new Map([
  [
    'exempt',
    {
      priorityLevelConfiguration: { name: 'exempt' },
      matchingPrecedence: 1,
      rules: [everythingOf(groupSubjects('system:masters'))],
    },
  ],
  [
    'catch-all',
    {
      priorityLevelConfiguration: { name: 'catch-all' },
      matchingPrecedence: 10_000,
      distinguisherMethod: { type: 'ByUser' },
      rules: [everythingOf(groupSubjects('system:unauthenticated', 'system:authenticated'))],
    },
  ],
]);
