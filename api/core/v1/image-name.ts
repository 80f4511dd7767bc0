/** Names of container images, as far as the API must understand them: whether the tag may move. */

/** `latest` when the name has neither tag nor digest; empty when only a digest says which image it is. */
export function imageTag(image: string): string {
  const [name = '', digest] = image.split('@');
  const last = name.slice(name.lastIndexOf('/') + 1);
  const colon = last.indexOf(':');
  if (colon >= 0) return last.slice(colon + 1);
  return digest === undefined ? 'latest' : '';
}

/** A tag that moves is asked for every time; anything else is taken from the node when it is there. */
export function defaultPullPolicy(image: string): 'Always' | 'IfNotPresent' {
  return imageTag(image) === 'latest' ? 'Always' : 'IfNotPresent';
}
