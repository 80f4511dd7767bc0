/** The scheduler's configuration file: what it says, and what is said about one that is wrong. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultConfiguration, parseConfiguration } from './configuration.ts';

const head = 'apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n';

function problemsOf(body: string): readonly string[] {
  try {
    parseConfiguration(head + body);
  } catch (error) {
    return error instanceof Error
      ? error.message
          .split('\n')
          .slice(1)
          .map((line) => line.trim())
      : [];
  }
  return [];
}

const [defaultProfile] = defaultConfiguration().profiles;
const namesAt = (body: string, point: keyof typeof defaultProfile.points) =>
  parseConfiguration(head + body).profiles[0].points[point].map(({ name }) => name);

test('without a file there is one profile with upstream’s plugins and weights', () => {
  const { profiles, backOffMs, warnings } = defaultConfiguration();
  assert.deepEqual(
    [profiles.length, defaultProfile.schedulerName, backOffMs, warnings],
    [1, 'default-scheduler', { min: 1_000, max: 10_000 }, []],
  );
  assert.deepEqual(
    defaultProfile.points.score.map(({ name, weight }) => `${name} ${weight}`),
    [
      'TaintToleration 3',
      'NodeAffinity 2',
      'NodeResourcesFit 1',
      'PodTopologySpread 2',
      'InterPodAffinity 2',
      'NodeResourcesBalancedAllocation 1',
      'ImageLocality 1',
    ],
  );
  assert.deepEqual(defaultProfile.points.bind, [{ name: 'DefaultBinder', weight: 1 }]);
});

test('several profiles, each with its plugins, arguments and share of nodes', () => {
  const { profiles, backOffMs } = parseConfiguration(`${head}
percentageOfNodesToScore: 20
podInitialBackoffSeconds: 2
podMaxBackoffSeconds: 30
profiles:
- schedulerName: default-scheduler
- schedulerName: packing
  percentageOfNodesToScore: 100
  plugins:
    score:
      disabled: [{ name: '*' }]
      enabled: [{ name: NodeResourcesFit, weight: 5 }]
  pluginConfig:
  - name: NodeResourcesFit
    args:
      apiVersion: kubescheduler.config.k8s.io/v1
      kind: NodeResourcesFitArgs
      scoringStrategy: { type: MostAllocated, resources: [{ name: cpu, weight: 1 }] }
`);
  assert.deepEqual(
    profiles.map(({ schedulerName, percentageOfNodesToScore }) => [schedulerName, percentageOfNodesToScore]),
    [
      ['default-scheduler', 20],
      ['packing', 100],
    ],
  );
  assert.deepEqual(profiles[1]?.points.score, [{ name: 'NodeResourcesFit', weight: 5 }]);
  assert.deepEqual(backOffMs, { min: 2_000, max: 30_000 });
});

test('what is enabled at a point comes first in the order given; what is disabled for all points is nowhere', () => {
  const body = `
profiles:
- plugins:
    multiPoint: { disabled: [{ name: PodTopologySpread }] }
    filter: { enabled: [{ name: NodePorts }, { name: NodeName }], disabled: [{ name: VolumeZone }] }
`;
  assert.deepEqual(namesAt(body, 'filter').slice(0, 3), ['NodePorts', 'NodeName', 'NodeUnschedulable']);
  assert.ok(!namesAt(body, 'filter').includes('VolumeZone'));
  assert.ok(!namesAt(body, 'score').includes('PodTopologySpread'));
});

test('a default plugin that is enabled again for all points keeps its place and takes the weight', () => {
  const body = 'profiles: [{ plugins: { multiPoint: { enabled: [{ name: TaintToleration, weight: 9 }] } } }]';
  const [first] = parseConfiguration(head + body).profiles[0].points.score;
  assert.deepEqual(first, { name: 'TaintToleration', weight: 9 });
});

test('what configures the process upstream is said to be ignored, and why', () => {
  const { warnings } = parseConfiguration(`${head}leaderElection: { leaderElect: true }\nparallelism: 16`);
  assert.deepEqual(warnings, [
    'leaderElection is ignored: the lease is always kube-system/kube-scheduler',
    'parallelism is ignored: a cycle is computed in one thread',
  ]);
});

const args = (name: string, body: string) => `profiles: [{ pluginConfig: [{ name: ${name}, args: ${body} }] }]`;
const inArgs = 'profiles[0].pluginConfig[0].args';
const mistakes: readonly { it: string; body: string; problems: readonly string[] }[] = [
  { it: 'an unknown field', body: 'profils: []', problems: ['profils: Forbidden: unknown field'] },
  {
    it: 'a share that is none',
    body: 'percentageOfNodesToScore: 101',
    problems: ['percentageOfNodesToScore: Invalid value: 101: not in valid range [0-100]'],
  },
  {
    it: 'a value of another type',
    body: 'percentageOfNodesToScore: many',
    problems: ['percentageOfNodesToScore: Invalid value: "many": must be a whole number'],
  },
  { it: 'no profile at all', body: 'profiles: []', problems: ['profiles: Required value'] },
  {
    it: 'a back-off that shrinks',
    body: 'podInitialBackoffSeconds: 20',
    problems: ['podMaxBackoffSeconds: Invalid value: 10: must be greater than or equal to PodInitialBackoffSeconds'],
  },
  {
    it: 'two profiles of one name',
    body: 'profiles: [{ schedulerName: a }, { schedulerName: a }]',
    problems: ['profiles[1].schedulerName: Duplicate value: "a"'],
  },
  {
    it: 'several profiles, one without a name',
    body: 'profiles: [{ schedulerName: a }, {}]',
    problems: ['profiles[1].schedulerName: Required value'],
  },
  {
    it: 'extenders',
    body: 'extenders: [{ urlPrefix: "http://example.com" }]',
    problems: ['extenders: Forbidden: there are none here: remove them, and let scheduling gates or another scheduler do what they did'],
  },
  {
    it: 'a plugin that does not exist',
    body: 'profiles: [{ plugins: { filter: { enabled: [{ name: Magic }] } } }]',
    problems: ['profiles[0].plugins.filter.enabled[0].name: Not found: "Magic"'],
  },
  {
    it: 'a plugin at a point that it has nothing to do with',
    body: 'profiles: [{ plugins: { filter: { enabled: [{ name: ImageLocality }] } } }]',
    problems: ['profiles[0].plugins.filter.enabled[0].name: Unsupported value: "ImageLocality at filter": supported values: "score"'],
  },
  {
    it: 'a profile that binds nothing',
    body: "profiles: [{ plugins: { bind: { disabled: [{ name: '*' }] } } }]",
    problems: ['profiles[0].plugins.bind: Invalid value: []: at least one bind plugin is needed'],
  },
  {
    it: 'arguments of another plugin',
    body: args('NodeAffinity', '{ kind: InterPodAffinityArgs }'),
    problems: [`${inArgs}.kind: Unsupported value: "InterPodAffinityArgs": supported values: "NodeAffinityArgs"`],
  },
  {
    it: 'an argument that does not exist',
    body: args('NodeAffinity', '{ addedafinity: {} }'),
    problems: [`${inArgs}.addedafinity: Forbidden: unknown field`],
  },
  {
    it: 'a weight out of range',
    body: args('InterPodAffinity', '{ hardPodAffinityWeight: 101 }'),
    problems: [`${inArgs}.hardPodAffinityWeight: Invalid value: 101: not in valid range [0, 100]`],
  },
  {
    it: 'a curve that turns back',
    body: args(
      'NodeResourcesFit',
      '{ scoringStrategy: { type: RequestedToCapacityRatio, requestedToCapacityRatio: { shape: [{ utilization: 50, score: 1 }, { utilization: 10, score: 11 }] } } }',
    ),
    problems: [
      `${inArgs}.scoringStrategy.requestedToCapacityRatio.shape[1].score: Invalid value: 11: not in valid range [0-10]`,
      `${inArgs}.scoringStrategy.requestedToCapacityRatio.shape[1].utilization: Invalid value: 10: utilization values must be sorted in increasing order`,
    ],
  },
  {
    it: 'a strategy that needs a curve and has none',
    body: args('NodeResourcesFit', '{ scoringStrategy: { type: RequestedToCapacityRatio } }'),
    problems: [`${inArgs}.scoringStrategy.requestedToCapacityRatio.shape: Required value: at least one point must be specified`],
  },
  {
    it: 'default constraints that select pods',
    body: args(
      'PodTopologySpread',
      '{ defaultingType: List, defaultConstraints: [{ maxSkew: 1, topologyKey: zone, whenUnsatisfiable: DoNotSchedule, labelSelector: {} }] }',
    ),
    problems: [
      `${inArgs}.defaultConstraints[0].labelSelector: Forbidden: constraint must not define a selector, as they deduced for each pod`,
    ],
  },
  {
    it: 'a preemption that looks nowhere',
    body: args('DefaultPreemption', '{ minCandidateNodesPercentage: 0, minCandidateNodesAbsolute: 0 }'),
    problems: [`${inArgs}: Invalid value: both minCandidateNodesPercentage and minCandidateNodesAbsolute cannot be zero`],
  },
];
for (const { it, body, problems } of mistakes) test(`names ${it}`, () => assert.deepEqual(problemsOf(body), problems));

test('another version, another kind, and what is no YAML', () => {
  assert.throws(() => parseConfiguration('apiVersion: kubescheduler.config.k8s.io/v1beta3\nkind: KubeSchedulerConfiguration'), {
    message:
      'configuration of the scheduler:\n  apiVersion: Unsupported value: "kubescheduler.config.k8s.io/v1beta3": supported values: "kubescheduler.config.k8s.io/v1"',
  });
  assert.throws(() => parseConfiguration('[]'), /must be an object with apiVersion kubescheduler.config.k8s.io\/v1/);
  assert.throws(() => parseConfiguration('a: ['), /not YAML/);
});
