/** Deployments, as the API server serves them. */

import { applyDeploymentDefaults, validateDeployment, validateDeploymentUpdate } from '#api/apps/v1/deployment.ts';
import { deployments as type } from '#api/generated/resources.ts';
import type { Deployment } from '#api/generated/types.ts';
import { formatRequirements, requirementsOf } from '#api/meta/label-selector.ts';
import { ageColumn, containerImages, containerNames, nameColumn, textColumn, wide } from './columns.ts';
import { defineResource } from './define-resource.ts';

const containersOf = (deployment: Deployment) => deployment.spec.template.spec?.containers ?? [];

export const deployments = defineResource<Deployment>(type, {
  shortNames: ['deploy'],
  categories: ['all'],
  columns: [
    nameColumn,
    textColumn(
      'Ready',
      'How many pods are ready, of how many.',
      ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec.replicas ?? 0}`,
    ),
    textColumn('Up-to-date', 'How many pods have the current template.', ({ status }) => status?.updatedReplicas ?? 0),
    textColumn('Available', 'How many pods have been ready for long enough.', ({ status }) => status?.availableReplicas ?? 0),
    ageColumn,
    wide(textColumn('Containers', 'Names of the containers.', (deployment) => containerNames(containersOf(deployment)))),
    wide(textColumn('Images', 'Images of the containers.', (deployment) => containerImages(containersOf(deployment)))),
    wide(textColumn('Selector', 'Which pods belong to it.', ({ spec }) => formatRequirements(requirementsOf(spec.selector)))),
  ],
  statusMetadata: ['annotations', 'finalizers', 'ownerReferences'],
  applyDefaults: applyDeploymentDefaults,
  validate: validateDeployment,
  validateUpdate: validateDeploymentUpdate,
  // Annotations count: the controller copies them to its ReplicaSets, and reports in the status that it has.
  countedPart: ({ spec, metadata }) => [spec, metadata.annotations ?? {}],
  initialStatus: () => ({}),
});
