/** The nodes and pods of a workload as what is sent to the API server, in the shape of upstream's templates. Pure. */
import type { PodShape, Workload } from './workloads.ts';

export const BEFORE_NAMESPACE = 'sched-0';
export const MEASURED_NAMESPACE = 'sched-1';
export const CHURN_NAMESPACE = 'churn';

/** Upstream's template: 4 CPUs, 32 GiB, 110 pods. Its host name is a label, as kubelets set it, for what spreads over hosts. */
const CAPACITY = { cpu: '4', memory: '32Gi', pods: '110' };
const DEFAULT_RESOURCES = { cpu: '100m', memory: '500Mi', isLimited: true };
const PRIORITY_CLASS = 'bench-high';

export function nodeBodies({ nodes, zones = [], extraNode }: Workload): readonly string[] {
  const names = Array.from({ length: nodes }, (_, index) => `scheduler-perf-${index}`);
  return [...names, ...(extraNode === undefined ? [] : [extraNode])].map((name, index) => {
    const zone = zones[index % Math.max(zones.length, 1)];
    const labels = { 'kubernetes.io/hostname': name, ...(zone === undefined ? {} : { 'topology.kubernetes.io/zone': zone }) };
    const status = { capacity: CAPACITY, allocatable: CAPACITY, conditions: [{ type: 'Ready', status: 'True' }] };
    return JSON.stringify({ apiVersion: 'v1', kind: 'Node', metadata: { name, labels }, status });
  });
}

export function podBody(name: string, { labels = {}, spec = {}, resources = DEFAULT_RESOURCES }: PodShape): string {
  const container = { name: 'pause', image: 'registry.k8s.io/pause:3.10.1' };
  const containers = [
    resources === 'none' ? container : { ...container, ports: [{ containerPort: 80 }], resources: resourcesOf(resources) },
  ];
  // There is no controller manager that would make what a token is mounted from; upstream's test runs without that admission plugin.
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels },
    spec: { automountServiceAccountToken: false, containers, ...spec },
  });
}

function resourcesOf({ cpu, memory, isLimited }: Exclude<NonNullable<PodShape['resources']>, 'none'>) {
  const amounts = { cpu, memory };
  return { requests: amounts, ...(isLimited ? { limits: amounts } : {}) };
}

/** What must be there before any pod: by the path it is posted to. */
export const prerequisites: readonly (readonly [path: string, body: string])[] = [
  [
    '/apis/scheduling.k8s.io/v1/priorityclasses',
    JSON.stringify({ apiVersion: 'scheduling.k8s.io/v1', kind: 'PriorityClass', metadata: { name: PRIORITY_CLASS }, value: 10 }),
  ],
  ...[BEFORE_NAMESPACE, MEASURED_NAMESPACE, CHURN_NAMESPACE].flatMap((name): readonly (readonly [string, string])[] => [
    ['/api/v1/namespaces', JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })],
    [
      `/api/v1/namespaces/${name}/serviceaccounts`,
      JSON.stringify({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default' } }),
    ],
  ]),
];

export function podsPath(namespace: string): string {
  return `/api/v1/namespaces/${namespace}/pods`;
}
