/**
 * Names of images: `web`, `shop/web:v2`, `registry.example.com:5000/web@sha256:…`. Pure. What is wrong with one is said in the words of the library that upstream
 * parses them with. Source: github.com/distribution/reference
 */

const DOCKER_HUB = 'docker.io';
const INVALID = 'invalid reference format';
/** Of the repository, with its registry. */
const NAME_CHARACTERS_MAX = 255;

const component = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*';
const domainName = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])';
const domain = `(?:${domainName}(?:\\.${domainName})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?`;
const repository = new RegExp(`^${component}(?:/${component})*$`);
const registry = new RegExp(`^${domain}$`);
const tagPattern = /^\w[\w.-]{0,127}$/;
const digestPattern = /^[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}$/;
const hexadecimal = /^[a-f0-9]{64}$/;

export interface ImageReference {
  /** `docker.io` where none is named. */
  readonly registry: string;
  /** `library/web` */
  readonly repository: string;
  readonly tag: string | undefined;
  readonly digest: string | undefined;
}

/** Its message is the reason. */
export class ImageReferenceError extends Error {}

export function parseImageReference(text: string): ImageReference {
  if (hexadecimal.test(text))
    throw new ImageReferenceError(`invalid repository name (${text}), cannot specify 64-byte hexadecimal strings`);
  const at = text.indexOf('@');
  const named = at < 0 ? text : text.slice(0, at);
  const digest = at < 0 ? undefined : text.slice(at + 1);
  const [host, rest] = splitRegistry(named);
  const colon = rest.indexOf(':');
  const path = colon < 0 ? rest : rest.slice(0, colon);
  const tag = colon < 0 ? undefined : rest.slice(colon + 1);
  if (path !== path.toLowerCase()) throw new ImageReferenceError(`${INVALID}: repository name (${path}) must be lowercase`);
  const isRight =
    registry.test(host) &&
    repository.test(path) &&
    (tag === undefined || tagPattern.test(tag)) &&
    (digest === undefined || digestPattern.test(digest));
  if (!isRight) throw new ImageReferenceError(INVALID);
  if (host.length + path.length + 1 > NAME_CHARACTERS_MAX) {
    throw new ImageReferenceError(`repository name must not be more than ${NAME_CHARACTERS_MAX} characters`);
  }
  return { registry: host, repository: path, tag, digest };
}

/** What stands before the first slash is a registry only if it looks like one. */
function splitRegistry(name: string): readonly [string, string] {
  const slash = name.indexOf('/');
  const first = slash < 0 ? '' : name.slice(0, slash);
  const isRegistry = first === 'localhost' || /[.:]/.test(first) || first !== first.toLowerCase();
  if (!isRegistry) return [DOCKER_HUB, name.includes('/') ? name : `library/${name}`];
  const rest = name.slice(slash + 1);
  if (first !== 'index.docker.io' && first !== DOCKER_HUB) return [first, rest];
  return [DOCKER_HUB, rest.includes('/') ? rest : `library/${rest}`];
}

/** The name with the tag that it means. */
export function withDefaultTag(text: string): string {
  const { tag, digest } = parseImageReference(text);
  return tag === undefined && digest === undefined ? `${text}:latest` : text;
}
