/** The kinds that this version serves. A kind is here once something acts on it; adding one is its definition and a line in this list. */
import { clusterrolebindings } from './clusterrolebindings.ts';
import { clusterroles } from './clusterroles.ts';
import { configmaps } from './configmaps.ts';
import { customresourcedefinitions } from './customresourcedefinitions.ts';
import { deployments } from './deployments.ts';
import { endpoints } from './endpoints.ts';
import { endpointslices } from './endpointslices.ts';
import { events } from './events.ts';
import { leases } from './leases.ts';
import { namespaces } from './namespaces.ts';
import { nodes } from './nodes.ts';
import { pods } from './pods.ts';
import { priorityclasses } from './priorityclasses.ts';
import { replicasets } from './replicasets.ts';
import type { ResourceDefinition } from './resource-definition.ts';
import { rolebindings } from './rolebindings.ts';
import { roles } from './roles.ts';
import { secrets } from './secrets.ts';
import { serviceaccounts } from './serviceaccounts.ts';
import { services } from './services.ts';

export const resourceDefinitions: readonly ResourceDefinition[] = [
  pods,
  services,
  endpoints,
  nodes,
  namespaces,
  configmaps,
  secrets,
  serviceaccounts,
  events,
  deployments,
  replicasets,
  endpointslices,
  leases,
  roles,
  rolebindings,
  clusterroles,
  clusterrolebindings,
  priorityclasses,
  customresourcedefinitions,
];
