/**
 * What a write's query says about how to write: not at all (`dryRun`), how strict to be with fields nobody knows (`fieldValidation`), in whose name
 * (`fieldManager`), and whether an apply takes what others own (`force`). Source: k8s.io/apimachinery, pkg/apis/meta/v1/validation.
 */
import { forbiddenField, invalidValue, notSupported, required, tooLong } from '#api/meta/field-path.ts';
import { type FieldProblem, invalid } from '#api/meta/status.ts';

export type FieldValidation = 'Strict' | 'Warn' | 'Ignore';

export interface WriteOptions {
  readonly isDryRun: boolean;
  readonly fieldValidation: FieldValidation;
  /** Empty when the request names none. */
  readonly fieldManager: string;
  readonly isForced: boolean;
}

/** Upstream's bound on a manager's name. */
export const FIELD_MANAGER_BYTES_MAX = 128;

const FIELD_VALIDATIONS: readonly FieldValidation[] = ['Ignore', 'Strict', 'Warn'];

export type WriteOptionsKind = 'CreateOptions' | 'UpdateOptions' | 'PatchOptions';

/** `kind` names the options in the refusal (`CreateOptions`). Throws Invalid for values upstream refuses. */
export function parseWriteOptions(query: URLSearchParams, kind: WriteOptionsKind): WriteOptions {
  const problems =
    kind === 'PatchOptions' && query.has('force') ? [forbiddenField('force', 'may not be specified for non-apply patch')] : [];
  return parseOptions(query, kind, problems);
}

/** The same for an apply, which must say in whose name it is, and may be forced. */
export function parseApplyOptions(query: URLSearchParams): WriteOptions {
  const isNameless = (query.get('fieldManager') ?? '') === '';
  return parseOptions(query, 'PatchOptions', isNameless ? [required('fieldManager', 'is required for apply patch')] : []);
}

function parseOptions(query: URLSearchParams, kind: WriteOptionsKind, found: readonly FieldProblem[]): WriteOptions {
  const dryRun = query.getAll('dryRun');
  const wanted = query.get('fieldValidation') ?? '';
  const fieldValidation = wanted === '' ? 'Warn' : FIELD_VALIDATIONS.find((known) => known === wanted);
  const fieldManager = query.get('fieldManager') ?? '';
  const problems = [
    ...found,
    ...fieldManagerProblems(fieldManager),
    ...dryRunProblems(dryRun),
    ...(fieldValidation === undefined ? [notSupported('fieldValidation', wanted, FIELD_VALIDATIONS)] : []),
  ];
  if (problems.length > 0) throw invalidOptions(kind, problems);
  const isDryRun = dryRun.some((value) => value !== '');
  return { isDryRun, fieldValidation: fieldValidation ?? 'Warn', fieldManager, isForced: isTruthy(query.get('force')) };
}

/** How upstream reads booleans of queries: everything is true that does not say otherwise. */
function isTruthy(value: string | null): boolean {
  return value !== null && value !== '0' && value.toLowerCase() !== 'false';
}

const UNPRINTABLE = /[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/u;

function fieldManagerProblems(name: string): readonly FieldProblem[] {
  const length = Buffer.byteLength(name) > FIELD_MANAGER_BYTES_MAX ? [tooLong('fieldManager', FIELD_MANAGER_BYTES_MAX)] : [];
  const at = name.search(UNPRINTABLE);
  if (at < 0) return length;
  const code = (name.codePointAt(at) ?? 0).toString(16).toUpperCase().padStart(4, '0');
  const position = Buffer.byteLength(name.slice(0, at));
  return [...length, invalidValue('fieldManager', name, `invalid character U+${code} (at position ${position})`)];
}

/** A client's name for itself, up to the slash: who writes when the request does not say. Unprintable characters and what is too long are left out. */
export function managerFromUserAgent(userAgent: string | undefined): string {
  let name = '';
  for (const character of (userAgent ?? '').split('/', 1)[0] ?? '') {
    if (UNPRINTABLE.test(character)) continue;
    if (Buffer.byteLength(name) + Buffer.byteLength(character) > FIELD_MANAGER_BYTES_MAX) break;
    name += character;
  }
  return name === '' ? 'unknown' : name;
}

export function dryRunProblems(values: readonly string[]): readonly FieldProblem[] {
  return values.filter((value) => value !== 'All' && value !== '').map(() => notSupported('dryRun', values.join(','), ['All']));
}

export function invalidOptions(kind: string, problems: readonly FieldProblem[]): Error {
  return invalid({ group: 'meta.k8s.io', plural: '', kind }, '', problems);
}
