/** The scenarios there are. */
import type { Scenario } from '../simulate.ts';
import { awkwardScenarios } from './awkward.ts';
import { batchScenarios } from './batch.ts';
import { limitScenarios } from './limits.ts';
import { ownershipScenarios } from './ownership.ts';
import { placeScenarios } from './places.ts';
import { workloadScenarios } from './workloads.ts';

export const scenarios: readonly Scenario[] = [
  ...workloadScenarios,
  ...batchScenarios,
  ...ownershipScenarios,
  ...limitScenarios,
  ...placeScenarios,
  ...awkwardScenarios,
];
