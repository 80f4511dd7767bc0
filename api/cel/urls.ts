/** URLs in expressions: an absolute address or an absolute path, taken apart as it is written. Source: k8s.io/apiserver, pkg/cel/library/urls.go. */
import { type Library, withFunctions } from './library.ts';

class Url {
  readonly scheme: string;
  readonly host: string;
  readonly path: string;
  readonly query: string;
  constructor(scheme: string, host: string, path: string, query: string) {
    this.scheme = scheme;
    this.host = host;
    this.path = path;
    this.query = query;
  }
}

export const urls: Library = (environment) =>
  withFunctions(environment.registerType('kubernetes.URL', Url), {
    'isURL(string): bool': (text: string) => parseUrl(text) !== undefined,
    'url(string): kubernetes.URL': getUrl,
    'kubernetes.URL.getScheme(): string': ({ scheme }: Url) => scheme,
    'kubernetes.URL.getHost(): string': ({ host }: Url) => host,
    'kubernetes.URL.getHostname(): string': ({ host }: Url) => host.replace(/:\d*$/, '').replace(/^\[(.*)\]$/, '$1'),
    'kubernetes.URL.getPort(): string': ({ host }: Url) => /:(\d*)$/.exec(host)?.[1] ?? '',
    'kubernetes.URL.getEscapedPath(): string': ({ path }: Url) => path,
    'kubernetes.URL.getQuery(): map<string, list<string>>': ({ query }: Url) => queryOf(query),
  }).registerOperator('kubernetes.URL == kubernetes.URL', (left: Url, right: Url) => formatUrl(left) === formatUrl(right));

const ABSOLUTE = /^([A-Za-z][A-Za-z0-9+.-]*):(?:\/\/(?:[^/?@]*@)?([^/?@]*))?([^?]*)(?:\?(.*))?$/;
const HOST = /^(\[[0-9A-Fa-f:.]+(%25[^\]]*)?\]|[^\s:[\]<>"\\^`{|}]*)(:\d*)?$/;

function parseUrl(text: string): Url | undefined {
  // Control characters and half an escape are no part of any address.
  if (text === '' || /[\p{Cc} ]|%(?![0-9A-Fa-f]{2})/u.test(text)) return undefined;
  if (text.startsWith('/')) return new Url('', '', text.replace(/\?.*$/, ''), /\?(.*)$/.exec(text)?.[1] ?? '');
  const [, scheme, host = '', path = '', query = ''] = ABSOLUTE.exec(text) ?? [];
  return scheme === undefined || !HOST.test(host) ? undefined : new Url(scheme.toLowerCase(), host, path, query);
}

function getUrl(text: string): Url {
  const url = parseUrl(text);
  if (url === undefined)
    throw new Error(`URL parse error during conversion from string: parse ${JSON.stringify(text)}: invalid URI for request`);
  return url;
}

function queryOf(query: string): ReadonlyMap<string, readonly string[]> {
  const parameters = new URLSearchParams(query);
  return new Map([...new Set(parameters.keys())].map((name) => [name, parameters.getAll(name)]));
}

function formatUrl({ scheme, host, path, query }: Url): string {
  return `${scheme}://${host}${path}?${query}`;
}
