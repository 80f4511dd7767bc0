/**
 * Regular expressions that come from users: RE2's language, as upstream's Go has it, matched in time linear in the text. JavaScript's own engine knows
 * another language and can be made to run for hours by a pattern and a text chosen for it, so it must not see them.
 */
import { RE2JS, RE2JSException } from 're2js';

export interface Pattern {
  readonly text: string;
  /** Whether the pattern occurs anywhere in `text`. */
  matches(text: string): boolean;
  /** The first `max` occurrences, all of them when `max` is negative. */
  findAll(text: string, max: number): readonly string[];
}

/** Undefined when the text is no regular expression; `patternProblem` says why. */
export function parsePattern(text: string): Pattern | undefined {
  try {
    const compiled = RE2JS.compile(text);
    return { text, matches: (subject) => compiled.matcher(subject).find(), findAll: (subject, max) => occurrences(compiled, subject, max) };
  } catch (error) {
    if (error instanceof RE2JSException) return undefined;
    throw error;
  }
}

/** Why the text is no regular expression, in the words of Go's `regexp`; undefined when it is one. */
export function patternProblem(text: string): string | undefined {
  try {
    RE2JS.compile(text);
    return undefined;
  } catch (error) {
    if (error instanceof RE2JSException) return error.message;
    throw error;
  }
}

function occurrences(compiled: RE2JS, text: string, max: number): readonly string[] {
  const matcher = compiled.matcher(text);
  const found: string[] = [];
  while (found.length !== max && matcher.find()) found.push(matcher.group() ?? '');
  return found;
}
