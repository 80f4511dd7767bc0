/** StatefulSets, as the API server serves them. */
import { applyStatefulSetDefaults, validateStatefulSet, validateStatefulSetUpdate } from '#api/apps/v1/stateful-set.ts';
import { statefulsets as type } from '#api/generated/resources.ts';
import type { StatefulSet } from '#api/generated/types.ts';
import { ageColumn, nameColumn, templateColumns, textColumn } from './columns.ts';
import { defineResource } from './define-resource.ts';

export const statefulsets = defineResource<StatefulSet>(type, {
  shortNames: ['sts'],
  categories: ['all'],
  columns: [
    nameColumn,
    textColumn(
      'Ready',
      'How many pods are ready, of how many.',
      ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec.replicas ?? 0}`,
    ),
    ageColumn,
    ...templateColumns<StatefulSet>(({ spec }) => spec.template),
  ],
  applyDefaults: applyStatefulSetDefaults,
  validate: validateStatefulSet,
  validateUpdate: validateStatefulSetUpdate,
  countedPart: ({ spec }) => spec,
  initialStatus: () => ({ replicas: 0, availableReplicas: 0 }),
});
