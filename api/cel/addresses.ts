/** IP addresses and CIDRs in expressions, as numbers rather than text. Source: k8s.io/apiserver, pkg/cel/library/{ip,cidr}.go. */
import { isIPv4, isIPv6 } from 'node:net';
import { type Library, withFunctions, withNamespace } from './library.ts';

type Family = 4 | 6;

class IpAddress {
  readonly family: Family;
  readonly value: bigint;
  constructor(family: Family, value: bigint) {
    this.family = family;
    this.value = value;
  }
}

class Cidr {
  readonly address: IpAddress;
  readonly length: number;
  constructor(address: IpAddress, length: number) {
    this.address = address;
    this.length = length;
  }
}

const BITS = { 4: 32, 6: 128 } as const;

const ip: Library = (environment) =>
  withFunctions(withNamespace(environment.registerType('net.IP', IpAddress), 'ip', 'IpNamespace'), {
    'isIP(string): bool': (text: string) => typeof parseIp(text) !== 'string',
    'ip(string): net.IP': (text: string) => orThrow(parseIp(text)),
    'string(net.IP): string': formatIp,
    'IpNamespace.isCanonical(string): bool': (_ip: unknown, text: string) => formatIp(orThrow(parseIp(text))) === text,
    'net.IP.family(): int': ({ family }: IpAddress) => BigInt(family),
    'net.IP.isUnspecified(): bool': ({ value }: IpAddress) => value === 0n,
    'net.IP.isLoopback(): bool': (address: IpAddress) => isIn(address, '127.0.0.0/8', '::1/128'),
    'net.IP.isLinkLocalMulticast(): bool': (address: IpAddress) => isIn(address, '224.0.0.0/24', 'ff02::/16'),
    'net.IP.isLinkLocalUnicast(): bool': (address: IpAddress) => isIn(address, '169.254.0.0/16', 'fe80::/10'),
    'net.IP.isGlobalUnicast(): bool': isGlobalUnicast,
  }).registerOperator(
    'net.IP == net.IP',
    (left: IpAddress, right: IpAddress) => left.family === right.family && left.value === right.value,
  );

const cidr: Library = (environment) =>
  withFunctions(environment.registerType('net.CIDR', Cidr), {
    'isCIDR(string): bool': (text: string) => typeof parseCidr(text) !== 'string',
    'cidr(string): net.CIDR': (text: string) => orThrow(parseCidr(text)),
    'string(net.CIDR): string': ({ address, length }: Cidr) => `${formatIp(address)}/${length}`,
    'net.CIDR.containsIP(net.IP): bool': containsIp,
    'net.CIDR.containsIP(string): bool': (range: Cidr, text: string) => containsIp(range, orThrow(parseIp(text))),
    'net.CIDR.containsCIDR(net.CIDR): bool': containsCidr,
    'net.CIDR.containsCIDR(string): bool': (range: Cidr, text: string) => containsCidr(range, orThrow(parseCidr(text))),
    'net.CIDR.ip(): net.IP': ({ address }: Cidr) => address,
    'net.CIDR.masked(): net.CIDR': ({ address, length }: Cidr) => new Cidr(masked(address, length), length),
    'net.CIDR.prefixLength(): int': ({ length }: Cidr) => BigInt(length),
  }).registerOperator(
    'net.CIDR == net.CIDR',
    (left: Cidr, right: Cidr) => left.length === right.length && left.address.value === right.address.value,
  );

export const addresses: Library = (environment) => cidr(ip(environment));

function orThrow<T>(parsed: T | string): T {
  if (typeof parsed === 'string') throw new Error(parsed);
  return parsed;
}

/** An address, or why the text is none. */
function parseIp(text: string): IpAddress | string {
  if (isIPv4(text))
    return new IpAddress(
      4,
      text.split('.').reduce((sum, part) => sum * 256n + BigInt(part), 0n),
    );
  if (!isIPv6(text))
    return `IP Address ${JSON.stringify(text)} parse error during conversion from string: ParseAddr(${JSON.stringify(text)}): unable to parse IP`;
  if (text.includes('%')) return `IP address ${JSON.stringify(text)} with zone value is not allowed`;
  const value = parseIpv6(text);
  if (value >> 32n === 0xffffn) return `IPv4-mapped IPv6 address ${JSON.stringify(text)} is not allowed`;
  return new IpAddress(6, value);
}

function parseIpv6(text: string): bigint {
  const plain = text.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_match, ...parts: readonly string[]) => {
    const [a = 0, b = 0, c = 0, d = 0] = parts.slice(0, 4).map(Number);
    return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
  });
  const [head = '', tail] = plain.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const groups = [...left, ...Array.from({ length: 8 - left.length - right.length }, () => '0'), ...right];
  return groups.reduce((sum, group) => sum * 65_536n + BigInt(`0x${group}`), 0n);
}

function formatIp({ family, value }: IpAddress): string {
  if (family === 4) return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 255n).join('.');
  const groups = Array.from({ length: 8 }, (_, index) => ((value >> BigInt(112 - 16 * index)) & 0xffffn).toString(16));
  const zeros = [...groups.join(':').matchAll(/(?<![0-9a-f])0(:0(?![0-9a-f]))+/g)].toSorted((a, b) => b[0].length - a[0].length)[0];
  if (zeros === undefined) return groups.join(':');
  const text = groups.join(':');
  return `${text.slice(0, zeros.index).replace(/:$/, '')}::${text.slice(zeros.index + zeros[0].length).replace(/^:/, '')}`;
}

function parseCidr(text: string): Cidr | string {
  const why = `network address parse error during conversion from string: netip.ParsePrefix(${JSON.stringify(text)}): `;
  const [host = '', length, ...rest] = text.split('/');
  if (length === undefined || rest.length > 0) return `${why}no '/'`;
  const address = parseIp(host);
  if (typeof address === 'string') return address;
  if (!/^(0|[1-9]\d{0,2})$/.test(length)) return `${why}bad bits after slash: ${JSON.stringify(length)}`;
  return Number(length) > BITS[address.family] ? `${why}prefix length out of range` : new Cidr(address, Number(length));
}

function masked({ family, value }: IpAddress, length: number): IpAddress {
  const shift = BigInt(BITS[family] - length);
  return new IpAddress(family, (value >> shift) << shift);
}

function containsIp({ address, length }: Cidr, other: IpAddress): boolean {
  return address.family === other.family && masked(address, length).value === masked(other, length).value;
}

function containsCidr(range: Cidr, other: Cidr): boolean {
  return other.length >= range.length && containsIp(range, other.address);
}

function isIn(address: IpAddress, range4: string, range6: string): boolean {
  return containsIp(orThrow(parseCidr(address.family === 4 ? range4 : range6)), address);
}

function isGlobalUnicast(address: IpAddress): boolean {
  const isBroadcast = address.family === 4 && address.value === 0xffff_ffffn;
  const isOther =
    isIn(address, '224.0.0.0/4', 'ff00::/8') || isIn(address, '127.0.0.0/8', '::1/128') || isIn(address, '169.254.0.0/16', 'fe80::/10');
  return !isBroadcast && address.value !== 0n && !isOther;
}
