/**
 * The versions a list or watch may be asked for, and what each combination means. Upstream's rules and words.
 * Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions, apimachinery pkg/apis/meta/internalversion/validation.
 */
import { forbiddenField, notSupported } from '#api/meta/field-path.ts';
import type { FieldProblem } from '#api/meta/status.ts';
import { ApiError } from '#api/meta/status.ts';
import { isTrue } from '../request/request-info.ts';
import { parseResourceVersion } from './resource-version.ts';
import { invalidOptions } from './write-options.ts';

export interface ListOptions {
  /** 0 for no limit. */
  readonly limit: number;
  readonly continueText: string;
  /** How the state to list is chosen. */
  readonly at:
    | { readonly state: 'newest' }
    | { readonly state: 'any' }
    | { readonly state: 'atLeast' | 'exactly'; readonly revision: bigint };
}

export interface WatchOptions {
  readonly since: bigint | undefined;
  readonly sendsInitialEvents: boolean | undefined;
  readonly sendsBookmarks: boolean;
  readonly timeoutSeconds: number | undefined;
}

const MATCHES = ['Exact', 'NotOlderThan', ''] as const;

export function parseListOptions(query: URLSearchParams): ListOptions {
  const revision = parseResourceVersion(query.get('resourceVersion'));
  const match = query.get('resourceVersionMatch') ?? '';
  const continueText = query.get('continue') ?? '';
  const limit = parseWhole(query, 'limit') ?? 0;
  throwIfProblems(listProblems(revision, match, continueText, query));
  if (continueText !== '' && revision !== undefined && revision > 0n) {
    throw new ApiError('BadRequest', 'specifying resource version is not allowed when using continue');
  }
  return { limit: Math.max(0, limit), continueText, at: stateAt(revision, match, limit) };
}

export function parseWatchOptions(query: URLSearchParams): WatchOptions {
  const since = parseResourceVersion(query.get('resourceVersion'));
  const initial = query.get('sendInitialEvents');
  const sendsBookmarks = isTrue(query.get('allowWatchBookmarks'));
  const sendsInitialEvents = initial === null || initial === '' ? undefined : isTrue(initial);
  throwIfProblems(watchProblems(query.get('resourceVersionMatch') ?? '', sendsInitialEvents));
  return { since, sendsInitialEvents, sendsBookmarks, timeoutSeconds: parseWhole(query, 'timeoutSeconds') };
}

/** A limited list at a version has always meant exactly that version, long before `resourceVersionMatch` could say so. */
function stateAt(revision: bigint | undefined, match: string, limit: number): ListOptions['at'] {
  if (revision === undefined) return { state: 'newest' };
  if (revision === 0n) return { state: 'any' };
  const isExact = match === 'Exact' || (match === '' && limit > 0);
  return { state: isExact ? 'exactly' : 'atLeast', revision };
}

function listProblems(revision: bigint | undefined, match: string, continueText: string, query: URLSearchParams): readonly FieldProblem[] {
  const field = 'resourceVersionMatch';
  if (query.get('sendInitialEvents')) return [forbiddenField('sendInitialEvents', 'sendInitialEvents is forbidden for list')];
  if (match === '') return [];
  if (continueText !== '') return [forbiddenField(field, 'resourceVersionMatch is forbidden when continue is provided')];
  if (revision === undefined) return [forbiddenField(field, 'resourceVersionMatch is forbidden unless resourceVersion is provided')];
  if (!MATCHES.some((known) => known === match)) return [notSupported(field, match, MATCHES)];
  if (match === 'Exact' && revision === 0n) {
    return [forbiddenField(field, 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"')];
  }
  return [];
}

function watchProblems(match: string, sendsInitialEvents: boolean | undefined): readonly FieldProblem[] {
  const field = 'resourceVersionMatch';
  if (sendsInitialEvents !== undefined && match === '') {
    return [forbiddenField(field, 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan')];
  }
  if (match !== '' && sendsInitialEvents === undefined)
    return [forbiddenField(field, 'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided')];
  if (match !== '' && match !== 'NotOlderThan') return [notSupported(field, match, ['NotOlderThan'])];
  return [];
}

function throwIfProblems(problems: readonly FieldProblem[]): void {
  if (problems.length > 0) throw invalidOptions('ListOptions', problems);
}

function parseWhole(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null || text === '') return undefined;
  if (!/^-?\d{1,15}$/.test(text)) {
    throw new ApiError('BadRequest', `strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  }
  return Number(text);
}
