/**
 * What the language's parser lacks, written so that it can read it: objects by their type (`Object.spec{replicas: 3}`, `JSONPatch{op: "add"}`) become calls,
 * and `matches` gets a name of its own, because the library's uses an engine that a pattern can keep busy for hours. Called by `expression.ts`; the text
 * that comes out is never shown to anybody, so every character remembers where it came from.
 */

export interface RewrittenSource {
  readonly text: string;
  /** Where a position of `text` was in the source. */
  positionOf(position: number): number;
  /** The code alone: what stands in texts and comments is blank. */
  readonly code: string;
}

const TOKEN =
  /[rRbB]{0,2}(?:"""[\s\S]*?"""|'''[\s\S]*?''')|[rR][bB]?(?:"[^"\n]*"|'[^'\n]*')|[bB]?(?:"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')|\/\/[^\n]*|[A-Za-z_]\w*|\s+|[\s\S]/g;
const WORD = /^[A-Za-z_]\w*$/;
const BLANK = /^\s+$|^\/\//;

interface Token {
  readonly text: string;
  readonly start: number;
}

/** For the checker, `has` is a function of a field like any other: the library's own looks at no field at all. */
const RENAMED = { running: { matches: 'linearMatches' }, checking: { matches: 'linearMatches', has: 'hasField' } } as const;

export function rewriteSource(source: string, purpose: keyof typeof RENAMED): RewrittenSource {
  const renamed = new Map<string, string>(Object.entries(RENAMED[purpose]));
  const tokens = [...source.matchAll(TOKEN)].map((match): Token => ({ text: match[0], start: match.index }));
  const out = createOutput(source.length);
  const open: ('object' | 'other')[] = [];
  let isEntryStart = false;
  for (let at = 0; at < tokens.length; at++) {
    const token = tokens[at] ?? { text: '', start: source.length };
    const name = typeNameAt(tokens, at);
    if (name !== undefined) {
      out.put(opening(name.text), token.start);
      open.push('object');
      isEntryStart = true;
      at = name.end;
      continue;
    }
    const isInObject = open.at(-1) === 'object';
    const key = isInObject && isEntryStart ? keyAt(tokens, at) : undefined;
    if (key !== undefined) {
      out.put(JSON.stringify(key.text), token.start);
      at = key.end;
    } else if (token.text === '}' && open.pop() === 'object') out.put('})', token.start);
    else {
      if ('([{'.includes(token.text)) open.push('other');
      else if (token.text === ')' || token.text === ']') open.pop();
      const isCalled = renamed.has(token.text) && nextSolid(tokens, at + 1)?.text === '(';
      out.put((isCalled ? renamed.get(token.text) : undefined) ?? token.text, token.start);
    }
    if (!BLANK.test(token.text)) isEntryStart = token.text === ',' && isInObject;
  }
  const code = tokens.map(({ text }) => (/^\/\/|["']$/.test(text) ? ' '.repeat(text.length) : text)).join('');
  return { ...out.done(), code };
}

function createOutput(end: number) {
  const parts: string[] = [];
  const positions: number[] = [];
  return {
    put: (text: string, start: number) => {
      parts.push(text);
      for (let index = 0; index < text.length; index++) positions.push(Math.min(start + index, end - 1));
    },
    done: () => ({ text: parts.join(''), positionOf: (position: number) => positions[position] ?? end }),
  };
}

function opening(name: string): string {
  return name === 'JSONPatch' ? 'newJsonPatch({' : `newObject(${JSON.stringify(name)}, {`;
}

/** `Object.a.b {`, from here on: the name, and the token that opens it. */
function typeNameAt(tokens: readonly Token[], at: number): { readonly text: string; readonly end: number } | undefined {
  const first = tokens[at]?.text;
  if ((first !== 'Object' && first !== 'JSONPatch') || tokens[at - 1]?.text === '.') return undefined;
  let text = first;
  let end = at + 1;
  while (tokens[end]?.text === '.' && WORD.test(tokens[end + 1]?.text ?? '')) {
    text += `.${tokens[end + 1]?.text}`;
    end += 2;
  }
  while (BLANK.test(tokens[end]?.text ?? '')) end++;
  return tokens[end]?.text === '{' ? { text, end } : undefined;
}

/** A member's name, with the question mark of an optional one before it. */
function keyAt(tokens: readonly Token[], at: number): { readonly text: string; readonly end: number } | undefined {
  const mark = tokens[at]?.text === '?' ? '?' : '';
  const end = at + mark.length;
  const word = tokens[end]?.text ?? '';
  return WORD.test(word) && nextSolid(tokens, end + 1)?.text === ':' ? { text: `${mark}${word}`, end } : undefined;
}

function nextSolid(tokens: readonly Token[], from: number): Token | undefined {
  let at = from;
  while (BLANK.test(tokens[at]?.text ?? '')) at++;
  return tokens[at];
}
