/**
 * What cluster DNS says about a name: the records of Kubernetes' DNS-based service discovery, schema 1.1.0
 * (https://github.com/kubernetes/dns/blob/master/docs/specification.md), from the cluster's state. Pure; `resolver.ts` calls it for each
 * question. Whether a name exists without records of the type asked (no data) or not at all (no name) is told apart with care: a resolver
 * stops asking about a name, and about everything below it, once it has heard that there is none.
 *
 *   <service>.<namespace>.svc.<zone>                      A · CNAME of an ExternalName · SRV of all its ports
 *   _<port>._<protocol>.<service>.<namespace>.svc.<zone>  SRV
 *   <hostname>.<service>.<namespace>.svc.<zone>           A of one endpoint; without a hostname its address with dashes
 *   <a-b-c-d>.<namespace>.pod.<zone>                      A a.b.c.d
 *   dns-version.<zone>                                    TXT
 *   <d.c.b.a>.in-addr.arpa                                PTR of a cluster IP, or of an endpoint of a headless Service
 */
import { isIPv4 } from 'node:net';
import type { Answer, Question } from 'dns-packet';
import type { Endpoint, EndpointSlice, Service } from '#api/generated/types.ts';
import { type ClusterView, serviceKeysOf } from './cluster-view.ts';

/** Seconds. Short, because an endpoint may be gone the next moment; long enough to spare us bursts of the same question. */
const TTL_SECONDS = 5;
const SCHEMA_VERSION = '1.1.0';
const SRV_WEIGHT_TOTAL = 100;

export type Lookup =
  | { readonly outcome: 'found'; readonly answers: readonly Answer[]; readonly additionals: readonly Answer[] }
  /** The name is another name for `target`, which may be anywhere. */
  | { readonly outcome: 'alias'; readonly answers: readonly Answer[]; readonly target: string }
  | { readonly outcome: 'no-data' | 'no-name'; readonly authority: Answer }
  /** Not a name of the cluster: ask the world. */
  | { readonly outcome: 'elsewhere' };

export interface Zone {
  /** `cluster.local` */
  readonly name: string;
  readonly cluster: ClusterView;
}

/** What a name stands for, before the question's type is looked at. */
type Meaning =
  | { readonly kind: 'targets'; readonly targets: readonly Target[]; readonly serviceName: string }
  | { readonly kind: 'alias'; readonly target: string }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'apex' }
  /** Something exists below it. */
  | { readonly kind: 'branch' }
  | { readonly kind: 'nothing' };

/** One host, with the ports it serves under the name asked for. */
interface Target {
  readonly host: string;
  readonly address: string;
  readonly ports: readonly { readonly name: string; readonly protocol: string; readonly port: number }[];
}

const nothing: Meaning = { kind: 'nothing' };
const branch: Meaning = { kind: 'branch' };

export function findRecords(question: Question, zone: Zone): Lookup {
  const name = question.name.toLowerCase().replace(/\.$/, '');
  if (name.endsWith('.in-addr.arpa')) return findReverse(question, name, zone);
  if (name !== zone.name && !name.endsWith(`.${zone.name}`)) return { outcome: 'elsewhere' };
  const labels = name === zone.name ? [] : name.slice(0, -zone.name.length - 1).split('.');
  return answer(question, meaningOf(labels, zone), zone);
}

function meaningOf(labels: readonly string[], zone: Zone): Meaning {
  const kind = labels.at(-1);
  const inside = labels.slice(0, -1);
  if (kind === undefined) return { kind: 'apex' };
  if (kind === 'dns-version' && inside.length === 0) return { kind: 'text', text: SCHEMA_VERSION };
  if (kind === 'svc') return meaningOfService(inside, zone);
  return kind === 'pod' ? meaningOfPod(inside, zone) : nothing;
}

function meaningOfPod(labels: readonly string[], { cluster }: Zone): Meaning {
  const namespace = labels.at(-1);
  if (namespace === undefined) return branch;
  if (!cluster.hasNamespace(namespace)) return nothing;
  const [dashed] = labels;
  if (labels.length === 1 || dashed === undefined) return branch;
  const address = dashed.replaceAll('-', '.');
  if (labels.length > 2 || !isIPv4(address)) return nothing;
  return { kind: 'targets', targets: [{ host: '', address, ports: [] }], serviceName: '' };
}

function meaningOfService(labels: readonly string[], zone: Zone): Meaning {
  const namespace = labels.at(-1);
  const name = labels.at(-2);
  if (namespace === undefined) return branch;
  if (name === undefined) return zone.cluster.hasNamespace(namespace) ? branch : nothing;
  const service = zone.cluster.findService(namespace, name);
  if (service === undefined) return nothing;
  const { externalName, type } = service.spec;
  const below = labels.slice(0, -2);
  if (type === 'ExternalName') {
    return below.length === 0 && externalName ? { kind: 'alias', target: externalName.replace(/\.$/, '') } : nothing;
  }
  return meaningBelow(below, service, zone);
}

/** `below` are the labels before the Service's: none, an endpoint's hostname, or a port and its protocol. */
function meaningBelow(below: readonly string[], service: Service, zone: Zone): Meaning {
  const serviceName = nameOfService(service, zone);
  const targetsOf = (targets: readonly Target[]): Meaning => (targets.length === 0 ? nothing : { kind: 'targets', targets, serviceName });
  const [first = '', second = ''] = below;
  if (below.length === 0) return targetsOf(targetsOfService(service, serviceName, zone));
  if (below.length === 1 && first.startsWith('_')) {
    const hasPort = targetsOfService(service, serviceName, zone).some(({ ports }) => ports.some((port) => isNamed(port, first.slice(1))));
    return hasPort ? branch : nothing;
  }
  if (below.length === 1)
    return targetsOf(endpointTargets(service, serviceName, zone).filter(({ host }) => host === `${first}.${serviceName}`));
  if (below.length > 2 || !first.startsWith('_') || !second.startsWith('_')) return nothing;
  return targetsOf(
    targetsOfService(service, serviceName, zone).flatMap((target) => {
      const ports = target.ports.filter((port) => port.name === first.slice(1) && isNamed(port, second.slice(1)));
      return ports.length === 0 ? [] : [{ ...target, ports }];
    }),
  );
}

function isNamed({ name, protocol }: { readonly name: string; readonly protocol: string }, wanted: string): boolean {
  return name !== '' && protocol === wanted;
}

function nameOfService({ metadata }: Service, zone: Zone): string {
  return `${metadata.name}.${metadata.namespace}.svc.${zone.name}`;
}

/** The cluster IP, or each ready endpoint of a headless Service. */
function targetsOfService(service: Service, serviceName: string, zone: Zone): readonly Target[] {
  const { clusterIP, clusterIPs = [], ports = [] } = service.spec;
  if (clusterIP === 'None') return endpointTargets(service, serviceName, zone);
  const address = [clusterIP ?? '', ...clusterIPs].find((each) => isIPv4(each));
  return address === undefined ? [] : [{ host: serviceName, address, ports: ports.map(toPort) }];
}

function endpointTargets({ metadata }: Service, serviceName: string, zone: Zone): readonly Target[] {
  const slices = zone.cluster.slicesOfService(metadata.namespace ?? '', metadata.name).filter(({ addressType }) => addressType === 'IPv4');
  return slices.flatMap((slice) =>
    (slice.endpoints ?? []).filter(isReady).flatMap((endpoint) =>
      endpoint.addresses.map((address) => ({
        host: `${hostnameOf(endpoint, address)}.${serviceName}`,
        address,
        ports: (slice.ports ?? []).map(toPort),
      })),
    ),
  );
}

/** A Service that publishes endpoints before they are ready has them marked ready in its slices already. */
function isReady({ conditions }: Endpoint): boolean {
  return conditions?.ready ?? true;
}

function hostnameOf({ hostname }: Endpoint, address: string): string {
  return hostname || address.replaceAll('.', '-');
}

function toPort({ name, port, protocol }: { readonly name?: string; readonly port?: number; readonly protocol?: string }) {
  return { name: name ?? '', port: port ?? 0, protocol: (protocol ?? 'TCP').toLowerCase() };
}

function answer(question: Question, meaning: Meaning, zone: Zone): Lookup {
  const { name } = question;
  switch (meaning.kind) {
    case 'nothing':
      return { outcome: 'no-name', authority: startOfAuthority(zone) };
    case 'alias':
      return { outcome: 'alias', answers: [{ type: 'CNAME', name, ttl: TTL_SECONDS, data: meaning.target }], target: meaning.target };
    case 'targets':
      return found(recordsOf(question, meaning), additionalsOf(question, meaning), zone);
    case 'text':
      return found(wants(question, 'TXT') ? [{ type: 'TXT', name, ttl: TTL_SECONDS, data: meaning.text }] : [], [], zone);
    case 'apex':
      return found(apexRecords(question, zone), [], zone);
    case 'branch':
      return found([], [], zone);
  }
}

function found(answers: readonly Answer[], additionals: readonly Answer[], zone: Zone): Lookup {
  return answers.length === 0 ? { outcome: 'no-data', authority: startOfAuthority(zone) } : { outcome: 'found', answers, additionals };
}

function wants(question: Question, offered: string): boolean {
  const asked: string = question.type; // dns-packet's types leave out ANY
  return asked === offered || asked === 'ANY';
}

function recordsOf(question: Question, { targets, serviceName }: Extract<Meaning, { kind: 'targets' }>): readonly Answer[] {
  const { name } = question;
  if (question.type === 'SRV' && serviceName !== '') {
    const records = targets.flatMap(({ host, ports }) => ports.map(({ port }) => ({ target: host, port })));
    const weight = Math.max(1, Math.floor(SRV_WEIGHT_TOTAL / Math.max(1, records.length)));
    return records.map((record) => ({ type: 'SRV', name, ttl: TTL_SECONDS, data: { priority: 0, weight, ...record } }));
  }
  if (!wants(question, 'A')) return [];
  return [...new Set(targets.map(({ address }) => address))].map((data) => ({ type: 'A', name, ttl: TTL_SECONDS, data }));
}

/** Who asks for a service's host and port wants its address next. */
function additionalsOf({ type }: Question, { targets }: Extract<Meaning, { kind: 'targets' }>): readonly Answer[] {
  if (type !== 'SRV') return [];
  return targets
    .filter(({ ports }) => ports.length > 0)
    .map(({ host, address }) => ({ type: 'A', name: host, ttl: TTL_SECONDS, data: address }));
}

function apexRecords(question: Question, zone: Zone): readonly Answer[] {
  if (question.type === 'NS') return [{ type: 'NS', name: question.name, ttl: TTL_SECONDS, data: nameServer(zone) }];
  return wants(question, 'SOA') ? [startOfAuthority(zone)] : [];
}

/** Its last field bounds how long a resolver remembers that there is no such name or data. */
function startOfAuthority(zone: Zone): Answer {
  return {
    type: 'SOA',
    name: zone.name,
    ttl: TTL_SECONDS,
    data: {
      mname: nameServer(zone),
      rname: `hostmaster.${zone.name}`,
      serial: zone.cluster.serial(),
      refresh: 7_200,
      retry: 1_800,
      expire: 86_400,
      minimum: TTL_SECONDS,
    },
  };
}

function nameServer(zone: Zone): string {
  return `kube-dns.kube-system.svc.${zone.name}`;
}

/** An address that is not of the cluster may have a name elsewhere. */
function findReverse(question: Question, name: string, zone: Zone): Lookup {
  const address = name
    .replace(/\.in-addr\.arpa$/, '')
    .split('.')
    .reverse()
    .join('.');
  const names = isIPv4(address) ? namesOfAddress(address, zone) : [];
  if (names.length === 0) return { outcome: 'elsewhere' };
  const answers: readonly Answer[] = wants(question, 'PTR')
    ? names.map((data) => ({ type: 'PTR', name: question.name, ttl: TTL_SECONDS, data }))
    : [];
  return found(answers, [], zone);
}

function namesOfAddress(address: string, zone: Zone): readonly string[] {
  const services = zone.cluster.servicesWithAddress(address);
  if (services.length > 0) return services.map((service) => nameOfService(service, zone));
  return [...new Set(zone.cluster.slicesWithAddress(address).flatMap((slice) => namesInSlice(slice, address, zone)))];
}

function namesInSlice(slice: EndpointSlice, address: string, zone: Zone): readonly string[] {
  const [namespace = '', name = ''] = serviceKeysOf(slice)[0]?.split('/') ?? [];
  const service = zone.cluster.findService(namespace, name);
  if (service?.spec.clusterIP !== 'None') return [];
  const endpoints = (slice.endpoints ?? []).filter((endpoint) => isReady(endpoint) && endpoint.addresses.includes(address));
  return endpoints.map((endpoint) => `${hostnameOf(endpoint, address)}.${nameOfService(service, zone)}`);
}
