/**
 * The servers that answer in this one's place: which APIService a path belongs to, and where its server is now. Reads the cache each time, so what is decided is always
 * current. Called for every request under `/apis`, so an APIService is parsed once per state.
 * Source: k8s.io/kube-aggregator, pkg/apiserver/handler_proxy.go, and upstream's service resolver (`--enable-aggregator-routing`).
 */
import { AVAILABLE, apiServiceName } from '#api/apiregistration/v1/api-service.ts';
import { endpointsOf } from '#api/apiregistration/v1/availability.ts';
import { apiservices, endpointslices, services } from '#api/generated/resources.ts';
import type { APIService, ApiregistrationServiceReference, EndpointSlice, Service } from '#api/generated/types.ts';
import { isConditionTrue } from '#api/meta/condition.ts';
import type { Random } from '#component/random.ts';
import { parseStoredAs } from '../encoding/json-value.ts';
import type { ForwardTarget, TargetTls } from '../forwarding/forward-target.ts';
import type { CachedObject, WatchCache } from '../storage/watch-cache.ts';
import { storageKey, storagePrefix } from '../storage-key.ts';

export const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';

/** With what this server shows that it is the front proxy. PEM. */
export interface FrontProxyCredentials {
  readonly certificate: string;
  readonly key: string;
}

/** An APIService that leads to another server. */
export interface AggregatedServer {
  readonly apiService: APIService;
  readonly name: string;
  readonly reference: ApiregistrationServiceReference;
  readonly isAvailable: boolean;
}

export interface AggregatedServers {
  /** Whose path this is; undefined when it is this server's own. Takes the path decoded. */
  findByPath(path: string): AggregatedServer | undefined;
  all(): readonly AggregatedServer[];
  serviceOf(reference: ApiregistrationServiceReference): Service | undefined;
  slicesOf(reference: ApiregistrationServiceReference): readonly EndpointSlice[];
  /** One of its endpoints; undefined when there is none. */
  resolve(server: AggregatedServer): Omit<ForwardTarget, 'path'> | undefined;
}

const parsedServices = new WeakMap<CachedObject, AggregatedServer | 'local'>();

export function createAggregatedServers(cache: WatchCache, random: Random, { certificate, key }: FrontProxyCredentials): AggregatedServers {
  const serviceOf = ({ namespace = '', name = '' }: ApiregistrationServiceReference) => {
    const stored = cache.find(storageKey(services, namespace, name));
    return stored === undefined ? undefined : parseStoredAs(services, stored.bytes);
  };
  const slicesOf = ({ namespace = '', name = '' }: ApiregistrationServiceReference) =>
    cache
      .list(storagePrefix(endpointslices, namespace))
      .filter(({ labels }) => labels[SERVICE_NAME_LABEL] === name)
      .map(({ bytes }) => parseStoredAs(endpointslices, bytes));
  return {
    findByPath: (path) => {
      const groupVersion = groupVersionOf(path);
      const stored = groupVersion && cache.find(storageKey(apiservices, '', apiServiceName(groupVersion)));
      return stored && serverOf(stored);
    },
    all: () => cache.list(storagePrefix(apiservices)).flatMap((stored) => serverOf(stored) ?? []),
    serviceOf,
    slicesOf,
    resolve: ({ apiService, reference }) => {
      const service = serviceOf(reference);
      const place = service && placeOf(service, reference, slicesOf, random);
      return place && { scheme: 'https', ...place, tls: { ...tlsOf(apiService, reference), certificate, key } };
    },
  };
}

/** `/apis/metrics.k8s.io/v1beta1/…`, and its description `/openapi/v3/apis/metrics.k8s.io/v1beta1`. The core group and that of APIServices are never another's. */
export function groupVersionOf(path: string): { readonly group: string; readonly version: string } | undefined {
  const [, group = '', version = ''] = /^(?:\/openapi\/v3)?\/apis\/([^/]+)\/([^/]+)(?:\/|$)/.exec(path) ?? [];
  return group === '' || group === 'apiregistration.k8s.io' ? undefined : { group, version };
}

function serverOf(stored: CachedObject): AggregatedServer | undefined {
  const known = parsedServices.get(stored) ?? readServer(stored);
  parsedServices.set(stored, known);
  return known === 'local' ? undefined : known;
}

function readServer({ bytes, name }: CachedObject): AggregatedServer | 'local' {
  const apiService = parseStoredAs(apiservices, bytes);
  const { service: reference, group = '' } = apiService.spec;
  if (reference === undefined || group === '' || group === apiservices.group) return 'local';
  return { apiService, name, reference, isAvailable: isConditionTrue(apiService.status?.conditions, AVAILABLE) };
}

function placeOf(
  service: Service,
  reference: ApiregistrationServiceReference,
  slicesOf: AggregatedServers['slicesOf'],
  random: Random,
): Pick<ForwardTarget, 'address' | 'port'> | undefined {
  const { port = 443 } = reference;
  const { type, externalName } = service.spec ?? {};
  if (type === 'ExternalName') return externalName === undefined ? undefined : { address: externalName, port };
  const endpoints = endpointsOf(port, service, slicesOf(reference));
  return endpoints[Math.floor(random.next() * endpoints.length)];
}

/** The server shows a certificate for its Service's name, whatever address it has. */
function tlsOf({ spec }: APIService, { name = '', namespace = '' }: ApiregistrationServiceReference): TargetTls {
  const serverName = `${name}.${namespace}.svc`;
  if (spec.insecureSkipTLSVerify === true) return { serverName };
  return {
    serverName,
    ca: spec.caBundle === undefined || spec.caBundle === '' ? 'system' : Buffer.from(spec.caBundle, 'base64').toString('utf8'),
  };
}
