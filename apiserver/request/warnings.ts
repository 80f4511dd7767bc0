/**
 * What a client is told besides its answer, refusals included: `Warning` headers, each text once, and so few that no client stumbles over them, whoever wrote them.
 * Filled by the pipeline and by webhooks, sent by `server.ts`. Source: k8s.io/apiserver, pkg/endpoints/filters/warning.go.
 */

/** Upstream's: up to this much is sent as it is. */
const ALL_CHARACTERS_MAX = 4 * 1024;

/** Else each is cut to this much, and what is too much even then is left out. */
const ONE_CHARACTERS_MAX = 256;

export interface Warnings {
  add(text: string): void;
  /** The values of the headers. */
  headers(): readonly string[];
}

export function createWarnings(): Warnings {
  const texts = new Set<string>();
  return {
    add: (text) => texts.add(text),
    headers: () => limited([...texts]).map(headerOf),
  };
}

function limited(texts: readonly string[]): readonly string[] {
  const length = (some: readonly string[]) => some.reduce((sum, text) => sum + text.length, 0);
  if (length(texts) <= ALL_CHARACTERS_MAX) return texts;
  return texts.map((text) => text.slice(0, ONE_CHARACTERS_MAX)).slice(0, ALL_CHARACTERS_MAX / ONE_CHARACTERS_MAX);
}

/** RFC 7234's form, as upstream writes it: code, no agent, quoted text. */
function headerOf(text: string): string {
  const quoted = text.replace(/[^\x20-\x7e]/g, '?').replace(/[\\"]/g, '\\$&');
  return `299 - "${quoted}"`;
}
