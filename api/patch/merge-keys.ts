/**
 * How strategic merge patch treats lists: merged item by item (by a key field, or as a set where items are plain values), or replaced
 * whole. A list that is not here is replaced. `retainKeys` fields drop members that the patch's `$retainKeys` does not name.
 * Facts from upstream's API description (x-kubernetes-patch-strategy and x-kubernetes-patch-merge-key), by `Model.field` of our schemas.
 */

/** The key field by which items of a list are one; an empty key means a set of plain values. */
const mergeKeys: Readonly<Record<string, string>> = {
  'APIServiceStatus.conditions': 'type',
  'CSINodeSpec.drivers': 'name',
  'ComponentStatus.conditions': 'type',
  'Container.env': 'name',
  'Container.ports': 'containerPort',
  'Container.volumeDevices': 'devicePath',
  'Container.volumeMounts': 'mountPath',
  'ContainerStatus.allocatedResourcesStatus': 'name',
  'ContainerStatus.volumeMounts': 'mountPath',
  'DaemonSetStatus.conditions': 'type',
  'DeploymentStatus.conditions': 'type',
  'EphemeralContainer.env': 'name',
  'EphemeralContainer.ports': 'containerPort',
  'EphemeralContainer.volumeDevices': 'devicePath',
  'EphemeralContainer.volumeMounts': 'mountPath',
  'FlowSchemaStatus.conditions': 'type',
  'JSONSchemaProps.x-kubernetes-validations': 'rule',
  'JobStatus.conditions': 'type',
  'MutatingAdmissionPolicySpec.matchConditions': 'name',
  'MutatingWebhook.matchConditions': 'name',
  'MutatingWebhookConfiguration.webhooks': 'name',
  'NamespaceStatus.conditions': 'type',
  'NodeSpec.podCIDRs': '',
  'NodeStatus.addresses': 'type',
  'NodeStatus.conditions': 'type',
  'ObjectMeta.finalizers': '',
  'ObjectMeta.ownerReferences': 'uid',
  'PersistentVolumeClaimStatus.conditions': 'type',
  'PodDisruptionBudgetStatus.conditions': 'type',
  'PodSpec.containers': 'name',
  'PodSpec.ephemeralContainers': 'name',
  'PodSpec.hostAliases': 'ip',
  'PodSpec.imagePullSecrets': 'name',
  'PodSpec.initContainers': 'name',
  'PodSpec.resourceClaims': 'name',
  'PodSpec.schedulingGates': 'name',
  'PodSpec.topologySpreadConstraints': 'topologyKey',
  'PodSpec.volumes': 'name',
  'PodStatus.conditions': 'type',
  'PodStatus.hostIPs': 'ip',
  'PodStatus.podIPs': 'ip',
  'PodStatus.resourceClaimStatuses': 'name',
  'PriorityLevelConfigurationStatus.conditions': 'type',
  'ReplicaSetStatus.conditions': 'type',
  'ReplicationControllerStatus.conditions': 'type',
  'ResourceClaimStatus.reservedFor': 'uid',
  'ServiceAccount.secrets': 'name',
  'ServiceCIDRStatus.conditions': 'type',
  'ServiceSpec.ports': 'port',
  'ServiceStatus.conditions': 'type',
  'StatefulSetStatus.conditions': 'type',
  'StorageVersionMigrationStatus.conditions': 'type',
  'V2HorizontalPodAutoscalerStatus.conditions': 'type',
  'ValidatingAdmissionPolicySpec.matchConditions': 'name',
  'ValidatingAdmissionPolicySpec.variables': 'name',
  'ValidatingWebhook.matchConditions': 'name',
  'ValidatingWebhookConfiguration.webhooks': 'name',
};

/** Objects that a patch replaces whole instead of merging. */
const replacedObjects: ReadonlySet<string> = new Set(['PodDisruptionBudgetSpec.selector']);

export type ListStrategy = { readonly kind: 'replace' } | { readonly kind: 'set' } | { readonly kind: 'merge'; readonly key: string };

export function listStrategy(model: string, field: string): ListStrategy {
  const id = `${model}.${field}`;
  const key = Object.hasOwn(mergeKeys, id) ? mergeKeys[id] : undefined;
  if (key === undefined) return { kind: 'replace' };
  return key === '' ? { kind: 'set' } : { kind: 'merge', key };
}

export function isReplacedObject(model: string, field: string): boolean {
  return replacedObjects.has(`${model}.${field}`);
}
