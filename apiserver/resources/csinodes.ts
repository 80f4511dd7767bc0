/** CSINodes, as the API server serves them. */
import { csinodes as type } from '#api/generated/resources.ts';
import type { CSINode } from '#api/generated/types.ts';
import { validateCsiNode, validateCsiNodeUpdate } from '#api/storage/v1/csi.ts';
import { ageColumn, countColumn, nameColumn } from './columns.ts';
import { defineResource } from './define-resource.ts';

export const csinodes = defineResource<CSINode>(type, {
  columns: [nameColumn, countColumn('Drivers', 'How many CSI drivers the node has.', ({ spec }) => spec.drivers.length), ageColumn],
  validate: validateCsiNode,
  validateUpdate: validateCsiNodeUpdate,
});
