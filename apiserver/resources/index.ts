/** The kinds that this version serves: adding one is its definition and a line in this list. What acts on each stands in docs/differences.md. */
import { clusterrolebindings } from './clusterrolebindings.ts';
import { clusterroles } from './clusterroles.ts';
import { configmaps } from './configmaps.ts';
import { controllerrevisions } from './controllerrevisions.ts';
import { cronjobs } from './cronjobs.ts';
import { daemonsets } from './daemonsets.ts';
import { deployments } from './deployments.ts';
import { endpoints } from './endpoints.ts';
import { endpointslices } from './endpointslices.ts';
import { events } from './events.ts';
import { jobs } from './jobs.ts';
import { leases } from './leases.ts';
import { namespaces } from './namespaces.ts';
import { nodes } from './nodes.ts';
import { pods } from './pods.ts';
import { podtemplates } from './podtemplates.ts';
import { priorityclasses } from './priorityclasses.ts';
import { replicasets } from './replicasets.ts';
import { replicationcontrollers } from './replicationcontrollers.ts';
import type { ResourceDefinition } from './resource-definition.ts';
import { rolebindings } from './rolebindings.ts';
import { roles } from './roles.ts';
import { secrets } from './secrets.ts';
import { serviceaccounts } from './serviceaccounts.ts';
import { services } from './services.ts';
import { statefulsets } from './statefulsets.ts';

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
  statefulsets,
  daemonsets,
  controllerrevisions,
  replicationcontrollers,
  podtemplates,
  jobs,
  cronjobs,
  endpointslices,
  leases,
  roles,
  rolebindings,
  clusterroles,
  clusterrolebindings,
  priorityclasses,
];
