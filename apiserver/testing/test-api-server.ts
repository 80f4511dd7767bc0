/**
 * A whole API server inside the test's process: storage in memory, an ephemeral port, real TLS and real client certificates. For this room's tests and for those of
 * every component that talks to the server. `await using server = await createTestApiServer()` stops it at the end of the block.
 */
import { serviceaccounts } from '#api/generated/resources.ts';
import { type Clock, formatTime, systemClock } from '#component/clock.ts';
import { type Logger, silentLogger } from '#component/logger.ts';
import { type Random, systemRandom } from '#component/random.ts';
import { createApiServer } from '../api-server.ts';
import { resourceDefinitions } from '../resources/index.ts';
import type { TokenKeyPems } from '../service-accounts/token-keys.ts';
import { createMemoryStorage } from '../storage/memory-storage.ts';
import { type Storage, StorageError } from '../storage/storage.ts';
import { storageKey } from '../storage-key.ts';
import { createTestAuthority, createTestKeys, type Pem } from './certificates.ts';

export interface TestApiServer extends AsyncDisposable {
  /** `https://127.0.0.1:43210` */
  readonly url: string;
  readonly port: number;
  /** PEM of the authority that signed the server's certificate and signs its clients'. */
  readonly ca: string;
  /** May do everything: member of `system:masters`. */
  readonly admin: Pem;
  readonly storage: Storage;
  /** What it signs service account tokens with. */
  readonly tokenKeys: TokenKeyPems;
  /** PEM of the authority of front proxies' certificates, and a certificate of its for any name. */
  readonly frontProxyCa: string;
  frontProxy(name: string): Promise<Pem>;
  /** A serving certificate, as a kubelet has one; for localhost too. */
  serving(names: readonly string[]): Promise<Pem>;
  /** A certificate for another user. */
  client(user: string, groups?: readonly string[]): Promise<Pem>;
  stop(): Promise<void>;
}

export interface TestApiServerOptions {
  readonly storage?: Storage;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly log?: Logger;
  readonly serviceCidr?: string;
  /** To share them between servers, or to sign what the server did not. */
  readonly tokenKeys?: TokenKeyPems;
}

/** An address of documentation: nobody dials it, and an Endpoints object may not hold a loopback address. */
const ADVERTISED = { address: '192.0.2.1', port: 6443 };

export const TEST_ISSUER = 'https://kubernetes.default.svc.cluster.local';

const READY_MS_MAX = 20_000;
const READY_LOOK_MS = 5;

/** Resolves when `/readyz` would say ok: the namespaces, the RBAC policy and the `kubernetes` Service are there. */
export async function createTestApiServer(options: TestApiServerOptions = {}): Promise<TestApiServer> {
  const authority = await createTestAuthority();
  const frontProxyAuthority = await createTestAuthority('test-front-proxy-ca');
  const [serving, admin, frontProxy] = await Promise.all([
    authority.server(),
    authority.client('kubernetes-admin', ['system:masters']),
    frontProxyAuthority.client('front-proxy-client'),
  ]);
  const storage = options.storage ?? createMemoryStorage();
  const tokenKeys = options.tokenKeys ?? (await createTestKeys());
  const stop = new AbortController();
  const server = createApiServer({
    storage,
    definitions: resourceDefinitions,
    clock: options.clock ?? systemClock,
    random: options.random ?? systemRandom,
    log: options.log ?? silentLogger,
    listen: { address: '127.0.0.1', port: 0 },
    advertise: ADVERTISED,
    serviceCidr: options.serviceCidr ?? '10.96.0.0/16',
    tls: { certificate: serving.certificate, key: serving.key, clientCa: authority.certificate },
    frontProxy: { ca: frontProxyAuthority.certificate, ...frontProxy },
    serviceAccounts: { issuer: TEST_ISSUER, ...tokenKeys },
    kubelet: { ca: authority.certificate, ...(await authority.client('kube-apiserver-kubelet-client')) },
  });
  const listening = Promise.withResolvers<number>();
  const ended = server.run(stop.signal, listening.resolve);
  ended.catch(listening.reject);
  const port = await listening.promise;
  await untilReady(server.isReady);
  await createDefaultAccount(storage);
  const end = async () => {
    stop.abort(new Error('the test is over'));
    await ended;
  };
  return {
    url: `https://127.0.0.1:${port}`,
    port,
    ca: authority.certificate,
    admin,
    storage,
    tokenKeys,
    client: authority.client,
    frontProxyCa: frontProxyAuthority.certificate,
    frontProxy: (name) => frontProxyAuthority.client(name),
    serving: authority.server,
    stop: end,
    [Symbol.asyncDispose]: end,
  };
}

/** What the controller manager makes in a real cluster, so that pods can be created in the namespace `default`. */
async function createDefaultAccount(storage: Storage): Promise<void> {
  const metadata = { name: 'default', namespace: 'default', uid: systemRandom.uuid(), creationTimestamp: formatTime(systemClock.now()) };
  try {
    await storage.create(storageKey(serviceaccounts, 'default', 'default'), { apiVersion: 'v1', kind: 'ServiceAccount', metadata });
  } catch (error) {
    if (!(error instanceof StorageError && error.reason === 'exists')) throw error;
  }
}

async function untilReady(isReady: () => boolean): Promise<void> {
  const deadline = systemClock.monotonic() + READY_MS_MAX;
  while (!isReady()) {
    if (systemClock.monotonic() > deadline) throw new Error('the API server did not become ready');
    await systemClock.sleep(READY_LOOK_MS, AbortSignal.timeout(READY_MS_MAX));
  }
}
