/** Ingresses, as the API server serves them. */
import { ingresses as type } from '#api/generated/resources.ts';
import type { Ingress } from '#api/generated/types.ts';
import { validateIngress, validateIngressCreate } from '#api/networking/v1/ingress.ts';
import { ageColumn, NONE, nameColumn, textColumn } from './columns.ts';
import { defineResource } from './define-resource.ts';

const HOSTS_SHOWN_MAX = 3;

export const ingresses = defineResource<Ingress>(type, {
  shortNames: ['ing'],
  columns: [
    nameColumn,
    textColumn('Class', 'Which controller it is for.', ({ spec }) => spec.ingressClassName ?? NONE),
    textColumn('Hosts', 'The hosts that its rules are for.', hosts),
    textColumn('Address', 'Where it can be reached.', address),
    textColumn('Ports', 'The ports that are open.', ({ spec }) => ((spec.tls ?? []).length > 0 ? '80, 443' : '80')),
    ageColumn,
  ],
  validate: validateIngress,
  validateCreate: validateIngressCreate,
  countedPart: ({ spec }) => spec,
  initialStatus: () => ({ loadBalancer: {} }),
});

function hosts({ spec: { rules = [] } }: Ingress): string {
  const named = rules.slice(0, HOSTS_SHOWN_MAX).flatMap(({ host }) => host || []);
  const hidden = rules.length - HOSTS_SHOWN_MAX;
  if (named.length === 0) return '*';
  return hidden > 0 ? `${named.join(',')} + ${hidden} more...` : named.join(',');
}

function address({ status }: Ingress): string {
  const points = (status?.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip || hostname || '').filter((text) => text !== '');
  return [...new Set(points)].sort().join(',');
}
