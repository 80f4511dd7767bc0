/** PodDisruptionBudgets, as the API server serves them. */
import { poddisruptionbudgets as type } from '#api/generated/resources.ts';
import type { PodDisruptionBudget } from '#api/generated/types.ts';
import { validatePodDisruptionBudget } from '#api/policy/v1/pod-disruption-budget.ts';
import { ageColumn, countColumn, nameColumn, textColumn } from './columns.ts';
import { defineResource } from './define-resource.ts';

const NOT_APPLICABLE = 'N/A';

export const poddisruptionbudgets = defineResource<PodDisruptionBudget>(type, {
  shortNames: ['pdb'],
  columns: [
    nameColumn,
    textColumn('Min Available', 'How many pods must stay.', ({ spec }) => String(spec.minAvailable ?? NOT_APPLICABLE)),
    textColumn('Max Unavailable', 'How many pods may be missing.', ({ spec }) => String(spec.maxUnavailable ?? NOT_APPLICABLE)),
    countColumn('Allowed Disruptions', 'How many pods may be evicted now.', ({ status }) => status?.disruptionsAllowed ?? 0),
    ageColumn,
  ],
  validate: validatePodDisruptionBudget,
  countedPart: ({ spec }) => spec,
  initialStatus: () => ({ disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 }),
});
