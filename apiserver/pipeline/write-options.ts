/** What a write's query says about how to write: not at all (`dryRun`), and how strict to be with fields nobody knows (`fieldValidation`). */
import { notSupported } from '#api/meta/field-path.ts';
import { type FieldProblem, invalid } from '#api/meta/status.ts';

export type FieldValidation = 'Strict' | 'Warn' | 'Ignore';

export interface WriteOptions {
  readonly isDryRun: boolean;
  readonly fieldValidation: FieldValidation;
}

const FIELD_VALIDATIONS: readonly FieldValidation[] = ['Ignore', 'Strict', 'Warn'];

/** `kind` names the options in the refusal (`CreateOptions`). Throws Invalid for values upstream refuses. */
export function parseWriteOptions(query: URLSearchParams, kind: 'CreateOptions' | 'UpdateOptions' | 'PatchOptions'): WriteOptions {
  const dryRun = query.getAll('dryRun');
  const wanted = query.get('fieldValidation') ?? '';
  const fieldValidation = wanted === '' ? 'Warn' : FIELD_VALIDATIONS.find((known) => known === wanted);
  const problems = [
    ...dryRunProblems(dryRun),
    ...(fieldValidation === undefined ? [notSupported('fieldValidation', wanted, FIELD_VALIDATIONS)] : []),
  ];
  if (problems.length > 0) throw invalidOptions(kind, problems);
  return { isDryRun: dryRun.some((value) => value !== ''), fieldValidation: fieldValidation ?? 'Warn' };
}

export function dryRunProblems(values: readonly string[]): readonly FieldProblem[] {
  return values.filter((value) => value !== 'All' && value !== '').map(() => notSupported('dryRun', values.join(','), ['All']));
}

export function invalidOptions(kind: string, problems: readonly FieldProblem[]): Error {
  return invalid({ group: 'meta.k8s.io', plural: '', kind }, '', problems);
}
