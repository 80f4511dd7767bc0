/** Prefers nodes whose processor and memory would be used in like measure, so that neither is left over without the other. */
import { SCORE_MAX, type SchedulerPlugin } from '../plugin.ts';
import { scoredResources, type WeightedResource } from './node-resources-fit.ts';

export interface BalancedAllocationArgs {
  readonly resources: readonly WeightedResource[];
}

export function createBalancedAllocation({ resources }: BalancedAllocationArgs = { resources: scoredResources }): SchedulerPlugin {
  const names = resources.map(({ name }) => name);
  return {
    name: 'NodeResourcesBalancedAllocation',
    hints: {},
    prepare: (pod) => ({
      prepareScore: () => {
        const isBestEffort = names.every((name) => (pod.requests.get(name) ?? 0) === 0);
        if (isBestEffort) return undefined;
        return {
          score: ({ allocatable, requested }) => {
            const fractions = names.flatMap((name) => {
              const total = allocatable.get(name) ?? 0;
              const own = pod.requests.get(name) ?? 0;
              if (total === 0 || (name.includes('/') && own === 0)) return [];
              return [Math.min(((requested.get(name) ?? 0) + own) / total, 1)];
            });
            return Math.floor((1 - standardDeviation(fractions)) * SCORE_MAX);
          },
        };
      },
    }),
  };
}

function standardDeviation(values: readonly number[]): number {
  if (values.length < 2) return 0;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
}
