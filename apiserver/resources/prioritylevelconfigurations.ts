/** PriorityLevelConfigurations, as the API server serves them. */
import { applyPriorityLevelDefaults, validatePriorityLevel } from '#api/flowcontrol/v1/priority-level.ts';
import { prioritylevelconfigurations as type } from '#api/generated/resources.ts';
import type { PriorityLevelConfiguration, QueuingConfiguration } from '#api/generated/types.ts';
import { ageColumn, NONE, nameColumn, textColumn } from './columns.ts';
import { defineResource } from './define-resource.ts';

export const prioritylevelconfigurations = defineResource<PriorityLevelConfiguration>(type, {
  columns: [
    nameColumn,
    textColumn('Type', 'Whether such requests are limited.', ({ spec }) => spec.type),
    textColumn(
      'NominalConcurrencyShares',
      'The share of the server that it has.',
      ({ spec }) => spec.limited?.nominalConcurrencyShares ?? NONE,
    ),
    queuingColumn('Queues', 'How many queues there are.', 'queues'),
    queuingColumn('HandSize', 'How many of them one flow may use.', 'handSize'),
    queuingColumn('QueueLengthLimit', 'How many requests wait in one of them at most.', 'queueLengthLimit'),
    ageColumn,
  ],
  applyDefaults: applyPriorityLevelDefaults,
  validate: validatePriorityLevel,
  countedPart: ({ spec }) => spec,
});

function queuingColumn(name: string, description: string, member: keyof QueuingConfiguration) {
  return textColumn<PriorityLevelConfiguration>(name, description, ({ spec }) => spec.limited?.limitResponse?.queuing?.[member] ?? NONE);
}
