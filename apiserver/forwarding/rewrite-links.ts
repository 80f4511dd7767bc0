/**
 * Makes the pages of a pod, a Service or a node work under the path they are proxied at: absolute links in HTML and `Location` headers get that path in front. Called by
 * `proxied-answer.ts`. `rewriteUrl` is pure. Source: upstream's apimachinery, pkg/util/proxy/transport.go.
 */
import { Duplex, Readable } from 'node:stream';
import type { RewritingStream } from 'parse5-html-rewriting-stream';

export interface ProxiedAt {
  /** What the client calls this server: scheme and host. */
  readonly origin: string;
  /** What stands before the target's own path. */
  readonly prefix: string;
  /** What the target is called on our side of it. */
  readonly targetHost: string;
}

/** Attributes that hold one URL, by element. */
const LINKS: Readonly<Record<string, readonly string[]>> = {
  a: ['href'],
  applet: ['codebase'],
  area: ['href'],
  audio: ['src'],
  base: ['href'],
  blockquote: ['cite'],
  body: ['background'],
  button: ['formaction'],
  command: ['icon'],
  del: ['cite'],
  embed: ['src'],
  form: ['action'],
  frame: ['longdesc', 'src'],
  head: ['profile'],
  html: ['manifest'],
  iframe: ['longdesc', 'src'],
  img: ['longdesc', 'src', 'usemap'],
  input: ['src', 'usemap', 'formaction'],
  ins: ['cite'],
  link: ['href'],
  object: ['classid', 'codebase', 'data', 'usemap'],
  q: ['cite'],
  script: ['src'],
  source: ['src'],
  video: ['poster', 'src'],
};

/** Other servers' and relative links stay; what begins at the target's root begins at the prefix. */
export function rewriteUrl(url: string, { origin, prefix, targetHost }: ProxiedAt): string {
  const absolute = /^(?:[a-z][a-z0-9+.-]*:)?\/\/([^/?#]*)([\s\S]*)$/i.exec(url);
  const host = absolute?.[1] ?? '';
  const path = absolute === null ? url : (absolute[2] ?? '');
  if (/^[a-z][a-z0-9+.-]*:/i.test(url) && absolute === null) return url;
  if ((host !== '' && host !== targetHost) || !path.startsWith('/')) return url;
  const start = absolute === null ? '' : origin;
  return path.startsWith(prefix) ? `${start}${path}` : `${start}${prefix}${path}`;
}

/** Rewrites as the page passes; everything but the links stays as it was written. The parser is loaded with the first page: a start has no use for it. */
export function linkRewriter(place: ProxiedAt): Duplex {
  return Duplex.from(async function* rewrite(page: AsyncIterable<string>) {
    const { RewritingStream: Stream } = await import('parse5-html-rewriting-stream');
    yield* Readable.from(page).compose(rewriteTags(new Stream(), place));
  });
}

function rewriteTags(stream: RewritingStream, place: ProxiedAt): RewritingStream {
  stream.on('startTag', (tag, raw) => {
    const names = Object.hasOwn(LINKS, tag.tagName) ? LINKS[tag.tagName] : undefined;
    let isChanged = false;
    for (const attribute of tag.attrs) {
      if (!names?.includes(attribute.name)) continue;
      const rewritten = rewriteUrl(attribute.value, place);
      isChanged ||= rewritten !== attribute.value;
      attribute.value = rewritten;
    }
    if (isChanged) stream.emitStartTag(tag);
    else stream.emitRaw(raw);
  });
  return stream;
}
