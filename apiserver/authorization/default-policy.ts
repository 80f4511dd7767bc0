/**
 * The ClusterRoles and bindings that a new cluster has, as upstream's (pkg rbac/bootstrappolicy) as far as the kinds exist here, plus those of
 * this cluster's own identities. `bootstrap-policy.ts` writes them. Where a role differs from upstream's the line says why.
 */
import type { ClusterRole, ClusterRoleBinding, PolicyRule, RbacSubject } from '#api/generated/types.ts';

type DraftMetadata = {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
};
export type DefaultRole = Omit<ClusterRole, 'metadata'> & { readonly metadata: DraftMetadata };
export type DefaultBinding = Omit<ClusterRoleBinding, 'metadata'> & { readonly metadata: DraftMetadata };

export const AUTOUPDATE_ANNOTATION = 'rbac.authorization.kubernetes.io/autoupdate';
const BOOTSTRAPPING_LABEL = { 'kubernetes.io/bootstrapping': 'rbac-defaults' };
const GROUP = 'rbac.authorization.k8s.io';
const API_VERSION = `${GROUP}/v1`;

const read = ['get', 'list', 'watch'];
const write = ['create', 'delete', 'deletecollection', 'patch', 'update'];
const readWrite = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];

/** `verbs` of these resources in these groups (space-separated; `core` is the core group). */
function rule(verbs: readonly string[], groups: string, ...resources: readonly string[]): PolicyRule {
  return { apiGroups: groups.split(' ').map((group) => (group === 'core' ? '' : group)), resources, verbs };
}

function named(names: readonly string[], base: PolicyRule): PolicyRule {
  return { ...base, resourceNames: names };
}

function urls(...nonResourceURLs: readonly string[]): PolicyRule {
  return { nonResourceURLs, verbs: ['get'] };
}

function role(name: string, rules: readonly PolicyRule[], labels: Readonly<Record<string, string>> = {}): DefaultRole {
  return { apiVersion: API_VERSION, kind: 'ClusterRole', metadata: metadataOf(name, labels), rules };
}

function aggregateTo(target: string): Readonly<Record<string, string>> {
  return { [`${GROUP}/aggregate-to-${target}`]: 'true' };
}

/** A role made of all that are labelled for it. The rules are there already, as if upstream's controller had been at work. */
function aggregated(name: string, rules: readonly PolicyRule[], labels: Readonly<Record<string, string>> = {}): DefaultRole {
  return { ...role(name, rules, labels), aggregationRule: { clusterRoleSelectors: [{ matchLabels: aggregateTo(name) }] } };
}

function metadataOf(name: string, labels: Readonly<Record<string, string>> = {}): DraftMetadata {
  return { name, labels: { ...BOOTSTRAPPING_LABEL, ...labels }, annotations: { [AUTOUPDATE_ANNOTATION]: 'true' } };
}

const events = rule(['create', 'patch', 'update'], 'core events.k8s.io', 'events');

/** Creating cannot be limited to a name, since the name is not known before the body is read. */
function leaderLease(name: string): readonly PolicyRule[] {
  const leases = 'coordination.k8s.io';
  return [rule(['create'], leases, 'leases'), named([name], rule(['get', 'update'], leases, 'leases'))];
}

const reviews = [
  rule(['create'], 'authentication.k8s.io', 'tokenreviews'),
  rule(['create'], 'authorization.k8s.io', 'subjectaccessreviews'),
];

const workloads = [
  'daemonsets',
  'deployments',
  'deployments/scale',
  'replicasets',
  'replicasets/scale',
  'statefulsets',
  'statefulsets/scale',
];
const workloadStatuses = ['daemonsets/status', 'deployments/status', 'replicasets/status', 'statefulsets/status'];

const viewRules: readonly PolicyRule[] = [
  rule(read, 'core', 'configmaps', 'endpoints', 'persistentvolumeclaims', 'persistentvolumeclaims/status', 'pods'),
  rule(read, 'core', 'replicationcontrollers', 'replicationcontrollers/scale', 'serviceaccounts', 'services', 'services/status'),
  rule(read, 'core', 'bindings', 'events', 'limitranges', 'namespaces/status', 'pods/log', 'pods/status'),
  rule(read, 'core', 'replicationcontrollers/status', 'resourcequotas', 'resourcequotas/status'),
  rule(read, 'core', 'namespaces'),
  rule(read, 'discovery.k8s.io', 'endpointslices'),
  rule(read, 'apps', 'controllerrevisions', ...workloads, ...workloadStatuses),
  rule(read, 'autoscaling', 'horizontalpodautoscalers', 'horizontalpodautoscalers/status'),
  rule(read, 'batch', 'cronjobs', 'cronjobs/status', 'jobs', 'jobs/status'),
  rule(read, 'policy', 'poddisruptionbudgets', 'poddisruptionbudgets/status'),
  rule(read, 'networking.k8s.io', 'ingresses', 'ingresses/status', 'networkpolicies'),
  // What metrics-server's manifest adds; the metrics API comes with this cluster.
  rule(read, 'metrics.k8s.io', 'nodes', 'pods'),
];

const editRules: readonly PolicyRule[] = [
  rule(read, 'core', 'pods/attach', 'pods/exec', 'pods/portforward', 'pods/proxy', 'secrets', 'services/proxy'),
  rule(['impersonate'], 'core', 'serviceaccounts'),
  rule(write, 'core', 'pods', 'pods/attach', 'pods/exec', 'pods/portforward', 'pods/proxy'),
  rule(['create'], 'core', 'pods/eviction'),
  rule(write, 'core', 'configmaps', 'events', 'persistentvolumeclaims', 'replicationcontrollers', 'replicationcontrollers/scale'),
  rule(write, 'core', 'secrets', 'serviceaccounts', 'services', 'services/proxy'),
  rule(['create'], 'core', 'serviceaccounts/token'),
  rule(write, 'apps', ...workloads, 'deployments/rollback'),
  rule(write, 'autoscaling', 'horizontalpodautoscalers'),
  rule(write, 'batch', 'cronjobs', 'jobs'),
  rule(write, 'policy', 'poddisruptionbudgets'),
  rule(write, 'networking.k8s.io', 'ingresses', 'networkpolicies'),
  rule(readWrite, 'coordination.k8s.io', 'leases'),
];

const adminRules: readonly PolicyRule[] = [
  rule(['create'], 'authorization.k8s.io', 'localsubjectaccessreviews'),
  rule(readWrite, GROUP, 'rolebindings', 'roles'),
];

const userFacingRoles: readonly DefaultRole[] = [
  role('cluster-admin', [rule(['*'], '*', '*'), { nonResourceURLs: ['*'], verbs: ['*'] }]),
  aggregated('admin', [...adminRules, ...editRules, ...viewRules]),
  aggregated('edit', [...editRules, ...viewRules], aggregateTo('admin')),
  aggregated('view', viewRules, aggregateTo('edit')),
  role('system:aggregate-to-admin', adminRules, aggregateTo('admin')),
  role('system:aggregate-to-edit', editRules, aggregateTo('edit')),
  role('system:aggregate-to-view', viewRules, aggregateTo('view')),
];

const discoveryRoles: readonly DefaultRole[] = [
  role('system:discovery', [
    urls('/api', '/api/*', '/apis', '/apis/*', '/healthz', '/livez', '/openapi', '/openapi/*', '/readyz', '/version', '/version/'),
  ]),
  role('system:public-info-viewer', [urls('/healthz', '/livez', '/readyz', '/version', '/version/')]),
  role('system:service-account-issuer-discovery', [urls('/.well-known/openid-configuration', '/openid/v1/jwks')]),
  role('system:monitoring', [urls('/healthz', '/healthz/*', '/livez', '/livez/*', '/metrics', '/metrics/slis', '/readyz', '/readyz/*')]),
  role('system:basic-user', [
    rule(['create'], 'authorization.k8s.io', 'selfsubjectaccessreviews', 'selfsubjectrulesreviews'),
    rule(['create'], 'authentication.k8s.io', 'selfsubjectreviews'),
  ]),
  role('system:auth-delegator', reviews),
];

const nodeRoles: readonly DefaultRole[] = [
  role('system:node', [
    ...reviews,
    rule(['create'], 'authorization.k8s.io', 'localsubjectaccessreviews'),
    rule(read, 'core', 'services'),
    rule([...read, 'create', 'update', 'patch'], 'core', 'nodes'),
    rule(['update', 'patch'], 'core', 'nodes/status'),
    events,
    rule([...read, 'create', 'delete'], 'core', 'pods'),
    rule(['update', 'patch'], 'core', 'pods/status'),
    rule(['create'], 'core', 'pods/eviction'),
    rule(read, 'core', 'configmaps', 'secrets'),
    rule(['get'], 'core', 'persistentvolumeclaims', 'persistentvolumes', 'endpoints'),
    rule(['get', 'update', 'patch'], 'core', 'persistentvolumeclaims/status'),
    rule(['create'], 'core', 'serviceaccounts/token'),
    rule(['get', 'list', 'watch', 'create'], 'certificates.k8s.io', 'certificatesigningrequests'),
    rule(['create', 'delete', 'get', 'patch', 'update'], 'coordination.k8s.io', 'leases'),
    rule(['get'], 'storage.k8s.io', 'volumeattachments'),
    rule(read, 'storage.k8s.io', 'csidrivers'),
    rule(['create', 'delete', 'get', 'patch', 'update'], 'storage.k8s.io', 'csinodes'),
    rule(read, 'node.k8s.io', 'runtimeclasses'),
  ]),
  // Many nodes in one process, which upstream does not have: what a node needs to show itself and its pods, and no pod's secrets.
  role('keelson:simulated-nodes', [
    rule([...read, 'create', 'update', 'patch'], 'core', 'nodes'),
    rule(['update', 'patch'], 'core', 'nodes/status'),
    rule([...read, 'delete'], 'core', 'pods'),
    rule(['update', 'patch'], 'core', 'pods/status'),
    rule(['create', 'get', 'patch', 'update'], 'coordination.k8s.io', 'leases'),
    events,
  ]),
  role('system:node-proxier', [
    rule(['list', 'watch'], 'core', 'endpoints', 'services'),
    rule(read, 'core', 'nodes'),
    events,
    rule(['list', 'watch'], 'discovery.k8s.io', 'endpointslices'),
    rule(['list', 'watch'], 'networking.k8s.io', 'servicecidrs'),
  ]),
  // Kubelets make, enlarge and delete the volumes of claims; upstream's provisioners are programs of their own, with such a role.
  role('keelson:node-provisioner', [
    rule([...read, 'create', 'delete', 'patch', 'update'], 'core', 'persistentvolumes'),
    rule([...read, 'patch', 'update'], 'core', 'persistentvolumeclaims'),
    rule(read, 'storage.k8s.io', 'storageclasses', 'csinodes'),
  ]),
  role('system:kubelet-api-admin', [
    rule([...read, 'proxy'], 'core', 'nodes'),
    rule(['*'], 'core', 'nodes/log', 'nodes/metrics', 'nodes/proxy', 'nodes/stats', 'nodes/configz', 'nodes/healthz', 'nodes/pods'),
  ]),
];

/** Who may approve requests for this signer's certificates. */
function approver(name: string, signerName: string): DefaultRole {
  const signers = rule(['approve'], 'certificates.k8s.io', 'signers');
  return role(`system:certificates.k8s.io:${name}-approver`, [named([signerName], signers)]);
}

const certificateRoles: readonly DefaultRole[] = [
  role('system:node-bootstrapper', [rule(['create', 'get', 'list', 'watch'], 'certificates.k8s.io', 'certificatesigningrequests')]),
  ...['nodeclient', 'selfnodeclient'].map((name) =>
    role(`system:certificates.k8s.io:certificatesigningrequests:${name}`, [
      rule(['create'], 'certificates.k8s.io', `certificatesigningrequests/${name}`),
    ]),
  ),
  approver('kube-apiserver-client', 'kubernetes.io/kube-apiserver-client'),
  approver('kube-apiserver-client-kubelet', 'kubernetes.io/kube-apiserver-client-kubelet'),
  approver('kubelet-serving', 'kubernetes.io/kubelet-serving'),
  approver('legacy-unknown', 'kubernetes.io/legacy-unknown'),
];

/** For programs outside the cluster's own that make volumes for claims. */
const volumeRoles: readonly DefaultRole[] = [
  role('system:persistent-volume-provisioner', [
    rule([...read, 'create', 'delete'], 'core', 'persistentvolumes'),
    rule([...read, 'update'], 'core', 'persistentvolumeclaims'),
    rule(read, 'storage.k8s.io', 'storageclasses'),
    rule(['watch'], 'core', 'events'),
    events,
  ]),
];

/** Those whose certificates the controller manager signs. */
const clusterSigners = [
  'kubernetes.io/kube-apiserver-client',
  'kubernetes.io/kube-apiserver-client-kubelet',
  'kubernetes.io/kubelet-serving',
  'kubernetes.io/legacy-unknown',
];

const controlPlaneRoles: readonly DefaultRole[] = [
  role('system:kube-scheduler', [
    events,
    ...leaderLease('kube-scheduler'),
    ...reviews,
    rule(read, 'core', 'nodes', 'namespaces', 'replicationcontrollers', 'services', 'persistentvolumeclaims', 'persistentvolumes'),
    rule([...read, 'delete'], 'core', 'pods'),
    rule(['create'], 'core', 'bindings', 'pods/binding'),
    rule(['patch', 'update'], 'core', 'pods/status'),
    rule(read, 'apps', 'replicasets', 'statefulsets'),
    rule(read, 'policy', 'poddisruptionbudgets'),
    rule(read, 'storage.k8s.io', 'csinodes', 'csidrivers', 'csistoragecapacities', 'storageclasses', 'volumeattachments'),
  ]),
  role('system:volume-scheduler', [
    rule([...read, 'patch', 'update'], 'core', 'persistentvolumeclaims', 'persistentvolumes'),
    rule(read, 'storage.k8s.io', 'storageclasses'),
  ]),
  // Upstream gives each controller a service account with a role of its own; here they are one process with one identity, and so one role. The
  // garbage collector and the namespace controller need to read and delete everything in any case.
  role('system:kube-controller-manager', [
    events,
    ...leaderLease('kube-controller-manager'),
    ...reviews,
    rule(['delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'], '*', '*'),
    urls('/api', '/api/*', '/apis', '/apis/*'),
    rule(['create'], 'core', 'configmaps', 'endpoints', 'persistentvolumeclaims', 'persistentvolumes', 'pods', 'pods/eviction'),
    rule(['create'], 'core', 'secrets', 'serviceaccounts', 'serviceaccounts/token', 'replicationcontrollers'),
    rule(['create'], 'apps', 'controllerrevisions', 'replicasets'),
    rule(['create'], 'batch', 'jobs'),
    rule(['create'], 'discovery.k8s.io', 'endpointslices'),
    rule(['create'], 'storage.k8s.io', 'volumeattachments'),
    rule(['create'], 'resource.k8s.io', 'resourceclaims'),
    rule(['escalate'], GROUP, 'clusterroles'),
    named(['kubernetes.io/kube-apiserver-client-kubelet'], rule(['approve'], 'certificates.k8s.io', 'signers')),
    named(clusterSigners, rule(['sign'], 'certificates.k8s.io', 'signers')),
  ]),
  // Upstream's reads Endpoints; ours reads EndpointSlices, and namespaces to tell a name that is not there from an empty one.
  role('system:kube-dns', [
    rule(['list', 'watch'], 'core', 'endpoints', 'namespaces', 'services'),
    rule(['list', 'watch'], 'discovery.k8s.io', 'endpointslices'),
  ]),
];

/** Of the metrics API that comes with this cluster: it finds pods and nodes, asks kubelets for statistics, and tells where it is served. */
const metricsRoles: readonly DefaultRole[] = [
  role('keelson:metrics', [
    rule(['get', 'list'], 'core', 'nodes', 'pods'),
    rule(['get'], 'core', 'nodes/stats'),
    rule(['create'], 'core', 'services'),
    named(['keelson-metrics'], rule(['get', 'patch'], 'core', 'services')),
    rule(['create'], 'discovery.k8s.io', 'endpointslices'),
    named(['keelson-metrics'], rule(['get', 'patch'], 'discovery.k8s.io', 'endpointslices')),
    rule(['create'], 'apiregistration.k8s.io', 'apiservices'),
    named(['v1beta1.metrics.k8s.io'], rule(['get', 'patch'], 'apiregistration.k8s.io', 'apiservices')),
  ]),
  // As metrics-server's own manifest has it.
  role('system:aggregated-metrics-reader', [rule(read, 'metrics.k8s.io', 'nodes', 'pods')], {
    ...aggregateTo('view'),
    ...aggregateTo('edit'),
    ...aggregateTo('admin'),
  }),
];

const user = (name: string): RbacSubject => ({ apiGroup: GROUP, kind: 'User', name });
const group = (name: string): RbacSubject => ({ apiGroup: GROUP, kind: 'Group', name });

function binding(name: string, ...subjects: readonly RbacSubject[]): DefaultBinding {
  return bindingTo(name, name, ...subjects);
}

function bindingTo(roleName: string, name: string, ...subjects: readonly RbacSubject[]): DefaultBinding {
  const roleRef = { apiGroup: GROUP, kind: 'ClusterRole', name: roleName };
  return { apiVersion: API_VERSION, kind: 'ClusterRoleBinding', metadata: metadataOf(name), roleRef, subjects };
}

export const defaultClusterRoles: readonly DefaultRole[] = [
  ...userFacingRoles,
  ...discoveryRoles,
  ...nodeRoles,
  ...certificateRoles,
  ...volumeRoles,
  ...controlPlaneRoles,
  ...metricsRoles,
];

export const defaultClusterRoleBindings: readonly DefaultBinding[] = [
  binding('cluster-admin', group('system:masters')),
  binding('system:discovery', group('system:authenticated')),
  binding('system:basic-user', group('system:authenticated')),
  binding('system:public-info-viewer', group('system:authenticated'), group('system:unauthenticated')),
  binding('system:service-account-issuer-discovery', group('system:serviceaccounts')),
  binding('system:monitoring', group('system:monitoring')),
  // Upstream binds it to nobody, because its node authorizer limits each node to its own pods' objects; there is none here.
  binding('system:node', group('system:nodes')),
  binding('keelson:simulated-nodes', user('keelson:simulated-nodes')),
  binding('keelson:node-provisioner', group('system:nodes')),
  binding('system:node-proxier', user('system:kube-proxy'), group('system:node-proxiers')),
  binding('system:kube-scheduler', user('system:kube-scheduler')),
  binding('system:volume-scheduler', user('system:kube-scheduler')),
  binding('system:kube-controller-manager', user('system:kube-controller-manager')),
  binding('system:kube-dns', user('system:dns'), { kind: 'ServiceAccount', name: 'kube-dns', namespace: 'kube-system' }),
  binding('keelson:metrics', user('system:keelson-metrics')),
  bindingTo('system:kubelet-api-admin', 'keelson:kubelet-api-admin', group('keelson:kubelet-api-admins')),
];
