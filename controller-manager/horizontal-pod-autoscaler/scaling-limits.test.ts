import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { V2HPAScalingRules } from '#api/generated/types.ts';
import { limitReplicas, rememberRecommendation, type ScalingHistory } from './scaling-limits.ts';

const NOW_MS = 10_000_000;
const nothing: ScalingHistory = { recommendations: [], events: [] };
const recommended = (replicas: number, secondsAgo: number): ScalingHistory => ({
  recommendations: [{ replicas, atMs: NOW_MS - secondsAgo * 1_000 }],
  events: [],
});
const changed = (change: number, secondsAgo: number): ScalingHistory => ({
  recommendations: [],
  events: [{ change, atMs: NOW_MS - secondsAgo * 1_000 }],
});

const anyUp: V2HPAScalingRules = {
  stabilizationWindowSeconds: 0,
  selectPolicy: 'Max',
  policies: [
    { type: 'Pods', value: 4, periodSeconds: 15 },
    { type: 'Percent', value: 100, periodSeconds: 15 },
  ],
};
const anyDown: V2HPAScalingRules = { selectPolicy: 'Max', policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }] };
const slow = (type: 'Pods' | 'Percent', value: number): V2HPAScalingRules => ({
  stabilizationWindowSeconds: 0,
  selectPolicy: 'Max',
  policies: [{ type, value, periodSeconds: 60 }],
});

const cases: readonly {
  it: string;
  wanted: number;
  current: number;
  up?: V2HPAScalingRules;
  down?: V2HPAScalingRules;
  history?: ScalingHistory;
  replicas: number;
  reasons: readonly string[];
}[] = [
  { it: 'sets what is recommended', wanted: 5, current: 3, replicas: 5, reasons: ['ReadyForNewScale', 'DesiredWithinRange'] },
  { it: 'at most doubles', wanted: 50, current: 6, replicas: 12, reasons: ['ReadyForNewScale', 'ScaleUpLimit'] },
  { it: 'may go to four from less', wanted: 50, current: 1, replicas: 4, reasons: ['ReadyForNewScale', 'ScaleUpLimit'] },
  { it: 'goes no higher than the maximum', wanted: 50, current: 18, replicas: 20, reasons: ['ReadyForNewScale', 'TooManyReplicas'] },
  { it: 'goes no lower than the minimum', wanted: 1, current: 5, replicas: 2, reasons: ['ReadyForNewScale', 'TooFewReplicas'] },
  {
    it: 'keeps to the highest recommendation of five minutes',
    wanted: 2,
    current: 5,
    history: recommended(4, 299),
    replicas: 4,
    reasons: ['ScaleDownStabilized', 'DesiredWithinRange'],
  },
  {
    it: 'forgets a recommendation after five minutes',
    wanted: 2,
    current: 5,
    history: recommended(4, 301),
    replicas: 2,
    reasons: ['ReadyForNewScale', 'DesiredWithinRange'],
  },
  {
    it: 'adds so many pods a minute',
    wanted: 20,
    current: 6,
    up: slow('Pods', 4),
    history: changed(3, 30),
    replicas: 7,
    reasons: ['ReadyForNewScale', 'ScaleUpLimit'],
  },
  {
    it: 'adds a share of the pods a minute, rounded up',
    wanted: 20,
    current: 5,
    up: slow('Percent', 10),
    replicas: 6,
    reasons: ['ReadyForNewScale', 'ScaleUpLimit'],
  },
  {
    it: 'removes so many pods a minute',
    wanted: 2,
    current: 10,
    down: slow('Pods', 3),
    history: changed(-2, 30),
    replicas: 9,
    reasons: ['ReadyForNewScale', 'ScaleDownLimit'],
  },
  {
    it: 'removes none when that is disabled',
    wanted: 2,
    current: 10,
    down: { stabilizationWindowSeconds: 0, selectPolicy: 'Disabled' },
    replicas: 10,
    reasons: ['ReadyForNewScale', 'ScaleDownLimit'],
  },
  {
    it: 'takes the slower of two policies when asked to',
    wanted: 20,
    current: 8,
    up: { ...anyUp, selectPolicy: 'Min' },
    replicas: 12,
    reasons: ['ReadyForNewScale', 'ScaleUpLimit'],
  },
  {
    it: 'waits with growing until it lasts',
    wanted: 9,
    current: 5,
    up: { ...anyUp, stabilizationWindowSeconds: 60 },
    history: recommended(6, 30),
    replicas: 6,
    reasons: ['ScaleUpStabilized', 'DesiredWithinRange'],
  },
];
for (const { it, wanted, current, up, down, history = nothing, replicas, reasons } of cases) {
  test(`an autoscaler ${it}`, () => {
    const behavior = up === undefined && down === undefined ? undefined : { scaleUp: up ?? anyUp, scaleDown: down ?? anyDown };
    const limited = limitReplicas(wanted, current, { behavior, minReplicas: 2, maxReplicas: 20 }, history, NOW_MS);
    assert.equal(limited.replicas, replicas);
    assert.deepEqual([limited.ableToScale.reason, limited.scalingLimited.reason], reasons);
  });
}

test('recommendations older than any window are forgotten', () => {
  const { recommendations } = rememberRecommendation(recommended(4, 3_601), 3, NOW_MS);
  assert.deepEqual(recommendations, [{ replicas: 3, atMs: NOW_MS }]);
});
