/** ReplicaSets, as the API server serves them. */

import { applyReplicaSetDefaults, validateReplicaSet, validateReplicaSetUpdate } from '#api/apps/v1/replica-set.ts';
import { replicasets as type } from '#api/generated/resources.ts';
import type { ReplicaSet } from '#api/generated/types.ts';
import { formatLabelSelector } from '#api/meta/label-selector.ts';
import { ageColumn, containerImages, containerNames, countColumn, nameColumn, textColumn, wide } from './columns.ts';
import { defineResource } from './define-resource.ts';

const containersOf = (replicaSet: ReplicaSet) => replicaSet.spec.template?.spec?.containers ?? [];

export const replicasets = defineResource<ReplicaSet>(type, {
  shortNames: ['rs'],
  categories: ['all'],
  columns: [
    nameColumn,
    countColumn('Desired', 'How many pods are wanted.', ({ spec }) => spec.replicas ?? 0),
    countColumn('Current', 'How many pods there are.', ({ status }) => status?.replicas ?? 0),
    countColumn('Ready', 'How many pods are ready.', ({ status }) => status?.readyReplicas ?? 0),
    ageColumn,
    wide(textColumn('Containers', 'Names of the containers.', (replicaSet) => containerNames(containersOf(replicaSet)))),
    wide(textColumn('Images', 'Images of the containers.', (replicaSet) => containerImages(containersOf(replicaSet)))),
    wide(textColumn('Selector', 'Which pods belong to it.', ({ spec }) => formatLabelSelector(spec.selector))),
  ],
  applyDefaults: applyReplicaSetDefaults,
  validate: validateReplicaSet,
  validateUpdate: validateReplicaSetUpdate,
  countedPart: (replicaSet) => replicaSet.spec,
  initialStatus: () => ({ replicas: 0 }),
  selectableFields: ({ status }) => ({ 'status.replicas': String(status?.replicas ?? 0) }),
});
