/** APIServices, as the API server serves them. What follows from them is in `aggregation/`. */
import {
  AVAILABLE,
  applyApiServiceDefaults,
  localCondition,
  validateApiService,
  validateApiServiceUpdate,
} from '#api/apiregistration/v1/api-service.ts';
import { apiservices as type } from '#api/generated/resources.ts';
import type { APIService } from '#api/generated/types.ts';
import { findCondition } from '#api/meta/condition.ts';
import { ageColumn, nameColumn, textColumn } from './columns.ts';
import { defineResource } from './define-resource.ts';

export const apiservices = defineResource<APIService>(type, {
  categories: ['api-extensions'],
  columns: [
    nameColumn,
    textColumn('Service', 'Who answers for the group version: a Service, or this server.', ({ spec: { service } }) =>
      service === undefined ? 'Local' : `${service.namespace}/${service.name}`,
    ),
    textColumn('Available', 'Whether it does, and if not, why.', availability),
    ageColumn,
  ],
  applyDefaults: applyApiServiceDefaults,
  validate: validateApiService,
  validateUpdate: validateApiServiceUpdate,
  initialStatus: ({ spec, metadata }) =>
    spec.service === undefined ? { conditions: [{ ...localCondition, lastTransitionTime: metadata.creationTimestamp }] } : {},
});

/** `False (ServiceNotFound)` */
function availability({ status }: APIService): string {
  const condition = findCondition(status?.conditions, AVAILABLE);
  if (condition === undefined) return 'Unknown';
  return condition.status === 'True' || !condition.reason ? condition.status : `${condition.status} (${condition.reason})`;
}
