/**
 * The texts of a pod's `/etc/hosts` and `/etc/resolv.conf`. Pure.
 * Source: https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/ and the kubelet's `managedHostsFileContent`.
 */
import type { Pod } from '#api/generated/types.ts';
import { fullHostnameOf, hostnameOf } from '../container-spec.ts';

export interface DnsSettings {
  readonly clusterDns: string;
  readonly clusterDomain: string;
  /** The node's own `/etc/resolv.conf`. */
  readonly nodeResolvConf: string;
  /** The node's own `/etc/hosts`, for pods of its network. */
  readonly nodeHosts: string;
}

/** The C library looks at no more of either. */
const NAMESERVERS_MAX = 3;
const SEARCHES_MAX = 32;
const SEARCH_CHARS_MAX = 2048;

interface Resolver {
  readonly nameservers: readonly string[];
  readonly searches: readonly string[];
  readonly options: readonly string[];
}

export interface RenderedResolvConf {
  readonly text: string;
  /** What of the pod's settings had to be left out, in upstream's words. */
  readonly omissions: readonly string[];
}

export function renderResolvConf(pod: Pod, settings: DnsSettings): RenderedResolvConf {
  const base = baseResolver(pod, settings);
  const own = pod.spec.dnsConfig ?? {};
  const options = new Map([...base.options.map(splitOption), ...(own.options ?? []).map(({ name = '', value }) => [name, value] as const)]);
  const allNameservers = unique([...base.nameservers, ...(own.nameservers ?? [])]);
  const allSearches = unique([...base.searches, ...(own.searches ?? [])]);
  const nameservers = allNameservers.slice(0, NAMESERVERS_MAX);
  const searches = withinCharacters(allSearches.slice(0, SEARCHES_MAX));
  const omissions = [
    ...(nameservers.length === allNameservers.length
      ? []
      : [`Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: ${nameservers.join(' ')}`]),
    ...(searches.length === allSearches.length
      ? []
      : [`Search Line limits were exceeded, some search paths have been omitted, the applied search line is: ${searches.join(' ')}`]),
  ];
  const lines = [
    ...(searches.length === 0 ? [] : [`search ${searches.join(' ')}`]),
    ...nameservers.map((address) => `nameserver ${address}`),
    ...(options.size === 0
      ? []
      : [`options ${[...options].map(([name, value]) => (value === undefined ? name : `${name}:${value}`)).join(' ')}`]),
  ];
  return { text: lines.map((line) => `${line}\n`).join(''), omissions };
}

/** As many of the first as fit into one line. */
function withinCharacters(searches: readonly string[]): readonly string[] {
  const lengths = searches.map((_, index) => searches.slice(0, index + 1).join(' ').length);
  return searches.filter((_, index) => (lengths[index] ?? 0) <= SEARCH_CHARS_MAX);
}

function baseResolver(pod: Pod, settings: DnsSettings): Resolver {
  const policy = pod.spec.dnsPolicy ?? 'ClusterFirst';
  if (policy === 'None') return { nameservers: [], searches: [], options: [] };
  const ofNode = parseResolvConf(settings.nodeResolvConf);
  const usesCluster = policy === 'ClusterFirstWithHostNet' || (policy === 'ClusterFirst' && pod.spec.hostNetwork !== true);
  if (!usesCluster) return ofNode;
  const { clusterDomain } = settings;
  const own = [`${pod.metadata.namespace ?? 'default'}.svc.${clusterDomain}`, `svc.${clusterDomain}`, clusterDomain];
  return { nameservers: [settings.clusterDns], searches: [...own, ...ofNode.searches], options: ['ndots:5'] };
}

export function parseResolvConf(text: string): Resolver {
  const lines = text.split('\n').map((line) => line.trim().split(/\s+/));
  const wordsOf = (keyword: string) => lines.filter(([first]) => first === keyword).map(([, ...words]) => words);
  return {
    nameservers: wordsOf('nameserver').flatMap(([address]) => (address === undefined ? [] : [address])),
    searches: (wordsOf('search').at(-1) ?? []).filter((domain) => domain !== '.'),
    options: wordsOf('options').flat(),
  };
}

function splitOption(option: string): readonly [string, string | undefined] {
  const [name = '', value] = option.split(':');
  return [name, value];
}

function unique(values: readonly string[]): readonly string[] {
  return [...new Set(values)];
}

const localHosts = [
  '127.0.0.1\tlocalhost',
  '::1\tlocalhost ip6-localhost ip6-loopback',
  'fe00::0\tip6-localnet',
  'fe00::0\tip6-mcastprefix',
  'fe00::1\tip6-allnodes',
  'fe00::2\tip6-allrouters',
];

/** `podIp` is empty before the pod has one. */
export function renderHosts(pod: Pod, podIp: string, settings: DnsSettings): string {
  const aliases = (pod.spec.hostAliases ?? []).map(({ ip, hostnames = [] }) => `${ip}\t${hostnames.join('\t')}`);
  return [
    ...(pod.spec.hostNetwork === true ? nodeHostLines(settings) : podHostLines(pod, podIp, settings)),
    ...(aliases.length === 0 ? [] : ['', '# Entries added by HostAliases.', ...aliases]),
  ]
    .map((line) => `${line}\n`)
    .join('');
}

function podHostLines(pod: Pod, podIp: string, { clusterDomain }: DnsSettings): readonly string[] {
  const names = [fullHostnameOf(pod, clusterDomain), hostnameOf(pod)].filter((name) => name !== undefined);
  return ['# Kubernetes-managed hosts file.', ...localHosts, ...(podIp === '' ? [] : [`${podIp}\t${names.join('\t')}`])];
}

function nodeHostLines({ nodeHosts }: DnsSettings): readonly string[] {
  return ['# Kubernetes-managed hosts file (host network).', ...nodeHosts.trimEnd().split('\n')];
}
