/**
 * How lists and structs of the built-in kinds are merged by server-side apply: lists whose items are told apart by key fields, lists that are sets, structs
 * and maps that have one owner as a whole. A list that is not here is one value; a struct or map that is not here is merged member by member.
 * Facts from upstream's API description (x-kubernetes-list-type, x-kubernetes-list-map-keys, x-kubernetes-map-type), by `Model.field` of our schemas. Strategic
 * merge patch has its own, older table (`../patch/merge-keys.ts`), and the two do not always agree.
 */

/** The key fields of a list's items; several are parted by a blank. */
const listMapKeys: Readonly<Record<string, string>> = {
  'APIServiceStatus.conditions': 'type',
  'AllocatedDeviceStatus.conditions': 'type',
  'CSINodeSpec.drivers': 'name',
  'CertificateSigningRequestStatus.conditions': 'type',
  'ComponentStatus.conditions': 'type',
  'Container.env': 'name',
  'Container.ports': 'containerPort protocol',
  'Container.volumeDevices': 'devicePath',
  'Container.volumeMounts': 'mountPath',
  'ContainerStatus.allocatedResourcesStatus': 'name',
  'ContainerStatus.volumeMounts': 'mountPath',
  'CustomResourceDefinitionStatus.conditions': 'type',
  'DaemonSetStatus.conditions': 'type',
  'DeploymentStatus.conditions': 'type',
  'EphemeralContainer.env': 'name',
  'EphemeralContainer.ports': 'containerPort protocol',
  'EphemeralContainer.volumeDevices': 'devicePath',
  'EphemeralContainer.volumeMounts': 'mountPath',
  'FlowSchemaStatus.conditions': 'type',
  'JSONSchemaProps.x-kubernetes-validations': 'rule',
  'MutatingAdmissionPolicySpec.matchConditions': 'name',
  'MutatingWebhook.matchConditions': 'name',
  'MutatingWebhookConfiguration.webhooks': 'name',
  'NamespaceStatus.conditions': 'type',
  'NodeStatus.addresses': 'type',
  'NodeStatus.conditions': 'type',
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
  'PodSpec.topologySpreadConstraints': 'topologyKey whenUnsatisfiable',
  'PodSpec.volumes': 'name',
  'PodStatus.conditions': 'type',
  'PodStatus.podIPs': 'ip',
  'PodStatus.resourceClaimStatuses': 'name',
  'PriorityLevelConfigurationStatus.conditions': 'type',
  'ReplicaSetStatus.conditions': 'type',
  'ReplicationControllerStatus.conditions': 'type',
  'ResourceClaimStatus.devices': 'driver device pool shareID',
  'ResourceClaimStatus.reservedFor': 'uid',
  'ResourceRequirements.claims': 'name',
  'ResourceStatus.resources': 'resourceID',
  'ServiceAccount.secrets': 'name',
  'ServiceCIDRStatus.conditions': 'type',
  'ServiceSpec.ports': 'port protocol',
  'ServiceStatus.conditions': 'type',
  'StatefulSetStatus.conditions': 'type',
  'StorageVersionMigrationStatus.conditions': 'type',
  'V2HorizontalPodAutoscalerStatus.conditions': 'type',
  'ValidatingAdmissionPolicySpec.matchConditions': 'name',
  'ValidatingAdmissionPolicySpec.variables': 'name',
  'ValidatingAdmissionPolicyStatus.conditions': 'type',
  'ValidatingWebhook.matchConditions': 'name',
  'ValidatingWebhookConfiguration.webhooks': 'name',
};

const sets: ReadonlySet<string> = new Set([
  'CSIDriverSpec.volumeLifecycleModes',
  'ContainerRestartRuleOnExitCodes.values',
  'Endpoint.addresses',
  'NodeAllocatableResourceClaimStatus.containers',
  'NodeSpec.podCIDRs',
  'NonResourcePolicyRule.nonResourceURLs',
  'NonResourcePolicyRule.verbs',
  'ObjectMeta.finalizers',
  'PodFailurePolicyOnExitCodesRequirement.values',
  'ResourcePolicyRule.apiGroups',
  'ResourcePolicyRule.namespaces',
  'ResourcePolicyRule.resources',
  'ResourcePolicyRule.verbs',
  'UncountedTerminatedPods.failed',
  'UncountedTerminatedPods.succeeded',
  'ValidatingAdmissionPolicyBindingSpec.validationActions',
]);

/** Structs that have one owner wherever they occur. */
const atomicModels: ReadonlySet<string> = new Set([
  'ConfigMapKeySelector',
  'CrossVersionObjectReference',
  'DiscoveryEndpointPort',
  'EndpointAddress',
  'EndpointPort',
  'FileKeySelector',
  'LabelSelector',
  'LocalObjectReference',
  'MatchResources',
  'NamedRuleWithOperations',
  'NodeSelector',
  'NodeSelectorTerm',
  'ObjectFieldSelector',
  'ObjectReference',
  'OwnerReference',
  'ParamKind',
  'ParamRef',
  'RbacSubject',
  'ResourceFieldSelector',
  'RoleRef',
  'ScopeSelector',
  'SecretKeySelector',
  'SecretReference',
  'ServiceBackendPort',
  'TopologySelectorTerm',
  'TypedLocalObjectReference',
  'Variable',
]);

/** Fields whose map or struct has one owner although its type does not say so. */
const atomicFields: ReadonlySet<string> = new Set([
  'PodSpec.nodeSelector',
  'ReplicationControllerSpec.selector',
  'Scheduling.nodeSelector',
  'ServiceSpec.selector',
]);

/** Fields whose struct or map is merged member by member, and says so; the struct although its model is atomic. */
const granularFields: ReadonlySet<string> = new Set([
  'PersistentVolumeClaimStatus.allocatedResourceStatuses',
  'PersistentVolumeSpec.claimRef',
]);

/** Key fields that have a default, by `Model.field` of the item. */
const keyDefaults: Readonly<Record<string, string>> = {
  'ContainerPort.protocol': 'TCP',
  'ServicePort.protocol': 'TCP',
};

/**
 * Fields that hold a struct by value, not by reference: an object always has them, so that nobody owns their being there (`f:strategy` has no `.`, where
 * `f:rollingUpdate` has one). From upstream's Go types (k8s.io/api); the `metadata`, `spec` and `status` of kinds are such fields as well.
 */
const byValueFields: ReadonlySet<string> = new Set([
  'APIServiceSpec.service',
  'Container.resources',
  'ContainerStatus.lastState',
  'ContainerStatus.state',
  'CronJobSpec.jobTemplate',
  'CustomResourceDefinitionSpec.names',
  'CustomResourceDefinitionStatus.acceptedNames',
  'DaemonSetSpec.template',
  'DaemonSetSpec.updateStrategy',
  'DeploymentSpec.strategy',
  'DeploymentSpec.template',
  'Endpoint.conditions',
  'EphemeralContainer.resources',
  'IngressStatus.loadBalancer',
  'JobSpec.template',
  'JobTemplateSpec.metadata',
  'JobTemplateSpec.spec',
  'NodeDaemonEndpoints.kubeletEndpoint',
  'NodeStatus.daemonEndpoints',
  'NodeStatus.nodeInfo',
  'PersistentVolumeClaimSpec.resources',
  'PodTemplateSpec.metadata',
  'PodTemplateSpec.spec',
  'ReplicaSetSpec.template',
  'ServiceStatus.loadBalancer',
  'StatefulSetSpec.template',
  'StatefulSetSpec.updateStrategy',
  'V2HorizontalPodAutoscalerSpec.scaleTargetRef',
  'VolumeAttachmentSpec.source',
]);

export type ListKind = { readonly kind: 'atomic' } | { readonly kind: 'set' } | { readonly kind: 'map'; readonly keys: readonly string[] };

export function listKind(model: string, field: string): ListKind {
  const id = `${model}.${field}`;
  const keys = Object.hasOwn(listMapKeys, id) ? listMapKeys[id] : undefined;
  if (keys !== undefined) return { kind: 'map', keys: keys.split(' ') };
  return { kind: sets.has(id) ? 'set' : 'atomic' };
}

/** Whether a field's struct or map is one value. `valueModel` is undefined for maps of plain values. */
export function isAtomicField(model: string, field: string, valueModel: string | undefined): boolean {
  const id = `${model}.${field}`;
  return atomicFields.has(id) || (valueModel !== undefined && atomicModels.has(valueModel) && !granularFields.has(id));
}

/** Whether the field itself says so, rather than the type of its value. */
export function isAtomicFieldItself(model: string, field: string): boolean {
  return atomicFields.has(`${model}.${field}`);
}

export function isGranularField(model: string, field: string): boolean {
  return granularFields.has(`${model}.${field}`);
}

export function isAtomicModel(model: string): boolean {
  return atomicModels.has(model);
}

export function keyDefault(itemModel: string, key: string): string | undefined {
  const id = `${itemModel}.${key}`;
  return Object.hasOwn(keyDefaults, id) ? keyDefaults[id] : undefined;
}

export function isByValue(model: string, field: string): boolean {
  return byValueFields.has(`${model}.${field}`);
}
