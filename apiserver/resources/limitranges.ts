/** LimitRanges, as the API server serves them. */
import { applyLimitRangeDefaults, validateLimitRange } from '#api/core/v1/limit-range.ts';
import { limitranges as type } from '#api/generated/resources.ts';
import type { LimitRange } from '#api/generated/types.ts';
import { defineResource } from './define-resource.ts';

export const limitranges = defineResource<LimitRange>(type, {
  shortNames: ['limits'],
  applyDefaults: applyLimitRangeDefaults,
  validate: validateLimitRange,
});
