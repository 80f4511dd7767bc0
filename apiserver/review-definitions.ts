/**
 * Reviews: questions asked in the form of an object that is never stored ("may I?", "who am I?"). This is what discovery and the pipeline need to know of them;
 * `pipeline/review.ts` answers.
 */
import {
  localsubjectaccessreviews,
  selfsubjectaccessreviews,
  selfsubjectreviews,
  selfsubjectrulesreviews,
  subjectaccessreviews,
  tokenreviews,
} from '#api/generated/resources.ts';
import type { ApiObject, ResourceType } from '#api/meta/resource-type.ts';
import type { ResourceDefinition } from './resources/resource-definition.ts';

export const reviewTypes = [
  localsubjectaccessreviews,
  selfsubjectaccessreviews,
  selfsubjectreviews,
  selfsubjectrulesreviews,
  subjectaccessreviews,
  tokenreviews,
] as const;

export const reviewDefinitions: readonly ResourceDefinition<ApiObject>[] = reviewTypes.map((type) => defineReview<ApiObject>(type));

export function isReview(type: ResourceType<ApiObject>): boolean {
  return reviewTypes.some((review) => review.group === type.group && review.plural === type.plural);
}

function defineReview<T extends ApiObject>(type: ResourceType<T>): ResourceDefinition<T> {
  return {
    type,
    singular: type.kind.toLowerCase(),
    shortNames: [],
    categories: [],
    columns: [],
    applyDefaults: (object) => object,
    validate: () => [],
    validateUpdate: () => [],
    prepareForCreate: (object) => object,
    prepareForUpdate: (object) => object,
    statusMetadata: [],
    prepareForStatusUpdate: (object) => object,
    selectableFields: () => ({}),
  };
}
