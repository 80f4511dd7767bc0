/**
 * Which UDP flows the kernel must forget after a sync. Pure; `kube-proxy.ts` hands the result to `nft.ts`. Rules only see the first packet of a
 * flow. A TCP connection ends with its endpoint, but a UDP client that keeps sending from one port would go on being sent to an endpoint
 * that is gone, or to no endpoint at all because it began before there was one.
 */
import type { ServiceRoute } from './service-routes.ts';

export interface StaleFlow {
  /** What the client sends to; undefined for a node port, which any address of the node has. */
  readonly destination: string | undefined;
  readonly port: number;
  /** Only flows that were translated to this endpoint address; undefined for all. */
  readonly endpoint: string | undefined;
}

interface Frontend {
  readonly destination: string | undefined;
  readonly port: number;
  readonly endpoints: ReadonlySet<string>;
}

/** `previous` is empty at the start, when nobody knows what the flows of a former process were translated to: all of them go. */
export function findStaleFlows(previous: readonly ServiceRoute[], current: readonly ServiceRoute[]): readonly StaleFlow[] {
  const before = udpFrontends(previous);
  const after = udpFrontends(current);
  const removed = [...before].flatMap(([key, { destination, port, endpoints }]) => {
    const left = after.get(key)?.endpoints ?? new Set();
    return [...endpoints.difference(left)].map((endpoint) => ({ destination, port, endpoint }));
  });
  const newlyServed = [...after].flatMap(([key, { destination, port, endpoints }]) => {
    const wasServed = (before.get(key)?.endpoints.size ?? 0) > 0;
    return endpoints.size > 0 && !wasServed ? [{ destination, port, endpoint: undefined }] : [];
  });
  return [...removed, ...newlyServed];
}

function udpFrontends(routes: readonly ServiceRoute[]): ReadonlyMap<string, Frontend> {
  const found = new Map<string, Frontend>();
  for (const route of routes) {
    if (route.protocol !== 'udp') continue;
    const { cluster, local } = route.endpoints;
    const endpoints = new Set([...cluster, ...local].map(({ address }) => address));
    const add = (destination: string | undefined, port: number) => found.set(`${destination}:${port}`, { destination, port, endpoints });
    for (const address of [route.clusterIP, ...route.externalIPs]) add(address, route.port);
    if (route.nodePort !== undefined) add(undefined, route.nodePort);
  }
  return found;
}
