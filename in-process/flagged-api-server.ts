/**
 * An API server that is told what to do by kube-apiserver's flags, as far as test environments give them (controller-runtime's envtest): where to listen, certificates in
 * files, keys of service accounts. Its objects are in memory, or in the etcd that is named. Run by `keelson`'s stand-in for the executable, `cli/envtest/`.
 */
import { createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '#component/clock.ts';
import type { Logger } from '#component/logger.ts';
import { systemRandom } from '#component/random.ts';
import { createApiServer } from '../apiserver/api-server.ts';
import { resourceDefinitions } from '../apiserver/resources/index.ts';
import { createEtcdStorage } from '../apiserver/storage/etcd-storage.ts';
import { createMemoryStorage } from '../apiserver/storage/memory-storage.ts';
import { createCredentials } from './credentials.ts';

/** What is understood, with what it does here. Flags that only allow what is allowed here anyway, or choose how to log, are taken and change nothing. */
export const apiServerFlags: Readonly<Record<string, string>> = {
  'advertise-address': 'address that the kubernetes Service leads to',
  'allow-privileged': 'taken, and always so',
  'authorization-mode': 'RBAC, the one there is',
  'bind-address': 'address to listen on',
  'cert-dir': 'folder of apiserver.crt and apiserver.key',
  'client-ca-file': 'authority of client certificates',
  'disable-admission-plugins': 'names of admission plugins, separated by commas',
  'etcd-servers': 'URLs of etcd, separated by commas; used when KEELSON_ETCD names an etcd, else objects are in memory',
  'secure-port': 'port to listen on',
  'service-account-issuer': 'who tokens say that they are from',
  'service-account-key-file': 'taken: the public half of the signing key is what tokens are verified with',
  'service-account-signing-key-file': 'key that tokens are signed with',
  'service-cluster-ip-range': 'range of Service addresses',
  'tls-cert-file': 'certificate in place of the one in cert-dir',
  'tls-private-key-file': 'key in place of the one in cert-dir',
  v: 'taken; logging is chosen by LOG_LEVEL',
};

export type Flags = ReadonlyMap<string, string>;

/** `--name=value`, `--name value` or, for true, `--name`. Throws one error that names every flag that is not understood. Pure. */
export function parseFlags(args: readonly string[], known: Readonly<Record<string, string>>): Flags {
  const flags = new Map<string, string>();
  const unknown: string[] = [];
  for (let index = 0; index < args.length; index++) {
    const [, name = '', value] = /^--?([^=]+)(?:=([\s\S]*))?$/.exec(args[index] ?? '') ?? [];
    if (!Object.hasOwn(known, name)) {
      unknown.push(args[index] ?? '');
      continue;
    }
    const following = args[index + 1];
    const isFollowed = value === undefined && following !== undefined && !following.startsWith('-');
    flags.set(name, isFollowed ? following : (value ?? 'true'));
    if (isFollowed) index++;
  }
  if (unknown.length > 0) {
    throw new Error(`Keelson's API server has no ${unknown.join(', no ')}; it has --${Object.keys(known).join(', --')}`);
  }
  return flags;
}

/** As `kube-apiserver --help` lists them, which is how envtest finds out what there is. Pure. */
export function renderHelp(known: Readonly<Record<string, string>>): string {
  return `${Object.entries(known)
    .map(([name, does]) => `      --${name}   ${does}`)
    .join('\n')}\n`;
}

export interface FlaggedApiServerOptions {
  readonly flags: Flags;
  /** Whether what `--etcd-servers` names is an etcd. */
  readonly isOnEtcd: boolean;
  readonly log: Logger;
}

/** Serves until aborted. Rejects for a flag that is missing or that nobody here can do. */
export async function runFlaggedApiServer({ flags, isOnEtcd, log }: FlaggedApiServerOptions, signal: AbortSignal): Promise<void> {
  const mode = flags.get('authorization-mode') ?? 'RBAC';
  if (!mode.split(',').includes('RBAC')) throw new Error(`--authorization-mode=${mode}: Keelson authorizes by RBAC only`);
  const privateKey = fileOf(flags, 'service-account-signing-key-file');
  const credentials = await createCredentials(systemClock.now());
  const deps = { clock: systemClock, random: systemRandom, log };
  const endpoints = need(flags, 'etcd-servers').split(',');
  const storage = isOnEtcd ? createEtcdStorage({ ...deps, endpoints }) : createMemoryStorage();
  const server = createApiServer({
    ...deps,
    storage,
    definitions: resourceDefinitions,
    listen: { address: flags.get('bind-address') ?? '0.0.0.0', port: portOf(need(flags, 'secure-port')) },
    advertise: { address: flags.get('advertise-address') ?? ADVERTISED_ADDRESS, port: portOf(need(flags, 'secure-port')) },
    serviceCidr: need(flags, 'service-cluster-ip-range'),
    tls: {
      certificate: servingFile(flags, 'tls-cert-file', 'apiserver.crt'),
      key: servingFile(flags, 'tls-private-key-file', 'apiserver.key'),
      clientCa: fileOf(flags, 'client-ca-file'),
    },
    serviceAccounts: {
      issuer: need(flags, 'service-account-issuer'),
      privateKey,
      publicKey: createPublicKey(privateKey).export({ type: 'spki', format: 'pem' }).toString(),
    },
    // There are no kubelets and no aggregated servers to be known to.
    kubelet: { ca: credentials.ca, certificate: credentials.kubeletClient.certificatePem, key: credentials.kubeletClient.keyPem },
    frontProxy: { ca: credentials.frontProxy.ca, certificate: credentials.frontProxy.certificatePem, key: credentials.frontProxy.keyPem },
    disabledAdmissionPlugins: (flags.get('disable-admission-plugins') ?? '').split(','),
  });
  try {
    await server.run(signal);
  } finally {
    await storage.close();
  }
}

/** Of documentation (RFC 5737): an Endpoints object may not hold a loopback address. */
const ADVERTISED_ADDRESS = '192.0.2.1';

function need(flags: Flags, name: string): string {
  const value = flags.get(name);
  if (value === undefined) throw new Error(`--${name} must be given`);
  return value;
}

function portOf(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new Error(`--secure-port=${text}: a port is from 1 to 65535`);
  return port;
}

function fileOf(flags: Flags, name: string): string {
  return readFileSync(need(flags, name), 'utf8');
}

function servingFile(flags: Flags, name: string, fallback: string): string {
  return readFileSync(flags.get(name) ?? join(need(flags, 'cert-dir'), fallback), 'utf8');
}
