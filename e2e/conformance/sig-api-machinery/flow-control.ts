/** API priority and fairness: FlowSchemas and PriorityLevelConfigurations as resources. */
import type { Json } from '../../cluster.ts';
import { checkApiOperations } from '../framework/api-operations.ts';
import type { ConformanceTest } from '../framework/conformance-test.ts';

const GROUP_VERSION = 'flowcontrol.apiserver.k8s.io/v1';

const aCondition = (message: string): Json => ({
  conditions: [{ type: 'E2e', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z', reason: 'E2E', message }],
});

const aFlowSchema = (name: string): Json => ({
  apiVersion: GROUP_VERSION,
  kind: 'FlowSchema',
  metadata: { name },
  spec: {
    matchingPrecedence: 10_000,
    priorityLevelConfiguration: { name: 'global-default' },
    distinguisherMethod: { type: 'ByUser' },
    rules: [
      {
        subjects: [{ kind: 'User', user: { name: 'example-e2e-non-existent-user' } }],
        nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
      },
    ],
  },
});

const aPriorityLevel = (name: string): Json => ({
  apiVersion: GROUP_VERSION,
  kind: 'PriorityLevelConfiguration',
  metadata: { name },
  spec: { type: 'Limited', limited: { nominalConcurrencyShares: 2, limitResponse: { type: 'Reject' } } },
});

export const flowControlTests: readonly ConformanceTest[] = [
  {
    name: '[sig-api-machinery] API priority and fairness should support FlowSchema API operations [Conformance]',
    run: (t) =>
      checkApiOperations(t, {
        resource: `${GROUP_VERSION}/flowschemas`,
        anObject: aFlowSchema,
        status: { patch: aCondition('patched'), update: aCondition('updated') },
      }),
  },
  {
    name: '[sig-api-machinery] API priority and fairness should support PriorityLevelConfiguration API operations [Conformance]',
    run: (t) =>
      checkApiOperations(t, {
        resource: `${GROUP_VERSION}/prioritylevelconfigurations`,
        anObject: aPriorityLevel,
        status: { patch: aCondition('patched'), update: aCondition('updated') },
      }),
  },
];
