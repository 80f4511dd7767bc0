/** PriorityClasses, as the API server serves them. */
import { priorityclasses as type } from '#api/generated/resources.ts';
import type { PriorityClass } from '#api/generated/types.ts';
import { applyPriorityClassDefaults, validatePriorityClass, validatePriorityClassUpdate } from '#api/scheduling/v1/priority-class.ts';
import { ageColumn, countColumn, nameColumn, textColumn } from './columns.ts';
import { defineResource } from './define-resource.ts';

export const priorityclasses = defineResource<PriorityClass>(type, {
  shortNames: ['pc'],
  columns: [
    nameColumn,
    countColumn('Value', 'The priority of pods of this class.', ({ value }) => value ?? 0),
    {
      name: 'Global-Default',
      type: 'boolean',
      description: 'Whether pods without a class get this one.',
      value: ({ globalDefault }) => globalDefault ?? false,
    },
    ageColumn,
    textColumn('PreemptionPolicy', 'Whether such pods may displace others.', ({ preemptionPolicy }) => preemptionPolicy ?? ''),
  ],
  applyDefaults: applyPriorityClassDefaults,
  validate: validatePriorityClass,
  validateUpdate: validatePriorityClassUpdate,
  countedPart: ({ value, globalDefault, description, preemptionPolicy }) => [value, globalDefault, description, preemptionPolicy],
});
