/**
 * The caches that the controllers share: one informer per resource for the whole process, with the indexes that any of them needs. Resources
 * that only the garbage collector looks at are added as discovery finds them. `createSharedCaches` starts nothing; `all.run` does.
 */
import {
  certificatesigningrequests,
  clusterroles,
  configmaps,
  controllerrevisions,
  cronjobs,
  csidrivers,
  customresourcedefinitions,
  daemonsets,
  deployments,
  endpoints,
  endpointslices,
  horizontalpodautoscalersV2,
  jobs,
  leases,
  namespaces,
  nodes,
  persistentvolumeclaims,
  persistentvolumes,
  poddisruptionbudgets,
  pods,
  replicasets,
  replicationcontrollers,
  resourceclaims,
  resourceclaimtemplates,
  resourcequotas,
  secrets,
  serviceaccounts,
  services,
  statefulsets,
  storageclasses,
  storageversionmigrations,
  validatingadmissionpolicies,
  volumeattachments,
} from '#api/generated/resources.ts';
import type {
  CertificateSigningRequest,
  ClusterRole,
  ConfigMap,
  ControllerRevision,
  CronJob,
  CSIDriver,
  CustomResourceDefinition,
  DaemonSet,
  Deployment,
  EndpointSlice,
  Endpoints,
  Job,
  Lease,
  Namespace,
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  PodDisruptionBudget,
  ReplicaSet,
  ReplicationController,
  ResourceClaimTemplate,
  ResourceQuota,
  ResourceResourceClaim,
  Secret,
  Service,
  ServiceAccount,
  StatefulSet,
  StorageClass,
  StorageVersionMigration,
  V2HorizontalPodAutoscaler,
  ValidatingAdmissionPolicy,
  VolumeAttachment,
} from '#api/generated/types.ts';
import { keyOf } from '#api/meta/object-key.ts';
import { controllerOf } from '#api/meta/owner-reference.ts';
import type { ApiObject, ResourceType } from '#api/meta/resource-type.ts';
import { isReason } from '#api/meta/status.ts';
import type { Client } from '#client/client.ts';
import { createInformer, type Informer, type InformerDeps } from '#client/informer.ts';
import type { Clock } from '#component/clock.ts';
import type { Random } from '#component/random.ts';
import { createResourceCaches, type ResourceCaches } from './resource-caches.ts';
import { claimNamesOf } from './resource-claim/pod-claims.ts';

/** Index: the uid of the controlling owner, or `orphan/<namespace>` for objects that have none. */
export const CONTROLLER = 'controller';
/** Index of pods: the node they are bound to, empty while unscheduled. */
export const NODE = 'node';
/** Index of pods: `true` for those that ran to their end. */
export const FINISHED = 'finished';
/** Index of everything: the uids of all owners. */
export const OWNER = 'owner';
/** Index of EndpointSlices: `namespace/name` of their Service. */
export const SERVICE = 'service';

/** Index of pods: `namespace/name` of the ResourceClaims they have. */
export const RESOURCE_CLAIM = 'resourceClaim';

export const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';

export interface SharedCaches {
  readonly client: Client;
  readonly clock: Clock;
  readonly random: Random;
  readonly deployments: Informer<Deployment>;
  readonly replicaSets: Informer<ReplicaSet>;
  readonly replicationControllers: Informer<ReplicationController>;
  readonly statefulSets: Informer<StatefulSet>;
  readonly daemonSets: Informer<DaemonSet>;
  readonly jobs: Informer<Job>;
  readonly cronJobs: Informer<CronJob>;
  readonly controllerRevisions: Informer<ControllerRevision>;
  readonly pods: Informer<Pod>;
  readonly persistentVolumeClaims: Informer<PersistentVolumeClaim>;
  readonly persistentVolumes: Informer<PersistentVolume>;
  readonly storageClasses: Informer<StorageClass>;
  readonly csiDrivers: Informer<CSIDriver>;
  readonly volumeAttachments: Informer<VolumeAttachment>;
  readonly podDisruptionBudgets: Informer<PodDisruptionBudget>;
  readonly resourceClaims: Informer<ResourceResourceClaim>;
  readonly resourceClaimTemplates: Informer<ResourceClaimTemplate>;
  readonly horizontalPodAutoscalers: Informer<V2HorizontalPodAutoscaler>;
  readonly services: Informer<Service>;
  readonly endpointSlices: Informer<EndpointSlice>;
  readonly namespaces: Informer<Namespace>;
  readonly nodes: Informer<Node>;
  readonly leases: Informer<Lease>;
  readonly endpoints: Informer<Endpoints>;
  readonly serviceAccounts: Informer<ServiceAccount>;
  readonly configMaps: Informer<ConfigMap>;
  readonly secrets: Informer<Secret>;
  readonly resourceQuotas: Informer<ResourceQuota>;
  readonly certificateSigningRequests: Informer<CertificateSigningRequest>;
  readonly clusterRoles: Informer<ClusterRole>;
  readonly customResourceDefinitions: Informer<CustomResourceDefinition>;
  readonly storageVersionMigrations: Informer<StorageVersionMigration>;
  readonly validatingAdmissionPolicies: Informer<ValidatingAdmissionPolicy>;
  /** Every resource that may own or be owned, the ones above included; running it keeps all copies current. */
  readonly all: ResourceCaches;
}

export function createSharedCaches(deps: InformerDeps): SharedCaches {
  const indexes = { [OWNER]: ownerIndex };
  const controlledIndexes = { ...indexes, [CONTROLLER]: controllerIndex };
  const podIndexes = { ...controlledIndexes, [NODE]: nodeIndex, [FINISHED]: finishedIndex, [RESOURCE_CLAIM]: resourceClaimIndex };
  const caches = {
    deployments: createInformer({ type: deployments, indexes }, deps),
    replicaSets: createInformer({ type: replicasets, indexes: controlledIndexes }, deps),
    replicationControllers: createInformer({ type: replicationcontrollers, indexes }, deps),
    statefulSets: createInformer({ type: statefulsets, indexes }, deps),
    daemonSets: createInformer({ type: daemonsets, indexes }, deps),
    jobs: createInformer({ type: jobs, indexes: controlledIndexes }, deps),
    cronJobs: createInformer({ type: cronjobs, indexes }, deps),
    controllerRevisions: createInformer({ type: controllerrevisions, indexes: controlledIndexes }, deps),
    pods: createInformer({ type: pods, indexes: podIndexes }, deps),
    persistentVolumeClaims: createInformer({ type: persistentvolumeclaims, indexes }, deps),
    persistentVolumes: createInformer({ type: persistentvolumes, indexes }, deps),
    storageClasses: createInformer({ type: storageclasses, indexes }, deps),
    csiDrivers: createInformer({ type: csidrivers, indexes }, deps),
    volumeAttachments: createInformer({ type: volumeattachments, indexes }, deps),
    podDisruptionBudgets: createInformer({ type: poddisruptionbudgets, indexes }, deps),
    resourceClaims: createInformer({ type: resourceclaims, indexes: controlledIndexes }, deps),
    resourceClaimTemplates: createInformer({ type: resourceclaimtemplates, indexes }, deps),
    horizontalPodAutoscalers: createInformer({ type: horizontalpodautoscalersV2, indexes }, deps),
    services: createInformer({ type: services, indexes }, deps),
    endpointSlices: createInformer({ type: endpointslices, indexes: { ...indexes, [SERVICE]: serviceIndex } }, deps),
    endpoints: createInformer({ type: endpoints, indexes }, deps),
    namespaces: createInformer({ type: namespaces, indexes }, deps),
    nodes: createInformer({ type: nodes, indexes }, deps),
    leases: createInformer({ type: leases, indexes }, deps),
    serviceAccounts: createInformer({ type: serviceaccounts, indexes }, deps),
    secrets: createInformer({ type: secrets, indexes }, deps),
    configMaps: createInformer({ type: configmaps, indexes }, deps),
    clusterRoles: createInformer({ type: clusterroles, indexes }, deps),
    certificateSigningRequests: createInformer({ type: certificatesigningrequests, indexes }, deps),
    resourceQuotas: createInformer({ type: resourcequotas, indexes }, deps),
    customResourceDefinitions: createInformer({ type: customresourcedefinitions, indexes }, deps),
    storageVersionMigrations: createInformer({ type: storageversionmigrations, indexes }, deps),
    validatingAdmissionPolicies: createInformer({ type: validatingadmissionpolicies, indexes }, deps),
  };
  const all = createResourceCaches(Object.values(caches), (type) => createInformer({ type, indexes }, deps), deps);
  const { client, clock, random } = deps;
  return { client, clock, random, ...caches, all };
}

/** Whether the object's namespace is being emptied: the server refuses anything new in it, so nobody should try. */
export function isNamespaceGoing(caches: SharedCaches, { metadata }: ApiObject): boolean {
  return caches.namespaces.store.find({ namespace: '', name: metadata.namespace ?? '' })?.metadata.deletionTimestamp !== undefined;
}

/** What the owner controls, and what nobody controls in its namespace. */
export function controlledBy<T extends ApiObject>(informer: Informer<T>, owner: ApiObject): readonly T[] {
  const own = informer.store.listByIndex(CONTROLLER, owner.metadata.uid);
  return [...own, ...informer.store.listByIndex(CONTROLLER, `orphan/${owner.metadata.namespace ?? ''}`)];
}

/** Asks the server itself whether this very object lives and is not being deleted; adopting on a stale cache's word would be wrong. */
export async function isStillThere<T extends ApiObject>(client: Client, type: ResourceType<T>, object: T): Promise<boolean> {
  try {
    const { metadata } = await client.resource(type).get(keyOf(object));
    return metadata.uid === object.metadata.uid && metadata.deletionTimestamp === undefined;
  } catch (error) {
    if (isReason(error, 'NotFound')) return false;
    throw error;
  }
}

function controllerIndex(object: ApiObject): readonly string[] {
  return [controllerOf(object)?.uid ?? `orphan/${object.metadata.namespace ?? ''}`];
}

function ownerIndex({ metadata }: ApiObject): readonly string[] {
  return (metadata.ownerReferences ?? []).map(({ uid }) => uid);
}

function nodeIndex({ spec }: Pod): readonly string[] {
  return [spec.nodeName ?? ''];
}

function finishedIndex({ status }: Pod): readonly string[] {
  return status?.phase === 'Succeeded' || status?.phase === 'Failed' ? ['true'] : [];
}

function resourceClaimIndex(pod: Pod): readonly string[] {
  return claimNamesOf(pod).map((name) => `${pod.metadata.namespace ?? ''}/${name}`);
}

function serviceIndex({ metadata }: EndpointSlice): readonly string[] {
  const service = metadata.labels?.[SERVICE_NAME_LABEL];
  return service === undefined ? [] : [`${metadata.namespace ?? ''}/${service}`];
}
