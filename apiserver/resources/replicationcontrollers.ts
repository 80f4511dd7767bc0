/** ReplicationControllers, as the API server serves them. */
import { applyReplicationControllerDefaults, validateReplicationController } from '#api/core/v1/replication-controller.ts';
import { replicationcontrollers as type } from '#api/generated/resources.ts';
import type { ReplicationController } from '#api/generated/types.ts';
import { formatLabels } from '#api/meta/label-selector.ts';
import { ageColumn, countColumn, nameColumn, templateColumns, textColumn, wide } from './columns.ts';
import { defineResource } from './define-resource.ts';

export const replicationcontrollers = defineResource<ReplicationController>(type, {
  shortNames: ['rc'],
  categories: ['all'],
  columns: [
    nameColumn,
    countColumn('Desired', 'How many pods are wanted.', ({ spec }) => spec.replicas ?? 0),
    countColumn('Current', 'How many pods there are.', ({ status }) => status?.replicas ?? 0),
    countColumn('Ready', 'How many pods are ready.', ({ status }) => status?.readyReplicas ?? 0),
    ageColumn,
    ...templateColumns<ReplicationController>(({ spec }) => spec.template),
    wide(textColumn('Selector', 'Which pods belong to it.', ({ spec }) => formatLabels(spec.selector))),
  ],
  applyDefaults: applyReplicationControllerDefaults,
  validate: validateReplicationController,
  countedPart: ({ spec }) => spec,
  initialStatus: () => ({ replicas: 0 }),
  selectableFields: ({ status }) => ({ 'status.replicas': String(status?.replicas ?? 0) }),
});
