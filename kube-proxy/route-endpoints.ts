/**
 * Which endpoints a Service port may send its traffic to, as seen from one node. `service-routes.ts` calls it once per port. Readiness,
 * the fall-back to terminating endpoints that still serve, traffic policies and same-node or same-zone preference are decided here and
 * nowhere else; the rules are those of upstream's `pkg/proxy/topology.go`.
 */
import { isIPv4 } from 'node:net';
import type { Endpoint, EndpointSlice } from '#api/generated/types.ts';

export type Protocol = 'tcp' | 'udp' | 'sctp';

/** Where an endpoint runs. `unknown` when its author did not say (a slice written by hand): not local for policies, but it may be. */
export type EndpointLocation = 'here' | 'elsewhere' | 'unknown';

export interface RouteEndpoint {
  readonly address: string;
  readonly port: number;
  readonly location: EndpointLocation;
}

/** The node this proxy serves. */
export interface NodePlace {
  readonly name: string;
  /** The node's `topology.kubernetes.io/zone`; empty if it has none. */
  readonly zone: string;
}

export interface EndpointChoice {
  /** What Cluster policy uses. */
  readonly cluster: readonly RouteEndpoint[];
  /** What Local policy uses: this node's. */
  readonly local: readonly RouteEndpoint[];
  /** Whether any node has a usable endpoint: without one traffic is rejected, with one elsewhere Local policy drops it. */
  readonly isServed: boolean;
}

/** An endpoint of one Service port with what is needed to choose. */
interface Candidate extends RouteEndpoint {
  readonly state: 'ready' | 'terminating';
  readonly nodeHints: readonly string[];
  readonly zoneHints: readonly string[];
}

const protocols: Readonly<Record<string, Protocol>> = { TCP: 'tcp', UDP: 'udp', SCTP: 'sctp' };

/** `TCP` to `tcp`; undefined for anything the API does not know. Absent means TCP. */
export function parseProtocol(text: string | undefined): Protocol | undefined {
  return protocols[text ?? 'TCP'];
}

export function chooseEndpoints(
  slices: readonly EndpointSlice[],
  port: { readonly name: string; readonly protocol: Protocol },
  node: NodePlace,
): EndpointChoice {
  const candidates = candidatesOf(slices, port, node);
  const ready = candidates.filter(({ state }) => state === 'ready');
  const isPreferred = preference(ready, node);
  const here = candidates.filter(({ location }) => location === 'here');
  return {
    cluster: ready.length > 0 ? ready.filter(isPreferred).map(toEndpoint) : candidates.map(toEndpoint),
    local: readyElseTerminating(here).map(toEndpoint),
    isServed: candidates.length > 0,
  };
}

function readyElseTerminating(candidates: readonly Candidate[]): readonly Candidate[] {
  const ready = candidates.filter(({ state }) => state === 'ready');
  return ready.length > 0 ? ready : candidates;
}

/** Hints only count when every ready endpoint carries them and one is meant for us; otherwise following them could lose traffic. */
function preference(ready: readonly Candidate[], node: NodePlace): (candidate: Candidate) => boolean {
  const forThisNode = ({ nodeHints }: Candidate) => nodeHints.includes(node.name);
  const forThisZone = ({ zoneHints }: Candidate) => zoneHints.includes(node.zone);
  if (ready.every(({ nodeHints }) => nodeHints.length > 0) && ready.some(forThisNode)) return forThisNode;
  if (ready.every(({ zoneHints }) => zoneHints.length > 0) && ready.some(forThisZone)) return forThisZone;
  return () => true;
}

/** The usable endpoints, each address and port once, in a stable order: the same state must render the same text. */
function candidatesOf(
  slices: readonly EndpointSlice[],
  port: { readonly name: string; readonly protocol: Protocol },
  node: NodePlace,
): readonly Candidate[] {
  const found = new Map<string, Candidate>();
  for (const slice of slices) {
    const target = slice.ports?.find((each) => (each.name ?? '') === port.name && parseProtocol(each.protocol) === port.protocol);
    if (slice.addressType !== 'IPv4' || target?.port === undefined) continue;
    for (const endpoint of slice.endpoints ?? []) {
      const candidate = toCandidate(endpoint, target.port, node);
      if (candidate === undefined) continue;
      const id = `${candidate.address}:${candidate.port}`;
      // While an endpoint moves from one slice to another it may be in both; the ready one is the newer word.
      if (found.get(id)?.state !== 'ready') found.set(id, candidate);
    }
  }
  return [...found.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, candidate]) => candidate);
}

function toCandidate(endpoint: Endpoint, port: number, node: NodePlace): Candidate | undefined {
  const [address] = endpoint.addresses; // further ones mean nothing to a proxy, the API says
  const state = stateOf(endpoint);
  if (address === undefined || !isIPv4(address) || state === undefined) return undefined;
  return {
    address,
    port,
    state,
    location: endpoint.nodeName === undefined ? 'unknown' : endpoint.nodeName === node.name ? 'here' : 'elsewhere',
    nodeHints: (endpoint.hints?.forNodes ?? []).map(({ name }) => name),
    zoneHints: (endpoint.hints?.forZones ?? []).map(({ name }) => name),
  };
}

/** Undefined for an endpoint that must get no traffic at all. Absent conditions mean ready, serving, not terminating. */
function stateOf({ conditions }: Endpoint): Candidate['state'] | undefined {
  if (conditions?.ready ?? true) return 'ready';
  return (conditions?.serving ?? true) && (conditions?.terminating ?? false) ? 'terminating' : undefined;
}

function toEndpoint({ address, port, location }: Candidate): RouteEndpoint {
  return { address, port, location };
}
