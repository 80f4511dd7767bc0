/** Prefers nodes whose processor and memory would be used in like measure, so that neither is left over without the other. */
import { SCORE_MAX, type SchedulerPlugin } from '../plugin.ts';
import { SCORED_RESOURCES } from './node-resources-fit.ts';

export const balancedAllocation: SchedulerPlugin = {
  name: 'NodeResourcesBalancedAllocation',
  weight: 1,
  wakeOn: [],
  prepare: (pod) => ({
    prepareScore: () => {
      const isBestEffort = SCORED_RESOURCES.every((name) => (pod.requests.get(name) ?? 0) === 0);
      if (isBestEffort) return undefined;
      return {
        score: ({ allocatable, requested }) => {
          const fractions = SCORED_RESOURCES.flatMap((name) => {
            const total = allocatable.get(name) ?? 0;
            const used = (requested.get(name) ?? 0) + (pod.requests.get(name) ?? 0);
            return total === 0 ? [] : [Math.min(used / total, 1)];
          });
          return Math.floor((1 - standardDeviation(fractions)) * SCORE_MAX);
        },
      };
    },
  }),
};

function standardDeviation(values: readonly number[]): number {
  if (values.length < 2) return 0;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
}
