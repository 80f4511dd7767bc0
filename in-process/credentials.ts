/**
 * Who there is in an in-process cluster: the tokens of its components, and for everybody else certificates of an authority that lives as long as the cluster.
 * Keys are made by `bootstrap/`, as for a composed cluster.
 */
import { createPublicKey } from 'node:crypto';
import type { Random } from '#component/random.ts';
import type { User } from '../apiserver/request/user.ts';
import { generateKeyPem, issueAuthority, issueCertificate, type KeyAndCertificate } from '../bootstrap/issue-certificate.ts';

const LIFETIME_MS = 365 * 24 * 60 * 60 * 1_000;
const LOCAL_NAMES = ['localhost', '127.0.0.1', 'kubernetes', 'kubernetes.default', 'kubernetes.default.svc'];

export interface Credentials {
  readonly ca: string;
  /** Signs what is asked for in the cluster. */
  readonly authority: KeyAndCertificate;
  readonly serving: KeyAndCertificate;
  readonly kubeletClient: KeyAndCertificate;
  /** What aggregated servers know this one by, and who signed that. */
  readonly frontProxy: KeyAndCertificate & { readonly ca: string };
  readonly serviceAccountKeys: { readonly privateKey: string; readonly publicKey: string };
  /** For a program outside: kubectl, an operator under test. */
  client(user: string, groups: readonly string[]): Promise<KeyAndCertificate>;
}

export async function createCredentials(nowMs: number): Promise<Credentials> {
  const validity = { nowMs, lifetimeMs: LIFETIME_MS };
  const authority = await issueAuthority('keelson-in-process', validity);
  const client = (commonName: string, [organization]: readonly string[] = []) => {
    const subject = { commonName, ...(organization === undefined ? {} : { organization }) };
    return issueCertificate({ directory: '', name: '', authority: 'ca', usage: 'client', ...subject }, authority, validity);
  };
  const server = {
    directory: '',
    name: '',
    authority: 'ca',
    usage: 'server',
    commonName: 'kube-apiserver',
    serverNames: LOCAL_NAMES,
  } as const;
  const frontProxyAuthority = await issueAuthority('keelson-in-process-front-proxy', validity);
  const [serving, kubeletClient, frontProxy, privateKey] = await Promise.all([
    issueCertificate(server, authority, validity),
    client('kube-apiserver-kubelet-client'),
    issueCertificate(
      { directory: '', name: '', authority: 'front-proxy-ca', usage: 'client', commonName: 'front-proxy-client' },
      frontProxyAuthority,
      validity,
    ),
    generateKeyPem(),
  ]);
  const publicKey = createPublicKey(privateKey).export({ type: 'spki', format: 'pem' }).toString();
  return {
    ca: authority.certificatePem,
    authority,
    serving,
    kubeletClient,
    frontProxy: { ...frontProxy, ca: frontProxyAuthority.certificatePem },
    serviceAccountKeys: { privateKey, publicKey },
    client,
  };
}

export type ComponentName = 'admin' | 'controller-manager' | 'scheduler' | 'nodes';

/** What each component is to RBAC; simulated nodes are many nodes in one, which no node's role allows. */
const componentUsers: Readonly<Record<ComponentName, User>> = {
  admin: { name: 'kubernetes-admin', groups: ['system:masters'] },
  'controller-manager': { name: 'system:kube-controller-manager', groups: [] },
  scheduler: { name: 'system:kube-scheduler', groups: [] },
  nodes: { name: 'keelson:simulated-nodes', groups: ['system:masters'] },
};

export interface ComponentTokens {
  tokenOf(component: ComponentName): string;
  readonly users: ReadonlyMap<string, User>;
}

export function createComponentTokens(random: Random): ComponentTokens {
  const tokens = new Map(Object.keys(componentUsers).map((name) => [name, random.uuid()]));
  const users = new Map(Object.entries(componentUsers).map(([name, user]) => [tokens.get(name) ?? '', user]));
  return { users, tokenOf: (component) => tokens.get(component) ?? '' };
}
