/** IngressClasses, as the API server serves them. */
import { ingressclasses as type } from '#api/generated/resources.ts';
import type { IngressClass } from '#api/generated/types.ts';
import { applyIngressClassDefaults, validateIngressClass, validateIngressClassUpdate } from '#api/networking/v1/ingress.ts';
import { ageColumn, NONE, nameColumn, textColumn } from './columns.ts';
import { defineResource } from './define-resource.ts';

export const ingressclasses = defineResource<IngressClass>(type, {
  columns: [
    nameColumn,
    textColumn('Controller', 'Who looks after Ingresses of this class.', ({ spec }) => spec.controller ?? ''),
    textColumn('Parameters', 'What more that controller is told.', parameters),
    ageColumn,
  ],
  applyDefaults: applyIngressClassDefaults,
  validate: validateIngressClass,
  validateUpdate: validateIngressClassUpdate,
  countedPart: ({ spec }) => spec,
});

function parameters({ spec }: IngressClass): string {
  if (spec.parameters === undefined) return NONE;
  const { apiGroup, kind, name } = spec.parameters;
  return `${kind}${apiGroup === undefined ? '' : `.${apiGroup}`}/${name}`;
}
