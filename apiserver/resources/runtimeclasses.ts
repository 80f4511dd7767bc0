/** RuntimeClasses, as the API server serves them. */
import { runtimeclasses as type } from '#api/generated/resources.ts';
import type { RuntimeClass } from '#api/generated/types.ts';
import { applyRuntimeClassDefaults, validateRuntimeClass, validateRuntimeClassUpdate } from '#api/node/v1/runtime-class.ts';
import { ageColumn, nameColumn, textColumn } from './columns.ts';
import { defineResource } from './define-resource.ts';

export const runtimeclasses = defineResource<RuntimeClass>(type, {
  columns: [nameColumn, textColumn('Handler', 'How the container runtime calls it.', ({ handler }) => handler), ageColumn],
  applyDefaults: applyRuntimeClassDefaults,
  validate: validateRuntimeClass,
  validateUpdate: validateRuntimeClassUpdate,
});
