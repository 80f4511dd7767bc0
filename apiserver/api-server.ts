/**
 * The API server, put together: storage, watch cache, authorization, admission, pipeline, HTTP. Called by `main.ts` with etcd and by tests with the storage in
 * memory. Constructing starts nothing; `run` serves until aborted and leaves nothing behind.
 */
import { once } from 'node:events';
import type { ApiObject } from '#api/meta/resource-type.ts';
import type { Clock } from '#component/clock.ts';
import type { Logger } from '#component/logger.ts';
import { createRegistry, type Registry } from '#component/metrics.ts';
import type { Random } from '#component/random.ts';
import { aborted, runTogether } from '#component/shutdown.ts';
import { createAdmissionChain } from './admission/admission.ts';
import { admissionPlugins, ownPlugins } from './admission/plugins.ts';
import { createPolicySet } from './admission/policies/policy-set.ts';
import type { FrontProxyCredentials } from './aggregation/aggregated-servers.ts';
import { createAggregation } from './aggregation/aggregation.ts';
import { createRbacAuthorizer } from './authorization/rbac-authorizer.ts';
import { createCustomResources } from './custom-resources/custom-resources.ts';
import { createDiscovery } from './discovery/discovery.ts';
import { isApiObject } from './encoding/json-value.ts';
import { createFlowConfiguration } from './flow-control/flow-configuration.ts';
import { createFlowControl } from './flow-control/flow-control.ts';
import { createRequestTurns } from './flow-control/request-turns.ts';
import { createHealthChecks } from './health-checks.ts';
import { createKubeletClient, type KubeletCredentials } from './kubelet-client.ts';
import { createOpenApi } from './openapi/openapi.ts';
import type { PipelineDeps } from './pipeline/request.ts';
import { createPostStart } from './post-start.ts';
import { createQuotas } from './quotas.ts';
import { createRequestMetrics } from './request/request-metrics.ts';
import { withStaticTokens } from './request/static-tokens.ts';
import type { User } from './request/user.ts';
import { createResourceRegistry, type ResourceRegistry } from './resource-registry.ts';
import type { ResourceDefinition } from './resources/resource-definition.ts';
import { reviewDefinitions } from './review-definitions.ts';
import { createServer } from './server.ts';
import { createIssuerDocuments, KEYS_PATH } from './service-accounts/issuer-discovery.ts';
import { createLiveObjects } from './service-accounts/live-objects.ts';
import { createServiceAccountTokens } from './service-accounts/service-account-tokens.ts';
import { createTokenKeys, type TokenKeyPems } from './service-accounts/token-keys.ts';
import { addressAt, parseRange } from './service-address-range.ts';
import { createServiceAddresses } from './service-addresses.ts';
import type { Storage } from './storage/storage.ts';
import { createWatchCache, type WatchCache } from './storage/watch-cache.ts';
import { createWebhookClient } from './webhooks/call-webhook.ts';

/** Between questions whether the storage is there. */
const FILL_RETRY_MS = 100;

export interface ApiServerOptions {
  readonly storage: Storage;
  readonly definitions: readonly ResourceDefinition<ApiObject>[];
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Where to listen. Port 0 takes a free one, which tests do. */
  readonly listen: { readonly address: string; readonly port: number };
  /** Where pods and nodes reach this server; what the `kubernetes` Service leads to. */
  readonly advertise: { readonly address: string; readonly port: number };
  readonly serviceCidr: string;
  readonly tls: { readonly certificate: string; readonly key: string; readonly clientCa: string };
  /** What this server shows aggregated ones that it is the front proxy, and the authority that such certificates are checked against. PEM. */
  readonly frontProxy: FrontProxyCredentials & { readonly ca: string };
  readonly kubelet: KubeletCredentials;
  /** Who service account tokens say that they are from, and what they are signed with. */
  /** Without `jwksUri`, others find the keys at the advertised address. */
  readonly serviceAccounts: TokenKeyPems & { readonly issuer: string; readonly jwksUri?: string };
  /** Tokens that were agreed on beforehand, and whose they are. */
  readonly staticTokens?: ReadonlyMap<string, User>;
  /** Names of admission plugins, as upstream's `--disable-admission-plugins`. */
  readonly disabledAdmissionPlugins?: readonly string[];
  readonly registry?: Registry;
  /** A full collection of V8's (`--expose-gc`): keeps a start with many objects small. */
  readonly collectGarbage?: (() => void) | undefined;
}

/** A request that needs no connection, because it comes from the same process. */
export interface DirectRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Path and query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface DirectResponse {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, unknown>>;
  /** The body as it comes; a watch's goes on until `close`. */
  readonly body: AsyncIterable<Uint8Array>;
  /** As if the client had gone. */
  close(): void;
}

export interface ApiServer {
  /** Serves until aborted. `onListening` hears of the port. */
  run(signal: AbortSignal, onListening?: (port: number) => void): Promise<void>;
  /** Whether `/readyz` says so. */
  isReady(): boolean;
  /** Answers as over a connection, hooks and all; while `run` runs. */
  request(request: DirectRequest): Promise<DirectResponse>;
}

export function createApiServer(options: ApiServerOptions): ApiServer {
  const { storage, clock, random, log } = options;
  const definitions = [...options.definitions, ...reviewDefinitions];
  const stopping = new AbortController();
  const resources = createResourceRegistry(definitions);
  const cache = createWatchCache({
    storage,
    fieldsOf: fieldsBy(resources),
    clock,
    log,
    collectGarbage: options.collectGarbage,
  });
  const authorizer = createRbacAuthorizer({ cache, log });
  const serviceAddresses = createServiceAddresses({ storage, cache, clock, random, serviceCidr: options.serviceCidr });
  const objects = createLiveObjects({ cache, storage });
  const { issuer, jwksUri } = options.serviceAccounts;
  const tokenKeys = createTokenKeys(options.serviceAccounts);
  const tokens = withStaticTokens(
    createServiceAccountTokens(issuer, { keys: tokenKeys, objects, clock, random }),
    options.staticTokens ?? new Map(),
  );
  const policies = createPolicySet({ cache, log });
  const webhooks = createWebhookClient({ cache, clock });
  const admissionDeps = { storage, cache, objects, authorizer, resources, policies, webhooks, clock, random, log };
  const isEnabled = ({ name }: { readonly name: string }) => options.disabledAdmissionPlugins?.includes(name) !== true;
  const admission = createAdmissionChain(admissionPlugins(admissionDeps).filter(isEnabled));
  const ownAdmission = createAdmissionChain(ownPlugins(admissionDeps));
  const kubelets = createKubeletClient(options.kubelet, { clock });
  const deps: PipelineDeps = {
    storage,
    cache,
    resources,
    admission,
    serviceAddresses,
    quotas: createQuotas({ storage, cache, clock }),
    kubelets,
    webhooks,
    objects,
    tokens,
    authorizer,
    clock,
    random,
    log,
    stopping: stopping.signal,
  };
  const ownDeps = { ...deps, admission: ownAdmission };
  const customResources = createCustomResources(deps);
  const aggregation = createAggregation(ownDeps, options.frontProxy);
  const postStart = createPostStart(ownDeps, {
    authorities: { client: options.tls.clientCa, frontProxy: options.frontProxy.ca },
    ...options.advertise,
    serviceCidr: options.serviceCidr,
    serviceAddress: addressAt(parseRange(options.serviceCidr).first),
  });
  const registry = options.registry ?? createRegistry();
  const flowControl = createFlowControl({ clock, registry });
  const flowConfiguration = createFlowConfiguration(ownDeps, flowControl);
  const health = createHealthChecks([
    { name: 'etcd', problem: () => (cache.isReady() ? undefined : 'the storage has not been read yet') },
    { name: 'shutdown', problem: () => (stopping.signal.aborted ? 'the server is stopping' : undefined) },
    { name: 'rbac', problem: () => (authorizer.isReady() ? undefined : 'the policy has not been read yet') },
    { name: 'admission-policies', problem: () => (policies.isReady() ? undefined : 'the admission policies have not been read yet') },
    customResources.check,
    ...aggregation.checks,
    ...postStart.checks,
    ...flowConfiguration.checks,
  ]);
  const ownAddress = `${options.advertise.address}:${options.advertise.port}`;
  const app = createServer({
    ...deps,
    aggregation,
    discovery: createDiscovery({ resources, known: aggregation.known, serverAddress: ownAddress }),
    openApi: createOpenApi(resources, aggregation.known),
    issuerDocuments: createIssuerDocuments(issuer, jwksUri ?? `https://${ownAddress}${KEYS_PATH}`, tokenKeys),
    health,
    turns: createRequestTurns({ flowControl, resources, cache }),
    registry,
    metrics: createRequestMetrics(registry),
    tls: { ...options.tls, frontProxyCa: options.frontProxy.ca },
  });

  async function afterCacheIsFilled(signal: AbortSignal): Promise<void> {
    await untilFilled(cache, clock, signal);
    const parts = [authorizer, policies, customResources, aggregation, postStart, flowConfiguration];
    await runTogether(
      signal,
      parts.map((part) => (group) => part.run(group)),
    );
  }

  async function serve(signal: AbortSignal, onListening?: (port: number) => void): Promise<void> {
    await app.listen({ host: options.listen.address, port: options.listen.port });
    const address = app.server.address();
    const port = typeof address === 'object' && address !== null ? address.port : options.listen.port;
    log.info({ port }, 'serving');
    onListening?.(port);
    await aborted(signal);
  }

  /** Watches end, answers under way are finished, then everything they need goes. */
  async function stop(): Promise<void> {
    stopping.abort(new Error('the server is stopping'));
    await app.close();
    await kubelets.close();
    await webhooks.close();
  }

  return {
    request: async ({ path, headers, body, method }) => {
      const response = await app.inject({
        method,
        url: path,
        headers: { ...headers },
        payloadAsStream: true,
        ...(body === undefined ? {} : { payload: body }),
      });
      const close = () => void response.raw.res.destroy();
      return { statusCode: response.statusCode, headers: response.headers, body: response.stream(), close };
    },
    isReady: () => health.report('readyz', { check: '', isVerbose: false, excluded: [] })?.statusCode === 200,
    run: async (signal, onListening) => {
      const background = new AbortController();
      const parts = runTogether(background.signal, [(group) => cache.run(group), afterCacheIsFilled, (group) => serve(group, onListening)]);
      const ended = once(signal, 'abort').then(() => 'aborted' as const);
      try {
        const first = signal.aborted ? 'aborted' : await Promise.race([ended, parts]);
        if (first !== 'aborted') throw new Error('a part of the server ended by itself');
      } finally {
        await stop();
        background.abort(signal.reason);
        await parts.catch(() => {});
      }
    },
  };
}

/** The cache fills by itself, however long the storage takes to be there. */
async function untilFilled(cache: WatchCache, clock: Clock, signal: AbortSignal): Promise<void> {
  while (!cache.isReady()) {
    try {
      await cache.waitUntilCurrent(signal);
    } catch {
      await clock.sleep(FILL_RETRY_MS, signal);
    }
  }
}

function fieldsBy(resources: ResourceRegistry) {
  return (key: string, object: unknown): Readonly<Record<string, string>> =>
    isApiObject(object) ? (resources.findByKey(key)?.selectableFields(object) ?? {}) : {};
}
