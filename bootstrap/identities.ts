/**
 * Who there is in the cluster: every certificate that `bootstrap` makes, as data. A directory here is a volume in docker-compose.yml that
 * one component finds at /etc/keelson, so that no process can read another's key. Common names and organizations are users and groups
 * to the API server; upstream's own names are kept where RBAC or the node authorizer knows them.
 */

/**
 * `ca` signs whatever speaks to or for the API server; `etcd-ca` only etcd and its one client; `front-proxy-ca` only the certificate by which aggregated servers
 * know that the API server is it, and may speak for any user.
 */
export type AuthorityName = 'ca' | 'etcd-ca' | 'front-proxy-ca';

export interface Identity {
  /** The component's directory below /pki; `host` is the user's .keelson folder. */
  readonly directory: string;
  /** The files' name without its ending: `tls` makes tls.crt and tls.key. */
  readonly name: string;
  readonly authority: AuthorityName;
  readonly commonName: string;
  readonly organization?: string;
  readonly usage: 'client' | 'server';
  /** What a server may be called by its clients: DNS names and IP addresses. */
  readonly serverNames?: readonly string[];
}

/** A file copied from `authorities` to a component: certificates to trust, and keys to sign with: service account tokens, and certificates. */
export interface SharedFile {
  readonly directory: string;
  readonly name: string;
  readonly source: string;
}

const NODES = ['control-plane', 'worker-1', 'worker-2'];

/** The first address of the Service range: the Service `kubernetes`. */
const KUBERNETES_SERVICE_ADDRESS = '10.96.0.1';

const API_SERVER_NAMES = [
  'kubernetes',
  'kubernetes.default',
  'kubernetes.default.svc',
  'kubernetes.default.svc.cluster.local',
  'control-plane',
  'apiserver',
  'localhost',
  '127.0.0.1',
  KUBERNETES_SERVICE_ADDRESS,
];

const administrator = { commonName: 'kubernetes-admin', organization: 'system:masters' };

export const identities: readonly Identity[] = [
  { directory: 'etcd', name: 'server', ...server('etcd-ca', 'etcd', ['etcd', 'localhost', '127.0.0.1']) },
  { directory: 'apiserver', name: 'server', ...server('ca', 'kube-apiserver', API_SERVER_NAMES) },
  { directory: 'apiserver', name: 'etcd', ...client({ commonName: 'kube-apiserver-etcd-client' }), authority: 'etcd-ca' },
  {
    directory: 'apiserver',
    name: 'kubelet-client',
    ...client({ commonName: 'kube-apiserver-kubelet-client', organization: 'keelson:kubelet-api-admins' }),
  },
  {
    directory: 'apiserver',
    name: 'front-proxy-client',
    ...client({ commonName: 'front-proxy-client' }),
    authority: 'front-proxy-ca',
  },
  { directory: 'scheduler', name: 'tls', ...client({ commonName: 'system:kube-scheduler' }) },
  { directory: 'controller-manager', name: 'tls', ...client({ commonName: 'system:kube-controller-manager' }) },
  { directory: 'simulated-nodes', name: 'tls', ...client({ commonName: 'keelson:simulated-nodes' }) },
  { directory: 'metrics', name: 'tls', ...client({ commonName: 'system:keelson-metrics' }) },
  { directory: 'metrics', name: 'server', ...server('ca', 'keelson-metrics', ['keelson-metrics.kube-system.svc']) },
  ...NODES.flatMap(nodeIdentities),
  { directory: 'addons', name: 'tls', ...client(administrator) },
  { directory: 'addons', name: 'dns', ...client({ commonName: 'system:dns' }) },
  { directory: 'host', name: 'admin', ...client(administrator) },
];

export const sharedFiles: readonly SharedFile[] = [
  ...[...new Set(identities.map((identity) => identity.directory))].map((directory) => ({
    directory,
    name: 'ca.crt',
    source: directory === 'etcd' ? 'etcd-ca.crt' : 'ca.crt',
  })),
  { directory: 'apiserver', name: 'etcd-ca.crt', source: 'etcd-ca.crt' },
  { directory: 'apiserver', name: 'front-proxy-ca.crt', source: 'front-proxy-ca.crt' },
  // Signs the certificates that are asked for in the cluster, as upstream's --cluster-signing-key-file.
  { directory: 'controller-manager', name: 'ca.key', source: 'ca.key' },
  { directory: 'controller-manager', name: 'sa.key', source: 'sa.key' },
  { directory: 'metrics', name: 'front-proxy-ca.crt', source: 'front-proxy-ca.crt' },
  { directory: 'apiserver', name: 'sa.key', source: 'sa.key' },
  { directory: 'apiserver', name: 'sa.pub', source: 'sa.pub' },
];

function nodeIdentities(node: string): readonly Identity[] {
  const kubelet = `kubelet-${node}`;
  return [
    { directory: kubelet, name: 'tls', ...client({ commonName: `system:node:${node}`, organization: 'system:nodes' }) },
    { directory: kubelet, name: 'server', ...server('ca', `system:node:${node}`, [node, 'localhost', '127.0.0.1']) },
    { directory: `kube-proxy-${node}`, name: 'tls', ...client({ commonName: 'system:kube-proxy', organization: 'system:node-proxiers' }) },
  ];
}

function client(subject: { readonly commonName: string; readonly organization?: string }) {
  return { authority: 'ca', usage: 'client', ...subject } as const;
}

function server(authority: AuthorityName, commonName: string, serverNames: readonly string[]) {
  return { authority, usage: 'server', commonName, serverNames } as const;
}
