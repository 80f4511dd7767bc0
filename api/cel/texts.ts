/**
 * Texts in expressions: regular expressions that cannot run for ever, and what the language's own functions lack. Source: k8s.io/apiserver,
 * pkg/cel/library/regex.go; cel-go, ext/strings.go.
 */
import { parsePattern } from '../structural-schema/pattern.ts';
import { formatText } from './format-text.ts';
import { type Library, withFunctions, withNamespace } from './library.ts';

const PATTERNS_REMEMBERED_MAX = 256;

export const texts: Library = (environment) =>
  withFunctions(withNamespace(environment, 'strings', 'StringsNamespace'), {
    'string.linearMatches(string): bool': (text: string, pattern: string) => patternOf(pattern).matches(text),
    'linearMatches(string, string): bool': (text: string, pattern: string) => patternOf(pattern).matches(text),
    // What `has` is to the checker, see `rewrite-source.ts`.
    'hasField(dyn): bool': () => true,
    'string.find(string): string': (text: string, pattern: string) => patternOf(pattern).findAll(text, 1)[0] ?? '',
    'string.findAll(string): list<string>': (text: string, pattern: string) => [...patternOf(pattern).findAll(text, -1)],
    'string.findAll(string, int): list<string>': (text: string, pattern: string, max: bigint) => [
      ...patternOf(pattern).findAll(text, Number(max)),
    ],
    'string.replace(string, string): string': (text: string, wanted: string, by: string) => text.replaceAll(wanted, () => by),
    'string.replace(string, string, int): string': replaceFirst,
    'string.charAt(int): string': charAt,
    'string.format(list): string': formatText,
    'StringsNamespace.quote(string): string': (_strings: unknown, text: string) => JSON.stringify(text),
  });

const patterns = new Map<string, NonNullable<ReturnType<typeof parsePattern>>>();

function patternOf(text: string) {
  const known = patterns.get(text);
  if (known !== undefined) return known;
  const pattern = parsePattern(text);
  if (pattern === undefined) throw new Error(`invalid regular expression: ${text}`);
  if (patterns.size >= PATTERNS_REMEMBERED_MAX) patterns.clear();
  patterns.set(text, pattern);
  return pattern;
}

function replaceFirst(text: string, wanted: string, by: string, times: bigint): string {
  const parts = text.split(wanted);
  const count = times < 0n ? parts.length : Math.min(Number(times), parts.length - 1);
  return parts.slice(1).reduce((made, part, index) => `${made}${index < count ? by : wanted}${part}`, parts[0] ?? '');
}

function charAt(text: string, index: bigint): string {
  if (index < 0n || index > BigInt(text.length)) throw new Error(`index out of range: ${index}`);
  return text.charAt(Number(index));
}
