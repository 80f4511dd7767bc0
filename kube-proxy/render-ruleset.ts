/**
 * Routes to the whole text of one nftables table, for `nft -f -`. Pure; `kube-proxy.ts` applies it, `testing/packet-tracer.ts` reads it.
 *
 * The path of a packet, with our hooks in brackets:
 *
 *   from a pod or the network ──▶ [prerouting] ──▶ routing ──┬──▶ to a pod or the network: [forward] ──┐
 *                                                            └──▶ to this node: [input] ──▶ process    ├──▶ [postrouting] ──▶
 *   from a process here ──▶ routing ──▶ [output] ──▶ [filter-output] ──▶ routing again ────────────────┘
 *
 * - prerouting and output translate a Service's address to an endpoint's. prerouting has to come before the routing decision because the
 *   endpoint may be anywhere; packets of the node's own processes never see it, hence output.
 * - input, forward and filter-output refuse what was not translated: a Service without endpoints (rejected), a Service's address with a
 *   port it does not have (rejected), an address of the Service range that nobody holds (dropped, as upstream). Without them such packets
 *   would leave by the default route. They run after translation, so whatever they still see was not translated.
 * - postrouting masquerades where the answer would otherwise bypass this node: marked packets (they came from outside, and the endpoint may
 *   be elsewhere) and hairpins (a pod that reached itself would get an answer from its own address).
 *
 * The layout is flat, so that loading and matching stay cheap with ten thousand Services: one verdict map from a Service's address to a chain,
 * one map from (address, index) to the endpoint, and chains only per *number* of endpoints: `spread-service-3` picks one of three for every
 * Service that has three. Only session affinity needs chains and a set per endpoint, since its clients must be remembered.
 *
 * The table is replaced as a whole, which would forget those clients. So when the previous ruleset had affinity sets that are wanted still, the
 * text flushes the table's rules and maps and keeps the sets; chains that are no longer used stay, empty and unreachable, until the next whole
 * replacement (deleting a chain together with the map elements that name it fails before Linux 6.2). Both are one transaction.
 */
import { createHash } from 'node:crypto';
import type { RouteEndpoint } from './route-endpoints.ts';
import type { ServiceRoute, TrafficPolicy } from './service-routes.ts';

export const TABLE = 'ip keelson-proxy';

/** Upstream's bit, which CNI plugins and network policies know to leave alone. */
const MASQUERADE_MARK = '0x4000';

/** Clients remembered per endpoint; the kernel then refuses to remember more, and those are simply balanced. Also nft's own default. */
const AFFINITY_CLIENTS_MAX = 65_535;

const MARK_CHAIN = 'mark-for-masquerade';

export interface RulesetOptions {
  /** Every pod's address is in here; anything else that calls a cluster IP is masqueraded. */
  readonly podCidr: string;
  /** Cluster IPs come from here. */
  readonly serviceCidr: string;
  /** The `affinitySets` of the ruleset that is loaded now; empty when that is not known, which replaces the table as a whole. */
  readonly previousAffinitySets: readonly string[];
}

export interface Ruleset {
  readonly text: string;
  readonly affinitySets: readonly string[];
}

/** One address on which a route is reached. */
interface Frontend {
  readonly kind: 'cluster-ip' | 'external-ip' | 'node-port';
  /** `10.96.0.10 . tcp . 80`, or `tcp . 30080` for a node port. */
  readonly key: string;
}

/** Verdict and endpoint maps of one way to address a Service. */
interface AddressMaps {
  readonly verdicts: Map<string, string>;
  readonly endpoints: Map<string, string>;
  readonly refused: Set<string>;
}

/** What the routes add up to, before it becomes text. Maps keep each key once: nft refuses a transaction that has one twice. */
interface Draft {
  readonly options: RulesetOptions;
  readonly service: AddressMaps;
  readonly nodePort: AddressMaps;
  readonly clusterIPs: Set<string>;
  readonly hairpins: Set<string>;
  readonly chains: Map<string, readonly string[]>;
  /** Name to time-out in seconds. */
  readonly affinitySets: Map<string, number>;
}

export function renderRuleset(routes: readonly ServiceRoute[], options: RulesetOptions): Ruleset {
  const draft = createDraft(options);
  for (const route of routes) addClusterIP(draft, route);
  // After all cluster IPs: nobody may take one over by claiming it as an external IP.
  for (const route of routes) addExternalAddresses(draft, route);
  const affinitySets = [...draft.affinitySets.keys()];
  return { text: renderDraft(draft), affinitySets };
}

function createDraft(options: RulesetOptions): Draft {
  const maps = (): AddressMaps => ({ verdicts: new Map(), endpoints: new Map(), refused: new Set() });
  return {
    options,
    service: maps(),
    nodePort: maps(),
    clusterIPs: new Set(),
    hairpins: new Set(),
    chains: new Map(),
    affinitySets: new Map(),
  };
}

function addClusterIP(draft: Draft, route: ServiceRoute): void {
  draft.clusterIPs.add(route.clusterIP);
  addFrontend(draft, route, { kind: 'cluster-ip', key: `${route.clusterIP} . ${route.protocol} . ${route.port}` });
}

function addExternalAddresses(draft: Draft, route: ServiceRoute): void {
  for (const address of route.externalIPs) {
    addFrontend(draft, route, { kind: 'external-ip', key: `${address} . ${route.protocol} . ${route.port}` });
  }
  if (route.nodePort !== undefined) addFrontend(draft, route, { kind: 'node-port', key: `${route.protocol} . ${route.nodePort}` });
}

function addFrontend(draft: Draft, route: ServiceRoute, frontend: Frontend): void {
  const { verdicts, refused } = mapsFor(draft, frontend);
  if (verdicts.has(frontend.key) || refused.has(frontend.key)) return; // the first route by name keeps a contested address
  if (!route.endpoints.isServed) {
    refused.add(frontend.key);
    return;
  }
  for (const endpoint of [...route.endpoints.cluster, ...route.endpoints.local]) {
    if (endpoint.location !== 'elsewhere') draft.hairpins.add(`${endpoint.address} . ${endpoint.address}`);
  }
  verdicts.set(
    frontend.key,
    frontend.kind === 'cluster-ip' ? internalVerdict(draft, route, frontend) : externalVerdict(draft, route, frontend),
  );
}

function mapsFor(draft: Draft, { kind }: Frontend): AddressMaps {
  return kind === 'node-port' ? draft.nodePort : draft.service;
}

function internalVerdict(draft: Draft, route: ServiceRoute, frontend: Frontend): string {
  return balance(draft, route, frontend, route.internalPolicy, 0);
}

/**
 * Cluster policy masquerades, since the endpoint may be on another node and would answer the client directly. Local policy keeps the client's
 * address, and treats pods and processes of this node as if they had gone out to a load balancer and back: they reach every endpoint.
 */
function externalVerdict(draft: Draft, route: ServiceRoute, frontend: Frontend): string {
  const everywhere = balance(draft, route, frontend, 'Cluster', 0);
  if (route.externalPolicy === 'Cluster') {
    return `goto ${addChain(draft, `external-${nameIn(everywhere)}`, [`jump ${MARK_CHAIN}`, everywhere])}`;
  }
  const here = balance(draft, route, frontend, 'Local', route.endpoints.cluster.length);
  const name = `external-local-${nameIn(here)}-else-${nameIn(everywhere)}`;
  const rules = [
    `ip saddr ${draft.options.podCidr} ${everywhere}`,
    `fib saddr type local jump ${MARK_CHAIN}`,
    `fib saddr type local ${everywhere}`,
    here,
  ];
  return `goto ${addChain(draft, name, rules)}`;
}

/** The verdict that sends a packet to one of the policy's endpoints: a `goto`, or `drop` where Local policy finds none on this node. */
function balance(draft: Draft, route: ServiceRoute, frontend: Frontend, policy: TrafficPolicy, firstIndex: number): string {
  const endpoints = policy === 'Local' ? route.endpoints.local : route.endpoints.cluster;
  if (endpoints.length === 0) return 'drop';
  return route.affinitySeconds === undefined
    ? `goto ${spread(draft, frontend, endpoints, firstIndex)}`
    : `goto ${stick(draft, route, route.affinitySeconds, policy)}`;
}

/** Files the endpoints under the frontend's key from `firstIndex` on, and gives the chain that picks among that many. */
function spread(draft: Draft, frontend: Frontend, endpoints: readonly RouteEndpoint[], firstIndex: number): string {
  const map = mapsFor(draft, frontend).endpoints;
  for (const [index, { address, port }] of endpoints.entries()) {
    map.set(`${frontend.key} . ${firstIndex + index}`, `${address} . ${port}`);
  }
  const [kind, key] = frontend.kind === 'node-port' ? (['node-port', NODE_PORT_KEY] as const) : (['service', SERVICE_KEY] as const);
  const offset = firstIndex === 0 ? '' : ` offset ${firstIndex}`;
  const name = `spread-${kind}-${endpoints.length}${firstIndex === 0 ? '' : `-after-${firstIndex}`}`;
  return addChain(draft, name, [`dnat ip to ${key} . numgen random mod ${endpoints.length}${offset} map @${kind}-endpoints`]);
}

/** A client that an endpoint's set remembers goes there again; others are balanced. One set of sets per port, whatever address it is called by. */
function stick(draft: Draft, route: ServiceRoute, timeoutSeconds: number, policy: TrafficPolicy): string {
  const owner = `${route.name}/${route.protocol}`;
  const endpoints = policy === 'Local' ? route.endpoints.local : route.endpoints.cluster;
  const targets = endpoints.map((endpoint) => addStickyEndpoint(draft, route, endpoint, timeoutSeconds));
  const rules = targets.map(({ set, chain }) => `ip saddr @${set} goto ${chain}`);
  const choices = targets.map(({ chain }, index) => `${index} : goto ${chain}`).join(', ');
  return addChain(draft, `sticky-${shortHash(owner, policy)}`, [...rules, `numgen random mod ${targets.length} vmap { ${choices} }`]);
}

function addStickyEndpoint(draft: Draft, route: ServiceRoute, endpoint: RouteEndpoint, timeoutSeconds: number) {
  const { address, port } = endpoint;
  // The time-out is in the name because a set's definition cannot be changed while it is kept.
  const hash = shortHash(route.name, route.protocol, address, String(port), String(timeoutSeconds));
  const set = `affinity-${hash}`;
  draft.affinitySets.set(set, timeoutSeconds);
  const rules = [`update @${set} { ip saddr }`, `meta l4proto ${route.protocol} dnat to ${address}:${port}`];
  return { set, chain: addChain(draft, `endpoint-${hash}`, rules) };
}

function addChain(draft: Draft, name: string, rules: readonly string[]): string {
  draft.chains.set(name, rules);
  return name;
}

/** `goto spread-service-2` to `spread-service-2`; `drop` stays. */
function nameIn(verdict: string): string {
  return verdict.replace(/^goto /, '');
}

function shortHash(...parts: readonly string[]): string {
  return createHash('sha256').update(parts.join('\n')).digest('hex').slice(0, 12);
}

const SERVICE_KEY = 'ip daddr . meta l4proto . th dport';
const NODE_PORT_KEY = 'meta l4proto . th dport';
/** nft wants a width for the index; it takes it from an expression of the same kind as in the chains. */
const INDEX = 'numgen random mod 65535';
const TARGET = 'ip daddr . th dport';

interface Container {
  readonly kind: 'map' | 'set';
  readonly name: string;
  readonly type: string;
  readonly elements: readonly string[];
}

function containersOf({ service, nodePort, clusterIPs, hairpins }: Draft): readonly Container[] {
  const pairs = (map: ReadonlyMap<string, string>) => [...map].map(([key, value]) => `${key} : ${value}`);
  return [
    { kind: 'map', name: 'services', type: `${SERVICE_KEY} : verdict`, elements: pairs(service.verdicts) },
    { kind: 'map', name: 'service-endpoints', type: `${SERVICE_KEY} . ${INDEX} : ${TARGET}`, elements: pairs(service.endpoints) },
    { kind: 'map', name: 'node-ports', type: `${NODE_PORT_KEY} : verdict`, elements: pairs(nodePort.verdicts) },
    { kind: 'map', name: 'node-port-endpoints', type: `${NODE_PORT_KEY} . ${INDEX} : ${TARGET}`, elements: pairs(nodePort.endpoints) },
    { kind: 'set', name: 'cluster-ips', type: 'ip daddr', elements: [...clusterIPs] },
    { kind: 'set', name: 'refused-services', type: SERVICE_KEY, elements: [...service.refused] },
    { kind: 'set', name: 'refused-node-ports', type: NODE_PORT_KEY, elements: [...nodePort.refused] },
    { kind: 'set', name: 'hairpins', type: 'ip saddr . ip daddr', elements: [...hairpins] },
  ];
}

/** Node ports answer on every address of the node but loopback, where a connection could not be routed to a pod. */
const TO_THIS_NODE = 'fib daddr type local ip daddr != 127.0.0.0/8';

function fixedChains({ podCidr, serviceCidr }: RulesetOptions): ReadonlyMap<string, readonly string[]> {
  return new Map([
    [MARK_CHAIN, [`meta mark set meta mark | ${MASQUERADE_MARK}`]],
    [
      'translate',
      [
        `ip daddr ${serviceCidr} ip saddr != ${podCidr} jump ${MARK_CHAIN}`,
        `${SERVICE_KEY} vmap @services`,
        `${TO_THIS_NODE} ${NODE_PORT_KEY} vmap @node-ports`,
      ],
    ],
    [
      'refuse',
      [
        `${SERVICE_KEY} @refused-services reject`,
        'ip daddr @cluster-ips reject',
        `ip daddr ${serviceCidr} drop`,
        `${TO_THIS_NODE} ${NODE_PORT_KEY} @refused-node-ports reject`,
      ],
    ],
  ]);
}

/** Numbers where nft 1.0.6 knows no name: it has `dstnat` for prerouting only. */
const baseChains: readonly (readonly [name: string, hook: string, rules: readonly string[]])[] = [
  ['prerouting', 'type nat hook prerouting priority -100; policy accept;', ['jump translate']],
  ['output', 'type nat hook output priority -100; policy accept;', ['jump translate']],
  ['filter-input', 'type filter hook input priority 0; policy accept;', ['ct state new jump refuse']],
  ['filter-forward', 'type filter hook forward priority 0; policy accept;', ['ct state new jump refuse']],
  ['filter-output', 'type filter hook output priority 0; policy accept;', ['ct state new jump refuse']],
  [
    'postrouting',
    'type nat hook postrouting priority 100; policy accept;',
    [
      'ip saddr . ip daddr @hairpins masquerade fully-random',
      `meta mark & ${MASQUERADE_MARK} == ${MASQUERADE_MARK} meta mark set meta mark ^ ${MASQUERADE_MARK} masquerade fully-random`,
    ],
  ],
];

function renderDraft(draft: Draft): string {
  const containers = containersOf(draft);
  const blocks = [
    ...containers.map(renderContainer),
    ...[...draft.affinitySets].map(renderAffinitySet),
    ...[...draft.chains].map(([name, rules]) => renderBlock(`chain ${name}`, rules)),
    ...[...fixedChains(draft.options)].map(([name, rules]) => renderBlock(`chain ${name}`, rules)),
    ...baseChains.map(([name, hook, rules]) => renderBlock(`chain ${name}`, [hook, ...rules])),
  ];
  return [...renderPrologue(draft, containers), `table ${TABLE} {`, blocks.join('\n\n'), '}', ''].join('\n');
}

function renderPrologue({ affinitySets, options }: Draft, containers: readonly Container[]): readonly string[] {
  const previous = options.previousAffinitySets;
  if (!previous.some((set) => affinitySets.has(set))) return [`table ${TABLE}`, `delete table ${TABLE}`];
  return [
    `flush table ${TABLE}`,
    ...containers.map(({ kind, name }) => `flush ${kind} ${TABLE} ${name}`),
    ...previous.filter((set) => !affinitySets.has(set)).map((set) => `delete set ${TABLE} ${set}`),
  ];
}

function renderContainer({ kind, name, type, elements }: Container): string {
  const list = elements.map((element) => `  ${element},`);
  return renderBlock(`${kind} ${name}`, [`typeof ${type}`, ...(list.length === 0 ? [] : ['elements = {', ...list, '}'])]);
}

function renderAffinitySet([name, timeoutSeconds]: readonly [string, number]): string {
  const lines = ['typeof ip saddr', `size ${AFFINITY_CLIENTS_MAX}`, 'flags dynamic,timeout', `timeout ${timeoutSeconds}s`];
  return renderBlock(`set ${name}`, lines);
}

function renderBlock(title: string, lines: readonly string[]): string {
  return [`  ${title} {`, ...lines.map((line) => `    ${line}`), '  }'].join('\n');
}
