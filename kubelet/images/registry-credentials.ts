/**
 * Who to be at a registry: credentials from image pull secrets and from the engine's user, found by the host and path of an image. Pure. The longest match comes first; each that
 * matches is tried. Source: upstream's pkg/credentialprovider/keyring.go; https://kubernetes.io/docs/concepts/containers/images/#config-json
 */
import { createHash } from 'node:crypto';
import type { Secret } from '#api/generated/types.ts';
import type { RegistryCredential } from '../runtime/container-runtime.ts';
import { parseImageReference } from './image-reference.ts';

export type Credential = RegistryCredential;

/** Credentials by the host, or host and path, that they are good for. */
export type Keyring = readonly { readonly place: string; readonly credential: Credential }[];

const HUB_PLACES = ['index.docker.io', 'docker.io'];

/** What a secret holds; what cannot be read holds nothing, as upstream has it. */
export function keyringOf({ type, data = {} }: Secret): Keyring {
  if (type === 'kubernetes.io/dockerconfigjson') return parseDockerConfig(decode(data['.dockerconfigjson']));
  if (type === 'kubernetes.io/dockercfg') return parseAuths(parseJson(decode(data['.dockercfg'])));
  return [];
}

/** The text of a `~/.docker/config.json`. */
export function parseDockerConfig(text: string): Keyring {
  return parseAuths(memberOf(parseJson(text), 'auths'));
}

function parseAuths(auths: unknown): Keyring {
  if (typeof auths !== 'object' || auths === null) return [];
  return Object.entries(auths).flatMap(([address, entry]) => {
    const credential = credentialOf(address, entry);
    return credential === undefined ? [] : [{ place: placeOf(address), credential }];
  });
}

/** Either a name and a password, or both in base64. */
function credentialOf(serverAddress: string, entry: unknown): Credential | undefined {
  const [username, password, auth] = [textOf(entry, 'username'), textOf(entry, 'password'), textOf(entry, 'auth')];
  if (username !== '' || password !== '') return { username, password, serverAddress };
  const decoded = decode(auth);
  const colon = decoded.indexOf(':');
  return colon < 0 ? undefined : { username: decoded.slice(0, colon), password: decoded.slice(colon + 1), serverAddress };
}

/** `https://registry.example.com/v1/team` is good for `registry.example.com/team`. */
function placeOf(address: string): string {
  const [host = '', ...path] = address.replace(/^https?:\/\//, '').split('/');
  const below = path[0] === 'v1' || path[0] === 'v2' ? path.slice(1) : path;
  return [host, ...below].join('/').replace(/\/+$/, '');
}

/** Those that match an image, the most specific first, none twice. */
export function findCredentials(image: string, keyring: Keyring): readonly Credential[] {
  const { registry, repository } = parseImageReference(image);
  const matching = keyring
    .filter(({ place }) => isGoodFor(place, registry, repository))
    .toSorted((left, right) => (left.place < right.place ? 1 : left.place > right.place ? -1 : 0));
  const seen = new Set<string>();
  return matching.flatMap(({ credential }) => {
    const hash = hashOf(credential);
    if (seen.has(hash)) return [];
    seen.add(hash);
    return [credential];
  });
}

/** `*` stands for one part of a host's name; a path must be the beginning of the image's. */
function isGoodFor(place: string, registry: string, repository: string): boolean {
  const [host = '', ...path] = place.split('/');
  const isHost = HUB_PLACES.includes(host) ? registry === 'docker.io' : matchesHost(host, registry);
  return isHost && repository.startsWith(path.join('/'));
}

function matchesHost(pattern: string, host: string): boolean {
  const [patternName = '', patternPort = ''] = pattern.split(':');
  const [name = '', port = ''] = host.split(':');
  if (patternPort !== port) return false;
  const [patternParts, parts] = [patternName.split('.'), name.split('.')];
  return patternParts.length === parts.length && patternParts.every((part, index) => matchesPart(part, parts[index] ?? ''));
}

function matchesPart(pattern: string, part: string): boolean {
  const [first = '', ...rest] = pattern.split('*');
  if (rest.length === 0) return pattern === part;
  const last = rest.at(-1) ?? '';
  return rest.length === 1 && part.startsWith(first) && part.endsWith(last) && part.length >= first.length + last.length;
}

/** Tells credentials apart without holding them. */
export function hashOf({ username, password, serverAddress }: Credential): string {
  return createHash('sha256')
    .update(JSON.stringify([username, password, serverAddress]))
    .digest('hex');
}

function decode(base64: string | undefined): string {
  return Buffer.from(base64 ?? '', 'base64').toString('utf8');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function memberOf(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined;
}

function textOf(value: unknown, key: string): string {
  const found = memberOf(value, key);
  return typeof found === 'string' ? found : '';
}
