/**
 * Tells the API server where this process serves metrics.k8s.io: an APIService, and the Service and endpoints it points to. Written when the process starts, as only it knows
 * its address; what is there and right is left alone. An APIService that names another server is somebody's own metrics server, and stays.
 */
import { apiservices, endpointslices, services } from '#api/generated/resources.ts';
import type { APIService, EndpointSlice, Service } from '#api/generated/types.ts';
import { keyOf } from '#api/meta/object-key.ts';
import type { ApiObject, Draft, ResourceType } from '#api/meta/resource-type.ts';
import { isReason } from '#api/meta/status.ts';
import type { Client } from '#client/client.ts';
import type { Clock } from '#component/clock.ts';
import type { Logger } from '#component/logger.ts';

export const SERVICE_NAMESPACE = 'kube-system';
export const SERVICE_NAME = 'keelson-metrics';

export interface Place {
  readonly address: string;
  readonly port: number;
  /** PEM of the authority that signed this server's certificate. */
  readonly ca: string;
}

interface Deps {
  readonly client: Client;
  readonly clock: Clock;
  readonly log: Logger;
}

const RETRY_MS = 500;
const labels = { 'app.kubernetes.io/name': SERVICE_NAME };

/** Until it is done: the API server may not be there yet. */
export async function registerMetricsApi(place: Place, deps: Deps, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      await ensure(services, aService(place), deps.client);
      await ensure(endpointslices, aSlice(place), deps.client);
      await ensureApiService(place, deps);
      return;
    } catch (error) {
      deps.log.warn({ err: error }, 'cannot register the metrics API yet');
      await deps.clock.sleep(RETRY_MS, signal).catch(() => {});
    }
  }
}

async function ensureApiService(place: Place, { client, log }: Deps): Promise<void> {
  const wanted = anApiService(place);
  const present = await find(apiservices, wanted, client);
  if (present !== undefined && present.spec.service?.name !== SERVICE_NAME) {
    log.info({ service: present.spec.service }, 'another server serves the metrics API');
    return;
  }
  await ensure(apiservices, wanted, client);
}

async function ensure<T extends ApiObject>(type: ResourceType<T>, wanted: Draft<T>, client: Client): Promise<void> {
  const present = await find(type, wanted, client);
  if (present === undefined) await client.resource(type).create(wanted);
  else await client.resource(type).patch(keyOf(present), 'merge', wanted);
}

async function find<T extends ApiObject>(type: ResourceType<T>, { metadata }: Draft<T>, client: Client): Promise<T | undefined> {
  try {
    return await client.resource(type).get({ namespace: metadata.namespace ?? '', name: metadata.name ?? '' });
  } catch (error) {
    if (isReason(error, 'NotFound')) return undefined;
    throw error;
  }
}

function aService({ port }: Place): Draft<Service> {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: SERVICE_NAME, namespace: SERVICE_NAMESPACE, labels },
    spec: { ports: [{ name: 'https', port: 443, protocol: 'TCP', targetPort: port }] },
  };
}

function aSlice({ address, port }: Place): Draft<EndpointSlice> {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: SERVICE_NAME, namespace: SERVICE_NAMESPACE, labels: { ...labels, 'kubernetes.io/service-name': SERVICE_NAME } },
    addressType: 'IPv4',
    endpoints: [{ addresses: [address], conditions: { ready: true } }],
    ports: [{ name: 'https', port, protocol: 'TCP' }],
  };
}

function anApiService({ ca }: Place): Draft<APIService> {
  return {
    apiVersion: 'apiregistration.k8s.io/v1',
    kind: 'APIService',
    metadata: { name: 'v1beta1.metrics.k8s.io', labels },
    spec: {
      group: 'metrics.k8s.io',
      version: 'v1beta1',
      groupPriorityMinimum: 100,
      versionPriority: 100,
      service: { name: SERVICE_NAME, namespace: SERVICE_NAMESPACE, port: 443 },
      caBundle: Buffer.from(ca).toString('base64'),
    },
  };
}
