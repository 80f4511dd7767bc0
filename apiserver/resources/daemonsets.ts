/** DaemonSets, as the API server serves them. */
import { applyDaemonSetDefaults, countTemplate, validateDaemonSet, validateDaemonSetUpdate } from '#api/apps/v1/daemon-set.ts';
import { daemonsets as type } from '#api/generated/resources.ts';
import type { DaemonSet } from '#api/generated/types.ts';
import { formatLabelSelector, formatLabels } from '#api/meta/label-selector.ts';
import { ageColumn, countColumn, nameColumn, templateColumns, textColumn, wide } from './columns.ts';
import { defineResource } from './define-resource.ts';

export const daemonsets = defineResource<DaemonSet>(type, {
  shortNames: ['ds'],
  categories: ['all'],
  columns: [
    nameColumn,
    countColumn('Desired', 'How many nodes should run a pod.', ({ status }) => status?.desiredNumberScheduled ?? 0),
    countColumn('Current', 'How many nodes that should run a pod have one.', ({ status }) => status?.currentNumberScheduled ?? 0),
    countColumn('Ready', 'How many nodes have a pod that is ready.', ({ status }) => status?.numberReady ?? 0),
    countColumn('Up-to-date', 'How many nodes have a pod of the current template.', ({ status }) => status?.updatedNumberScheduled ?? 0),
    countColumn(
      'Available',
      'How many nodes have a pod that has been ready for long enough.',
      ({ status }) => status?.numberAvailable ?? 0,
    ),
    textColumn('Node Selector', 'Which nodes get a pod.', ({ spec }) => formatLabels(spec.template.spec?.nodeSelector)),
    ageColumn,
    ...templateColumns<DaemonSet>(({ spec }) => spec.template),
    wide(textColumn('Selector', 'Which pods belong to it.', ({ spec }) => formatLabelSelector(spec.selector))),
  ],
  applyDefaults: applyDaemonSetDefaults,
  validate: validateDaemonSet,
  validateUpdate: validateDaemonSetUpdate,
  countedPart: ({ spec }) => spec,
  initialStatus: () => ({ currentNumberScheduled: 0, numberMisscheduled: 0, desiredNumberScheduled: 0, numberReady: 0 }),
  prepareForCreate: (daemonSet) => countTemplate(daemonSet, undefined),
  prepareForUpdate: countTemplate,
});
