/** Bindings, which are carried out rather than stored: `pipeline/binding.ts`. */
import { bindings as type } from '#api/generated/resources.ts';
import type { Binding } from '#api/generated/types.ts';
import { defineResource } from './define-resource.ts';

export const bindings = defineResource<Binding>(type, { validate: () => [] });
