/**
 * Where a Service of the cluster is reached from the API server's own process: its cluster IP, which kube-proxy leads on, or the name it stands for.
 * Looked up for every new connection, so that a Service that was made again is found again. Source: k8s.io/kube-aggregator, upstream's pkg/util/proxy (ResolveCluster).
 */
import { services } from '#api/generated/resources.ts';
import { parseStoredAs } from '../encoding/json-value.ts';
import type { WatchCache } from '../storage/watch-cache.ts';
import { storageKey } from '../storage-key.ts';

export interface ServicePort {
  readonly namespace: string;
  readonly name: string;
  readonly port: number;
}

/** An address, or a host name. Throws an Error that says why there is none, in upstream's words. */
export function addressOfService({ namespace, name, port }: ServicePort, cache: Pick<WatchCache, 'find'>): string {
  const stored = cache.find(storageKey(services, namespace, name));
  if (stored === undefined) throw new Error(`service ${JSON.stringify(name)} not found`);
  const { spec } = parseStoredAs(services, stored.bytes);
  if (spec?.type === 'ExternalName') return spec.externalName ?? '';
  const { clusterIP = '', ports = [] } = spec ?? {};
  if (clusterIP === '' || clusterIP === 'None') throw new Error(`cannot route to service with ClusterIP ${JSON.stringify(clusterIP)}`);
  const hasPort = ports.some((one) => one.port === port);
  if (!hasPort) throw new Error(`no service port ${port} found for service ${JSON.stringify(name)}`);
  return clusterIP;
}
