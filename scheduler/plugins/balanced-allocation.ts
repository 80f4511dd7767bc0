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
        const amounts = names.map((name) => ({ name, amount: pod.requests.get(name) ?? 0 }));
        if (amounts.every(({ amount }) => amount === 0)) return undefined;
        // Of a resource that few nodes have, only pods that ask for it care.
        const counted = amounts.filter(({ name, amount }) => amount > 0 || !name.includes('/'));
        return {
          score: ({ allocatable, requested }) => {
            const fractions: number[] = [];
            for (const { name, amount } of counted) {
              const total = allocatable.get(name) ?? 0;
              if (total > 0) fractions.push(Math.min(((requested.get(name) ?? 0) + amount) / total, 1));
            }
            return Math.floor((1 - standardDeviation(fractions)) * SCORE_MAX);
          },
        };
      },
    }),
  };
}

function standardDeviation(values: readonly number[]): number {
  if (values.length < 2) return 0;
  let sum = 0;
  for (const value of values) sum += value;
  const mean = sum / values.length;
  let squares = 0;
  for (const value of values) squares += (value - mean) ** 2;
  return Math.sqrt(squares / values.length);
}
