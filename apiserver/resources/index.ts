/** The kinds that this version serves: adding one is its definition and a line in this list. What acts on each stands in docs/differences.md. */
import { apiservices } from './apiservices.ts';
import { bindings } from './bindings.ts';
import { certificatesigningrequests } from './certificatesigningrequests.ts';
import { clusterrolebindings } from './clusterrolebindings.ts';
import { clusterroles } from './clusterroles.ts';
import { componentstatuses } from './componentstatuses.ts';
import { configmaps } from './configmaps.ts';
import { controllerrevisions } from './controllerrevisions.ts';
import { cronjobs } from './cronjobs.ts';
import { csidrivers } from './csidrivers.ts';
import { csinodes } from './csinodes.ts';
import { csistoragecapacities } from './csistoragecapacities.ts';
import { customresourcedefinitions } from './customresourcedefinitions.ts';
import { daemonsets } from './daemonsets.ts';
import { deployments } from './deployments.ts';
import { deviceclasses } from './deviceclasses.ts';
import { endpoints } from './endpoints.ts';
import { endpointslices } from './endpointslices.ts';
import { events, eventsOfOwnGroup } from './events.ts';
import { flowschemas } from './flowschemas.ts';
import { horizontalpodautoscalers, horizontalpodautoscalersV1 } from './horizontalpodautoscalers.ts';
import { ingressclasses } from './ingressclasses.ts';
import { ingresses } from './ingresses.ts';
import { ipaddresses } from './ipaddresses.ts';
import { jobs } from './jobs.ts';
import { leases } from './leases.ts';
import { limitranges } from './limitranges.ts';
import { mutatingadmissionpolicies } from './mutatingadmissionpolicies.ts';
import { mutatingadmissionpolicybindings } from './mutatingadmissionpolicybindings.ts';
import { mutatingwebhookconfigurations } from './mutatingwebhookconfigurations.ts';
import { namespaces } from './namespaces.ts';
import { networkpolicies } from './networkpolicies.ts';
import { nodes } from './nodes.ts';
import { persistentvolumeclaims } from './persistentvolumeclaims.ts';
import { persistentvolumes } from './persistentvolumes.ts';
import { poddisruptionbudgets } from './poddisruptionbudgets.ts';
import { pods } from './pods.ts';
import { podtemplates } from './podtemplates.ts';
import { priorityclasses } from './priorityclasses.ts';
import { prioritylevelconfigurations } from './prioritylevelconfigurations.ts';
import { replicasets } from './replicasets.ts';
import { replicationcontrollers } from './replicationcontrollers.ts';
import type { ResourceDefinition } from './resource-definition.ts';
import { resourceclaims } from './resourceclaims.ts';
import { resourceclaimtemplates } from './resourceclaimtemplates.ts';
import { resourcequotas } from './resourcequotas.ts';
import { resourceslices } from './resourceslices.ts';
import { rolebindings } from './rolebindings.ts';
import { roles } from './roles.ts';
import { runtimeclasses } from './runtimeclasses.ts';
import { secrets } from './secrets.ts';
import { serviceaccounts } from './serviceaccounts.ts';
import { servicecidrs } from './servicecidrs.ts';
import { services } from './services.ts';
import { statefulsets } from './statefulsets.ts';
import { storageclasses } from './storageclasses.ts';
import { storageversionmigrations } from './storageversionmigrations.ts';
import { validatingadmissionpolicies } from './validatingadmissionpolicies.ts';
import { validatingadmissionpolicybindings } from './validatingadmissionpolicybindings.ts';
import { validatingwebhookconfigurations } from './validatingwebhookconfigurations.ts';
import { volumeattachments } from './volumeattachments.ts';
import { volumeattributesclasses } from './volumeattributesclasses.ts';

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
  persistentvolumeclaims,
  persistentvolumes,
  resourcequotas,
  limitranges,
  deployments,
  replicasets,
  statefulsets,
  daemonsets,
  controllerrevisions,
  replicationcontrollers,
  podtemplates,
  bindings,
  componentstatuses,
  jobs,
  cronjobs,
  endpointslices,
  leases,
  roles,
  rolebindings,
  clusterroles,
  clusterrolebindings,
  priorityclasses,
  customresourcedefinitions,
  apiservices,
  poddisruptionbudgets,
  eventsOfOwnGroup,
  horizontalpodautoscalers,
  horizontalpodautoscalersV1,
  ingresses,
  ingressclasses,
  networkpolicies,
  servicecidrs,
  ipaddresses,
  storageclasses,
  storageversionmigrations,
  volumeattachments,
  csidrivers,
  csinodes,
  csistoragecapacities,
  volumeattributesclasses,
  runtimeclasses,
  certificatesigningrequests,
  deviceclasses,
  resourceclaims,
  resourceclaimtemplates,
  resourceslices,
  flowschemas,
  prioritylevelconfigurations,
  validatingadmissionpolicies,
  validatingadmissionpolicybindings,
  mutatingadmissionpolicies,
  mutatingadmissionpolicybindings,
  mutatingwebhookconfigurations,
  validatingwebhookconfigurations,
];
