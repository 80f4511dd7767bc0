/** Statistics for tests of the kubelet's server that are not about them. */
import type { StatsApi } from '../stats/stats-api.ts';

export const noStats: StatsApi = {
  summary: async () => ({}),
  resourceMetrics: async () => '',
  containerMetrics: async () => '',
};
