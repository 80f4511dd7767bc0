/**
 * The FlowSchemas and PriorityLevelConfigurations that every cluster has: the mandatory ones, and those upstream suggests. Numbers and names are upstream's
 * (k8s.io/apiserver, pkg/apis/flowcontrol/bootstrap/default.go).
 */
import { everythingOf, groupSubjects, mandatoryFlowSchemas, mandatoryPriorityLevels } from '#api/flowcontrol/v1/mandatory.ts';
import { flowschemas, prioritylevelconfigurations } from '#api/generated/resources.ts';
import type {
  FlowcontrolSubject,
  FlowSchema,
  FlowSchemaSpec,
  PolicyRulesWithSubjects,
  PriorityLevelConfiguration,
  PriorityLevelConfigurationSpec,
} from '#api/generated/types.ts';
import { apiVersionOf, type Draft } from '#api/meta/resource-type.ts';

export const AUTO_UPDATE = 'apf.kubernetes.io/autoupdate-spec';

const QUEUE_LENGTH = 50;
const HAND_SIZE = 6;

const EVERYBODY = groupSubjects('system:unauthenticated', 'system:authenticated');
const NODES = groupSubjects('system:nodes');
const SYSTEM_ACCOUNTS = accountSubjects('*');

const suggestedLevels: readonly (readonly [string, PriorityLevelConfigurationSpec])[] = [
  ['system', limited(30, 33, 64)],
  ['node-high', limited(40, 25, 64)],
  ['leader-election', limited(10, 0, 16, 4)],
  ['workload-high', limited(40, 50, 128)],
  ['workload-low', limited(100, 90, 128)],
  ['global-default', limited(20, 50, 128)],
];

const LEADING_VERBS = ['get', 'create', 'update'];
const leases = resourceRule(LEADING_VERBS, 'coordination.k8s.io', ['leases']);

const suggestedSchemas: readonly (readonly [string, FlowSchemaSpec])[] = [
  ['system-nodes', schema('system', 500, 'ByUser', everythingOf(NODES))],
  [
    'system-node-high',
    schema('node-high', 400, 'ByUser', {
      subjects: NODES,
      resourceRules: [
        { ...resourceRule(['*'], '', ['nodes', 'nodes/status']), clusterScope: true },
        resourceRule(['*'], 'coordination.k8s.io', ['leases']),
      ],
    }),
  ],
  [
    'probes',
    schema('exempt', 2, undefined, {
      subjects: EVERYBODY,
      nonResourceRules: [{ verbs: ['get'], nonResourceURLs: ['/healthz', '/readyz', '/livez'] }],
    }),
  ],
  [
    'system-leader-election',
    schema('leader-election', 100, 'ByUser', {
      subjects: [...userSubjects('system:kube-controller-manager', 'system:kube-scheduler'), ...SYSTEM_ACCOUNTS],
      resourceRules: [leases],
    }),
  ],
  [
    'endpoint-controller',
    schema('workload-high', 150, 'ByUser', {
      subjects: [
        ...userSubjects('system:kube-controller-manager'),
        ...accountSubjects('endpoint-controller', 'endpointslicemirroring-controller'),
      ],
      resourceRules: [resourceRule(LEADING_VERBS, '', ['endpoints'])],
    }),
  ],
  [
    'workload-leader-election',
    schema('leader-election', 200, 'ByUser', {
      subjects: SYSTEM_ACCOUNTS,
      resourceRules: [resourceRule(LEADING_VERBS, '', ['endpoints', 'configmaps']), leases],
    }),
  ],
  ['kube-controller-manager', schema('workload-high', 800, 'ByNamespace', everythingOf(userSubjects('system:kube-controller-manager')))],
  ['kube-scheduler', schema('workload-high', 800, 'ByNamespace', everythingOf(userSubjects('system:kube-scheduler')))],
  ['kube-system-service-accounts', schema('workload-high', 900, 'ByNamespace', everythingOf(SYSTEM_ACCOUNTS))],
  ['service-accounts', schema('workload-low', 9_000, 'ByUser', everythingOf(groupSubjects('system:serviceaccounts')))],
  ['global-default', schema('global-default', 9_900, 'ByUser', everythingOf(EVERYBODY))],
];

/** Whose specs stay as they are, whatever anybody writes. */
export const mandatoryNames: ReadonlySet<string> = new Set([...mandatoryFlowSchemas.keys(), ...mandatoryPriorityLevels.keys()]);

export const defaultPriorityLevels: readonly Draft<PriorityLevelConfiguration>[] = [...mandatoryPriorityLevels, ...suggestedLevels].map(
  ([name, spec]) => ({
    apiVersion: apiVersionOf(prioritylevelconfigurations),
    kind: 'PriorityLevelConfiguration',
    metadata: metadataOf(name),
    spec,
  }),
);

export const defaultFlowSchemas: readonly Draft<FlowSchema>[] = [...mandatoryFlowSchemas, ...suggestedSchemas].map(([name, spec]) => ({
  apiVersion: apiVersionOf(flowschemas),
  kind: 'FlowSchema',
  metadata: metadataOf(name),
  spec,
}));

function metadataOf(name: string) {
  return { name, annotations: { [AUTO_UPDATE]: 'true' } };
}

function limited(shares: number, lendablePercent: number, queues: number, handSize = HAND_SIZE): PriorityLevelConfigurationSpec {
  const queuing = { queues, handSize, queueLengthLimit: QUEUE_LENGTH };
  return { type: 'Limited', limited: { nominalConcurrencyShares: shares, lendablePercent, limitResponse: { type: 'Queue', queuing } } };
}

function schema(level: string, precedence: number, by: string | undefined, rules: PolicyRulesWithSubjects): FlowSchemaSpec {
  return {
    priorityLevelConfiguration: { name: level },
    matchingPrecedence: precedence,
    ...(by === undefined ? {} : { distinguisherMethod: { type: by } }),
    rules: [rules],
  };
}

function resourceRule(verbs: readonly string[], group: string, resources: readonly string[]) {
  return { verbs, apiGroups: [group], resources, namespaces: ['*'] };
}

function userSubjects(...names: readonly string[]): readonly FlowcontrolSubject[] {
  return names.map((name) => ({ kind: 'User', user: { name } }));
}

function accountSubjects(...names: readonly string[]): readonly FlowcontrolSubject[] {
  return names.map((name) => ({ kind: 'ServiceAccount', serviceAccount: { namespace: 'kube-system', name } }));
}
