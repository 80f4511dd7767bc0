/** FlowSchemas, as the API server serves them. */
import { applyFlowSchemaDefaults, validateFlowSchema } from '#api/flowcontrol/v1/flow-schema.ts';
import { flowschemas as type } from '#api/generated/resources.ts';
import type { FlowSchema } from '#api/generated/types.ts';
import { ageColumn, NONE, nameColumn, textColumn } from './columns.ts';
import { defineResource } from './define-resource.ts';

export const flowschemas = defineResource<FlowSchema>(type, {
  columns: [
    nameColumn,
    textColumn('PriorityLevel', 'Which level such requests have.', ({ spec }) => spec.priorityLevelConfiguration.name),
    textColumn('MatchingPrecedence', 'Schemas with smaller numbers are looked at first.', ({ spec }) => spec.matchingPrecedence ?? 0),
    textColumn('DistinguisherMethod', 'What tells its flows apart.', ({ spec }) => spec.distinguisherMethod?.type ?? NONE),
    ageColumn,
    textColumn('MissingPL', 'Whether its priority level is missing.', missingLevel),
  ],
  applyDefaults: applyFlowSchemaDefaults,
  validate: validateFlowSchema,
  countedPart: ({ spec }) => spec,
});

function missingLevel({ status }: FlowSchema): string {
  return status?.conditions?.find(({ type: condition }) => condition === 'Dangling')?.status ?? '?';
}
