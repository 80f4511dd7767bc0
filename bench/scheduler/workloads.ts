/**
 * The workloads of upstream's scheduler_perf (kubernetes/kubernetes test/integration/scheduler_perf, as of 1.36): the same nodes, pods and counts, and the pods per
 * second below which upstream's own CI calls a run failed. As there, each is some nodes, some pods that are there before, and pods that are measured. Data only.
 */
import type { Pod } from '#api/generated/types.ts';

export type PodSpecOf = Partial<Pod['spec']>;

export interface PodShape {
  readonly labels?: Readonly<Record<string, string>>;
  readonly spec?: PodSpecOf;
  /** As quantities; 100m and 500Mi if absent. `isLimited` is false for a container without limits. */
  readonly resources?: { readonly cpu: string; readonly memory: string; readonly isLimited: boolean } | 'none';
}

export interface Workload {
  readonly name: string;
  readonly nodes: number;
  /** Given to the nodes in turn. */
  readonly zones?: readonly string[];
  /** One more node, of this name. */
  readonly extraNode?: string;
  /** Into `sched-0` before the measurement, one after the other, until all of them are bound. */
  readonly before: readonly { readonly count: number; readonly pod: PodShape }[];
  /** One more each 200 ms during the measurement. */
  readonly churn?: PodShape;
  /** Into `sched-1`. */
  readonly measured: { readonly count: number; readonly pod: PodShape };
  /** Upstream's threshold, pods per second. */
  readonly upstream: number;
  /** Ours must not be below this share of it. */
  readonly share: number;
}

const NAMESPACES = ['sched-1', 'sched-0'];
const ZONE = 'topology.kubernetes.io/zone';
const HOST = 'kubernetes.io/hostname';
const ZONES = ['moon-1', 'moon-2', 'moon-3'];

const basic: PodShape = {};
const highPriority: PodSpecOf = { priorityClassName: 'bench-high' };
const huge: PodShape = { spec: highPriority, resources: { cpu: '9', memory: '500Mi', isLimited: false } };

function colored(color: string) {
  return { labels: { color }, term: { labelSelector: { matchLabels: { color } }, namespaces: NAMESPACES } };
}

const [blue, green, red, yellow] = [colored('blue'), colored('green'), colored('red'), colored('yellow')];

const affinity: PodShape = {
  labels: blue.labels,
  spec: { affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ ...blue.term, topologyKey: ZONE }] } } },
};
const antiAffinity: PodShape = {
  labels: green.labels,
  spec: { affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ ...green.term, topologyKey: HOST }] } } },
};
const preferredAffinity: PodShape = {
  labels: red.labels,
  spec: { affinity: { podAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [preferred(red.term)] } } },
};
const preferredAntiAffinity: PodShape = {
  labels: yellow.labels,
  spec: { affinity: { podAntiAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [preferred(yellow.term)] } } },
};
const nodeAffinity: PodShape = {
  spec: { affinity: { nodeAffinity: requiredNode({ matchExpressions: [{ key: ZONE, operator: 'In', values: ['zone1', 'zone2'] }] }) } },
};
const DAEMON_NODE = 'scheduler-perf-node';
const daemon: PodShape = {
  spec: { affinity: { nodeAffinity: requiredNode({ matchFields: [{ key: 'metadata.name', operator: 'In', values: [DAEMON_NODE] }] }) } },
  resources: 'none',
};

function preferred(term: ReturnType<typeof colored>['term']) {
  return { weight: 1, podAffinityTerm: { ...term, topologyKey: HOST } };
}

function requiredNode<Term extends object>(term: Term) {
  return { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [term] } };
}

function spread(whenUnsatisfiable: string): PodShape {
  const labelSelector = { matchLabels: blue.labels };
  return {
    labels: blue.labels,
    spec: { topologySpreadConstraints: [{ maxSkew: 5, topologyKey: ZONE, whenUnsatisfiable, labelSelector }] },
  };
}

/** The ones that spread are measured against half of upstream's threshold, those of affinity against all of it. */
export const workloads: readonly Workload[] = [
  {
    name: 'SchedulingBasic',
    nodes: 5_000,
    before: [{ count: 1_000, pod: basic }],
    measured: { count: 10_000, pod: basic },
    upstream: 680,
    share: 0.5,
  },
  {
    name: 'TopologySpreading',
    nodes: 5_000,
    zones: ZONES,
    before: [{ count: 5_000, pod: basic }],
    measured: { count: 5_000, pod: spread('DoNotSchedule') },
    upstream: 460,
    share: 0.5,
  },
  {
    name: 'PreferredTopologySpreading',
    nodes: 5_000,
    zones: ZONES,
    before: [{ count: 5_000, pod: basic }],
    measured: { count: 5_000, pod: spread('ScheduleAnyway') },
    upstream: 340,
    share: 0.5,
  },
  {
    name: 'SchedulingPodAffinity',
    nodes: 5_000,
    zones: ['zone1'],
    before: [{ count: 5_000, pod: affinity }],
    measured: { count: 5_000, pod: affinity },
    upstream: 35,
    share: 1,
  },
  {
    name: 'SchedulingPodAntiAffinity',
    nodes: 5_000,
    before: [{ count: 1_000, pod: antiAffinity }],
    measured: { count: 2_000, pod: antiAffinity },
    upstream: 60,
    share: 1,
  },
  {
    name: 'SchedulingPodMatchingAntiAffinity',
    nodes: 5_000,
    before: [{ count: 1_000, pod: antiAffinity }],
    measured: { count: 5_000, pod: { labels: green.labels } },
    upstream: 543,
    share: 0.5,
  },
  {
    name: 'SchedulingPreferredPodAffinity',
    nodes: 5_000,
    before: [{ count: 5_000, pod: preferredAffinity }],
    measured: { count: 5_000, pod: preferredAffinity },
    upstream: 90,
    share: 1,
  },
  {
    name: 'SchedulingPreferredPodAntiAffinity',
    nodes: 5_000,
    before: [{ count: 5_000, pod: preferredAntiAffinity }],
    measured: { count: 5_000, pod: preferredAntiAffinity },
    upstream: 90,
    share: 1,
  },
  {
    name: 'SchedulingNodeAffinity',
    nodes: 5_000,
    zones: ['zone1'],
    before: [{ count: 5_000, pod: nodeAffinity }],
    measured: { count: 10_000, pod: nodeAffinity },
    upstream: 220,
    share: 1,
  },
  {
    name: 'MixedSchedulingBasePod',
    nodes: 5_000,
    zones: ['zone1'],
    before: [basic, affinity, antiAffinity, preferredAffinity, preferredAntiAffinity].map((pod) => ({ count: 2_000, pod })),
    measured: { count: 5_000, pod: basic },
    upstream: 140,
    share: 1,
  },
  {
    name: 'PreemptionAsync',
    nodes: 5_000,
    before: [
      {
        count: 20_000,
        pod: { spec: { terminationGracePeriodSeconds: 0 }, resources: { cpu: '900m', memory: '500Mi', isLimited: true } },
      },
    ],
    churn: { spec: highPriority, resources: { cpu: '3', memory: '500Mi', isLimited: true } },
    measured: { count: 5_000, pod: basic },
    upstream: 570,
    share: 0.5,
  },
  {
    name: 'Unschedulable',
    nodes: 5_000,
    before: [{ count: 100, pod: basic }],
    churn: huge,
    measured: { count: 10_000, pod: basic },
    upstream: 590,
    share: 0.5,
  },
  {
    name: 'SchedulingDaemonset',
    nodes: 15_000,
    extraNode: DAEMON_NODE,
    before: [],
    measured: { count: 30_000, pod: daemon },
    upstream: 1_100,
    share: 0.5,
  },
];

export interface Smaller {
  readonly nodes: number | undefined;
  readonly pods: number | undefined;
}

/** The same shape with other counts; what is there before shrinks with the nodes. */
export function resizeWorkload(workload: Workload, { nodes = workload.nodes, pods = workload.measured.count }: Smaller): Workload {
  const scale = nodes / workload.nodes;
  const before = workload.before.map(({ count, pod }) => ({ count: Math.max(1, Math.round(count * scale)), pod }));
  return { ...workload, nodes, before, measured: { ...workload.measured, count: pods } };
}

/** Those of these names, with or without the `Scheduling` that most begin with; all without a name. Throws for a name that none has. */
export function chooseWorkloads(wanted: readonly string[]): readonly Workload[] {
  const isOf = (text: string, { name }: Workload) => name === text || name === `Scheduling${text}`;
  const unknown = wanted.filter((text) => !workloads.some((workload) => isOf(text, workload)));
  if (unknown.length > 0) {
    throw new Error(`no such workload: ${unknown.join(', ')}; there are ${workloads.map(({ name }) => name).join(', ')}`);
  }
  return wanted.length === 0 ? workloads : workloads.filter((workload) => wanted.some((text) => isOf(text, workload)));
}
