/** JSON for people: indented, when the query says so or the client is one that shows answers as they come. Source: k8s.io/apiserver, pkg/endpoints/handlers/negotiation. */
import { isTrue } from '../request/request-info.ts';
import type { EncodedAnswer } from './encode-answer.ts';

/** What is longer is nothing to look at, and would hold up others. */
const PRETTY_BYTES_MAX = 512 * 1024;

const SHOWING_CLIENTS = ['curl', 'Wget', 'Mozilla/5.0'];

export function wantsPretty(query: URLSearchParams, userAgent: string | undefined): boolean {
  const said = query.get('pretty');
  return said === null ? SHOWING_CLIENTS.some((client) => userAgent?.startsWith(client)) : said === '' || isTrue(said);
}

export function prettied(answer: EncodedAnswer): EncodedAnswer {
  const bytes = answer.pieces.reduce((sum, piece) => sum + piece.length, 0);
  if (answer.contentType !== 'application/json' || bytes > PRETTY_BYTES_MAX) return answer;
  const value: unknown = JSON.parse(Buffer.concat(answer.pieces, bytes).toString('utf8'));
  return { ...answer, pieces: [Buffer.from(JSON.stringify(value, null, 2))] };
}
